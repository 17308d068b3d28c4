"""Fields of version 1 events only: the four flags by which an employee is recognised."""

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
def test_employee_has_none_of_the_four_flags(flags: Mapping[str, object], employee: bool | None) -> None:
    user = event(ADD, {f"data.USER.{name}": value for name, value in flags.items()}).user
    assert user == EventUser(27, employee)


def test_flags_of_a_user_without_an_id_are_ignored() -> None:
    assert event(ADD, {"data.USER.ID": None}).user == EventUser(27)
