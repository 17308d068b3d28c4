"""Runs each kind of look-up and event once, in the state that its name describes, and counts it."""

import base64
import json
import os
import secrets
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import urllib3

from benchmarks.cost.call_counter import Counted, Counting
from benchmarks.cost.counted_objects import ObjectScene
from benchmarks.cost.kinds import (
    HIT,
    HIT_FIRST,
    HIT_IN_MEMORY,
    MISS,
    MISS_CONTENDED,
    MISS_EXPIRED,
    MISS_FIRST,
    RECEIVED,
    WORKED,
    WORKED_ASKING,
    WORKED_KNOWN,
)
from benchmarks.setting import LeftOut
from chat_lookup.calls.gcra import Pace, Share
from chat_lookup.calls.rate_limiter import Limiter
from chat_lookup.clock import Deadline
from chat_lookup.credentials.renewal import CHARGE
from chat_lookup.dynamodb import Table
from chat_lookup.portals.portal import DEFAULT_BURST, DEFAULT_RATE
from local.aws.queue_poller import sqs_event
from local.portal import LocalPortal
from local.stack import ROOT, LocalStack, Settings, running

_FORGOTTEN: Final = 60.0
"""Seconds after which a process has nothing of a portal in memory but its secret, and its rate limiter is idle."""
_AT_REST: Final = 2.0
"""Seconds after which the rate limiter is idle after some misses, and the portal is still in memory."""
_BETWEEN_ROUNDS: Final = 2 * CHARGE
"""Seconds that pay for the two renewals of a round: at its beginning by age, at its end because of a refusal."""
_RUNS: Final = 1_000_000
_ROUNDS_OF_A_RUN: Final = 100
_TYPE: Final = "ORDER"
_PACE: Final = Pace(DEFAULT_RATE, DEFAULT_BURST)
_BOT_ID: Final = "data%5Bbot%5D%5Bid%5D="
_BOT: Final = f"{_BOT_ID}4&"
"""The bot's field in the sample."""
_CHAT: Final = "1437"
"""The chat in the sample."""
_ENTITY_TYPE: Final = "data%5Bchat%5D%5BentityType%5D="
_UNWORKED: Final = "Unworked"


def counted(dynamodb_url: str, rounds: int) -> list[dict[str, Counted]]:
    """Each kind once in each round, after one round that does not count."""
    with tempfile.TemporaryDirectory() as name:
        counting = Counting(Path(name) / "stack/log.jsonl")
        with counting.listening(), running(Settings(Path(name) / "stack", dynamodb_url=dynamodb_url)) as stack:
            scene = _Scene(stack, counting)
            # Another run's rows may be in the same tables: no round has a number that one had before.
            first = secrets.randbelow(_RUNS) * _ROUNDS_OF_A_RUN
            return [scene.round(first + number) for number in range(rounds + 1)][1:]


