"""The question to the portal that an event's hint leads to: when, what it may cost, and what it may not disturb."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final, cast

import pytest
from botocore.exceptions import EndpointConnectionError

from chat_lookup.cache.chat_cache import Cache
from chat_lookup.cache.leases import LEASE, Leases
from chat_lookup.cache.rows import FRESH_NEGATIVE, Hint
from chat_lookup.calls.gcra import Pace, Share
from chat_lookup.clock import SKEW, Deadline
from chat_lookup.config import EventsTeach
from chat_lookup.dynamodb import Table
from chat_lookup.entity import EntityRef
from chat_lookup.errors import ChatNotFound
from chat_lookup.lookup.hints import REFUSED_FOR, HintOutcome, Hints
from chat_lookup.observability import metrics
from chat_lookup.portals.portal import Portal, PortalState
from tests.support.events.teaching import OF_THE_EVENT, Worker, warming
from tests.support.fakes import FakeBitrix24, FixedRandom, ManualClock, Output, Stores
from tests.support.in_process_service import DEAL, Service, find
from tests.support.portals.known_portal import with_a_bot

OF_THE_PORTAL: Final = 1
GET: Final = "im.chat.get"


@pytest.fixture
def portal(service: Service) -> Portal:
    return with_a_bot(service)


@pytest.fixture
def worker(service: Service, stores: Stores, portal: Portal) -> Worker:
    return Worker(service, stores, portal)


@pytest.fixture
def another_worker(worker: Worker, another_process: Service) -> Worker:
    return replace(worker, service=another_process)


# -- when the portal is asked ------------------------------------------------------------------------------------------


def outcomes(output: Output) -> list[object]:
    """What became of each hint, in order."""
    return [line["hint"] for line in output.lines if "hint" in line]


def test_portal_is_asked_once_for_many_events_of_one_chat(
    worker: Worker, another_worker: Worker, bitrix24: FakeBitrix24, output: Output
) -> None:
    bitrix24.answers(GET, {"ID": OF_THE_EVENT})
    for each in (worker, another_worker, worker):
        each.work(DEAL)
    assert [(call.method, call.params["ENTITY_ID"]) for call in bitrix24.calls] == [(GET, "DEAL|1663")]
    assert outcomes(output) == ["asked", "known", "known"]
    assert (output.metric("Hints", outcome="asked"), output.metric("Hints", outcome="known")) == (1, 2)


@pytest.mark.parametrize(
    ("stored", "after_event", "asked"),
    [
        (OF_THE_EVENT, False, False),
        (OF_THE_EVENT, True, False),
        (OF_THE_PORTAL, False, True),
        (OF_THE_PORTAL, True, False),
        (None, False, True),
        (None, True, False),
    ],
)
def test_stored_reply_is_asked_for_again_if_the_event_speaks_against_it_and_came_later(
    worker: Worker, bitrix24: FakeBitrix24, clock: ManualClock, stored: int | None, after_event: bool, asked: bool
) -> None:
    record = worker.received(DEAL)
    at = record.received_at + (2 * SKEW if after_event else -2 * SKEW)
    service = worker.service
    service.cache.put(worker.portal.member_id, worker.portal.generation, DEAL, stored, method=GET, asked_at=at)
    clock.advance(3 * SKEW)
    bitrix24.answers(GET, {"ID": OF_THE_EVENT})
    worker.work_off(record)
    assert len(bitrix24.calls) == int(asked)


def test_events_of_a_chat_that_the_portal_does_not_name_lead_to_one_call_in_the_time_of_a_claim(
    worker: Worker, another_worker: Worker, bitrix24: FakeBitrix24, clock: ManualClock, output: Output
) -> None:
    bitrix24.answers(GET, {"ID": OF_THE_PORTAL})
    for each in (worker, another_worker, worker):
        each.work(DEAL)
        clock.advance(1)
    assert (len(bitrix24.calls), outcomes(output)) == (1, ["asked", "elsewhere", "elsewhere"])
    clock.advance(LEASE)
    worker.work(DEAL)
    assert len(bitrix24.calls) == 2


def test_row_that_a_trusted_event_taught_is_replaced_by_the_portals_reply(
    worker: Worker, service: Service, portal: Portal, bitrix24: FakeBitrix24
) -> None:
    replace(worker, teach=EventsTeach.TRUST).work(DEAL)
    bitrix24.answers(GET, {"ID": OF_THE_PORTAL})
    worker.work(DEAL)
    answer = find(service, portal)
    assert (answer.chat_id, answer.source) == (OF_THE_PORTAL, "cache")


def test_chat_that_was_made_after_a_not_found_is_found_at_once(
    worker: Worker, service: Service, portal: Portal, bitrix24: FakeBitrix24, clock: ManualClock
) -> None:
    bitrix24.answers(GET, None)
    with pytest.raises(ChatNotFound):
        find(service, portal)
    clock.advance(1)
    bitrix24.answers(GET, {"ID": OF_THE_EVENT})
    worker.work(DEAL)  # in the process that remembers the null
    assert find(service, portal).source == "cache"


def test_null_of_the_portal_is_stored_for_its_short_time(
    worker: Worker, service: Service, portal: Portal, bitrix24: FakeBitrix24, clock: ManualClock
) -> None:
    bitrix24.answers(GET, None)
    worker.work(DEAL)
    with pytest.raises(ChatNotFound):
        find(service, portal)
    assert len(bitrix24.calls) == 1
    clock.advance(FRESH_NEGATIVE * 1.1)
    bitrix24.answers(GET, {"ID": OF_THE_EVENT})
    assert find(service, portal).source == "portal"


def test_null_that_a_look_up_would_not_accept_is_not_stored(
    worker: Worker, service: Service, bitrix24: FakeBitrix24, output: Output
) -> None:
    line = EntityRef("LINES", "telegrambot|2|209607941|744")
    portal = with_a_bot(service, scopes=frozenset({"im", "imopenlines"}))
    bitrix24.answers(GET, None)
    replace(worker, portal=portal).work(line)
    bitrix24.answers("imopenlines.dialog.get", {"id": OF_THE_PORTAL})
    assert (len(bitrix24.calls), outcomes(output)) == (1, ["undecided"])
    assert find(service, portal, line).chat_id == OF_THE_PORTAL


# -- beside look-ups and other workers ---------------------------------------------------------------------------------


def meanwhile(bitrix24: FakeBitrix24, happening: Callable[[], object], *replies: object) -> None:
    """While the portal's first reply is on its way, something happens; then the replies follow one by one."""
    left = list(replies)

    def answer(_: Mapping[str, object]) -> object:
        reply = left.pop(0)
        if len(left) == len(replies) - 1:
            happening()
        return reply

    bitrix24.answers_by(GET, answer)


