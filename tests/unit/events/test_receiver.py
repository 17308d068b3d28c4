"""Every event that arrives is queued without its tokens, refused with a reason, or reported as lost; and counted."""

import json
from collections.abc import Callable, Iterator
from typing import Any, NoReturn
from urllib.parse import urlencode

import pytest

from chat_lookup.bitrix24.event_names import KINDS, EventKind
from chat_lookup.clock import Clock, Deadline
from chat_lookup.errors import BodyTooLarge, ChatLookupError, EventRejected, InvalidRequest, StoreUnavailable
from chat_lookup.events.model import Record
from chat_lookup.events.queue import EventQueue
from chat_lookup.events.receiver import Receiving
from chat_lookup.events.verification import Origin
from chat_lookup.observability.telemetry import Telemetry
from chat_lookup.portals.application_tokens import hashed
from chat_lookup.portals.portal import PortalState
from chat_lookup.portals.store import Portals
from tests.support.events.event_arrival import (
    FORGERIES,
    FORM,
    PORTAL,
    SECRETS,
    TEXT,
    TOKEN,
    Changes,
    Wire,
    body_of,
    lambda_on,
    reads_of,
    sqs_on,
)
from tests.support.fakes import MEMBER_ID, ManualClock, Output, Stores

QUEUE_URL = "https://sqs.us-east-1.amazonaws.com/123456789012/events"
OTHER_TOKEN = "t0ken-of-globex-t0ken-of-globex"
AWAY = (500, {"__type": "InternalFailure"})
TOO_MUCH = 1024 * 1024 + 1


class Receiver:
    """The use case on tables in memory; its output is read from the requests to the queue and to the worker."""

    def __init__(self, stores: Stores, clock: Clock, telemetry: Telemetry) -> None:
        self.queue, self.worker = Wire((200, {"MessageId": "m-1"})), Wire((202, {}))
        queue = EventQueue(sqs_on(self.queue), QUEUE_URL, lambda: lambda_on(self.worker), "worker", telemetry)
        origin = Origin(Portals(stores.portal_rows, clock), clock)
        self._receiving = Receiving(origin, queue, telemetry, clock)
        self._telemetry = telemetry
        self._clock = clock

    def receive(self, body: bytes, content_type: str = FORM, request_id: str = "request-1") -> None:
        with self._telemetry.invocation("request", request_id=request_id):
            self._receiving.receive(body, content_type, request_id, Deadline.after(10, self._clock))

    @property
    def records(self) -> list[Record]:
        return [Record.from_json(body["MessageBody"]) for body in self.queue.bodies]


@pytest.fixture
def receiver(stores: Stores, clock: ManualClock, telemetry: Telemetry) -> Receiver:
    portals = Portals(stores.portal_rows, clock)
    portals.save(PORTAL)
    other = frozenset({hashed(OTHER_TOKEN)})
    portals.save(PORTAL._replace(member_id="e" * 32, domain="globex.bitrix24.com", application_tokens=other))
    return Receiver(stores, clock, telemetry)


@pytest.fixture
def reads(stores: Stores, receiver: Receiver) -> Iterator[list[str]]:
    del receiver
    with reads_of(stores.dynamodb) as keys:
        yield keys


# -- queued events -----------------------------------------------------------------------------------------------------


def test_a_proved_event_is_queued_with_its_portal_its_time_and_its_request(
    receiver: Receiver, clock: ManualClock
) -> None:
    receiver.receive(body_of(), request_id="request-7")
    (record,) = receiver.records
    assert (record.member_id, record.received_at, record.request_id) == (MEMBER_ID, clock.now(), "request-7")
    event = record.event
    assert (event.name, event.kind) == ("ONIMBOTV2MESSAGEADD", EventKind.MESSAGE_ADD)
    assert event.chat is not None
    assert (event.chat.chat_id, event.chat.entity_type, event.chat.entity_id) == (1777, "CRM", "DEAL|1663")


def test_an_event_in_json_is_the_same_event(receiver: Receiver) -> None:
    auth = {"member_id": MEMBER_ID, "application_token": TOKEN}
    data = {"message": {"id": 789, "chatId": 1777}, "chat": {"id": 1777}}
    given = {"event": "ONIMBOTV2MESSAGEADD", "data": data, "auth": auth}
    receiver.receive(json.dumps(given).encode(), "application/json; charset=utf-8")
    (record,) = receiver.records
    assert record.event.message is not None
    assert record.event.message.message_id == 789


