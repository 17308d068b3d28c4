"""The portal's REST interface: from a request to a reply."""

import hmac
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from chat_lookup.clock import Clock
from local.portal import batch, chats, dialogs, rendering, system, wire
from local.portal.calling import BASIC, Call, Grant, Method, Shape
from local.portal.calls import CallLog, RecordedCall
from local.portal.content import Content
from local.portal.faults import FaultPlan
from local.portal.limits import LeakyBucket, OperatingTime, Plan
from local.portal.refusals import Refused

_METHODS: Mapping[str, Method] = {
    method.name.lower(): method for method in (*chats.METHODS, *dialogs.METHODS, *system.METHODS)
}
_METHODS_V3: Mapping[str, Method] = {method.name.lower(): method for method in system.METHODS_V3}
_BATCH = "batch"
_CATALOGUE: Mapping[str, str] = {_BATCH: BASIC} | {name: method.scope for name, method in _METHODS.items()}
_WITHOUT_OPERATING = "imbot.v2."  # whose samples have no such counters (bitrix24.md 2.5)


@dataclass(frozen=True, slots=True)
class Webhook:
    """An inbound webhook: its code lets a caller act as its user, within its scopes."""

    user_id: int
    code: str = field(repr=False)
    scopes: frozenset[str]

    def grant(self) -> Grant:
        return Grant(account=f"webhook of user {self.user_id}", user_id=self.user_id, scopes=self.scopes)


class Rest:
    """The portal as its callers meet it. `lock` is held by whoever reads or changes what is in here.

    One lock and no finer ones: a decision about the limits and what follows from it must not be torn apart, and each
    takes microseconds.
    """

    def __init__(self, clock: Clock, content: Content, webhook: Webhook) -> None:
        self.lock = threading.Lock()
        self.content = content
        self.webhook = webhook
        self.plan = Plan()
        self.result_shape: Shape = "object"
        self.faults = FaultPlan()
        self.calls = CallLog()
        self._clock = clock
        self._bucket = LeakyBucket()
        self._operating: dict[tuple[str, str], OperatingTime] = {}

    def reset(self) -> None:
        """Forgets calls, faults and what was used up, and puts the plan back; content and webhook stay."""
        self.plan = Plan()
        self.faults.clear()
        self.calls.clear()
        self._bucket = LeakyBucket()
        self._operating.clear()

    def answer(self, request: wire.RestRequest) -> wire.Reply:
        """Decides on a request and writes it down; the reply is the caller's to send, late or not at all if it says
        so."""
        with self.lock:
            at = self._clock.now()
            reply = self._within_limits(request, at)
            status = None if reply.drop else reply.status
            self.calls.add(RecordedCall(at, _documented_name(request.method), request.params, status, reply.error))
        return reply

    def _within_limits(self, request: wire.RestRequest, now: float) -> wire.Reply:
        """Limits come before all else, and what is told to fail counts, too: each request is one (bitrix24.md 6.1)."""
        bucket = self._bucket.pour(now, self.plan)
        if bucket is None:
            return _refused(Refused("QUERY_LIMIT_EXCEEDED"), v3=request.v3)
        self._bucket = bucket
        fault = self.faults.of_request(request.method, request.params)
        if fault:
            return fault.shape(lambda: self._usual(request, now), v3=request.v3)
        return self._usual(request, now)

    def _usual(self, request: wire.RestRequest, now: float) -> wire.Reply:
        try:
            grant = self._authorise(request)
            if request.method.lower() == _BATCH and not request.v3:
                return self._batch(grant, request.params, now)
            result, time = self._perform(grant, request.method, request.params, v3=request.v3)
        except Refused as refused:
            return _refused(refused, v3=request.v3)
        return wire.success(result, time)

    def _authorise(self, request: wire.RestRequest) -> Grant:
        """The grant of the webhook in the address.

        A wrong code is INVALID_CREDENTIALS, here with the status of the method pages, 401, and not the 403 of the
        shared table (bitrix24.md 7.1 has both); an address without a code has no authorisation at all.
        """
        if not request.code:
            raise Refused("NO_AUTH_FOUND")
        known = hmac.compare_digest(request.code.encode(), self.webhook.code.encode())
        if not (known and int(request.user) == self.webhook.user_id):
            raise Refused("INVALID_CREDENTIALS")
        return self.webhook.grant()

    def _batch(self, grant: Grant, params: Mapping[str, object], now: float) -> wire.Reply:
        late_ms = 0.0

        def perform(method: str, inner: Mapping[str, object]) -> tuple[object, batch.Time]:
            nonlocal late_ms
            fault = self.faults.of_inner_call(method, inner)
            if fault:
                late_ms += fault.delay_ms
                if refusal := fault.refusal():
                    raise refusal
            return self._perform(grant, method, inner)

        result = batch.run(params, perform)
        reply = wire.success(result, _time(now, self._clock.now()))
        return wire.Reply(reply.status, reply.body, delay_s=late_ms / 1000)

    def _perform(
        self, grant: Grant, name: str, params: Mapping[str, object], *, v3: bool = False
    ) -> tuple[object, dict[str, object]]:
        """One method's result and its `time`; raises Refused."""
        method = _granted(grant, name, v3=v3)
        now = self._clock.now()
        account = (grant.account, method.name)
        spent = self._operating.get(account, OperatingTime())
        limit = self.plan.operating_limit
        if limit is not None and spent.spent_ms(now) >= limit * 1000:
            raise Refused("OPERATION_TIME_LIMIT")  # the call that crosses the line completes, the next one is refused
        charged = self._operating[account] = spent.charge(now, self.plan.operating_cost_ms)
        result = method.run(Call(grant, self.content, params, self.result_shape, _CATALOGUE, now))
        time = _time(now, self._clock.now(), self.plan.operating_cost_ms / 1000)
        if not method.name.startswith(_WITHOUT_OPERATING):
            time |= {"operating_reset_at": int(charged.reset_at(now)), "operating": charged.spent_ms(now) / 1000}
        return result, time


def _granted(grant: Grant, name: str, *, v3: bool) -> Method:
    method = (_METHODS_V3 if v3 else _METHODS).get(name.lower())
    if method is None:
        raise Refused("BITRIX_REST_V3_EXCEPTION_METHODNOTFOUNDEXCEPTION" if v3 else "ERROR_METHOD_NOT_FOUND")
    if not grant.allows(method.scope):
        raise Refused("BITRIX_REST_V3_EXCEPTION_INSUFFICIENTSCOPEEXCEPTION" if v3 else "insufficient_scope")
    return method


def _documented_name(name: str) -> str:
    """A method as the documents spell it, so that one call has one name in the list; an unknown one as it was sent."""
    folded = name.lower()
    method = _METHODS.get(folded)
    return method.name if method else _BATCH if folded == _BATCH else name


def _refused(refused: Refused, *, v3: bool) -> wire.Reply:
    return wire.failure(refused.status, refused.code, refused.description, v3=v3)


def _time(start: float, finish: float, billed_s: float = 0.0) -> dict[str, object]:
    """The `time` of an answer (bitrix24.md 2.5). What is billed without being spent is told as if it had been."""
    finish = max(finish, start + billed_s)
    return {
        "start": start,
        "finish": finish,
        "duration": finish - start,
        "processing": billed_s,
        "date_start": rendering.moment(start),
        "date_finish": rendering.moment(finish),
    }