def test_two_workers_at_once_ask_once(
    worker: Worker, another_worker: Worker, bitrix24: FakeBitrix24, output: Output
) -> None:
    meanwhile(bitrix24, lambda: another_worker.work(DEAL), {"ID": OF_THE_PORTAL})
    worker.work(DEAL)
    assert sorted(map(str, outcomes(output))) == ["asked", "elsewhere"]


def test_look_up_does_not_wait_for_the_question_of_a_hint(
    worker: Worker, another_process: Service, portal: Portal, bitrix24: FakeBitrix24, clock: ManualClock
) -> None:
    answers = []

    def looked_up() -> None:
        clock.slept.clear()
        answers.append(find(another_process, portal))

    meanwhile(bitrix24, looked_up, {"ID": OF_THE_PORTAL}, {"ID": OF_THE_PORTAL})
    worker.work(DEAL)
    assert [(each.chat_id, each.source) for each in answers] == [(OF_THE_PORTAL, "portal")]
    assert sum(clock.slept) < 0.001


def test_null_of_a_look_up_in_flight_serves_no_caller_after_the_event(
    worker: Worker, another_process: Service, portal: Portal, bitrix24: FakeBitrix24, clock: ManualClock, output: Output
) -> None:
    def event() -> None:
        clock.advance(0.2)
        worker.work(DEAL)

    meanwhile(bitrix24, event, None, {"ID": OF_THE_EVENT})
    with pytest.raises(ChatNotFound):
        find(another_process, portal)
    assert outcomes(output) == ["elsewhere"]
    assert find(another_process, portal).chat_id == OF_THE_EVENT


