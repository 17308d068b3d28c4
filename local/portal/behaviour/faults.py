"""Faults on demand: what the portal does instead of its usual answer, defined in advance and repeatable."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from local.portal.protocol import rest_wire
from local.portal.protocol.errors import Refused, documented

EVERY_METHOD = "*"
_CREDENTIALS = frozenset({"auth", "client_secret", "refresh_token"})
LONGEST_DELAY_MS = 60_000  # no request lasts longer (bitrix24.md 6.3)


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to calls of `method` (folded, or `*` for every request to the portal; its authorisation server is
    another machine, so that `oauth/token` and `oauth/app.info` are matched by their names only).

    It answers with `body` unchanged, with an error body of code `error`, or with a page of `status`; or else the usual
    answer, late (`delay_ms`, real milliseconds), cut short (`truncate`, bytes that are sent) or with other values
    in some `fields` of its object (null: without them). `drop` ends the connection. At most `times` times, and with
    `probability`.
    """

    method: str
    status: int | None = None
    error: str | None = None
    error_description: str | None = None
    body: str | None = None
    content_type: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    delay_ms: float = 0.0
    drop: bool = False
    truncate: int | None = None
    fields: tuple[tuple[str, object], ...] = ()
    times: int | None = None
    probability: float = 1.0
    seed: str = ""

    def shape(self, usual: Callable[[], rest_wire.Reply], *, v3: bool = False) -> rest_wire.Reply:
        """The reply with this fault in it; `usual` is called only where the fault has no answer of its own."""
        reply = self._own_answer(v3=v3) or (rest_wire.Reply(0, b"") if self.drop else self._changed(usual()))
        return replace(
            reply,
            headers=(*reply.headers, *self.headers),
            content_type=self.content_type or reply.content_type,
            delay_s=reply.delay_s + self.delay_ms / 1000,
            drop=self.drop,
            truncate=self.truncate,
        )

    def _changed(self, usual: rest_wire.Reply) -> rest_wire.Reply:
        """The usual answer with other values in its fields; the call itself has had its usual effect."""
        if not self.fields or usual.error is not None:
            return usual
        values = {**json.loads(usual.body), **dict(self.fields)}
        body = {name: value for name, value in values.items() if value is not None}
        return replace(usual, body=rest_wire.encode(body))

    def refusal(self) -> Refused | None:
        """The same for one call inside a batch, where there is no status and no body of its own."""
        return None if self.error is None else Refused(self.error, description=self.error_description)

    def _own_answer(self, *, v3: bool) -> rest_wire.Reply | None:
        if self.body is not None:
            kind = rest_wire.JSON_TYPE if _is_json(self.body) else rest_wire.HTML_TYPE
            return rest_wire.Reply(self.status or 200, self.body.encode(), kind, error=self.error)
        if self.error is not None:
            status, description = documented(self.error)
            if self.error_description is not None:
                description = self.error_description
            return rest_wire.failure(self.status or status, self.error, description, v3=v3)
        if self.status is not None:
            return rest_wire.page(self.status)
        return None


@dataclass(slots=True)
class _Armed:
    """An active fault: how often it was applied, and how often the same call came."""

    fault: Fault
    number: int
    applied: int = 0
    seen: Counter[bytes] = field(default_factory=Counter)

    def applies(self, method: str, params: Mapping[str, object]) -> bool:
        if self.applied == self.fault.times or not self._drawn(method, params):
            return False
        self.applied += 1
        return True

    def _drawn(self, method: str, params: Mapping[str, object]) -> bool:
        """Depends on the seed, the call and how often it came, and on nothing else: neither on the order in which
        threads arrive nor on the credential of the call. So the same seed gives the same faults again."""
        if self.fault.probability >= 1:
            return True
        drawn_by = {name: value for name, value in params.items() if name.lower() not in _CREDENTIALS}
        call = hashlib.sha256(json.dumps([method, drawn_by], sort_keys=True).encode()).digest()
        self.seen[call] += 1
        draw = json.dumps([self.fault.seed, self.number, call.hex(), self.seen[call]])
        return int.from_bytes(hashlib.sha256(draw.encode()).digest()[:8]) / 2**64 < self.fault.probability


class FaultPlan:
    """All active faults; the first one that matches a call is applied."""

    def __init__(self) -> None:
        self._armed: list[_Armed] = []
        self._count = 0

    def arm(self, faults: Sequence[Fault]) -> None:
        """Adds faults in their order, before those that were added earlier."""
        numbered = [_Armed(fault, self._count + position) for position, fault in enumerate(faults)]
        self._count += len(faults)
        self._armed[:0] = numbered

    def clear(self) -> None:
        self._armed.clear()
        self._count = 0

    def armed(self) -> list[tuple[Fault, int]]:
        """The active faults in the order in which they are tried, each with how often it was applied."""
        return [(each.fault, each.applied) for each in self._armed]

    def of_request(self, method: str, params: Mapping[str, object]) -> Fault | None:
        """The fault for a whole request."""
        return self._first(method.lower(), params, _any)

    def of_authorisation(self, method: str, params: Mapping[str, object]) -> Fault | None:
        """The fault for a request to the authorisation server."""
        return self._first(method, params, lambda fault: fault.method != EVERY_METHOD)

    def of_inner_call(self, method: str, params: Mapping[str, object]) -> Fault | None:
        """The fault for one call inside a batch: only one defined for that method, with an error or a delay."""
        return self._first(method.lower(), params, lambda fault: fault.method != EVERY_METHOD and _fits_inside(fault))

    def _first(self, method: str, params: Mapping[str, object], fits: Callable[[Fault], bool]) -> Fault | None:
        for armed in self._armed:
            fault = armed.fault
            if fault.method in (method, EVERY_METHOD) and fits(fault) and armed.applies(method, params):
                return fault
        return None


def _any(_: Fault) -> bool:
    return True


def _fits_inside(fault: Fault) -> bool:
    return fault.error is not None or (fault.delay_ms > 0 and fault.body is None and fault.status is None)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
