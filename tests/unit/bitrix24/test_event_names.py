"""The names of the platform's events: every one that the documents have, and what it is a kind of."""

import pytest

from chat_lookup.bitrix24.event_names import EventKind
from chat_lookup.events.decoder import decode
from chat_lookup.events.model import BotEvent
from tests.support.events.wire_events import encoded
from tests.support.portals.first_contact import FORM_TYPE


@pytest.mark.parametrize("name", ["ONAPPINSTALL", "ONAPPUPDATE", "ONAPPUNINSTALL"])
def test_events_of_the_applications_life_are_told_by_their_name(name: str) -> None:
    came = decode(encoded({"event": name, "data": {"VERSION": "2", "LANGUAGE_ID": "en"}, "auth": {}}), FORM_TYPE)
    assert came.event == BotEvent(name, EventKind.APPLICATION)
