"""The names of the platform's events: every documented one, and its kind."""

import pytest

from chat_lookup.bitrix24.event_names import EventKind
from chat_lookup.events.decoder import decode
from chat_lookup.events.model import BotEvent
from tests.support.events.wire_events import encoded
from tests.support.portals.first_contact import FORM_TYPE


@pytest.mark.parametrize("name", ["ONAPPINSTALL", "ONAPPUPDATE", "ONAPPUNINSTALL"])
def test_application_events_are_recognised_by_their_name(name: str) -> None:
    came = decode(encoded({"event": name, "data": {"VERSION": "2", "LANGUAGE_ID": "en"}, "auth": {}}), FORM_TYPE)
    assert came.event == BotEvent(name, EventKind.APPLICATION)
