"""Inquiries in batches: retried where that helps, smaller after a timeout, and finished in time."""

from collections.abc import Callable, Mapping, Sequence
from typing import cast

import pytest
from botocore.exceptions import ConnectTimeoutError
from hypothesis import given
from hypothesis import strategies as st

from chat_lookup.bitrix24.batch import BATCH, BatchOutcome
from chat_lookup.bitrix24.client import Answer, Command, OperatingTime
from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.calls.bulk_allowance import Allowance
from chat_lookup.calls.gcra import Share
from chat_lookup.calls.operating_budget import ASSUMED_LIMIT, Budget
from chat_lookup.calls.operating_time import Operating
from chat_lookup.calls.portal_calls import PortalCalls
from chat_lookup.clock import Deadline
from chat_lookup.errors import (
    ChatLookupError,
    DeadlineReached,
    PortalBlocked,
    PortalBusy,
    PortalUnavailable,
    StoreUnavailable,
)
from chat_lookup.lookup.batch_runner import Rounds
from chat_lookup.lookup.plan import Inquiry, Rights
from chat_lookup.portals.portal import Portal
from chat_lookup.portals.store import Portals
from tests.support.fakes import MEMBER_ID, ManualClock, Stores

METHOD = "im.chat.get"
Reaction = Callable[[Sequence[Command]], Sequence[BatchOutcome]]


def answers(commands: Sequence[Command]) -> Sequence[BatchOutcome]:
    """Each command's own number."""
    return [Answer(command.params["ID"], OperatingTime(), 0.1) for command in commands]


def fails(code: str, status: int = 0) -> Reaction:
    def reaction(_: Sequence[Command]) -> Sequence[BatchOutcome]:
        raise BitrixError(code, status, method=BATCH, webhook=True)

    return reaction


def refuses(error: Exception) -> Reaction:
    def reaction(_: Sequence[Command]) -> Sequence[BatchOutcome]:
        raise error

    return reaction


def with_those_of(*numbers: int, outcome: BatchOutcome) -> Reaction:
    """Like `answers`, with another outcome for these numbers."""
    return lambda commands: [
        outcome if command.params["ID"] in numbers else answer
        for command, answer in zip(commands, answers(commands), strict=True)
    ]


