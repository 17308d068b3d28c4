"""The portal's REST interface: from a request to a reply."""

from collections.abc import Mapping

from local.portal.behaviour.limits import LeakyBucket, OperatingTime
from local.portal.behaviour.shape import Shape
from local.portal.content import chat_json
from local.portal.methods import (
    bot_messages,
    bots_v1,
    bots_v2,
    chats,
    commands_v2,
    crm,
    dialogs,
    event_bindings,
    open_lines,
    system,
    users,
)
from local.portal.methods.call import Call, Events, Method, Offered, Page
from local.portal.oauth.grant import BASIC, Grant
from local.portal.protocol import rest_wire
from local.portal.protocol.errors import Refused
from local.portal.rest import authentication, batch
from local.portal.state import State

_MODULES = (event_bindings, bot_messages, bots_v2, bots_v1, chats, commands_v2, crm, dialogs, open_lines, system, users)
METHODS: Mapping[str, Method] = {method.name.lower(): method for module in _MODULES for method in module.METHODS}
METHODS_V3: Mapping[str, Method] = {method.name.lower(): method for method in system.METHODS_V3}
_BATCH = "batch"
_V2 = "imbot.v2."  # whose samples have no operating time (bitrix24.md 2.5), and which some portals lack
_CATALOGUE: Mapping[str, Offered] = {_BATCH: Offered(_BATCH, BASIC)} | {
    name: Offered(method.name, method.scope) for name, method in METHODS.items()
}
_CATALOGUE_V1: Mapping[str, Offered] = {
    name: offered for name, offered in _CATALOGUE.items() if not name.startswith(_V2)
}


class Rest:
    """Answers REST calls, and counts what they have used up of the limits."""

    def __init__(self, state: State, events: Events) -> None:
        self._state = state
        self._events = events
        self._bucket = LeakyBucket()
        self._operating: dict[tuple[str, str], OperatingTime] = {}

    def reset(self) -> None:
        """Resets the limits."""
        self._bucket = LeakyBucket()
        self._operating.clear()

    def answer(self, request: rest_wire.RestRequest) -> rest_wire.Reply:
        """Decides on a request and records it. The caller sends the reply, late or not at all as the reply's fields
        define."""
        name = _documented_name(request.method)
        return self._state.recorded(name, request.params, lambda now: self._within_limits(request, now))

    def without_tls(self, request: rest_wire.RestRequest) -> rest_wire.Reply:
        """Refuses a request over plain HTTP, and records it."""
        name = _documented_name(request.method)
        refused = _refused(Refused("INVALID_REQUEST"), v3=request.v3)
        return self._state.recorded(name, request.params, lambda _: refused)

    def _within_limits(self, request: rest_wire.RestRequest, now: float) -> rest_wire.Reply:
        """Checks the limits first; requests that a fault makes fail count, too (bitrix24.md 6.1).

        Under a former host of the portal nothing is counted or read: the answer is a redirect to the new one (2.4).
        """
        identity = self._state.identity
        if identity.has_left(request.host):
            return rest_wire.redirect(identity.portal_url + request.uri)
        bucket = self._bucket.pour(now, self._state.plan)
        if bucket is None:
            return _refused(Refused("QUERY_LIMIT_EXCEEDED"), v3=request.v3)
        self._bucket = bucket
        fault = self._state.faults.of_request(request.method, request.params)
        if fault:
            return fault.shape(lambda: self._usual(request, now), v3=request.v3)
        return self._usual(request, now)

    def _usual(self, request: rest_wire.RestRequest, now: float) -> rest_wire.Reply:
        if request.malformed:
            return _refused(Refused("BITRIX_REST_V3_EXCEPTION_INVALIDJSONEXCEPTION"), v3=True)
        try:
            grant = authentication.authorise(self._state, request, now)
            if request.method.lower() == _BATCH and not request.v3:
                return self._batch(grant, request.params, now)
            result, time = self._perform(grant, request.method, request.params, v3=request.v3)
        except Refused as refused:
            return _refused(refused, v3=request.v3)
        if isinstance(result, Page):
            more = {"next": result.next, "total": result.total} if result.next else {"total": result.total}
            return rest_wire.success(result.items, time, more)
        return rest_wire.success(result, time)

    def _batch(self, grant: Grant, params: Mapping[str, object], now: float) -> rest_wire.Reply:
        late_ms = 0.0

        def perform(method: str, inner: Mapping[str, object]) -> tuple[object, batch.Time]:
            nonlocal late_ms
            fault = self._state.faults.of_inner_call(method, inner)
            if fault:
                late_ms += fault.delay_ms
                if refusal := fault.refusal():
                    raise refusal
            return self._perform(grant, method, inner)

        result = batch.run(params, perform)
        reply = rest_wire.success(result, chat_json.time(now, self._state.clock.now()))
        return rest_wire.Reply(reply.status, reply.body, delay_s=late_ms / 1000)

    def _perform(
        self, grant: Grant, name: str, params: Mapping[str, object], *, v3: bool = False
    ) -> tuple[object, dict[str, object]]:
        """One method's result and its `time`; raises Refused."""
        method = _granted(grant, name, self._state.shape, v3=v3)
        now = self._state.clock.now()
        account = (grant.account, method.name)
        spent = self._operating.get(account, OperatingTime())
        limit = self._state.plan.operating_limit
        if limit is not None and spent.spent_ms(now) >= limit * 1000:
            raise Refused("OPERATION_TIME_LIMIT")  # the call that exceeds the limit completes, the next one is refused
        cost_ms = self._state.plan.operating_cost_ms
        charged = self._operating[account] = spent.charge(now, cost_ms)
        shape = self._state.shape
        result = method.run(Call(grant, self._state.content, params, shape, _catalogue(shape), now, self._events))
        time = chat_json.time(now, self._state.clock.now(), cost_ms / 1000)
        if not method.name.startswith(_V2):
            time |= {"operating_reset_at": int(charged.reset_at(now)), "operating": charged.spent_ms(now) / 1000}
        return result, time


def _catalogue(shape: Shape) -> Mapping[str, Offered]:
    return _CATALOGUE_V1 if shape.bot_api == "v1" else _CATALOGUE


def _granted(grant: Grant, name: str, shape: Shape, *, v3: bool) -> Method:
    folded = name.lower()
    method = METHODS_V3.get(folded) if v3 else METHODS.get(folded)
    if method is None or not (v3 or folded in _catalogue(shape)):
        raise Refused("BITRIX_REST_V3_EXCEPTION_METHODNOTFOUNDEXCEPTION" if v3 else "ERROR_METHOD_NOT_FOUND")
    if not grant.allows(method.scope):
        raise Refused("BITRIX_REST_V3_EXCEPTION_INSUFFICIENTSCOPEEXCEPTION" if v3 else "insufficient_scope")
    return method


def _documented_name(name: str) -> str:
    """A method's documented spelling, so that one call has one name in the list; an unknown one as it was sent."""
    folded = name.lower()
    method = METHODS.get(folded)
    return method.name if method else _BATCH if folded == _BATCH else name


def _refused(refused: Refused, *, v3: bool) -> rest_wire.Reply:
    return rest_wire.failure(refused.status, refused.code, refused.description, v3=v3, field=refused.field)
