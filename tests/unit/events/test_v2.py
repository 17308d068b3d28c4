"""Fields of version 2 events only: the type of a user."""

from collections.abc import Mapping

import pytest

from chat_lookup.events.model import EventUser
from tests.support.events.wire_events import event

ADD_V2, JOIN_V2, DELETE_V2, COMMAND_V2 = "v2-message-add", "v2-join", "v2-message-delete", "v2-command"


@pytest.mark.parametrize(
    ("fields", "employee"),
    [
        ({}, True),
        ({"type": "extranet"}, False),
        ({"type": "email"}, False),
        ({"type": "collaber"}, False),
        ({"type": "bot"}, False),
        ({"type": None}, None),
        ({"type": ""}, None),
        ({"extranet": "1"}, False),
        ({"bot": "1"}, False),
        ({"connector": "1"}, False),
        ({"network": "1"}, False),
        ({"type": None, "connector": "1"}, False),
        ({"extranet": None, "bot": None, "connector": None}, True),
    ],
)
def test_employee_of_version_2_is_recognised_by_the_type(fields: Mapping[str, object], employee: bool | None) -> None:
    user = event(ADD_V2, {f"data.user.{name}": value for name, value in fields.items()}).user
    assert user == EventUser(27, employee)
