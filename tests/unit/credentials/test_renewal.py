"""The state machine of token renewal: the result and the counted outcome of each crash, lag, refusal and outage."""

import pytest

from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.bitrix24.oauth import TokenPair
from chat_lookup.clock import Deadline
from chat_lookup.credentials.renewal import (
    CREDIT,
    LEASE,
    LEAST_TO_BEGIN,
    LEAST_TO_SAVE,
    OUTAGE_PAUSE,
    PATIENCE,
    UNSAVED_FOR,
    Pointer,
    renew,
)
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
from tests.support.tokens.renewal_model import (
    Portal,
    Process,
    kill_after,
    renew_last,
    run_all,
    start_bring_in,
    start_renewal,
)

DAY = 24 * 3600.0
QUOTA = 100
"""Versions of one secret that Secrets Manager keeps, all that were made within a day among them."""


@pytest.fixture
def portal() -> Portal:
    return Portal(Stage())


def test_expired_pair_is_refreshed_once_by_sixteen_processes_and_none_fails(portal: Portal) -> None:
    actors = [start_renewal(portal, f"p{number}") for number in range(16)]
    run_all(portal)
    assert portal.asked == [1]
    assert {actor.result for actor in actors} == {portal.expect().version}
    assert portal.outcomes == ["refreshed"]


def test_pair_renewed_by_another_process_is_not_renewed_again(portal: Portal) -> None:
    renew_last(portal)
    actor = start_renewal(portal, "late")
    run_all(portal)
    assert (actor.result, portal.asked) == (portal.expect().version, [1])
    assert portal.outcomes == ["refreshed"]


STEPS = ["claimed", "reserved", "asking", "refreshed", "saved", "switched"]
"""The last step of a lock holder before its process is killed."""
LOST = "refreshed"
"""The one step after which only the process has the valid pair."""


@pytest.mark.parametrize("point", STEPS)
def test_killed_process_delays_by_its_lease_and_loses_the_grant_only_if_it_alone_has_the_pair(
    portal: Portal, point: str
) -> None:
    kill_after(portal, start_renewal(portal, "victim"), point)
    portal.stage.time += LEASE + 1
    actor = renew_last(portal, refused="v1")
    if point == LOST:
        assert isinstance(actor.error, PortalReauthorise)
        assert actor.error.portal_error == "invalid_grant"
        assert (portal.expect().state, portal.outcomes) == (PortalState.REAUTHORISE, ["lost"])
        assert isinstance(renew_last(portal).error, PortalReauthorise)
        assert portal.asked == [1, 1]
    else:
        assert actor.result == portal.expect().version != "v1"
        assert portal.pointed == [1, 2]
        assert portal.asked == [1]
        assert portal.outcomes == ["adopted" if point == "saved" else "refreshed"]


def test_saved_pair_that_is_not_yet_readable_is_awaited_before_the_grant_counts_as_dead(portal: Portal) -> None:
    portal.lag = LEASE + 5.0
    kill_after(portal, start_renewal(portal, "victim"), "saved")
    portal.stage.time += LEASE + 1
    actor = renew_last(portal)
    assert actor.result == portal.expect().version != "v1"
    assert portal.expect().state is PortalState.ACTIVE
    assert portal.pointed == [1, 2]
    assert portal.outcomes == ["adopted"]


def test_refusal_of_a_grant_is_final_only_after_patience(portal: Portal) -> None:
    portal.alive = 0
    before = portal.stage.time
    actor = renew_last(portal)
    assert isinstance(actor.error, PortalReauthorise)
    assert portal.stage.time - before >= PATIENCE
    assert portal.outcomes == ["dead"]


def test_patience_counts_from_the_first_refusal_in_any_process(portal: Portal) -> None:
    portal.alive = 0
    first = start_renewal(portal, "short of time", seconds=4)
    run_all(portal)
    assert isinstance(first.error, PortalUnavailable)
    assert portal.expect().state is PortalState.ACTIVE
    assert portal.outcomes == []
    second = renew_last(portal)
    assert isinstance(second.error, PortalReauthorise)
    assert portal.asked == [1]
    assert portal.outcomes == ["dead"]


