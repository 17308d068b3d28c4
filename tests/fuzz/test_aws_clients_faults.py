"""Every AWS call of every entry point hangs, is throttled, denied, fails: in time, true reason, nothing lost.

Strikes are tried with one fault in turn; with AWS_FAULTS=all in the environment each with every fault.
"""

import os
from collections.abc import Callable, Iterator
from functools import cache, partial
from itertools import product
from pathlib import Path
from typing import Final

import pytest

from chat_lookup.bootstrap import aws_clients, aws_deadlines, core, process
from chat_lookup.errors import DeadlineReached
from chat_lookup.observability.telemetry import Telemetry
from functions.direct import app as direct_app
from tests.support.fakes import (
    MEMBER_ID,
    FakeAuthorisationServer,
    FakeBitrix24,
    ManualClock,
    Output,
    Stores,
    lambda_context,
)
from tests.support.lookup_function import PAIR, body, http
from tests.support.stores import cut_data
from tests.support.stores.aws_faults import Call, Fault, FaultyAws
from tests.support.stores.doors import DEAL, DOORS, Door, RunningService

ENVIRONMENT: Final = {
    "SECRET_PREFIX": "unit",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "unit",
    "AWS_SECRET_ACCESS_KEY": "unit",
    "EVENT_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/events",
    "DEAD_LETTER_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/dead",
    "WORKER_FUNCTION": "stack-WorkerFunction-1",
    "EVENT_BUS": "events",
}
OF_EACH_SERVICE: Final = frozenset({"miss", "receiver", "worker"})
REFUSED: Final = frozenset({Fault.DENIED, Fault.KEY_DENIED})


