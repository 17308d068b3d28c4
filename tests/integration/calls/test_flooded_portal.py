"""One portal flooded with look-ups leaves another portal's, and the event receiver, what they need.

All share one process, its stores, and as many functions at a time as an account admits. Time stands still while the
flood waits for its slots: what is answered meanwhile was not waited for by anybody.
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
from tests.support.portals.portal_probe import until
from tests.support.service import Service

Answer = dict[str, Any]

FLOOD: Final = 500
AT_ONCE: Final = 60
"""Functions that run at a time: more than may wait for one portal, and far fewer than want to."""
RATE: Final = 5.0
BURST: Final = 1
OTHERS: Final = 20
NEIGHBOUR: Final = "1f0e1d2c3b4a5968778695a4b3c2d1e0"
APPLICATION_TOKEN: Final = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"
BOT: Final = 456
PATIENCE: Final = 60.0
_A_MOMENT: Final = 0.001
"""Seconds that are none: what rounding leaves between a slot and now."""


class HeldClock:
    """Time that stands still. Whoever sleeps does so until the test lets him wake; `asleep` tells how many did."""

    def __init__(self, now: float) -> None:
        self._now = now
        self._moved = threading.Condition()
        self._held = True
        self.asleep = 0

    def now(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        with self._moved:
            if seconds > _A_MOMENT:
                self.asleep += 1
                self._moved.wait_for(lambda: not self._held)

    def wake_all(self) -> None:
        """Nobody sleeps any more, nor from now on."""
        with self._moved:
            self._held = False
            self._moved.notify_all()


class NoPauses(Random):
    """Draws the least of everything: an attempt that failed, on a busy machine, is followed by the next at once."""

    def random(self) -> float:
        return 0.0


@dataclass(frozen=True)
class Account:
    """Everything that is invoked, by as many at a time as are admitted."""

    service: Service
    pool: ThreadPoolExecutor

    def looks_up(self, key: str, deal: int) -> "Future[Answer]":
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
        return self.pool.submit(self._invoked, "LookupFunction", event)

    def receives(self, sender: Sender, message_id: int) -> "Future[Answer]":
        body = sender.deal_message(
            "v2", message_id, 7_000_000 + message_id, f"DEAL|{200_000 + message_id}", 1_771_940_028
        )
        event = http_event(body, is_base64=True, request_id=f"event-{message_id}")
        return self.pool.submit(self._invoked, "EventsFunction", event)

    def _invoked(self, function: str, event: object) -> Answer:
        return cast(Answer, self.service.stack.backend.functions.invoke(function, event))


@pytest.fixture
def flooded(service: Service) -> str:
    """A key of a portal that is slow."""
    service.control("/plan", {"rate": 1000, "burst": 1000})
    service.admin("portal.set", portal=service.member_id, rate=RATE, burst=BURST)
    return service.api_key


@pytest.fixture
def neighbour(service: Service, flooded: str) -> str:
    """A key of another portal, which has a chat for each of its deals and sends events, too."""
    assert flooded
    local = service.stack.target.local
    assert local is not None
    service.admin("portal.add_webhook", member_id=NEIGHBOUR, webhook_url=local.webhook_url)
    portals = process.services().portals
    token = {"SS": [hashed(APPLICATION_TOKEN)]}
    assert portals.states.change(portals.named(NEIGHBOUR), bot_id={"N": str(BOT)}, application_tokens=token)
    for deal in range(OTHERS):
        service.control("/chats", {"entity_type": "CRM", "entity_id": f"DEAL|{deal}", "chat_id": 8_000_000 + deal})
    key: str = service.admin("keys.create", portal=NEIGHBOUR, label="neighbour")["key"]
    return key


@pytest.fixture
def clock(service: Service, flooded: str, neighbour: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[HeldClock]:
    """The time of the functions, once both portals are known."""
    assert flooded != neighbour
    monkeypatch.setattr(services, "SystemRandom", NoPauses)
    held = HeldClock(service.clock.now())
    lambda_runtime.put_clock(held)
    yield held
    lambda_runtime.put_clock(service.clock)


@pytest.fixture
def account(service: Service, clock: HeldClock) -> Iterator[Account]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield Account(service, pool)
        clock.wake_all()


def status(answer: "Future[Answer]") -> int:
    """What it came to; waits for it."""
    return int(answer.result(PATIENCE)["statusCode"])


def test_nobody_waits_for_those_who_wait_for_one_portal(
    service: Service, clock: HeldClock, account: Account, flooded: str, neighbour: str
) -> None:
    local = service.stack.target.local
    assert local is not None
    sender = Sender(NEIGHBOUR, local.domain, BOT, APPLICATION_TOKEN)

    flood = [account.looks_up(flooded, 100_000 + number) for number in range(FLOOD)]
    for number in range(OTHERS):
        assert status(account.looks_up(neighbour, number)) == 200
        assert status(account.receives(sender, number)) == 200

    # Not a moment has passed: whoever found room in the flooded portal's pace waits for his slot still, and all others
    # have been told when to come again.
    until(lambda: sum(not each.done() for each in flood) == clock.asleep, within_s=PATIENCE)
    assert 0 < clock.asleep <= MOST_WAITERS
    refused = [each.result() for each in flood if each.done() and status(each) == 429]
    assert len(refused) >= FLOOD - MOST_WAITERS - BURST
    assert all(int(answer["headers"]["retry-after"]) >= 1 for answer in refused)
