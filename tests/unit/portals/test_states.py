"""A portal closes, is probed by one process at a time, is stopped and started; refusals cause rare renewals."""

from itertools import pairwise

import pytest

from chat_lookup.credentials.token_pointer import Pointers
from chat_lookup.errors import ChatLookupError, PortalBlocked, PortalNotInstalled, PortalStopped
from chat_lookup.portals.failures import ASKED_AGAIN, FIRST_LOOK, LONGEST_PAUSE, NEVER, RENAMED_FOR, next_look, pause
from chat_lookup.portals.portal import Portal, PortalState
from chat_lookup.portals.states import LONGEST_BETWEEN_RENEWALS, RENEWED_EVERY
from chat_lookup.portals.store import Portals
from chat_lookup.portals.updates import PortalFacts
from tests.support.fakes import MEMBER_ID, ManualClock, Stores

ACME = Portal(MEMBER_ID, "acme.bitrix24.com", "arn:secret", "version-1", scopes=frozenset({"im", "imbot"}))


def read(portals: Portals) -> Portal:
    portal = portals.read(MEMBER_ID)
    assert portal is not None
    return portal


def test_every_closed_state_except_uninstalled_and_stopped_has_a_next_probe() -> None:
    assert set(PortalState) - ASKED_AGAIN == {PortalState.ACTIVE, PortalState.UNINSTALLED, PortalState.STOPPED}


