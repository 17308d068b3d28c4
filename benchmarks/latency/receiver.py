"""The CPU time of the event receiver: the whole handler, from API Gateway's event to the call of the queue.

The body is a form of version 1, 6 KB: a message to a group with two bots, and no two bodies have the same bots. The
queue is a stub that takes no time; the portal's record is in memory, as that of a portal with frequent events.

The reference is the event reader of the vendor's SDK: it reads fields that were parsed before, here by the standard
library's `parse_qs`, and it neither proves the event nor passes it on.
"""

import base64
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final
from unittest.mock import patch
from urllib.parse import parse_qs, quote_plus

from b24pysdk.credentials import OAuthEventData  # type: ignore[import-untyped]  # it has annotations, but no py.typed

from benchmarks.latency.warm_service import Warm, answered, cpu_seconds_of, warm
from benchmarks.setting import Setting
from benchmarks.timing import Figure, alternate, pinned
from chat_lookup.events import decoder
from chat_lookup.portals.application_tokens import hashed
from local.stack import ROOT

_SAMPLE: Final = ROOT / "tests/samples/v1-message-add-group.txt"
_BOT: Final = "567"
_BLOCK: Final = f"data%5BBOT%5D%5B{_BOT}%5D"
_TOKEN: Final = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"  # noqa: S105 - the sample's own
_TEXT: Final = "When will they deliver, and who informs the client? Пришлите, пожалуйста, счёт за доставку. "
_FORM: Final = "application/x-www-form-urlencoded"
_BODIES: Final = 100
_ROUNDS: Final = 60
_CALLS: Final = 20

_OURS: Final = "ours"
_READ: Final = "reading alone"
_SDK: Final = "b24pysdk reading the same body"


def figures(setting: Setting) -> list[Figure]:
    """Raises LeftOut without a DynamoDB Local."""
    with warm(setting) as service, _queueing_nothing(service), pinned():
        taken = alternate(_subjects(service), setting.rounds(_ROUNDS))
    ours, read, theirs = ([seconds * 1e6 for seconds in taken[name]] for name in (_OURS, _READ, _SDK))
    return [
        Figure.paired("event of 6 KB received, CPU", _SDK, "µs", ours, theirs, 0.5),
        Figure.paired("event of 6 KB read, of that", _SDK, "µs", read, theirs),
        Figure.paired("event of 6 KB received, CPU", "one millisecond", "µs", ours, [1e3] * len(ours), 1.0),
    ]


def _subjects(service: Warm) -> dict[str, Callable[[], float]]:
    from functions.events import app  # noqa: PLC0415 - it belongs to the stack's environment

    bodies = [_body(str(first)) for first in range(1000, 1000 + 2 * _BODIES, 2)]
    sample, context = service.event("bot-v1-message-add"), service.context("EventsFunction")
    events = [sample | {"body": base64.b64encode(body).decode(), "isBase64Encoded": True} for body in bodies]
    answered(app.handler(events[0], context))

    def each(call: Callable[[Any], object], given: list[Any]) -> Callable[[], float]:
        turns = itertools.cycle(given)
        return cpu_seconds_of(lambda: call(next(turns)), _CALLS)

    return {
        _OURS: each(lambda event: app.handler(event, context), events),
        _READ: each(lambda body: decoder.decode(body, _FORM), bodies),
        _SDK: each(lambda body: OAuthEventData.from_dict(parse_qs(body.decode(), keep_blank_values=True)), bodies),
    }


def _body(bot: str) -> bytes:
    """The sample with bots of this number and the next one, and a longer message, which an event contains twice."""
    fields = _SAMPLE.read_text().strip().split("&")
    other = str(int(bot) + 1)
    bots = [field.replace(_BOT, each) for each in (bot, other) for field in fields if field.startswith(_BLOCK)]
    rest = "&".join(field.replace(_BOT, bot) for field in fields if not field.startswith(_BLOCK))
    for name in ("MESSAGE%5D=", "MESSAGE_ORIGINAL%5D="):
        rest = rest.replace(name, name + quote_plus(_TEXT))
    return "&".join([*bots, rest]).encode()


@contextmanager
def _queueing_nothing(service: Warm) -> Iterator[None]:
    """The portal's events can be proved, and are not queued."""
    from chat_lookup.bootstrap import aws_clients, process  # noqa: PLC0415 - as above

    portals = process.services().portals
    portal = portals.get(service.stack.member_id)
    portals.save(portal._replace(application_tokens=frozenset({hashed(_TOKEN)})))
    with patch.object(aws_clients, "sqs", lambda *_: _Queue()):
        yield
    process.receiving.cache_clear()


class _Queue:
    """A stub of the SQS client."""

    def send_message(self, **_: str) -> None:
        """Accept a message."""