@pytest.fixture(scope="module")
def layer_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data of botocore as the layer has it: a call outside of it fails."""
    return cut_data.cut(tmp_path_factory.mktemp("botocore") / "data")


@pytest.fixture
def aws(clock: ManualClock, stores: Stores) -> Iterator[FaultyAws]:
    faulty = FaultyAws(clock, stores)
    with faulty.between():
        yield faulty


@pytest.fixture
def service(
    stores: Stores,
    clock: ManualClock,
    bitrix24: FakeBitrix24,
    telemetry: Telemetry,
    aws: FaultyAws,
    monkeypatch: pytest.MonkeyPatch,
    layer_data: Path,
) -> Iterator[RunningService]:
    tables = {"PORTAL_TABLE": stores.portal_table, "CACHE_TABLE": stores.cache_table}
    for name, value in (ENVIRONMENT | tables).items():
        monkeypatch.setenv(name, value)
    server = FakeAuthorisationServer(clock)
    monkeypatch.setattr(process, "clock", clock)
    monkeypatch.setattr(process, "telemetry", lambda: telemetry)
    monkeypatch.setattr(core, "Bitrix24Client", lambda *_, **__: bitrix24)
    monkeypatch.setattr(core, "AuthorisationServer", lambda *_: server)
    cut_data.use(layer_data, monkeypatch)
    aws_clients.session.cache_clear()
    found = RunningService(clock, bitrix24, server, stores)
    found.sendings = lambda: sum(call.service == "sqs" for call in aws.seen)
    for name in ("dynamodb", "secrets", "sqs", "lambda_", "bus"):
        monkeypatch.setattr(aws_clients, name, cache(getattr(aws_clients, name)))
    monkeypatch.setattr(aws_deadlines, "Hooks", partial(remembered, found, aws_deadlines.Hooks))
    found.cold_start()
    found.installed()
    aws.seen.clear()
    yield found
    found.cold_start()


def remembered(service: RunningService, made: type[aws_deadlines.Hooks], *given: float) -> aws_deadlines.Hooks:
    service.hooks.append(made(*given))
    return service.hooks[-1]


def of(services: set[str], call: Call) -> bool:
    return call.service in services


def strikes_of(seen: list[Call], door: Door) -> dict[str, tuple[Callable[[Call], bool], bool]]:
    """The calls that fail alone or together, by name; and whether they are calls to the cache only."""
    strikes: dict[str, tuple[Callable[[Call], bool], bool]] = {
        str(each): (each.__eq__, each.on_the_cache) for each in dict.fromkeys(seen)
    }
    for service in dict.fromkeys(each.service for each in seen):
        strikes[f"all of {service}"] = partial(of, {service}), False
    if door.looks_up:
        strikes["all of the cache"] = (lambda call: call.on_the_cache), True
    return strikes


def faults_of(name: str, number: int, of: int) -> list[Fault]:
    """The faults under which strike `number` is tried: one in turn, or each if there are few, or by AWS_FAULTS=all.

    A denied key is translated like a denied role: one door for each service shows it.
    """
    faults = [fault for fault in Fault if fault is not Fault.KEY_DENIED or name in OF_EACH_SERVICE]
    return faults if of < len(faults) or os.environ.get("AWS_FAULTS") == "all" else [faults[number % len(faults)]]


@pytest.mark.parametrize("name", DOORS)
def test_entry_point_answers_in_time_and_with_the_true_reason_under_every_aws_fault(
    name: str, service: RunningService, aws: FaultyAws, clock: ManualClock
) -> None:
    door = DOORS[name]
    door.prepare(service)
    service.save()
    service.cold_start()
    aws.seen.clear()
    assert door.call(service) == door.usual
    strikes = strikes_of(list(aws.seen), door)
    wrong = []
    for number, (what, (struck, cache_alone)) in enumerate(strikes.items()):
        for fault in faults_of(name, number, len(strikes)):
            service.restore()
            began = clock.now()
            with aws.failing(fault, struck):
                answer = door.call(service)
            took = clock.now() - began
            if took > door.seconds or answer not in answers(door, fault, usual_expected=door.looks_up and cache_alone):
                wrong.append(f"{fault.name}, {what}: {answer!r} after {took:.1f} s")
            # After the end of every lease and lock; the process remembers what it could not store.
            clock.advance(61)
            knock, usual = door.again or (door.call, door.usual)
            again = knock(service)
            if again not in (usual, door.usual):
                wrong.append(f"{fault.name}, {what}: {again!r} after the fault, after {answer!r}")
    assert wrong == [], "\n".join(wrong)


def answers(door: Door, fault: Fault, *, usual_expected: bool) -> set[str]:
    """The correct answers under a fault: the usual answer, or the true reason."""
    if usual_expected:
        return {door.usual}
    code = "service-misconfigured" if fault in REFUSED else "store-unavailable"
    status = 500 if fault in REFUSED else 503
    in_batches = {"found,found,chat-not-found", ",".join([code] * 3)}
    return {
        door.usual,
        code,
        f"{status} {code}",
        f"{status} INTERNAL_SERVER_ERROR",  # in the platform's own format
        f"{status}",  # a page
        "200 INTERNAL_SERVER_ERROR",  # of a command in a batch
        "failed",  # of one portal in the daily round, for which the line has the reason
        *({f"200 {each}" for each in in_batches} | in_batches),
        # The event is tried again: as a new message where the reason may pass, as it does for the bus in any case.
        *{f"0 failed, {sent} sent, put back" for sent in (0, 1)},
        *{f"1 failed, {sent} sent" for sent in (0, 1) if fault in REFUSED},
        *({",".join(each) for each in product(("done", code), repeat=5)} if door is DOORS["admin"] else ()),
    }


@pytest.mark.parametrize("fault", Fault)
def test_bot_answers_once_though_the_chat_cache_fails(
    fault: Fault, service: RunningService, aws: FaultyAws, clock: ManualClock
) -> None:
    door = DOORS["worker"]
    door.prepare(service)
    service.save()
    for action in ("GetItem", "UpdateItem", "PutItem"):
        service.restore()
        with aws.failing(fault, Call("dynamodb", action, "CacheTable CHAT").__eq__):
            assert ", 1 sent" in door.call(service)
        clock.advance(61)
        assert door.call(service) == "0 failed, 0 sent"


@pytest.mark.parametrize("attempts", [1, 2, 3])
def test_event_is_kept_though_calls_of_the_receiver_are_throttled_at_first(
    attempts: int, service: RunningService, aws: FaultyAws, clock: ManualClock, output: Output
) -> None:
    receiver = DOORS["receiver"]
    read, send, invoke = calls_of(receiver, service, aws)
    # The worker is invoked only if the queue refuses.
    for struck, seconds in (({read}, 1), ({send}, 4), ({read, send}, 5), ({read, send, invoke}, receiver.seconds)):
        left = dict.fromkeys(struck, attempts)

        def strikes(call: Call, left: dict[Call, int] = left) -> bool:
            left[call] = left.get(call, 0) - 1
            return left[call] >= 0

        service.cold_start()
        began = clock.now()
        with aws.failing(Fault.THROTTLED, strikes):
            assert receiver.call(service) == receiver.usual, struck
        assert clock.now() - began < seconds
    assert output.metric("EventsLost") == 0


@pytest.mark.parametrize("number", range(3))
def test_event_is_kept_though_a_call_of_the_receiver_is_throttled_for_a_second(
    number: int, service: RunningService, aws: FaultyAws, clock: ManualClock, output: Output
) -> None:
    receiver = DOORS["receiver"]
    calls = calls_of(receiver, service, aws)
    struck = {calls[number], calls[min(number, 1)]}
    service.cold_start()
    began = clock.now()
    with aws.failing(Fault.THROTTLED, lambda call: call in struck and clock.now() < began + 1):
        assert receiver.call(service) == receiver.usual
    assert clock.now() - began < receiver.seconds
    assert output.metric("EventsLost") == 0


def calls_of(receiver: Door, service: RunningService, aws: FaultyAws) -> list[Call]:
    """The receiver's calls: to its store, to the queue, and to the worker where the queue refuses."""
    service.cold_start()
    aws.seen.clear()
    with aws.failing(Fault.DENIED, partial(of, {"sqs"})):
        assert receiver.call(service) == receiver.usual
    return list(dict.fromkeys(aws.seen))


