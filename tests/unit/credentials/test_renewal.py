"""The state machine of token renewal: what each death, lag, refusal and outage leads to, and is counted as."""

from dataclasses import replace

import pytest

from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.clock import Deadline
from chat_lookup.credentials.renewal import LEASE, OUTAGE_PAUSE, PATIENCE, renew
from chat_lookup.errors import (
    ChatLookupError,
    PortalBlocked,
    PortalMisconfigured,
    PortalNotInstalled,
    PortalReauthorise,
    PortalUnavailable,
    StoreUnavailable,
)
from chat_lookup.portals.portal import PortalState
from tests.support.interleaving import Stage
from tests.support.tokens.renewal_model import Portal, Process, kill_after, renewed_alone, runs_out, starts


@pytest.fixture
def portal() -> Portal:
    return Portal(Stage())


def test_sixteen_processes_with_one_expired_pair_refresh_it_once_and_none_fails(portal: Portal) -> None:
    actors = [starts(portal, f"p{number}") for number in range(16)]
    runs_out(portal)
    assert portal.asked == [1]
    assert {actor.result for actor in actors} == {portal.expect().version}
    assert portal.outcomes == ["refreshed"]


def test_a_pair_that_somebody_renewed_already_is_not_renewed_again(portal: Portal) -> None:
    renewed_alone(portal)
    actor = starts(portal, "late")
    runs_out(portal)
    assert (actor.result, portal.asked) == (portal.expect().version, [1])
    assert portal.outcomes == ["refreshed"]


@pytest.mark.parametrize(
    ("point", "outcome"), [("claimed", "refreshed"), ("saved", "adopted"), ("switched", "refreshed")]
)
def test_process_that_dies_at_a_step_costs_no_more_than_the_lease(portal: Portal, point: str, outcome: str) -> None:
    kill_after(portal, starts(portal, "victim"), point)
    portal.stage.time += LEASE + 0.1
    actor = renewed_alone(portal, refused="v1")
    assert actor.result == portal.expect().version != "v1"
    assert portal.pointed == [1, 2]
    assert portal.asked == [1]
    assert portal.outcomes == [outcome]


def test_process_that_dies_between_refresh_and_save_costs_the_grant_and_no_process_loops(portal: Portal) -> None:
    kill_after(portal, starts(portal, "victim"), "refreshed")
    portal.stage.time += LEASE + 0.1
    actor = renewed_alone(portal)
    assert isinstance(actor.error, PortalReauthorise)
    assert actor.error.portal_error == "invalid_grant"
    assert portal.expect().state is PortalState.REAUTHORISE
    again = renewed_alone(portal)
    assert isinstance(again.error, PortalReauthorise)
    assert portal.asked == [1, 1]
    assert portal.outcomes == ["dead"]


def test_saved_pair_that_is_not_readable_yet_is_waited_for_before_the_grant_is_counted_as_dead(portal: Portal) -> None:
    portal.lag = LEASE + 5.0
    kill_after(portal, starts(portal, "victim"), "saved")
    portal.stage.time += LEASE + 0.1
    actor = renewed_alone(portal)
    assert actor.result == portal.expect().version != "v1"
    assert portal.expect().state is PortalState.ACTIVE
    assert portal.pointed == [1, 2]
    assert portal.outcomes == ["adopted"]


def test_refusal_of_a_grant_is_final_only_after_patience(portal: Portal) -> None:
    portal.alive = 0
    before = portal.stage.time
    actor = renewed_alone(portal)
    assert isinstance(actor.error, PortalReauthorise)
    assert portal.stage.time - before >= PATIENCE
    assert portal.outcomes == ["dead"]


def test_patience_counts_from_the_first_refusal_in_whatever_process(portal: Portal) -> None:
    portal.alive = 0
    deadline = Deadline.after(4, portal.stage)
    first = portal.stage.start("short of time", lambda: renew(Process(portal), "v1", deadline))
    runs_out(portal)
    assert isinstance(first.error, PortalUnavailable)
    assert portal.expect().state is PortalState.ACTIVE
    assert portal.outcomes == []
    second = renewed_alone(portal)
    assert isinstance(second.error, PortalReauthorise)
    assert portal.asked == [1]
    assert portal.outcomes == ["dead"]


def test_a_holder_whose_lock_lapsed_while_he_saved_still_brings_his_pair_in(portal: Portal) -> None:
    slow = starts(portal, "slow")
    while portal.issued == 1:
        portal.stage.advance(slow)
    portal.stage.time += LEASE + 0.1
    other = starts(portal, "other")
    while not portal.expect().refused_at:
        portal.stage.ready()
        portal.stage.advance(other)
    runs_out(portal)
    assert slow.result == other.result == portal.expect().version
    assert portal.expect().state is PortalState.ACTIVE
    assert portal.pointed == [1, 2]


def test_a_pair_that_could_not_be_saved_is_brought_in_by_the_next_in_that_process(portal: Portal) -> None:
    portal.saving_fails = 1
    process = Process(portal)
    first = starts(portal, "first", process)
    runs_out(portal)
    assert isinstance(first.error, StoreUnavailable)
    second = starts(portal, "second", process)
    runs_out(portal)
    assert second.result == portal.expect().version != "v1"
    assert portal.asked == [1]
    assert portal.outcomes == ["adopted"]