def test_lock_holder_whose_lock_expired_during_the_save_still_stores_its_pair(portal: Portal) -> None:
    slow = start_renewal(portal, "slow")
    while portal.issued == 1:
        portal.stage.advance(slow)
    portal.stage.time += LEASE + 1
    other = start_renewal(portal, "other")
    while not portal.expect().refused_at:
        portal.stage.ready()
        portal.stage.advance(other)
    run_all(portal)
    assert slow.result == other.result == portal.expect().version
    assert portal.expect().state is PortalState.ACTIVE
    assert portal.pointed == [1, 2]


@pytest.mark.parametrize("releasing_fails", [0, 1])
def test_unsaved_pair_is_stored_by_the_next_renewal_in_that_process(portal: Portal, releasing_fails: int) -> None:
    portal.saving_fails, portal.releasing_fails = 1, releasing_fails
    process = Process(portal)
    first = start_renewal(portal, "first", process)
    run_all(portal)
    assert isinstance(first.error, StoreUnavailable)
    second = start_renewal(portal, "second", process)
    run_all(portal)
    assert second.result == portal.expect().version != "v1"
    assert portal.asked == [1]
    assert portal.outcomes == ["failed", "adopted"]


def test_unsaved_pair_is_stored_while_another_process_finds_the_former_one_spent(
    portal: Portal,
) -> None:
    portal.saving_fails = 1
    process = Process(portal)
    start_renewal(portal, "first", process)
    run_all(portal)
    portal.stage.time += UNSAVED_FOR + 1
    other = start_renewal(portal, "other")
    while not portal.expect().refused_at:
        portal.stage.ready()
        portal.stage.advance(other)
    again = start_renewal(portal, "again", process)
    run_all(portal)
    assert again.result == other.result == portal.expect().version != "v1"
    assert portal.expect().state is PortalState.ACTIVE


def test_process_with_an_unsaved_pair_never_sends_the_former_one(portal: Portal) -> None:
    portal.saving_fails = 3
    process = Process(portal)
    for _ in range(3):
        actor = start_renewal(portal, "again", process)
        run_all(portal)
        assert isinstance(actor.error, StoreUnavailable)
        portal.stage.time += LEASE + 1
    actor = start_renewal(portal, "at last", process)
    run_all(portal)
    assert actor.result == portal.expect().version != "v1"
    assert portal.asked == [1]


@pytest.mark.parametrize("seconds", [0.0, 30.0, UNSAVED_FOR - 11])
def test_spent_pair_is_not_sent_by_others_while_one_process_has_the_unsaved_pair(
    portal: Portal, seconds: float
) -> None:
    portal.saving_fails = 1
    process = Process(portal)
    start_renewal(portal, "first", process)
    run_all(portal)
    portal.stage.time += seconds
    assert isinstance(renew_last(portal).error, PortalUnavailable)
    start_bring_in(portal, process)
    run_all(portal)
    assert renew_last(portal, refused="v1").result == portal.expect().version != "v1"
    assert portal.asked == [1]


def test_unsaved_pair_reopens_a_portal_that_another_process_closed(portal: Portal) -> None:
    portal.saving_fails = 1
    process = Process(portal)
    start_renewal(portal, "first", process)
    run_all(portal)
    portal.stage.time += UNSAVED_FOR + 1
    assert isinstance(renew_last(portal).error, PortalReauthorise)
    assert portal.outcomes[-1] == "lost"
    portal.stage.time += 3600
    start_bring_in(portal, process)
    run_all(portal)
    assert portal.expect().state is PortalState.ACTIVE
    assert portal.pointed == [1, 2]


class InstalledMeanwhile(Process):
    """Its portal is installed again between its reading of a pair and its pointing to it."""

    def switch(self, seen: Pointer, new: str, pair: TokenPair) -> bool:
        self.portal.record = Pointer("i2")
        return super().switch(seen, new, pair)


def test_pair_of_a_killed_process_is_not_adopted_by_a_portal_that_was_installed_meanwhile(portal: Portal) -> None:
    kill_after(portal, start_renewal(portal, "victim"), "saved")
    portal.stage.time += LEASE + 1
    actor = start_renewal(portal, "late", InstalledMeanwhile(portal))
    run_all(portal)
    assert (actor.result, portal.record) == ("i2", Pointer("i2"))
    assert portal.outcomes == []