def test_log_line_identifies_the_event_and_never_contains_its_text(receiver: Receiver, output: Output) -> None:
    receiver.receive(body_of())
    (line,) = output.lines
    (record,) = receiver.records
    logged = {name: line[name] for name in ("event", "portal", "event_id", "chat_id", "queued_via")}
    assert logged == {
        "event": "ONIMBOTV2MESSAGEADD",
        "portal": MEMBER_ID,
        "event_id": record.event_id,
        "chat_id": 1777,
        "queued_via": "queue",
    }
    assert TEXT not in output.text
    assert output.metric("EventsReceived", event="ONIMBOTV2MESSAGEADD") == 1


@pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if kind is not EventKind.APPLICATION])
def test_every_event_of_a_bot_is_queued_and_counted_by_its_name(receiver: Receiver, output: Output, name: str) -> None:
    receiver.receive(body_of({"event": name}))
    assert [record.event.kind for record in receiver.records] == [KINDS[name]]
    assert output.metric("EventsReceived", event=name) == 1


def test_unknown_event_is_queued_too(receiver: Receiver, output: Output) -> None:
    receiver.receive(body_of({"event": "ONIMBOTV9DREAM"}))
    (record,) = receiver.records
    assert (record.event.name, record.event.kind) == ("ONIMBOTV9DREAM", EventKind.OTHER)
    assert output.metric("EventsReceived", event="OTHER") == 1


@pytest.mark.parametrize("name", ["ONIMBOTV2MESSAGEADD", "ONIMBOTV9DREAM"])
@pytest.mark.parametrize("way", ["queue", "worker"])
def test_no_token_is_sent_to_the_queue_or_to_the_worker(receiver: Receiver, name: str, way: str) -> None:
    if way == "worker":
        receiver.queue.outcome = AWAY
    receiver.receive(body_of({"event": name}))
    sent = str(receiver.queue.bodies) + str(receiver.worker.bodies)
    assert [secret for secret in SECRETS if secret in sent] == []


def test_the_same_event_sent_again_with_other_tokens_has_the_same_id(receiver: Receiver) -> None:
    again = {"ts": "1772093999", "auth[access_token]": "an0ther-acc3ss", "event_handler_id": "404"}
    for changes in ({}, again, {"data[message][id]": "790"}):
        receiver.receive(body_of(changes))
    first, second, third = (record.event_id for record in receiver.records)
    assert first == second != third


def test_the_same_event_of_another_portal_has_another_id(receiver: Receiver) -> None:
    receiver.receive(body_of())
    receiver.receive(body_of({"auth[member_id]": "e" * 32, "auth[application_token]": OTHER_TOKEN}))
    first, second = receiver.records
    assert first.event_id != second.event_id


def test_event_that_names_only_a_domain_belongs_to_its_portal(receiver: Receiver) -> None:
    brief = {"auth[member_id]": None, "data[bot][auth][member_id]": None}
    receiver.receive(body_of())
    receiver.receive(body_of(brief))
    assert [record.member_id for record in receiver.records] == [MEMBER_ID] * 2
    assert len({record.event_id for record in receiver.records}) == 1


# -- refused events ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("changes", "reason"), FORGERIES.values(), ids=FORGERIES.keys())
def test_a_forged_event_is_refused_counted_by_its_reason_and_not_queued(
    receiver: Receiver, reads: list[str], output: Output, changes: Changes, reason: str
) -> None:
    with pytest.raises(EventRejected) as raised:
        receiver.receive(body_of(changes))
    assert reason not in raised.value.detail  # a forger must not learn which check failed
    assert output.metric("EventsRejected", reason=reason) == 1
    assert output.metric("EventsReceived") == 0
    assert len(reads) <= 1
    assert (receiver.queue.sent, receiver.worker.sent) == ([], [])


def test_the_token_of_another_portal_is_refused(receiver: Receiver, output: Output) -> None:
    with pytest.raises(EventRejected):
        receiver.receive(body_of({"auth[application_token]": OTHER_TOKEN}))
    assert output.metric("EventsRejected", reason="wrong_token") == 1


