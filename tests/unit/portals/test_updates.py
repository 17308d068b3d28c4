"""Portal records in use: remembered for half a minute at most, and updated by what calls find."""

from typing import Any

import pytest

from chat_lookup.errors import (
    ChatLookupError,
    PortalBlocked,
    PortalMisconfigured,
    PortalNotInstalled,
    PortalReauthorise,
)
from chat_lookup.portals.failures import FIRST_LOOK
from chat_lookup.portals.portal import Portal, PortalState
from chat_lookup.portals.store import Portals
from tests.support.fakes import MEMBER_ID, ManualClock

ACME = Portal(MEMBER_ID, "acme.bitrix24.com", "arn:secret", "version-1", scopes=frozenset({"im", "imbot"}))


# -- what is remembered ------------------------------------------------------------------------------------------------


def test_change_by_another_process_is_read_within_half_a_minute_for_a_busy_portal(
    portals: Portals, elsewhere: Portals, clock: ManualClock
) -> None:
    first = portals.save(ACME).generation
    elsewhere.get(MEMBER_ID)
    portals.raise_generation(MEMBER_ID)
    for _ in range(6):
        clock.advance(4.9)
        assert elsewhere.get(MEMBER_ID).generation == first  # remembered: no read per request
    clock.advance(0.7)
    assert elsewhere.get(MEMBER_ID).generation == first + 1


def test_change_by_the_same_process_is_read_at_once(portals: Portals) -> None:
    first = portals.save(ACME).generation
    portals.get(MEMBER_ID)
    assert portals.raise_generation(MEMBER_ID) == first + 1
    assert portals.get(MEMBER_ID).generation == first + 1


def test_portal_of_several_bot_events_is_read_once(portals: Portals, elsewhere: Portals) -> None:
    portals.save(ACME._replace(bot_id=17))
    remembered = elsewhere.for_event(MEMBER_ID, (17,))
    portals.raise_generation(MEMBER_ID)
    assert elsewhere.for_event(MEMBER_ID, (17, 18)) == remembered


@pytest.mark.parametrize("before", [{"bot_id": 16}, {"bot_id": 17, "state": PortalState.REAUTHORISE}, {}])
def test_new_installation_is_read_with_its_first_event(
    portals: Portals, elsewhere: Portals, before: dict[str, Any]
) -> None:
    portals.save(ACME._replace(**before))
    elsewhere.for_event(MEMBER_ID, (17,))
    current = portals.save(ACME._replace(bot_id=17, token_version="version-2"))
    assert elsewhere.for_event(MEMBER_ID, (17,)) == current


def test_event_of_an_unknown_portal_creates_no_record(portals: Portals) -> None:
    assert portals.for_event(MEMBER_ID, (17,)) is None


def test_answers_of_an_unknown_portal_cannot_be_purged(portals: Portals) -> None:
    with pytest.raises(PortalNotInstalled):
        portals.raise_generation(MEMBER_ID)
    assert portals.read(MEMBER_ID) is None  # and no record was created


# -- scopes ------------------------------------------------------------------------------------------------------------


def test_refused_scope_is_removed_in_memory_and_in_the_table(portals: Portals, elsewhere: Portals) -> None:
    portal = portals.save(ACME)
    portal = portals.lacks_scope(portal, "im")
    assert not portal.grants("im")
    assert portals.get(MEMBER_ID).scopes == elsewhere.get(MEMBER_ID).scopes == frozenset({"imbot"})


def test_refused_scope_that_was_not_granted_changes_nothing(portals: Portals) -> None:
    portal = portals.save(ACME)
    assert portals.lacks_scope(portal, "task") == portal
    assert portals.read(MEMBER_ID) == portal


def test_refused_scope_of_a_former_webhook_is_not_stored(portals: Portals) -> None:
    former = portals.save(ACME)
    portals.save(ACME._replace(token_version="version-2"))
    portals.lacks_scope(former, "im")
    assert portals.get(MEMBER_ID).scopes == frozenset({"im", "imbot"})


def test_last_scope_is_never_removed_because_then_all_would_be_tried(portals: Portals) -> None:
    portal = portals.save(ACME._replace(scopes=frozenset({"im"})))
    portals.lacks_scope(portal, "im")
    assert portals.get(MEMBER_ID).scopes == frozenset({"im"})


def test_refused_scope_does_not_extend_the_memory_of_the_record(
    portals: Portals, elsewhere: Portals, clock: ManualClock
) -> None:
    portal = portals.save(ACME)
    elsewhere.get(MEMBER_ID)
    portals.raise_generation(MEMBER_ID)
    clock.advance(29)
    elsewhere.lacks_scope(portal, "im")
    clock.advance(2)
    assert elsewhere.get(MEMBER_ID).generation == portal.generation + 1


# -- states ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "error"),
    [
        (PortalState.UNINSTALLED, PortalNotInstalled),
        (PortalState.REAUTHORISE, PortalReauthorise),
        (PortalState.UNPAID, PortalBlocked),
        (PortalState.RENAMED, PortalMisconfigured),
        (PortalState.MISCONFIGURED, PortalMisconfigured),
        (PortalState.REFUSED, PortalReauthorise),
    ],
)
def test_closed_portal_raises_the_error_of_its_state_with_the_portals_code(
    portals: Portals, elsewhere: Portals, state: PortalState, error: type[ChatLookupError]
) -> None:
    portal = portals.save(ACME)
    portals.states.close(portal, state, "THE_CODE")
    for each in (portals, elsewhere):
        with pytest.raises(error) as raised:
            each.find("acme.bitrix24.com")
        assert raised.value.portal_error == "THE_CODE"


def test_unpaid_portal_is_tried_again_at_its_retry_time(portals: Portals, clock: ManualClock) -> None:
    portal = portals.save(ACME)
    portals.states.close(portal, PortalState.UNPAID, "PAYMENT_REQUIRED")
    with pytest.raises(PortalBlocked) as raised:
        portals.get(MEMBER_ID)
    assert raised.value.retry_after == pytest.approx(FIRST_LOOK)
    clock.advance(FIRST_LOOK)
    assert portals.get(MEMBER_ID).member_id == MEMBER_ID


def test_adding_a_portal_again_opens_it(portals: Portals) -> None:
    portals.states.close(portals.save(ACME), PortalState.RENAMED, "PORTAL_RENAMED")
    portals.save(ACME._replace(token_version="version-2"))
    assert portals.get(MEMBER_ID).state is PortalState.ACTIVE
