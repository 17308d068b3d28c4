"""First contacts that nobody may make: each is refused in words, and leaves nothing behind (design 5, Trust).

Here the grant itself is the lie: another's, spent, lapsed, or of somebody who is no administrator. Every test looks at
all that the stores hold, at what both portals have registered, and at what the process reached for.
"""

from collections.abc import Iterator

import pytest

from local.portal.messages import Fields
from tests.integration.first_contact import (
    ADMINISTRATOR,
    APP,
    CHOSEN_TOKEN,
    EMPLOYEE,
    INSTALL,
    Stage,
    assert_refused,
    staged,
)
from tests.integration.service import Service


@pytest.fixture(scope="module")
def one_stage(running_service: Service) -> Iterator[Stage]:
    running_service.reset()
    with staged(running_service.stack) as stage:
        yield stage


@pytest.fixture
def stage(one_stage: Stage) -> Stage:
    one_stage.reset()
    return one_stage

def test_the_same_message_without_a_lie_installs(stage: Stage) -> None:
    answer = stage.contact()
    print(answer)
    assert answer.status == 200
    record = stage.record()
    assert record is not None
    assert record["state"]["S"] == "active"
    print(stage.calls())
def test_an_employee(stage: Stage) -> None:
    with stage.untouched(["oauth/token","profile"]):
       answer = stage.contact(user_id=EMPLOYEE)
    assert_refused(answer, "administrator")