def test_text_of_an_event_is_read_only_after_its_proof(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    def stripped(*_: object) -> NoReturn:
        raise AssertionError("read before the proof")

    monkeypatch.setattr("chat_lookup.events.decoder.without_credentials", stripped)
    with pytest.raises(EventRejected):
        receiver.receive(body_of({"auth[application_token]": OTHER_TOKEN}))


def test_an_event_of_a_portal_that_is_uninstalled_is_refused(
    receiver: Receiver, stores: Stores, clock: ManualClock, output: Output
) -> None:
    Portals(stores.portal_rows, clock).save(PORTAL._replace(state=PortalState.UNINSTALLED))
    with pytest.raises(EventRejected):
        receiver.receive(body_of())
    assert output.metric("EventsRejected", reason="not_installed") == 1


@pytest.mark.parametrize("name", ["ONAPPINSTALL", "ONAPPUPDATE", "ONAPPUNINSTALL", "onappuninstall"])
@pytest.mark.parametrize("token", [TOKEN, "made-up", None])
def test_event_of_the_applications_lifecycle_is_ignored_unread(
    receiver: Receiver, reads: list[str], output: Output, name: str, token: str | None
) -> None:
    receiver.receive(body_of({"event": name, "auth[application_token]": token}))
    assert output.metric("EventsRejected", reason="wrong_address") == 1
    assert (reads, receiver.queue.sent) == ([], [])


UNREADABLE = {
    "nothing": b"",
    "an event without a proof": b"event=ONIMBOTMESSAGEADD[",
    "not UTF-8": b"event=%FF",
    "too many fields": urlencode({f"x{number}": "" for number in range(20_000)}).encode(),
    "too deep": ("event=X&" + "auth" + "[b]" * 100 + "=1").encode(),
    "a damaged event without a proof": body_of({"event": None, "auth[application_token]": "made-up"}),
}


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_body_that_is_no_event_is_malformed_and_not_lost(receiver: Receiver, output: Output, body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        receiver.receive(body)
    assert output.metric("EventsRejected", reason="malformed") == 1
    assert (output.metric("EventsLost"), receiver.queue.sent) == (0, [])


DAMAGED: dict[str, Changes] = {
    "no event": {"event": None},
    "an event without a name": {"event": ""},
    "a map for a name": {"event": None, "event[x]": "ONIMBOTMESSAGEADD"},
    "a sentence for a name": {"event": "drop table portals"},
    "a bracket in a field of the proof": {"auth[sco[pe]": "im"},
    "a byte that is no UTF-8 in the proof": {"auth[scope]": "\udcff"},
    "a value in place of the proof": {"auth": "1"},
    "a key too long": {f"auth[{'x' * 201}]": "1"},
    "too many fields": {f"auth[{number}]": "1" for number in range(5001)},
}


@pytest.mark.parametrize("changes", DAMAGED.values(), ids=DAMAGED.keys())
def test_event_of_a_portal_with_a_damaged_proof_is_malformed_and_reported_lost(
    receiver: Receiver, output: Output, changes: Changes
) -> None:
    with pytest.raises(InvalidRequest):
        receiver.receive(body_of(changes), request_id="request-7")
    assert output.metric("EventsRejected", reason="malformed") == 1
    assert output.metric("EventsLost", reason="malformed") == 1
    lost = next(line for line in output.lines if line["message"] == "EventsLost")
    assert (lost["level"], lost["claimed_portal"], lost["loss_reason"]) == ("ERROR", MEMBER_ID, "malformed")
    assert receiver.queue.sent == []
    assert [secret for secret in (TEXT, *SECRETS) if secret in output.text] == []


TRIMMED: dict[str, tuple[Changes, int]] = {
    "a bracket that does not match": ({"data[message[": "1"}, 1),
    "a bracket in a key": ({"data[message][par[ams]": "1"}, 1),
    "a key too long": ({f"data[message][{'x' * 201}]": "1"}, 1),
    "too deep": ({"data" + "[x]" * 25: "1"}, 1),
    "too many fields": ({f"data[x][{number}]": "1" for number in range(5001)}, 22),
    "a byte that is no UTF-8": ({"data[user][name]": "a\udcff"}, 0),
    "a value and a map": ({"data[user][name]": "a", "data[user][name][x]": "b"}, 0),
    "an empty name": ({"": "1", "data[user][]": "1"}, 0),
    "more credentials than an event has": ({f"data[{number}][token]": f"secret-{number}" for number in range(101)}, 1),
}


@pytest.mark.parametrize(("changes", "dropped"), TRIMMED.values(), ids=TRIMMED.keys())
def test_event_of_a_portal_is_queued_without_the_fields_that_cannot_be_read(
    receiver: Receiver, output: Output, changes: Changes, dropped: int
) -> None:
    receiver.receive(body_of(changes))
    (record,) = receiver.records
    assert (record.member_id, record.event.name) == (MEMBER_ID, "ONIMBOTV2MESSAGEADD")
    assert output.metric("EventsTrimmed") == (1 if dropped else 0)
    assert output.lines[-1].get("dropped_fields", 0) == dropped
    assert output.metric("EventsLost") == output.metric("EventsRejected") == 0


def test_field_that_anybody_could_have_sent_is_not_counted_as_dropped(receiver: Receiver, output: Output) -> None:
    with pytest.raises(EventRejected):
        receiver.receive(body_of({"data[message[": "1", "auth[application_token]": "made-up"}))
    assert output.metric("EventsTrimmed") == 0


def test_more_than_a_megabyte_is_too_large(receiver: Receiver, output: Output) -> None:
    with pytest.raises(BodyTooLarge):
        receiver.receive(b"e" * TOO_MUCH)
    assert output.metric("EventsRejected", reason="too_large") == 1


@pytest.mark.parametrize(
    ("body", "logged"),
    [
        (
            body_of({"auth[application_token]": "canary-t0ken-t0ken"}),
            {"rejection_reason": "wrong_token", "event": "ONIMBOTV2MESSAGEADD", "claimed_portal": MEMBER_ID},
        ),
        (
            body_of({"auth[application_token]": "canary-t0ken-t0ken", "event": "CANARY", "auth[member_id]": "0" * 32}),
            {"rejection_reason": "unknown_portal", "claimed_portal": "0" * 32},
        ),
        (
            body_of({"auth[application_token]": "canary-t0ken-t0ken", "auth[member_id]": "canary canary"}),
            {"rejection_reason": "wrong_token", "event": "ONIMBOTV2MESSAGEADD", "claimed_portal": MEMBER_ID},
        ),
        (b"event=CANARY%20canary&canary=canary", {"rejection_reason": "malformed"}),
    ],
)
def test_rejected_event_is_logged_with_reason_and_valid_names_only(
    receiver: Receiver, output: Output, body: bytes, logged: dict[str, str]
) -> None:
    with pytest.raises(ChatLookupError):
        receiver.receive(body)
    (line,) = output.lines
    usual = {"level", "message", "timestamp", "service", "request_id"}
    assert {name: value for name, value in line.items() if name not in usual} == logged
    assert "canary" not in output.text.lower()


@pytest.mark.parametrize("token", ["request", "EventsRejected", MEMBER_ID, "claimed_portal", '"level":"'])
def test_words_of_the_log_are_not_masked_if_a_sender_uses_them_as_a_token(
    receiver: Receiver, telemetry: Telemetry, stores: Stores, clock: ManualClock, token: str
) -> None:
    with pytest.raises(EventRejected):
        receiver.receive(body_of({"auth[application_token]": token}))
    # Not even after an installation with one: the authorisation server issues no application tokens.
    chosen = PORTAL._replace(application_tokens=frozenset({hashed(token)}))
    Portals(stores.portal_rows, clock).save(chosen)
    receiver.receive(body_of({"auth[application_token]": token}))
    assert telemetry.redactor.clean(token) == token


# -- lost events -------------------------------------------------------------------------------------------------------


def test_record_refused_by_the_queue_is_sent_to_the_worker(receiver: Receiver, output: Output) -> None:
    receiver.queue.outcome = AWAY
    receiver.receive(body_of())
    (sent,) = receiver.worker.bodies
    assert Record.from_json(sent["record"]).member_id == MEMBER_ID
    (line,) = output.lines
    assert (line["level"], line["queued_via"], line["queue_error"]) == ("WARNING", "worker", "InternalFailure")
    assert output.metric("EventsLost") == 0


def test_event_that_is_not_queued_is_reported_lost_without_its_text(receiver: Receiver, output: Output) -> None:
    receiver.queue.outcome = receiver.worker.outcome = AWAY
    with pytest.raises(StoreUnavailable):
        receiver.receive(body_of(), request_id="request-7")
    assert output.metric("EventsLost", reason="queue") == 1
    assert output.metric("EventsReceived", event="ONIMBOTV2MESSAGEADD") == 1
    lost = next(line for line in output.lines if line["message"] == "EventsLost")
    assert lost["level"] == "ERROR"
    assert (lost["event"], lost["portal"], lost["chat_id"]) == ("ONIMBOTV2MESSAGEADD", MEMBER_ID, 1777)
    assert (len(str(lost["event_id"])), lost["request_id"]) == (32, "request-7")
    assert TEXT not in output.text


Failure = Callable[[], Exception]


@pytest.mark.parametrize("failure", [TimeoutError, ValueError])
def test_event_that_cannot_be_verified_is_reported_lost_too(
    receiver: Receiver, stores: Stores, output: Output, monkeypatch: pytest.MonkeyPatch, failure: Failure
) -> None:
    def fail(**_: Any) -> None:
        raise failure()

    monkeypatch.setattr(stores.dynamodb, "get_item", fail)
    with pytest.raises((TimeoutError, ValueError)):
        receiver.receive(body_of())
    assert output.metric("EventsLost", reason="store") == 1
    lost = next(line for line in output.lines if line["message"] == "EventsLost")
    assert (lost["event"], lost["claimed_portal"]) == ("ONIMBOTV2MESSAGEADD", MEMBER_ID)
    assert "portal" not in lost
    assert receiver.queue.sent == []
