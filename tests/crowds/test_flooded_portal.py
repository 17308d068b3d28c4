"""A portal flooded with look-ups delays neither the look-ups of another portal nor the event receiver.

All share one process, its stores, and the concurrent functions of one account. The clock is stopped while the flood
waits for its slots: a call that is answered meanwhile has not waited.
"""

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from random import Random
from typing import Any, Final, cast
from urllib.parse import urlencode

import pytest

from chat_lookup.bootstrap import process, services
from chat_lookup.calls.gcra import MOST_WAITERS
from chat_lookup.portals.application_tokens import hashed
from local.aws import lambda_runtime
from tests.chaos.events_bodies import Sender, http_event
from tests.support.processes.waiting import until
from tests.support.service import Service

Answer = dict[str, Any]

FLOOD: Final = 500
AT_ONCE: Final = 60
"""Concurrent functions: more than may wait for one portal, and far fewer than the look-ups of the flood."""
RUNNING: Final = 4
"""Of these, the functions that run at one moment; the others sleep, or wait to run. In an account each function has a
processor of its own, here they share one machine: with all at once the store answers later than its time-out."""
RATE: Final = 5.0
BURST: Final = 1
OTHERS: Final = 20
OTHER_PORTAL: Final = "1f0e1d2c3b4a5968778695a4b3c2d1e0"
APPLICATION_TOKEN: Final = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"
BOT: Final = 456
PATIENCE: Final = 60.0
_ROUNDING: Final = 0.001
"""Seconds that count as none: the rounding error between a slot and now."""


class HeldClock:
    """A stopped clock. A thread that sleeps waits until the test wakes all; `asleep` counts the threads that slept.

    `running` has a place for each function that runs: one that sleeps leaves its place to another.
    """

    def __init__(self, now: float) -> None:
        self.running = threading.Semaphore(RUNNING)
        self._now = now
        self._moved = threading.Condition()
        self._held = True
        self.asleep = 0

    def now(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        if seconds <= _ROUNDING:
            return
        with self._moved:
            if not self._held:
                return
            self.asleep += 1
            self.running.release()
            self._moved.wait_for(lambda: not self._held)
        self.running.acquire()

    def wake_all(self) -> None:
        """Wake all threads; from now on no thread sleeps."""
        with self._moved:
            self._held = False
            self._moved.notify_all()


class NoPauses(Random):
    """Draws the minimum: a failed attempt, on a busy machine, is repeated at once."""

    def random(self) -> float:
        return 0.0


@dataclass(frozen=True)
class Account:
    """Invokes the functions, at most `AT_ONCE` at a time."""

    service: Service
    pool: ThreadPoolExecutor
    clock: HeldClock

    def look_up(self, key: str, deal: int) -> "Future[Answer]":
        query = urlencode({"entity_type": "CRM", "entity_id": f"DEAL|{deal}"})
        context = {"requestId": f"request-{deal}", "http": {"method": "GET", "path": "/v1/chats"}}
        event = {
            "version": "2.0",
            "routeKey": "GET /v1/chats",
            "rawPath": "/v1/chats",
            "rawQueryString": query,
            "headers": {"x-api-key": key},
            "requestContext": context,
            "isBase64Encoded": False,
        }
        return self.pool.submit(self._invoke, "LookupFunction", event)

    def receive(self, sender: Sender, message_id: int) -> "Future[Answer]":
        body = sender.deal_message(
            "v2", message_id, 7_000_000 + message_id, f"DEAL|{200_000 + message_id}", 1_771_940_028
        )
        event = http_event(body, is_base64=True, request_id=f"event-{message_id}")
        return self.pool.submit(self._invoke, "EventsFunction", event)

    def _invoke(self, function: str, event: object) -> Answer:
        with self.clock.running:
            return cast(Answer, self.service.stack.backend.functions.invoke(function, event))


@pytest.fixture
def flooded(service: Service) -> str:
    """A key of a portal with a low rate limit."""
    service.control("/plan", {"rate": 1000, "burst": 1000})
    service.admin("portal.set", portal=service.member_id, rate=RATE, burst=BURST)
    return service.api_key


@pytest.fixture
def other_portal(service: Service, flooded: str) -> str:
    """A key of another portal, which has a chat for each of its deals and sends events."""
    assert flooded
    local = service.stack.target.local
    assert local is not None
    service.admin("portal.add_webhook", member_id=OTHER_PORTAL, webhook_url=local.webhook_url)
    portals = process.services().portals
    token = {"SS": [hashed(APPLICATION_TOKEN)]}
    assert portals.states.change(portals.named(OTHER_PORTAL), bot_id={"N": str(BOT)}, application_tokens=token)
    for deal in range(OTHERS):
        service.control("/chats", {"entity_type": "CRM", "entity_id": f"DEAL|{deal}", "chat_id": 8_000_000 + deal})
    key: str = service.admin("keys.create", portal=OTHER_PORTAL, label="other portal")["key"]
    return key


@pytest.fixture
def clock(service: Service, flooded: str, other_portal: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[HeldClock]:
    """The stopped clock of the functions, set after both portals are stored."""
    assert flooded != other_portal
    monkeypatch.setattr(services, "SystemRandom", NoPauses)
    held = HeldClock(service.clock.now())
    lambda_runtime.put_clock(held)
    yield held
    lambda_runtime.put_clock(service.clock)


@pytest.fixture
def account(service: Service, clock: HeldClock) -> Iterator[Account]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield Account(service, pool, clock)
        clock.wake_all()


def status(answer: "Future[Answer]") -> int:
    """Wait for the answer; return its status."""
    return int(answer.result(PATIENCE)["statusCode"])


def test_look_ups_and_events_of_another_portal_do_not_wait_for_the_flooded_portal(
    service: Service, clock: HeldClock, account: Account, flooded: str, other_portal: str
) -> None:
    local = service.stack.target.local
    assert local is not None
    sender = Sender(OTHER_PORTAL, local.domain, BOT, APPLICATION_TOKEN)

    flood = [account.look_up(flooded, 100_000 + number) for number in range(FLOOD)]
    for number in range(OTHERS):
        assert status(account.look_up(other_portal, number)) == 200
        assert status(account.receive(sender, number)) == 200

    # No time has passed: each look-up with a slot in the flooded portal still waits for it, and all others got a
    # Retry-After.
    until(lambda: sum(not each.done() for each in flood) == clock.asleep, within_s=PATIENCE)
    assert 0 < clock.asleep <= MOST_WAITERS
    refused = [each.result() for each in flood if each.done() and status(each) == 429]
    assert len(refused) >= FLOOD - MOST_WAITERS - BURST
    assert all(int(answer["headers"]["retry-after"]) >= 1 for answer in refused)
