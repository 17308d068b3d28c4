"""Portal records in use: remembered for half a minute at most, and changed by what the portal turns out to be."""

from dataclasses import replace
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


def test_what_changed_elsewhere_is_seen_within_half_a_minute_however_busy_the_portal_is(
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


def test_what_changed_here_is_seen_at_once(portals: Portals) -> None:
    first = portals.save(ACME).generation
    portals.get(MEMBER_ID)
    assert portals.raise_generation(MEMBER_ID) == first + 1
    assert portals.get(MEMBER_ID).generation == first + 1


def test_a_portal_whose_bot_heard_several_events_is_read_once(portals: Portals, elsewhere: Portals) -> None:
    portals.save(replace(ACME, bot_id=17))
    heard = elsewhere.heard_by(MEMBER_ID, (17,))
    portals.raise_generation(MEMBER_ID)
    assert elsewhere.heard_by(MEMBER_ID, (17, 18)) == heard


@pytest.mark.parametrize("before", [{"bot_id": 16}, {"bot_id": 17, "state": PortalState.REAUTHORISE}, {}])
def test_what_was_installed_anew_is_seen_with_its_first_event(
    portals: Portals, elsewhere: Portals, before: dict[str, Any]
) -> None:
    portals.save(replace(ACME, **before))
    elsewhere.heard_by(MEMBER_ID, (17,))
    anew = portals.save(replace(ACME, bot_id=17, token_version="version-2"))
    assert elsewhere.heard_by(MEMBER_ID, (17,)) == anew


def test_no_event_makes_a_portal_that_is_not_there(portals: Portals) -> None:
    assert portals.heard_by(MEMBER_ID, (17,)) is None


def test_the_answers_of_a_portal_that_never_was_cannot_be_purged(portals: Portals) -> None:
    with pytest.raises(PortalNotInstalled):
        portals.raise_generation(MEMBER_ID)
    assert portals.read(MEMBER_ID) is None  # and no record comes to be by that


# -- scopes ------------------------------------------------------------------------------------------------------------


def test_a_scope_that_the_portal_refused_is_remembered_here_and_in_the_table(
    portals: Portals, elsewhere: Portals
) -> None:
    portal = portals.save(ACME)
    portal = portals.lacks_scope(portal, "im")
    assert not portal.grants("im")
    assert portals.get(MEMBER_ID).scopes == elsewhere.get(MEMBER_ID).scopes == frozenset({"imbot"})


def test_a_scope_that_nobody_thought_granted_changes_nothing(portals: Portals) -> None:
    portal = portals.save(ACME)
    assert portals.lacks_scope(portal, "task") == portal
    assert portals.read(MEMBER_ID) == portal


def test_a_slow_process_does_not_write_what_it_learned_of_a_former_webhook(portals: Portals) -> None:
    former = portals.save(ACME)
    portals.save(replace(ACME, token_version="version-2"))
    portals.lacks_scope(former, "im")
    assert portals.get(MEMBER_ID).scopes == frozenset({"im", "imbot"})


def test_the_last_scope_is_never_taken_away_for_then_all_would_be_tried(portals: Portals) -> None:
    portal = portals.save(replace(ACME, scopes=frozenset({"im"})))
    portals.lacks_scope(portal, "im")
    assert portals.get(MEMBER_ID).scopes == frozenset({"im"})


def test_remembering_a_refused_scope_does_not_prolong_what_else_is_remembered(
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
def test_a_portal_that_admits_nothing_is_told_apart_by_its_state_with_the_portals_code(
    portals: Portals, elsewhere: Portals, state: PortalState, error: type[ChatLookupError]
) -> None:
    portal = portals.save(ACME)
    portals.states.close(portal, state, "THE_CODE")
    for each in (portals, elsewhere):
        with pytest.raises(error) as raised:
            each.find("acme.bitrix24.com")
        assert raised.value.portal_error == "THE_CODE"


def test_a_portal_that_is_not_paid_is_tried_again_when_it_is_time(portals: Portals, clock: ManualClock) -> None:
    portal = portals.save(ACME)
    portals.states.close(portal, PortalState.UNPAID, "PAYMENT_REQUIRED")
    with pytest.raises(PortalBlocked) as raised:
        portals.get(MEMBER_ID)
    assert raised.value.retry_after == pytest.approx(FIRST_LOOK)
    clock.advance(FIRST_LOOK)
    assert portals.get(MEMBER_ID).member_id == MEMBER_ID


def test_adding_a_portal_again_opens_it(portals: Portals) -> None:
    portals.states.close(portals.save(ACME), PortalState.RENAMED, "PORTAL_RENAMED")
    portals.save(replace(ACME, token_version="version-2"))
    assert portals.get(MEMBER_ID).state is PortalState.ACTIVE
