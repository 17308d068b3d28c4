"""What only events of bots of version 1 say: four flags that tell an employee."""

from collections.abc import Mapping

import pytest

from chat_lookup.events.model import EventUser
from tests.support.events.wire_events import event

ADD, UPDATE, JOIN, COMMAND = "v1-message-add-group", "v1-message-update", "v1-join", "v1-command"


@pytest.mark.parametrize(
    ("flags", "employee"),
    [
        ({}, True),
        ({"IS_BOT": "Y"}, False),
        ({"IS_CONNECTOR": "Y"}, False),
        ({"IS_NETWORK": "Y"}, False),
        ({"IS_EXTRANET": "Y"}, False),
        ({"IS_EXTRANET": "1"}, False),
        ({"IS_EXTRANET": None}, None),
        ({"IS_EXTRANET": ""}, None),
        ({"IS_EXTRANET": "perhaps"}, None),
        ({"IS_BOT": None, "IS_EXTRANET": "Y"}, False),
        (dict.fromkeys(("IS_BOT", "IS_CONNECTOR", "IS_NETWORK", "IS_EXTRANET")), None),
    ],
)
def test_an_employee_is_who_has_none_of_the_four_flags(flags: Mapping[str, object], employee: bool | None) -> None:
    user = event(ADD, {f"data.USER.{name}": value for name, value in flags.items()}).user
    assert user == EventUser(27, employee)


def test_nobody_is_an_employee_by_the_flags_of_somebody_unnamed() -> None:
    assert event(ADD, {"data.USER.ID": None}).user == EventUser(27)
