"""One request to a portal with a grant at hand: its slot, its attempts, and what the service learns from each of them.

Before an attempt it checks the circuit breaker and waits for a slot. After it circuit breaker, rate limiter and
operating time receive the outcome, and the retry policy decides on another attempt (design 5, Pace, and 6).
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from chat_lookup.bitrix24.batch import BatchOutcome
from chat_lookup.bitrix24.client import Answer, Bitrix24Client
from chat_lookup.bitrix24.error_table import OPERATION_TIME_LIMIT
from chat_lookup.bitrix24.errors import BitrixError, ErrorClass, classify
from chat_lookup.calls.circuit_breaker import Circuit
from chat_lookup.calls.circuit_state import State, shuts
from chat_lookup.calls.gcra import Pace, Share
from chat_lookup.calls.operating_time import Operating
from chat_lookup.calls.requests import Answered, OnSlot, Opened, PortalRequest
from chat_lookup.calls.retry_policy import RetryPolicy
from chat_lookup.clock import Clock, Deadline
from chat_lookup.credentials.grants import Grant
from chat_lookup.observability.aws_failures import FAILED, code_of
from chat_lookup.observability.metrics import METHODS
from chat_lookup.observability.telemetry import Telemetry
from chat_lookup.portals.failures import passing
from chat_lookup.portals.portal import Portal
from chat_lookup.portals.recovery import BLOCKED, UNREACHABLE, Recoveries

LEAST_FOR_A_CALL: Final = 1.0
"""Seconds that must be left for a call when its slot comes: a slot at the very end would be wasted."""
LEFT_AFTER_A_CALL: Final = 0.5
"""Seconds of the caller's deadline that a call leaves, for the writes after it."""
_TOO_MANY_REQUESTS: Final = 429
OWN_METHODS: Final = frozenset(each.casefold() for each in METHODS)
"""Methods that the service itself calls, folded: others teach nothing but limits (design 10, Closing)."""


class Slots(Protocol):
    """Gives requests their slots (`calls.rate_limiter.Limiter`, and what bounds a part of the callers besides)."""

    def wait(
        self, member_id: str, pace: Pace, share: Share, deadline: Deadline, *, on_slot: OnSlot | None = None
    ) -> float: ...

    def refused(self, member_id: str, pace: Pace, retry_at: float | None = None) -> None: ...

    def closed(self, member_id: str, pace: Pace, retry_at: float) -> None: ...