@pytest.mark.parametrize("fault", Fault)
def test_event_that_neither_store_nor_queue_accepts_is_counted_as_lost(
    fault: Fault, service: RunningService, aws: FaultyAws, output: Output
) -> None:
    receiver = DOORS["receiver"]
    assert receiver.call(service) == receiver.usual
    for aws_service, reason in (("dynamodb", "store"), ("sqs", "queue")):
        service.cold_start()
        with aws.failing(fault, partial(of, {aws_service, "lambda"})):
            assert receiver.call(service).startswith("50")
        assert output.metric("EventsLost", reason=reason) == 1


@pytest.mark.parametrize("fault", Fault)
def test_failed_cache_writes_are_counted_on_the_log_line(
    fault: Fault, service: RunningService, aws: FaultyAws, output: Output
) -> None:
    for name, failed_writes in (("miss", 1), ("batch", 3), ("rest", 1), ("direct", 1)):
        service.clock.advance(61)
        service.admin({"command": "cache.purge", "portal": MEMBER_ID})
        service.cold_start()
        with aws.failing(fault, Call("dynamodb", "PutItem", "CacheTable CHAT").__eq__):
            assert DOORS[name].call(service) == DOORS[name].usual
        assert output.lines[-1]["cache_write_failures"] == failed_writes


def test_look_up_without_time_left_reports_the_deadline_at_every_entry_point(service: RunningService) -> None:
    for seconds in (0.2, 0.7, 1.2, 1.5):
        service.cold_start()
        answer = http("GET /v1/chats", PAIR, key=service.key, seconds=seconds)
        assert (answer["statusCode"], body(answer)["type"].rpartition(":")[2]) == (503, "deadline")
        assert answer["headers"]["retry-after"] == "1"
        with pytest.raises(DeadlineReached):
            direct_app.handler(DEAL, lambda_context(seconds))
