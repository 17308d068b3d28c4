"""Events with a changed byte: taken if their proof is whole, else counted as lost; PHP reads their proof alike."""

import os
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from random import Random
from typing import Final
from urllib.parse import unquote_to_bytes

import pytest

from chat_lookup.clock import Deadline
from chat_lookup.errors import EventRejected, InvalidRequest
from chat_lookup.events.decoder import decode
from chat_lookup.events.model import Record
from chat_lookup.events.queue import EventQueue, Way
from chat_lookup.events.receiver import Receiving
from chat_lookup.events.verification import Origin
from chat_lookup.http import php_arrays, php_forms
from chat_lookup.http.php_forms import FormRefused
from chat_lookup.observability.telemetry import Telemetry
from chat_lookup.portals.application_tokens import hashed
from chat_lookup.portals.store import Portals
from tests.fuzz.php_bodies import Tree, read_by_php
from tests.support.events.event_arrival import FORM, PORTAL
from tests.support.events.wire_events import APPLICATION_TOKEN, MEMBER_ID, NAMES, wire
from tests.support.fakes import ManualClock
from tests.support.stores.memory_stores import memory_stores

COUNT: Final = int(os.environ.get("MUTATIONS", "400"))
SEED: Final = int(os.environ.get("MUTATIONS_SEED", "20261129"))

pytestmark = pytest.mark.timeout(60 + COUNT / 20)


class Queue(EventQueue):
    """Keeps the records."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def put(self, record: Record, deadline: Deadline) -> Way:
        del deadline
        self.records.append(Record.from_json(record.to_json()))
        return Way.QUEUE


def mutations(rnd: Random, count: int) -> Iterator[bytes]:
    """Samples with a few bytes replaced, inserted or left out: anywhere, or in what proves the event.

    No NUL: `parse_str` ends the whole body there, and PHP's reading of a request the name only.
    """
    samples = [wire(name) for name in NAMES]
    for number in range(count):
        body = bytearray(samples[number % len(samples)])
        for _ in range(rnd.choice((1, 1, 1, 2, 5))):
            at = rnd.randrange(body.rindex(b"&ts=") if number % 3 == 0 and b"&ts=" in body else 0, len(body))
            odd = rnd.choice((rnd.randrange(1, 256), *b"[]%&=+. ", 0xFF, 0xD0, 0xED))
            body[at : at + rnd.choice((0, 1, 1, 1, 3))] = rnd.choice((b"", bytes([odd]), bytes([odd]), b"%%%02X" % odd))
        yield bytes(body)


def proof_of(body: bytes) -> bytes:
    """The fields that PHP reads into `event` and `auth`."""
    names = ((part, unquote_to_bytes(part.partition(b"=")[0].replace(b"+", b" "))) for part in body.split(b"&"))
    return b"&".join(part for part, name in names if php_arrays.variable(name.decode("latin-1")) in {"event", "auth"})


def is_of_the_portal(form: Tree) -> bool:
    auth = form.get("auth")
    return isinstance(auth, dict) and (
        (auth.get("member_id"), auth.get("application_token")) == (MEMBER_ID, APPLICATION_TOKEN)
    )


def must_be_taken(body: bytes) -> bool:
    """Whether the fields that prove the event are whole, by the strict rules, and prove it."""
    try:
        form = php_forms.decode(proof_of(body), FORM)
    except FormRefused:
        return False
    event = form.get("event")
    named = isinstance(event, str) and re.fullmatch(r"\w{1,100}", event, re.ASCII) is not None
    # A blank before a name is left out by PHP only.
    return named and form.keys() == {"event", "auth"} and is_of_the_portal(form)


class Counting(Telemetry):
    """Counts instead of printing."""

    def __init__(self) -> None:
        super().__init__(service="mutations", namespace="ChatLookup", level="INFO")
        self.counted: Counter[str] = Counter()

    def count(self, name: str, value: float = 1.0, /, **dimensions: str) -> None:
        del value
        self.counted[" ".join((name, *dimensions.values()))] += 1

    def alarm(self, message: str) -> None:
        self.counted[f"alarm {message}"] += 1


def test_changed_event_is_taken_or_counted_as_lost_and_php_reads_the_same_proof(clock: ManualClock) -> None:
    portals, queue, telemetry = Portals(memory_stores().portal_rows, clock), Queue(), Counting()
    portals.save(PORTAL._replace(member_id=MEMBER_ID, application_tokens=frozenset({hashed(APPLICATION_TOKEN)})))
    receiving = Receiving(Origin(portals, clock), queue, telemetry, clock)
    bodies = list(mutations(Random(SEED), COUNT))  # noqa: S311 - not for secrets
    lost = telemetry.counted
    for body, read in zip(bodies, read_by_php(bodies), strict=True):
        taken_before, lost_before = len(queue.records), lost["EventsLost malformed"]
        with suppress(InvalidRequest, EventRejected):
            receiving.receive(body, FORM, "request-1", Deadline.after(10, clock))
        if len(queue.records) > taken_before:
            form = decode(body, FORM).form
            assert (form["event"], form["auth"]) == (read["event"], read["auth"]), f"seed {SEED}: {body!r}"
            assert queue.records[-1].member_id == MEMBER_ID
        else:
            assert not must_be_taken(body), f"seed {SEED}: {decode(body, FORM).fault}: {body!r}"
            counted = lost["EventsLost malformed"] - lost_before
            assert counted or not is_of_the_portal(read), f"seed {SEED}: {body!r}"
    print(f"seed {SEED}, {COUNT} events, {len(queue.records)} taken:", dict(lost))  # noqa: T201 - the figures of the run
    assert lost["EventsLost malformed"] == lost["alarm EventsLost"] > 0
    assert lost["EventsTrimmed"] > 0
    assert len(queue.records) > COUNT / 2