def test_failed_question_is_not_repeated_before_its_claim_is_over(
    worker: Worker, bitrix24: FakeBitrix24, clock: ManualClock, output: Output
) -> None:
    bitrix24.fails(GET, "HTTP_5XX", 502)
    worker.work(DEAL)
    worker.work(DEAL)
    assert (len(bitrix24.calls), outcomes(output)) == (1, ["failed", "elsewhere"])
    clock.advance(LEASE + 2 * SKEW)
    worker.work(DEAL)
    assert len(bitrix24.calls) == 2


# -- what it may cost --------------------------------------------------------------------------------------------------


def use_up(service: Service, portal: Portal, share: Share) -> int:
    """Take slots until none is left at once; how many there were."""
    pace, taken = Pace(portal.rate, portal.burst), 0
    now = service.clock.now()
    while service.limiter.wait(portal.member_id, pace, share, Deadline(now + 0.001, service.clock)) == 0:
        taken += 1
        if taken == 45:
            break
    return taken


def test_hint_is_left_out_without_a_wait_if_no_slot_is_free(
    worker: Worker, service: Service, portal: Portal, bitrix24: FakeBitrix24, clock: ManualClock, output: Output
) -> None:
    use_up(service, portal, Share.INTERACTIVE)
    clock.slept.clear()
    worker.work(DEAL)
    assert (bitrix24.calls, clock.slept, outcomes(output)) == ([], [], ["skipped"])
    assert output.metric("Hints", outcome="skipped") == 1


def test_not_found_from_before_the_event_ends_although_the_hint_is_left_out(
    worker: Worker,
    another_process: Service,
    service: Service,
    portal: Portal,
    bitrix24: FakeBitrix24,
    clock: ManualClock,
) -> None:
    bitrix24.answers(GET, None)
    with pytest.raises(ChatNotFound):
        find(service, portal)
    clock.advance(1)
    use_up(service, portal, Share.INTERACTIVE)
    worker.work(DEAL)
    bitrix24.answers(GET, {"ID": OF_THE_EVENT})
    for each in (another_process, service):
        assert find(each, portal).chat_id == OF_THE_EVENT


def test_hints_leave_the_interactive_reserve(
    worker: Worker, service: Service, portal: Portal, bitrix24: FakeBitrix24, clock: ManualClock
) -> None:
    bitrix24.answers(GET, {"ID": OF_THE_EVENT})
    find(service, portal)  # a person is there
    for number in range(60):
        worker.work(EntityRef("CRM", f"LEAD|{number}"))
    assert len(bitrix24.calls) < 40
    clock.slept.clear()
    for number in range(5):
        find(service, portal, EntityRef("CRM", f"DEAL|{number}"))
    assert sum(clock.slept) < 0.001


def test_call_of_a_hint_is_given_five_seconds(worker: Worker, bitrix24: FakeBitrix24) -> None:
    bitrix24.answers(GET, {"ID": OF_THE_EVENT})
    worker.work(DEAL)
    assert bitrix24.deadlines == [pytest.approx(4.5, abs=0.1)]


# -- failures ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("TRANSPORT", 0),
        ("TIMEOUT", 0),
        ("HTTP_5XX", 502),
        ("QUERY_LIMIT_EXCEEDED", 503),
        ("OPERATION_TIME_LIMIT", 429),
        ("ACCESS_DENIED", 403),
        ("insufficient_scope", 403),
        ("expired_token", 401),
        ("PAYMENT_REQUIRED", 402),
        ("OVERLOAD_LIMIT", 503),
        ("no such code", 400),
    ],
)
def test_no_failure_of_the_portal_is_raised_or_waited_for(
    worker: Worker, bitrix24: FakeBitrix24, clock: ManualClock, output: Output, code: str, status: int
) -> None:
    for method in (GET, "imbot.chat.get"):
        bitrix24.fails(method, code, status)
    worker.work(DEAL)
    assert outcomes(output) == ["failed"]
    assert sum(clock.slept) < 0.001
    assert bitrix24.methods.count(GET) == 1