def test_pauses_between_probes_double_from_a_minute_to_an_hour() -> None:
    assert [pause(looks) for looks in range(8)] == [60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert pause(100_000) == LONGEST_PAUSE


@pytest.mark.parametrize("state", sorted(ASKED_AGAIN))
def test_only_a_renamed_portal_is_given_up_after_a_week(state: PortalState) -> None:
    assert next_look(state, 9, 1000.0, 1000.0 + RENAMED_FOR - 1) == 1000.0 + RENAMED_FOR - 1 + LONGEST_PAUSE
    given_up = next_look(state, 9, 1000.0, 1000.0 + RENAMED_FOR) == NEVER
    assert given_up is (state is PortalState.RENAMED)


@pytest.mark.parametrize("state", sorted(ASKED_AGAIN))
def test_due_probe_is_claimed_by_one_process_and_sets_the_next_one(
    portals: Portals, elsewhere: Portals, clock: ManualClock, state: PortalState
) -> None:
    portals.states.close(portals.save(ACME), state, "CODE")
    clock.advance(FIRST_LOOK)
    first, second = portals.get(MEMBER_ID), elsewhere.get(MEMBER_ID)
    claimed = portals.states.probed(first)
    assert (claimed.state, claimed.looks) == (state, 1)
    assert claimed.retry_at == pytest.approx(clock.now() + pause(1))
    for each in (portals, elsewhere):
        with pytest.raises(ChatLookupError):
            each.states.probed(second)
        with pytest.raises(ChatLookupError):
            each.get(MEMBER_ID)


def test_record_without_a_probe_time_is_due_at_once(portals: Portals) -> None:
    portals.save(ACME._replace(state=PortalState.RENAMED))
    assert portals.states.probed(portals.get(MEMBER_ID)).looks == 1
    assert read(portals).closed_at > 0


def test_portal_that_closes_again_during_a_probe_keeps_its_next_probe_time(
    portals: Portals, clock: ManualClock
) -> None:
    portals.states.close(portals.save(ACME), PortalState.REFUSED, "CODE")
    clock.advance(FIRST_LOOK)
    looked_at = portals.states.probed(portals.get(MEMBER_ID))
    portals.states.close(looked_at._replace(state=PortalState.ACTIVE), PortalState.REFUSED, "CODE")
    again = read(portals)
    assert again.looks == 1
    assert again.retry_at == pytest.approx(clock.now() + pause(1))


def test_reopened_portal_has_no_probe_fields(portals: Portals, clock: ManualClock) -> None:
    portals.states.close(portals.save(ACME), PortalState.UNPAID, "CODE")
    clock.advance(FIRST_LOOK)
    assert portals.states.reopen(portals.states.probed(portals.get(MEMBER_ID)))
    active = read(portals)
    assert (active.state, active.looks, active.retry_at, active.closed_at) == (PortalState.ACTIVE, 0, 0, 0)


def test_renewed_pair_clears_the_probe_fields(portals: Portals, stores: Stores, clock: ManualClock) -> None:
    portals.states.close(portals.save(ACME), PortalState.REFUSED, "CODE")
    clock.advance(FIRST_LOOK)
    portals.states.probed(portals.get(MEMBER_ID))
    pointers = Pointers(stores.portal_rows)
    assert pointers.switch(MEMBER_ID, "version-1", "version-2", "acme.bitrix24.com", clock.now())
    active = read(portals)
    assert (active.state, active.looks, active.closed_at) == (PortalState.ACTIVE, 0, 0)


# -- stop and start ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [each for each in PortalState if each is not PortalState.STOPPED])
def test_stop_hides_every_state_and_start_restores_it(portals: Portals, state: PortalState) -> None:
    portal = portals.save(ACME._replace(state=state))
    stopped = portals.states.stop(portal)
    shown = state if state is PortalState.UNINSTALLED else PortalState.STOPPED
    assert stopped.state is read(portals).state is shown
    assert portals.states.start(stopped).state is read(portals).state is state


def test_stopped_portal_raises_without_a_retry_time(portals: Portals) -> None:
    portals.states.stop(portals.save(ACME))
    with pytest.raises(PortalStopped) as raised:
        portals.get(MEMBER_ID)
    assert (raised.value.code, raised.value.status, raised.value.retry_after) == ("portal-stopped", 503, None)


def test_stop_is_ended_by_an_operator_only(portals: Portals, stores: Stores, clock: ManualClock) -> None:
    stopped = portals.states.stop(portals.save(ACME))
    pointers = Pointers(stores.portal_rows)
    assert pointers.switch(MEMBER_ID, "version-1", "version-2", "acme.bitrix24.com", clock.now())
    assert read(portals).state is PortalState.STOPPED
    assert portals.states.reopen(read(portals))
    assert read(portals).state is PortalState.STOPPED
    portals.states.close(read(portals), PortalState.UNPAID, "CODE")
    assert read(portals).state is PortalState.STOPPED
    portals.save(ACME._replace(token_version="version-3"))
    assert read(portals).state is PortalState.STOPPED
    assert PortalFacts(stores.portal_rows, portals).learn(stopped._replace(rate=5.0), "rate")
    assert read(portals).state is PortalState.STOPPED
    assert portals.states.start(stopped).state is PortalState.ACTIVE


def test_due_probe_of_a_portal_stopped_meanwhile_is_refused(
    portals: Portals, elsewhere: Portals, clock: ManualClock
) -> None:
    portals.states.close(portals.save(ACME), PortalState.UNPAID, "CODE")
    clock.advance(FIRST_LOOK)
    remembered = portals.get(MEMBER_ID)
    elsewhere.states.stop(remembered)
    with pytest.raises(PortalStopped):
        portals.states.probed(remembered)


def test_start_makes_the_probe_of_a_closed_portal_due(portals: Portals) -> None:
    portals.states.close(portals.save(ACME), PortalState.UNPAID, "CODE")
    with pytest.raises(PortalBlocked):
        portals.get(MEMBER_ID)
    portals.states.start(read(portals))
    assert portals.states.due(portals.get(MEMBER_ID))


def test_deleted_portal_can_be_neither_stopped_nor_started(portals: Portals) -> None:
    for switch in (portals.states.stop, portals.states.start):
        with pytest.raises(PortalNotInstalled):
            switch(ACME)
    assert portals.read(MEMBER_ID) is None


# -- renewals because of refusals --------------------------------------------------------------------------------------


def test_renewals_after_refusals_are_ten_minutes_apart_and_rarer_while_useless(
    portals: Portals, clock: ManualClock
) -> None:
    portals.save(ACME)
    renewed_at = []
    for number in range(1, 6 * 60):
        current = read(portals)
        if portals.states.may_renew(current, current.token_version):
            renewed_at.append(clock.now())
            portals.states.change(current, token_version={"S": f"pair-{number}"})
            portals.states.close(read(portals), PortalState.REFUSED, "CODE")
        clock.advance(60)
    gaps = [later - sooner for sooner, later in pairwise(renewed_at)]
    assert gaps[:4] == pytest.approx([600, 1200, 2400, 3600], abs=61)
    assert gaps[4:] == pytest.approx([LONGEST_BETWEEN_RENEWALS] * len(gaps[4:]), abs=61)


def test_renewal_of_a_refused_pair_is_allowed_to_every_process(
    portals: Portals, elsewhere: Portals, clock: ManualClock
) -> None:
    portal = portals.save(ACME)
    assert portals.states.may_renew(portal, "version-1")
    # The renewal is running, or failed in an outage; then it succeeds, and the next pair is refused.
    assert elsewhere.states.may_renew(portal, "version-1")
    portals.states.change(portal, token_version={"S": "version-2"})
    assert elsewhere.states.may_renew(portal, "version-1")
    assert not elsewhere.states.may_renew(read(portals), "version-2")
    clock.advance(RENEWED_EVERY)
    assert elsewhere.states.may_renew(read(portals), "version-2")


def test_time_stored_by_a_wrong_clock_delays_no_renewal(portals: Portals, clock: ManualClock) -> None:
    portal = portals.save(ACME._replace(renew_at=clock.now() + 100 * LONGEST_BETWEEN_RENEWALS, renewed_from="other"))
    assert portals.states.may_renew(portal, "version-1")