def test_renewal_stores_the_unsaved_pair_before_the_portals_state_is_checked(
    portal: Portal,
) -> None:
    portal.saving_fails = 1
    process = Process(portal)
    start_renewal(portal, "first", process)
    run_all(portal)
    portal.record = portal.expect()._replace(state=PortalState.REAUTHORISE)
    actor = start_renewal(portal, "again", process)
    run_all(portal)
    assert actor.result == portal.expect().version != "v1"
    assert portal.expect().state is PortalState.ACTIVE


@pytest.mark.parametrize("meanwhile", ["installed again", "uninstalled", "forgotten"])
def test_unsaved_pair_of_a_former_installation_changes_nothing(portal: Portal, meanwhile: str) -> None:
    portal.saving_fails = 1
    process = Process(portal)
    start_renewal(portal, "first", process)
    run_all(portal)
    uninstalled = portal.expect()._replace(state=PortalState.UNINSTALLED)
    portal.record = {"installed again": Pointer("i2"), "uninstalled": uninstalled}.get(meanwhile)
    before = portal.record
    start_bring_in(portal, process)
    run_all(portal)
    assert portal.record == before


# -- checks before a token is spent ------------------------------------------------------------------------------------


def test_token_is_not_spent_while_the_store_cannot_save(portal: Portal) -> None:
    portal.reserving_fails = 3
    for _ in range(3):
        assert isinstance(renew_last(portal).error, StoreUnavailable)
        assert portal.expect().lock_until <= portal.stage.now() + OUTAGE_PAUSE
    assert portal.asked == []
    assert renew_last(portal).result == portal.expect().version != "v1"
    assert portal.outcomes == ["failed"] * 3 + ["refreshed"]


def test_lock_holder_that_was_frozen_until_its_lock_expired_does_not_spend_the_token(portal: Portal) -> None:
    frozen = start_renewal(portal, "frozen")
    while not portal.reserved:
        portal.stage.advance(frozen)
    portal.stage.time += LEASE + 1
    other = start_renewal(portal, "other")
    while portal.expect().lock_owner in ("", "id1"):
        portal.stage.advance(other)
    run_all(portal)
    assert isinstance(frozen.error, PortalUnavailable)
    assert other.result == portal.expect().version
    assert portal.asked == [1]


@pytest.mark.parametrize(("function", "begins"), [(11.0, False), (LEAST_TO_BEGIN + 1.5, True), (300.0, True)])
@pytest.mark.parametrize("seconds", [0.5, 10.0])
def test_lock_is_taken_only_if_the_function_has_time_left_independent_of_the_callers_deadline(
    portal: Portal, function: float, begins: bool, seconds: float
) -> None:
    actor = start_renewal(portal, "holder", seconds=seconds, function=function)
    run_all(portal)
    assert isinstance(actor.error, PortalUnavailable) is not begins
    assert portal.asked == [1] * begins


# -- a slow authorisation server ---------------------------------------------------------------------------------------

DOORS = {
    "/rest that waited 5 s": (2.5, 24.0),
    "a look-up": (10.0, 29.0),
    "a look-up that waited 2 s": (8.0, 27.0),
    "a look-up that waited 6 s": (4.0, 23.0),
    "a batch that has 17 s behind it": (8.0, 12.0 + 1.1),
    "the direct function": (59.0, 60.0),
    "the worker": (29.0, 30.0),
    "the keepalive": (38.0, 300.0),
}
"""Seconds of the caller's deadline and of its function, by entry point."""


@pytest.mark.parametrize(("seconds", "function"), DOORS.values(), ids=DOORS)
@pytest.mark.parametrize("takes", [4.0, 8.0, 15.0, 25.0])
def test_slow_authorisation_server_loses_no_grant_if_the_function_has_time_to_save(
    portal: Portal, takes: float, seconds: float, function: float
) -> None:
    portal.server_takes = takes
    began = portal.stage.now()
    holder = start_renewal(portal, "holder", seconds=seconds, function=function)
    portal.stage.advance(holder)
    waiting = [start_renewal(portal, f"w{number}", seconds=10.0, function=29.0) for number in range(3)]
    run_all(portal)
    assert portal.stage.now() - began <= function
    kept = takes <= min(function - 1, LEASE) - LEAST_TO_SAVE
    if kept:
        assert holder.result == portal.expect().version != "v1"
        assert portal.outcomes == ["refreshed"]
    else:
        assert isinstance(holder.error, PortalUnavailable)
        assert portal.outcomes[0] == "lost"
    for each in waiting:
        assert each.result == portal.expect().version or isinstance(each.error, PortalUnavailable)
        assert each.result is None or takes < 10
    portal.server_takes = 0
    portal.stage.time += OUTAGE_PAUSE + 0.1
    after = renew_last(portal, refused="v1")
    assert (after.error is None) is kept