def test_portal_that_refuses_the_method_is_not_asked_for_a_while(
    worker: Worker, bitrix24: FakeBitrix24, clock: ManualClock, stores: Stores
) -> None:
    for method in (GET, "imbot.chat.get"):
        bitrix24.fails(method, "insufficient_scope", 403)
    part = warming(worker.service, stores, EventsTeach.HINT)
    deadline = Deadline.after(REFUSED_FOR + 60, clock)
    for number in range(3):
        ref = EntityRef("CRM", f"LEAD|{number}")
        part.follow(worker.portal, worker.received(ref), ref, deadline)
    assert bitrix24.methods.count(GET) == 1
    clock.advance(REFUSED_FOR)
    part.follow(worker.portal, worker.received(DEAL), DEAL, deadline)
    assert bitrix24.methods.count(GET) == 2


def test_refusal_of_one_pair_does_not_keep_others_from_being_asked(
    worker: Worker, bitrix24: FakeBitrix24, stores: Stores, clock: ManualClock
) -> None:
    bitrix24.fails(GET, "ACCESS_ERROR", 403)
    part = warming(worker.service, stores, EventsTeach.HINT)
    for number in range(3):
        ref = EntityRef("CRM", f"LEAD|{number}")
        part.follow(worker.portal, worker.received(ref), ref, Deadline.after(25, clock))
    assert bitrix24.methods.count(GET) == 3


@pytest.mark.parametrize(
    "state", [PortalState.REAUTHORISE, PortalState.RENAMED, PortalState.STOPPED, PortalState.UNPAID]
)
def test_closed_portal_is_not_asked(
    worker: Worker, bitrix24: FakeBitrix24, clock: ManualClock, output: Output, state: PortalState
) -> None:
    closed = worker.portal._replace(state=state, retry_at=clock.now() + 60)
    replace(worker, portal=closed).work(DEAL)
    assert (bitrix24.calls, outcomes(output)) == ([], ["skipped"])


def test_event_without_time_left_is_done_with(worker: Worker, bitrix24: FakeBitrix24, output: Output) -> None:
    worker.work_off(worker.received(DEAL), seconds=0.5)
    assert bitrix24.calls == []
    assert outcomes(output)[0] in ("skipped", "failed")


class FailingTable:
    """The cache's table, on which one kind of request fails."""

    def __init__(self, table: Table, failing: str) -> None:
        self._table = table
        self._failing = failing

    def __getattr__(self, name: str) -> Any:
        if name == self._failing:
            raise EndpointConnectionError(endpoint_url="https://dynamodb.example")
        return getattr(self._table, name)


@pytest.mark.parametrize("failing", ["get", "put", "update"])
def test_no_failure_of_the_store_is_raised(
    worker: Worker, bitrix24: FakeBitrix24, clock: ManualClock, output: Output, stores: Stores, failing: str
) -> None:
    bitrix24.answers(GET, {"ID": OF_THE_PORTAL})
    service = worker.service
    table = cast("Table", FailingTable(stores.cache_rows, failing))
    cache, leases = Cache(table, clock, FixedRandom()), Leases(table, clock)
    hints = Hints(service.asking, cache, leases, service.telemetry, clock, service.lookup.overtaken)
    with service.telemetry.invocation("test"):
        hints.ask(worker.portal, Hint(DEAL, OF_THE_EVENT, clock.now()), Deadline.after(25, clock))
    assert (outcomes(output), output.lines[-1]["cache_error"]) == (["failed"], "EndpointConnectionError")
    assert output.metric("Hints", outcome="failed") == 1


def test_every_outcome_is_a_value_of_the_metric() -> None:
    assert set(HintOutcome) == metrics.HINTS