def test_the_only_copy_of_a_pair_is_brought_in_while_another_process_finds_the_former_one_spent(
    portal: Portal,
) -> None:
    portal.saving_fails = 1
    process = Process(portal)
    starts(portal, "first", process)
    runs_out(portal)
    portal.stage.time += LEASE + 0.1
    other = starts(portal, "other")
    while not portal.expect().refused_at:
        portal.stage.ready()
        portal.stage.advance(other)
    again = starts(portal, "again", process)
    runs_out(portal)
    assert again.result == other.result == portal.expect().version != "v1"
    assert portal.expect().state is PortalState.ACTIVE


def test_a_process_with_the_only_copy_of_a_pair_never_asks_with_the_former_one(portal: Portal) -> None:
    portal.saving_fails = 3
    process = Process(portal)
    for _ in range(3):
        actor = starts(portal, "again", process)
        runs_out(portal)
        assert isinstance(actor.error, StoreUnavailable)
        portal.stage.time += LEASE + 0.1
    actor = starts(portal, "at last", process)
    runs_out(portal)
    assert actor.result == portal.expect().version != "v1"
    assert portal.asked == [1]


@pytest.mark.parametrize(
    ("code", "error", "outcome"),
    [
        ("PAYMENT_REQUIRED", PortalBlocked, "unpaid"),
        ("invalid_client", PortalMisconfigured, "failed"),
        ("NOT_INSTALLED", PortalNotInstalled, "dead"),
        ("invalid_grant", PortalReauthorise, "dead"),
    ],
)
def test_error_that_one_process_received_is_not_asked_for_by_those_that_wait_and_is_counted_once(
    portal: Portal, code: str, error: type[ChatLookupError], outcome: str
) -> None:
    portal.refusal = BitrixError(code, 401, method="oauth/token")
    actors = [starts(portal, f"p{number}") for number in range(16)]
    runs_out(portal)
    assert portal.asked == [1]
    assert {type(actor.error) for actor in actors} <= {error, PortalUnavailable}
    assert portal.outcomes == [outcome]


@pytest.mark.parametrize(
    ("code", "status", "error", "state", "outcome"),
    [
        ("PAYMENT_REQUIRED", 401, PortalBlocked, PortalState.UNPAID, "unpaid"),
        ("NOT_INSTALLED", 401, PortalNotInstalled, PortalState.UNINSTALLED, "dead"),
        ("invalid_client", 401, PortalMisconfigured, PortalState.MISCONFIGURED, "failed"),
        ("wrong_client", 200, PortalMisconfigured, PortalState.MISCONFIGURED, "failed"),
        ("insufficient_scope", 403, PortalMisconfigured, PortalState.MISCONFIGURED, "failed"),
        ("invalid_scope", 403, PortalMisconfigured, PortalState.MISCONFIGURED, "failed"),
        ("invalid_request", 400, PortalMisconfigured, PortalState.MISCONFIGURED, "failed"),
        ("invalid_grant", 400, PortalReauthorise, PortalState.REAUTHORISE, "dead"),
        ("bad_verification_code", 400, PortalReauthorise, PortalState.REAUTHORISE, "dead"),
        ("HTTP_5XX", 502, PortalUnavailable, PortalState.ACTIVE, "failed"),
        ("TIMEOUT", 0, PortalUnavailable, PortalState.ACTIVE, "failed"),
        ("TRANSPORT", 0, PortalUnavailable, PortalState.ACTIVE, "failed"),
    ],
)
def test_each_error_of_the_authorisation_server_leads_to_its_state_and_outcome(
    portal: Portal, code: str, status: int, error: type[ChatLookupError], state: PortalState, outcome: str
) -> None:
    portal.refusal = BitrixError(code, status, method="oauth/token")
    actor = renewed_alone(portal)
    assert type(actor.error) is error
    assert portal.expect().state is state
    assert portal.expect().lock_until <= portal.stage.now() + OUTAGE_PAUSE
    assert portal.outcomes == [outcome]


def test_who_knows_that_a_portal_was_unpaid_and_asks_nevertheless_finds_out_whether_it_is_paid(portal: Portal) -> None:
    known = (PortalState.UNPAID, portal.stage.time + 3600)
    portal.record = replace(portal.expect(), state=known[0], retry_at=known[1])
    actor = starts(portal, "asks", Process(portal, known))
    runs_out(portal)
    assert actor.result == portal.expect().version != "v1"
    assert portal.expect().state is PortalState.ACTIVE


def test_an_outage_leaves_everything_as_it_was(portal: Portal) -> None:
    portal.refusal = BitrixError("HTTP_5XX", 503, method="oauth/token")
    renewed_alone(portal)
    portal.refusal = None
    actor = renewed_alone(portal)
    assert actor.result == portal.expect().version != "v1"
    assert portal.outcomes == ["failed", "refreshed"]


def test_an_uninstalled_portal_is_not_renewed(portal: Portal) -> None:
    portal.record = replace(portal.expect(), state=PortalState.UNINSTALLED)
    assert isinstance(renewed_alone(portal).error, PortalNotInstalled)
    assert (portal.asked, portal.outcomes) == ([], [])