def test_callers_waiting_for_the_lock_holder_return_at_their_deadlines(portal: Portal) -> None:
    portal.server_takes = 20
    holder = start_renewal(portal, "holder")
    began = portal.stage.now()
    portal.stage.advance(holder)
    left: list[float] = []

    def caller() -> None:
        try:
            renew(Process(portal), "v1", Deadline.after(10, portal.stage, end=29))
        finally:
            left.append(portal.stage.now() - began)

    for number in range(5):
        portal.stage.start(f"w{number}", caller)
    run_all(portal)
    assert len(left) == 5
    assert max(left) <= 10
    assert holder.result == portal.expect().version
    assert portal.asked == [1]


def test_caller_that_need_not_wait_returns_at_once(portal: Portal) -> None:
    portal.server_takes = 5
    holder = start_renewal(portal, "holder")
    while not portal.asked:
        portal.stage.advance(holder)
    began = portal.stage.now()
    hasty = start_renewal(portal, "hasty", waits=False)
    while not hasty.done:
        portal.stage.advance(hasty)
    assert isinstance(hasty.error, PortalUnavailable)
    assert portal.stage.now() == began
    run_all(portal)


# -- lost answers ------------------------------------------------------------------------------------------------------

SILENCE = BitrixError("TIMEOUT", method="oauth/token")
NOT_SENT = BitrixError("TIMEOUT", method="oauth/token", unreached=True)


@pytest.mark.parametrize(
    ("failure", "outcome"),
    [
        (SILENCE, "lost"),
        (BitrixError("TRANSPORT", method="oauth/token"), "lost"),
        (BitrixError("HTTP_5XX", 504, method="oauth/token"), "lost"),
        (BitrixError("PROTOCOL", 200, method="oauth/token"), "lost"),
        (NOT_SENT, "failed"),
        (BitrixError("TRANSPORT", method="oauth/token", unreached=True), "failed"),
        (BitrixError("HTTP_5XX", 503, method="oauth/token"), "failed"),
        (BitrixError("NOT_JSON", 200, method="oauth/token"), "failed"),
    ],
    ids=str,
)
def test_dead_grant_after_a_lost_answer_is_counted_as_lost_and_any_other_as_dead(
    portal: Portal, failure: BitrixError, outcome: str
) -> None:
    portal.refusal = failure
    assert isinstance(renew_last(portal).error, PortalUnavailable)
    assert portal.outcomes == [outcome]
    assert (portal.expect().lost_at > 0) is (outcome == "lost")
    assert portal.expect().state is PortalState.ACTIVE
    portal.refusal = BitrixError("invalid_grant", 400, method="oauth/token")
    portal.stage.time += OUTAGE_PAUSE + 0.1
    assert isinstance(renew_last(portal).error, PortalReauthorise)
    assert portal.outcomes == [outcome, "lost" if outcome == "lost" else "dead"]


def test_lost_answer_to_an_unprocessed_request_is_cleared_with_the_next_pair(portal: Portal) -> None:
    portal.refusal = SILENCE
    renew_last(portal)
    portal.refusal = None
    portal.stage.time += OUTAGE_PAUSE + 0.1
    assert renew_last(portal).error is None
    assert (portal.expect().lost_at, portal.expect().answer_lost) == (0.0, False)
    assert portal.outcomes == ["lost", "refreshed"]


# -- second attempts at dead grants ------------------------------------------------------------------------------------


@pytest.fixture
def closed(portal: Portal) -> Portal:
    """The portal after its grant was marked dead because of a server error."""
    portal.refusal = BitrixError("invalid_grant", 400, method="oauth/token")
    renew_last(portal)
    assert portal.expect().state is PortalState.REAUTHORISE
    portal.asked.clear()
    portal.outcomes.clear()
    return portal


def test_dead_grant_is_tried_again_on_request_by_one_call(closed: Portal) -> None:
    before = closed.stage.now()
    actor = start_renewal(closed, "keepalive", again=True)
    run_all(closed)
    assert isinstance(actor.error, PortalReauthorise)
    assert (closed.asked, closed.outcomes) == ([1], [])
    assert closed.stage.now() == before
    assert closed.expect().state is PortalState.REAUTHORISE