class ScriptedCalls:
    """Implements the port of `PortalCalls`: one given reaction per request, the last one for all further requests."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.seconds = 0.0
        self.reactions: list[Reaction] = [answers]
        self.requests: list[list[object]] = []
        """The numbers that each request contained."""
        self.at: list[float] = []

    def reacts(self, *reactions: Reaction) -> None:
        self.reactions = [*reactions]

    def batch(
        self, _: Portal, commands: Sequence[Command], deadline: Deadline, *, share: Share, on_slot: None
    ) -> Sequence[BatchOutcome]:
        assert share in Share
        assert on_slot is None
        assert deadline.left() > 0
        self.requests.append([command.params["ID"] for command in commands])
        self.at.append(self.clock.now())
        self.clock.advance(self.seconds)
        reaction = self.reactions.pop(0) if len(self.reactions) > 1 else self.reactions[0]
        return reaction(commands)

    def call(
        self,
        portal: Portal,
        method: str,
        params: Mapping[str, object],
        deadline: Deadline,
        *,
        share: Share,
        on_slot: None,
    ) -> BatchOutcome:
        (outcome,) = self.batch(portal, [Command(method, params)], deadline, share=share, on_slot=on_slot)
        if isinstance(outcome, BitrixError):
            raise outcome
        return outcome

    @property
    def sizes(self) -> list[int]:
        return [len(each) for each in self.requests]


@pytest.fixture
def calls(clock: ManualClock) -> ScriptedCalls:
    return ScriptedCalls(clock)


@pytest.fixture
def operating(stores: Stores, clock: ManualClock) -> Operating:
    return Operating(stores.cache_rows, clock)


class Scene:
    """Runs inquiries for so many numbers with so many calls each."""

    def __init__(self, calls: ScriptedCalls, operating: Operating, clock: ManualClock) -> None:
        self.calls = calls
        self.operating = operating
        self.clock = clock

    def run(self, count: int, *, share: Share = Share.BULK, seconds: float = 25, asks: int = 1) -> dict[int, object]:
        rights = Rights(Portal(MEMBER_ID, "acme.bitrix24.com", "arn", "1"), cast("Portals", None))
        rounds = Rounds[int, object](
            cast("PortalCalls", self.calls),
            Allowance(self.operating, self.clock),
            self.clock,
            rights,
            share,
            Deadline.after(seconds, self.clock),
        )
        inquiries = {key: inquiry(key, asks) for key in range(count)}
        ended = {each.key: each.finding for each in rounds.run(inquiries, lambda _: asks)}
        assert len(ended) == count
        return ended


@pytest.fixture
def scene(calls: ScriptedCalls, operating: Operating, clock: ManualClock) -> Scene:
    return Scene(calls, operating, clock)


def inquiry(number: int, asks: int) -> Inquiry[object]:
    found: object = None
    for _ in range(asks):
        answer = yield Command(METHOD, {"ID": number})
        if isinstance(answer, BitrixError):
            raise answer
        found = answer.result
    return found


def failed(ended: Mapping[int, object], kind: type[ChatLookupError]) -> set[int]:
    return {key for key, finding in ended.items() if isinstance(finding, kind)}


# -- commands without an answer ----------------------------------------------------------------------------------------


def test_commands_that_were_never_run_are_retried(scene: Scene, calls: ScriptedCalls) -> None:
    calls.reacts(with_those_of(3, 4, outcome=None), answers)
    assert scene.run(10) == {key: key for key in range(10)}
    assert calls.requests[1:] == [[3, 4]]


def test_command_that_is_never_run_is_given_up_after_three_attempts(scene: Scene, calls: ScriptedCalls) -> None:
    calls.reacts(with_those_of(3, outcome=None))
    assert failed(scene.run(10), PortalUnavailable) == {3}
    assert calls.sizes == [10, 1, 1]


def test_transient_failure_is_retried_in_a_batch(scene: Scene, calls: ScriptedCalls) -> None:
    error = BitrixError("INTERNAL_SERVER_ERROR", 200, method=METHOD, webhook=True)
    calls.reacts(with_those_of(0, 1, outcome=error), answers)
    assert scene.run(60) == {key: key for key in range(60)}
    assert calls.sizes == [50, 12]


def test_failed_single_call_is_not_retried_again(scene: Scene, calls: ScriptedCalls) -> None:
    error = BitrixError("INTERNAL_SERVER_ERROR", 500, method=METHOD, webhook=True)
    calls.reacts(with_those_of(0, outcome=error))
    assert failed(scene.run(1), PortalUnavailable) == {0}
    assert calls.sizes == [1]


# -- requests that fail as a whole -------------------------------------------------------------------------------------


def test_requests_are_half_as_large_after_a_timeout(scene: Scene, calls: ScriptedCalls) -> None:
    calls.reacts(fails("TIMEOUT"), fails("TIMEOUT"), answers)
    assert scene.run(50) == {key: key for key in range(50)}
    assert calls.sizes == [50, 25, 12, 12, 12, 12, 2]


def test_portal_that_always_times_out_is_given_up(scene: Scene, calls: ScriptedCalls) -> None:
    calls.reacts(fails("TIMEOUT"))
    assert failed(scene.run(50), PortalUnavailable) == set(range(50))
    assert calls.sizes[:3] == [50, 25, 12]
    assert all(sum(key in each for each in calls.requests) <= 3 for key in range(50))


def test_timeout_that_used_all_the_time_is_the_portals_failure(scene: Scene, calls: ScriptedCalls) -> None:
    calls.seconds = 24.5
    calls.reacts(fails("TIMEOUT"), refuses(PortalBusy(retry_after=1)))
    ended = scene.run(60)
    assert failed(ended, PortalUnavailable) == set(range(50))
    assert failed(ended, DeadlineReached) == set(range(50, 60))


def test_rate_limited_batch_is_retried(scene: Scene, calls: ScriptedCalls) -> None:
    calls.reacts(fails("QUERY_LIMIT_EXCEEDED", 503), answers)
    assert scene.run(50) == {key: key for key in range(50)}
    assert calls.sizes == [50, 50]


def test_rate_limited_single_call_is_retried(scene: Scene, calls: ScriptedCalls) -> None:
    calls.reacts(fails("QUERY_LIMIT_EXCEEDED", 503), answers)
    assert scene.run(1) == {0: 0}


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (BitrixError("OVERLOAD_LIMIT", 503, method=BATCH, webhook=True), PortalBlocked),
        (PortalBlocked(), PortalBlocked),
        (ConnectTimeoutError(endpoint_url="https://dynamodb"), StoreUnavailable),
    ],
)
def test_failed_request_fails_only_its_own_inquiries(
    scene: Scene, calls: ScriptedCalls, error: Exception, kind: type[ChatLookupError]
) -> None:
    calls.reacts(refuses(error), answers)
    assert failed(scene.run(60), kind) == set(range(50))
    assert calls.sizes == [50, 10]


# -- time --------------------------------------------------------------------------------------------------------------


def test_bulk_work_waits_for_its_slot(scene: Scene, calls: ScriptedCalls, clock: ManualClock) -> None:
    calls.reacts(refuses(PortalBusy(retry_after=4)), refuses(PortalBusy(retry_after=2)), answers)
    assert scene.run(200) == {key: key for key in range(200)}
    assert clock.slept == [4, 2]


@pytest.mark.parametrize(("share", "retry_after"), [(Share.BULK, 25), (Share.INTERACTIVE, 3)])
def test_inquiry_without_a_slot_in_time_has_a_retry_time(
    scene: Scene, calls: ScriptedCalls, share: Share, retry_after: float
) -> None:
    calls.reacts(answers, refuses(PortalBusy(retry_after=retry_after)))
    ended = scene.run(120, share=share)
    late = [finding for finding in ended.values() if isinstance(finding, DeadlineReached)]
    assert failed(ended, DeadlineReached) == set(range(50, 120))
    assert {each.retry_after for each in late} == {retry_after}
    assert calls.sizes == [50, 50]


def test_inquiries_with_the_most_remaining_calls_are_sent_first(scene: Scene, calls: ScriptedCalls) -> None:
    scene.run(75, asks=2)
    assert calls.sizes == [50, 50, 50]
    assert set(range(50, 75)) < set(calls.requests[1])


# -- operating time ----------------------------------------------------------------------------------------------------


def test_bulk_requests_are_limited_by_the_remaining_operating_time(
    scene: Scene, calls: ScriptedCalls, operating: Operating, clock: ManualClock
) -> None:
    operating.note(MEMBER_ID, METHOD, 100.0, clock.now() + 500, duration=0.2)
    scene.run(40)
    assert calls.sizes == [10, 10, 10, 10]


@pytest.mark.parametrize("billed", [METHOD, BATCH])
def test_bulk_work_waits_for_the_reset_of_the_operating_time(
    scene: Scene, calls: ScriptedCalls, operating: Operating, clock: ManualClock, billed: str
) -> None:
    operating.note(MEMBER_ID, billed, ASSUMED_LIMIT, clock.now() + 30, duration=0.01)
    began = clock.now()
    assert scene.run(10, seconds=60) == {key: key for key in range(10)}
    assert 30 <= calls.at[0] - began <= 32


def test_bulk_work_ends_at_the_deadline_if_the_operating_time_resets_too_late(
    scene: Scene, calls: ScriptedCalls, operating: Operating, clock: ManualClock
) -> None:
    operating.note(MEMBER_ID, METHOD, ASSUMED_LIMIT, clock.now() + 300, duration=0.01)
    ended = scene.run(10)
    assert failed(ended, DeadlineReached) == set(range(10))
    assert calls.requests == []
    assert all(finding.retry_after == pytest.approx(301, abs=1) for finding in ended.values())  # type: ignore[attr-defined]


def test_stopped_method_is_still_requested_by_the_batch_runner(
    scene: Scene, calls: ScriptedCalls, operating: Operating
) -> None:
    operating.stop(MEMBER_ID, METHOD)
    scene.run(10)
    assert calls.sizes == [10]


def test_interactive_calls_ignore_the_budget_of_bulk_work(
    scene: Scene, operating: Operating, clock: ManualClock
) -> None:
    operating.note(MEMBER_ID, METHOD, ASSUMED_LIMIT, clock.now() + 300, duration=0.01)
    assert scene.run(10, share=Share.INTERACTIVE) == {key: key for key in range(10)}


# -- random failures ---------------------------------------------------------------------------------------------------

PASSING = BitrixError("INTERNAL_SERVER_ERROR", 200, method=METHOD, webhook=True)
REFUSED = BitrixError("ACCESS_ERROR", 200, method=METHOD, webhook=True)
HAPPENINGS: Mapping[str, Reaction] = {
    "answered": answers,
    "in part never run": with_those_of(*range(0, 200, 3), outcome=None),
    "in part failed": with_those_of(*range(0, 200, 5), outcome=PASSING),
    "in part refused": with_those_of(*range(0, 200, 7), outcome=REFUSED),
    "too slow": fails("TIMEOUT"),
    "too soon": fails("QUERY_LIMIT_EXCEEDED", 503),
    "cut": fails("TRANSPORT"),
    "no slot": refuses(PortalBusy(retry_after=3)),
    "blocked": refuses(PortalBlocked()),
}


@given(
    happenings=st.lists(st.sampled_from(sorted(HAPPENINGS)), max_size=12),
    count=st.integers(1, 180),
    asks=st.integers(1, 3),
    share=st.sampled_from(Share),
)
def test_each_inquiry_ends_once_in_time_and_with_its_own_answer(
    happenings: list[str], count: int, asks: int, share: Share
) -> None:
    clock = ManualClock()
    calls = ScriptedCalls(clock)
    calls.seconds = 0.7
    calls.reacts(*(HAPPENINGS[name] for name in happenings), answers)
    began = clock.now()
    ended = Scene(calls, cast("Operating", Plenty()), clock).run(count, share=share, asks=asks)
    assert all(finding == key or isinstance(finding, ChatLookupError) for key, finding in ended.items())
    assert max(calls.sizes) <= 50
    assert clock.now() - began < 25 + calls.seconds


class Plenty:
    """Implements the port of `Operating` without any used time."""

    def budget(self, _: str, __: str) -> Budget:
        return Budget(ASSUMED_LIMIT, 0.0)