class Attempts:
    """Makes requests."""

    def __init__(
        self,
        client: Bitrix24Client,
        limiter: Slots,
        circuit: Circuit,
        operating: Operating,
        policy: RetryPolicy,
        telemetry: Telemetry,
        recoveries: Recoveries,
        clock: Clock,
    ) -> None:
        self._client = client
        self._limiter = limiter
        self._circuit = circuit
        self._operating = operating
        self._policy = policy
        self._telemetry = telemetry
        self._recoveries = recoveries
        self._clock = clock

    def is_shut(self, portal: Portal) -> bool:
        """Whether only a probe is let through to the portal."""
        return self._circuit.is_open(portal.member_id)

    def shut(self, portal: Portal, error: BitrixError) -> None:
        """Open the circuit of a portal that refuses all calls, as two signs show."""
        self._circuit.learn(portal.member_id, State(), error)

    def claim_sign(self, portal: Portal) -> bool:
        """Whether this process may call for a second sign."""
        return self._circuit.claim_sign(portal.member_id)

    def stopped(self, portal: Portal, method: str) -> BitrixError | None:
        """The error that the portal would return for a method whose operating time is spent; else None.

        When a retry is due, one caller receives None and has to call. Raises `PortalBlocked` and `PortalUnavailable`
        where the portal is not called at all.
        """
        self._circuit.check(portal.member_id)
        try:
            until = self._operating.stopped_until(portal.member_id, method)
        except FAILED as error:
            # As with the circuit: without the store, the portal itself answers.
            self._telemetry.note(level=logging.WARNING, cache_error=code_of(error))
            return None
        return (
            None
            if until is None
            else BitrixError(OPERATION_TIME_LIMIT, _TOO_MANY_REQUESTS, method=method, reset_at=until)
        )

    def make(
        self,
        request: PortalRequest[Answered],
        opened: Opened,
        portal: Portal,
        deadline: Deadline,
        share: Share,
        on_slot: OnSlot | None,
    ) -> Answered:
        """Make a request in the portal's pace, and again where the policy and the time left allow it.

        `opened` returns the grant when the slot has come. Raises what it raises, and the last attempt's
        `BitrixError`; `PortalBusy` where no slot lies before the deadline, `PortalBlocked` and `PortalUnavailable`
        where the portal is not called: the request was not sent then.
        """
        attempt = 1
        while True:
            grant = opened(self._wait(portal, deadline, share, on_slot))
            # A probe is for the service's own calls: a method that is slow by itself would use them all up.
            entered = self._circuit.enter(portal.member_id) if request.teaches else State()
            try:
                answered = self._sent(request, grant, deadline)
            except BitrixError as error:
                self._learn(portal, request, entered, [(request.name, error)])
                pause = self._policy.pause(attempt)
                again = self._may_repeat(request, error, attempt, share)
                if not again or not self._in_time(error, pause, deadline):
                    raise
            else:
                self._learn(portal, request, entered, list(request.outcomes(answered)))
                return answered
            attempt += 1
            self._telemetry.note(attempts=attempt)
            self._clock.sleep(pause)

    def once(self, request: PortalRequest[Answered], grant: Grant, portal: Portal, deadline: Deadline) -> Answered:
        """Make a request once, and learn nothing from it but the pace. Raises as `make`.

        For a grant that is not the portal's own: its outcome changes nothing but the pace, else the owner of any token
        could stop all other calls. The portal's limit is one for all tokens (bitrix24.md 6.1). And for a second sign,
        which `closing` evaluates.
        """
        self._wait(portal, deadline, Share.INTERACTIVE, None)
        try:
            return self._sent(request, grant, deadline)
        except BitrixError as error:
            self._telemetry.portal_error(error)
            with self._store_failures_ignored():
                self._learn_pace(portal, error)
            raise

    def _may_repeat(self, request: PortalRequest[Answered], error: BitrixError, attempt: int, share: Share) -> bool:
        """Whether another attempt is allowed. Not in the background: that is left out rather than asked twice."""
        if share is Share.BACKGROUND or not request.repeatable(error):
            return False
        return all(self._policy.may(error, method, attempt) for method in request.methods)

    def _in_time(self, error: BitrixError, pause: float, deadline: Deadline) -> bool:
        """Whether there is time for another attempt after the pause, and after the moment that the portal named."""
        named = 0.0 if error.retry_at is None else error.retry_at - self._clock.now()
        return deadline.left() >= max(pause, named) + LEAST_FOR_A_CALL

    def _wait(self, portal: Portal, deadline: Deadline, share: Share, on_slot: OnSlot | None) -> float:
        """Sleep until the slot, and return the seconds waited."""
        self._circuit.check(portal.member_id)
        sooner = deadline.sooner(LEAST_FOR_A_CALL)
        waited = self._limiter.wait(portal.member_id, _pace(portal), share, sooner, on_slot=on_slot)
        self._telemetry.count("LimiterWait", waited * 1000)
        return waited

    def _sent(self, request: PortalRequest[Answered], grant: Grant, deadline: Deadline) -> Answered:
        self._telemetry.count("PortalCalls", method=request.name)
        started = self._clock.now()
        answered = request.send(self._client, grant, deadline.sooner(LEFT_AFTER_A_CALL))
        self._telemetry.count("PortalLatency", (self._clock.now() - started) * 1000)
        return answered

    def _learn(
        self, portal: Portal, request: PortalRequest[Answered], entered: State, outcomes: list[tuple[str, BatchOutcome]]
    ) -> None:
        """Pass on an attempt's outcome. Never raises: the portal's reply is final, and a message may have been sent."""
        errors = [(method, outcome) for method, outcome in outcomes if isinstance(outcome, BitrixError)]
        for _, error in errors:
            self._telemetry.portal_error(error)
        member_id = portal.member_id
        with self._store_failures_ignored():
            if request.teaches:
                self._learn_availability(portal, entered, errors)
            for _, error in errors:
                self._learn_pace(portal, error)
            # Each method's last reply: its counters contain those before it. Then the refusal, which came last.
            for method, answer in {method: each for method, each in outcomes if isinstance(each, Answer)}.items():
                time = answer.time
                self._operating.note(member_id, method, time.operating, time.reset_at, duration=time.duration)
            for method, error in {
                method: each for method, each in errors if each.metric_code == OPERATION_TIME_LIMIT
            }.items():
                self._operating.stop(member_id, method, error.reset_at if error.retry_at is None else error.retry_at)

    def _learn_pace(self, portal: Portal, error: BitrixError) -> None:
        """A refusal for too many requests, and an outage that names its end, pause all callers for a while."""
        if error.too_many:
            self._limiter.refused(portal.member_id, _pace(portal), error.retry_at)
        elif error.error_class is ErrorClass.RETRY and error.retry_at is not None:
            self._limiter.closed(portal.member_id, _pace(portal), error.retry_at)

    @contextmanager
    def _store_failures_ignored(self) -> Iterator[None]:
        try:
            yield
        except FAILED as error:
            self._telemetry.note(level=logging.WARNING, feedback_error=type(error).__name__)

    def _learn_availability(self, portal: Portal, entered: State, errors: list[tuple[str, BitrixError]]) -> None:
        """Update the circuit, but not by undecided outcomes: an error page from a proxy in front of the portal, which
        may concern this request only; and, while the circuit is closed, a refusal of all calls without a second sign.
        """
        shut_by = next((error for method, error in errors if shuts(method, error)), None)
        undecided = any(_from_proxy(error) for _, error in errors)
        if shut_by is not None and shut_by.error_class is ErrorClass.PORTAL and not entered.code:
            undecided = True
        if not undecided and self._circuit.learn(portal.member_id, entered, shut_by):
            blocked = classify("", entered.code, entered.status).error_class is ErrorClass.PORTAL
            self._recoveries.report(portal, BLOCKED if blocked else UNREACHABLE, entered.code)


def _from_proxy(error: BitrixError) -> bool:
    """Whether something in front of the portal refused the request, with a status of its own."""
    return error.error_class is ErrorClass.RETRY and 400 <= error.status < 500 and passing(error)  # noqa: PLR2004


def _pace(portal: Portal) -> Pace:
    return Pace(portal.rate, portal.burst)