@dataclass(slots=True)
class _Scene:
    stack: LocalStack
    counting: Counting
    _queue_url: str = field(init=False)
    _elsewhere: Limiter = field(init=False)
    _bot_id: int = field(init=False)

    def __post_init__(self) -> None:
        aws = self.stack.backend.aws
        # This queue is not polled: the worker is invoked here, where it is counted.
        self._queue_url = aws.sqs().create_queue(QueueName=_UNWORKED)["QueueUrl"]
        os.environ["EVENT_QUEUE_URL"] = self._queue_url
        self._bot_id = self._invoke("AdminFunction", {"command": "portals"})["portals"][0]["bot_id"]
        self._elsewhere = Limiter(Table(aws.dynamodb(), os.environ["CACHE_TABLE"]), self.stack.clock)

    def round(self, number: int) -> dict[str, Counted]:
        """Every kind once."""
        return self._look_ups(number) | self._events(number) | self._objects(number)

    def _look_ups(self, number: int) -> dict[str, Counted]:
        of, clock = self.counting.of, self.stack.clock
        clock.advance(_BETWEEN_ROUNDS)
        first, second, third, fourth, fifth, sixth = (f"{number}-{each}" for each in range(6))
        for each in (first, second, third, fourth, fifth, sixth):
            self._chat(each)
        for known in (first, second):
            self._look_up(known)
        clock.advance(_FORGOTTEN)
        counted = {
            HIT_FIRST: of(lambda: self._look_up(first)),
            HIT: of(lambda: self._look_up(second)),
            HIT_IN_MEMORY: of(lambda: self._look_up(second)),
            MISS_FIRST: of(lambda: self._look_up(third)),
            MISS: of(lambda: self._look_up(fourth)),
        }
        clock.advance(_AT_REST)
        self._elsewhere.wait(self.stack.member_id, _PACE, Share.INTERACTIVE, Deadline.after(1, clock))
        counted[MISS_CONTENDED] = of(lambda: self._look_up(fifth))
        self._control("/expire_tokens", {})
        counted[MISS_EXPIRED] = of(lambda: self._look_up(sixth))
        return counted

    def _events(self, number: int) -> dict[str, Counted]:
        order, deal = f"{number}-event", f"DEAL|{number}"
        self._receive(_TYPE, order)
        self._received()
        received = self.counting.of(lambda: self._receive(_TYPE, order))
        learned = partial(self._invoke, "WorkerFunction", self._received())
        self._receive("CRM", deal, self._chat(deal, "CRM"))
        # Processed twice: the first time asks the portal, and fills the cache.
        asking = partial(self._invoke, "WorkerFunction", self._received())
        counted = {RECEIVED: received}
        for kind, worked in ((WORKED, learned), (WORKED_ASKING, asking), (WORKED_KNOWN, asking)):
            self._remember()
            counted[kind] = self.counting.of(worked)
        return counted

    def _objects(self, number: int) -> dict[str, Counted]:
        scene = ObjectScene(self._portal(), self.counting, self._invoke, self._control, _sample, self._make_ready)
        return scene.round(number)

    def _make_ready(self) -> None:
        """Have the portal in the process's memory, and its rate limiter idle."""
        self._remember()
        self.stack.clock.advance(_AT_REST)

    def _remember(self) -> None:
        """Have the portal in the process's memory."""
        another = f"other-{secrets.token_hex(8)}"
        self._chat(another)
        self._look_up(another)

    def _chat(self, entity_id: str, entity_type: str = _TYPE) -> str:
        """Make a chat in the portal; its id."""
        pair = {"entity_type": entity_type, "entity_id": entity_id, "title": entity_id}
        return str(self._control("/chats", pair)["chat_id"])

    def _portal(self) -> LocalPortal:
        if self.stack.target.local is None:
            raise LeftOut("this stack has no portal of its own")
        return self.stack.target.local

    def _control(self, path: str, body: Mapping[str, object]) -> Any:
        answer = urllib3.request("POST", self._portal().control_url + path, json=body)
        if answer.status != HTTPStatus.OK:
            raise LeftOut(f"the local portal answers {answer.status} to {path}")
        return answer.json()

    def _look_up(self, entity_id: str) -> None:
        event = _sample("lookup-http")
        query = urlencode({"entity_type": _TYPE, "entity_id": entity_id})
        self._invoke("LookupFunction", {**event, "rawQueryString": query})

    def _receive(self, entity_type: str, entity_id: str, chat_id: str = _CHAT) -> None:
        """The event of our bot joining the chat of a pair."""
        event = _sample("bot-v2-join")
        body = base64.b64decode(event["body"]).decode()
        for there, here in (
            (_BOT, f"{_BOT_ID}{self._bot_id}&"),
            (f"{_ENTITY_TYPE}CRM", _ENTITY_TYPE + entity_type),
            ("DEAL%7C1663", entity_id.replace("|", "%7C")),
            (_CHAT, chat_id),
        ):
            body = body.replace(there, here)
        self._invoke("EventsFunction", {**event, "body": base64.b64encode(body.encode()).decode()})

    def _received(self) -> Mapping[str, object]:
        """The worker's event for the queued messages, which are deleted: a later round would receive them again."""
        sqs = self.stack.backend.aws.sqs()
        messages = sqs.receive_message(QueueUrl=self._queue_url, MessageSystemAttributeNames=["All"])["Messages"]
        for message in messages:
            sqs.delete_message(QueueUrl=self._queue_url, ReceiptHandle=message["ReceiptHandle"])
        return sqs_event(messages, _UNWORKED)

    def _invoke(self, function: str, event: object) -> Any:
        return self.stack.backend.functions.invoke(function, event)


def _sample(name: str) -> dict[str, Any]:
    sample: dict[str, Any] = json.loads((ROOT / f"events/{name}.json").read_text())
    return sample
