"""Every application token of a portal proves its events; no other token does."""

from chat_lookup.portals.application_tokens import hashed, proves
from chat_lookup.portals.portal import Portal
from tests.support.fakes import MEMBER_ID, ManualClock


def test_events_are_proved_by_the_stored_tokens_only(clock: ManualClock) -> None:
    del clock
    portal = Portal(MEMBER_ID, "acme.bitrix24.com", "", "", application_tokens=frozenset({hashed("a"), hashed("b")}))
    assert [proves(token, portal) for token in ("a", "b", "c", "", hashed("a"))] == [True, True, False, False, False]
    assert not proves("", Portal(MEMBER_ID, "acme.bitrix24.com", "", "", application_tokens=frozenset({hashed("")})))