def test_grant_that_still_works_opens_the_portal(closed: Portal) -> None:
    closed.refusal = None
    actor = start_renewal(closed, "keepalive", again=True)
    run_all(closed)
    assert actor.result == closed.expect().version != "v1"
    assert (closed.expect().state, closed.outcomes) == (PortalState.ACTIVE, ["refreshed"])


# -- the quota of versions ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("every", [1.0, 60.0, 600.0, 1800.0, 3540.0])
def test_number_of_versions_stays_below_the_quota_of_secrets_manager_however_often_a_pair_is_refused(
    portal: Portal, every: float
) -> None:
    del portal
    pointer, made, now = Pointer("v1"), list[float](), 1_000_000.0
    while now < 1_000_000.0 + 3 * DAY:
        if pointer.spared_until(now) is None:
            made.append(now)
            pointer = pointer._replace(charged_until=pointer.charged(now))
        now += every
    versions = [2 * sum(1 for each in made if start <= each < start + DAY) for start in made]
    assert max(versions) <= QUOTA - 8  # which leaves room for installations, and those that could not be pointed to
    if every >= 2400:
        assert len(made) >= 3 * DAY / every  # a renewal at the expiry of each pair is never delayed


def test_pair_renewed_too_often_is_not_renewed_until_its_retry_time(portal: Portal) -> None:
    for _ in range(CREDIT + 1):
        assert renew_last(portal).error is None
    asked = len(portal.asked)
    refused = renew_last(portal).error
    assert isinstance(refused, PortalUnavailable)
    assert refused.retry_after is not None
    assert len(portal.asked) == asked
    portal.stage.time += refused.retry_after
    assert renew_last(portal).error is None


@pytest.mark.parametrize(
    ("code", "error", "outcome"),
    [
        ("PAYMENT_REQUIRED", PortalBlocked, "unpaid"),
        ("invalid_client", PortalMisconfigured, "failed"),
        ("NOT_INSTALLED", PortalNotInstalled, "dead"),
        ("invalid_grant", PortalReauthorise, "dead"),
    ],
)
def test_error_of_one_process_is_counted_once_and_not_requested_by_waiting_processes(
    portal: Portal, code: str, error: type[ChatLookupError], outcome: str
) -> None:
    portal.refusal = BitrixError(code, 401, method="oauth/token")
    actors = [start_renewal(portal, f"p{number}") for number in range(16)]
    run_all(portal)
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
        ("TIMEOUT", 0, PortalUnavailable, PortalState.ACTIVE, "lost"),
        ("TRANSPORT", 0, PortalUnavailable, PortalState.ACTIVE, "lost"),
    ],
)
def test_each_error_of_the_authorisation_server_sets_its_state_and_outcome(
    portal: Portal, code: str, status: int, error: type[ChatLookupError], state: PortalState, outcome: str
) -> None:
    portal.refusal = BitrixError(code, status, method="oauth/token")
    actor = renew_last(portal)
    assert type(actor.error) is error
    assert portal.expect().state is state
    assert portal.expect().lock_until <= portal.stage.now() + OUTAGE_PAUSE
    assert portal.outcomes == [outcome]


def test_renewal_of_a_portal_known_as_unpaid_opens_it_if_it_is_paid(portal: Portal) -> None:
    known = (PortalState.UNPAID, portal.stage.time + 3600)
    portal.record = portal.expect()._replace(state=known[0], retry_at=known[1])
    actor = start_renewal(portal, "asks", Process(portal, known))
    run_all(portal)
    assert actor.result == portal.expect().version != "v1"
    assert portal.expect().state is PortalState.ACTIVE


def test_outage_changes_no_state(portal: Portal) -> None:
    portal.refusal = BitrixError("HTTP_5XX", 503, method="oauth/token")
    renew_last(portal)
    portal.refusal = None
    actor = renew_last(portal)
    assert actor.result == portal.expect().version != "v1"
    assert portal.outcomes == ["failed", "refreshed"]


def test_uninstalled_portal_is_not_renewed(portal: Portal) -> None:
    portal.record = portal.expect()._replace(state=PortalState.UNINSTALLED)
    assert isinstance(renew_last(portal).error, PortalNotInstalled)
    assert (portal.asked, portal.outcomes) == ([], [])
