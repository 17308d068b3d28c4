"""One request to a portal with a grant at hand: its slot, its attempts, and what the service learns from each of them.

Before an attempt: is the portal called at all, whose turn is it. After it: the circuit, the pace and the operating time
hear what came of it, and the retry policy whether there is another (design 5, Pace, and 6).
"""

import logging
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

from chat_lookup.bitrix24.batch import Outcome
from chat_lookup.bitrix24.client import Answer, Bitrix24Client
from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.calls.circuit_breaker import Circuit
from chat_lookup.calls.circuit_state import State, shuts
from chat_lookup.calls.gcra import Pace, Share
from chat_lookup.calls.operating_time import Operating
from chat_lookup.calls.rate_limiter import Limiter
from chat_lookup.calls.requests import SPENT, Answered, OnSlot, Request
from chat_lookup.calls.retry_policy import RetryPolicy
from chat_lookup.clock import Clock, Deadline
from chat_lookup.credentials.grants import Grant
from chat_lookup.observability.telemetry import Telemetry
from chat_lookup.portals.portal import Portal

LEAST_FOR_A_CALL: Final = 1.0
"""Seconds that are left for a call when its slot comes: a slot at the very end would be wasted."""
LEFT_AFTER_A_CALL: Final = 0.5
"""Seconds that a call leaves of the caller's time, for what is written after it."""
_TOO_MANY: Final = "QUERY_LIMIT_EXCEEDED"
_TOO_MANY_REQUESTS: Final = 429


class Attempts:
    """Makes requests."""

    def __init__(
        self,
        client: Bitrix24Client,
        limiter: Limiter,
        circuit: Circuit,
        operating: Operating,
        policy: RetryPolicy,
        telemetry: Telemetry,
        clock: Clock,
    ) -> None:
        self._client = client
        self._limiter = limiter
        self._circuit = circuit
        self._operating = operating
        self._policy = policy
        self._telemetry = telemetry
        self._clock = clock

    def stopped(self, portal: Portal, method: str) -> BitrixError | None:
        """What the portal would answer to a method whose operating time is spent, known without asking; else None.

        None is said to one caller when the time has come to try it: he has to go on. Raises `PortalBlocked` and
        `PortalUnavailable` where the portal is not called at all.
        """
        self._circuit.check(portal.member_id)
        until = self._operating.stopped_until(portal.member_id, method)
        return None if until is None else BitrixError(SPENT, _TOO_MANY_REQUESTS, method=method, reset_at=until)

    def make(
        self,
        request: Request[Answered],
        grant: Grant,
        portal: Portal,
        deadline: Deadline,
        share: Share,
        on_slot: OnSlot | None,
    ) -> Answered:
        """Make a request in the portal's pace, and again where the policy and the time left allow it.

        Raises the last attempt's `BitrixError`; `PortalBusy` where no slot lies before the deadline, `PortalBlocked`
        and `PortalUnavailable` where the portal is not called: nothing that this request asks for was done then.
        """
        attempt = 1
        while True:
            self._wait(portal, deadline, share, on_slot)
            entered = self._circuit.enter(portal.member_id)
            try:
                answered = self._sent(request, grant, deadline)
            except BitrixError as error:
                self._learn(portal, entered, [(request.name, error)])
                pause = self._policy.pause(attempt)
                again = all(self._policy.may(error, method, attempt) for method in request.methods)
                if not again or not request.repeatable(error) or deadline.left() < pause + LEAST_FOR_A_CALL:
                    raise
            else:
                self._learn(portal, entered, list(request.outcomes(answered)))
                return answered
            attempt += 1
            self._telemetry.note(attempts=attempt)
            self._clock.sleep(pause)

    def once(self, request: Request[Answered], grant: Grant, portal: Portal, deadline: Deadline) -> Answered:
        """Make a request once, with a grant that is not the portal's own. Raises as `make`.

        Nothing follows from what comes of it: else whoever has some token could stop the calls of all the others.
        """
        self._wait(portal, deadline, Share.INTERACTIVE, None)
        try:
            return self._sent(request, grant, deadline)
        except BitrixError as error:
            self._telemetry.portal_error(error)
            raise

    def _wait(self, portal: Portal, deadline: Deadline, share: Share, on_slot: OnSlot | None) -> None:
        self._circuit.check(portal.member_id)
        sooner = deadline.sooner(LEAST_FOR_A_CALL)
        waited = self._limiter.wait(portal.member_id, _pace(portal), share, sooner, on_slot=on_slot)
        self._telemetry.count("LimiterWait", waited * 1000)

    def _sent(self, request: Request[Answered], grant: Grant, deadline: Deadline) -> Answered:
        self._telemetry.count("PortalCalls", method=request.name)
        started = self._clock.now()
        answered = request.send(self._client, grant, deadline.sooner(LEFT_AFTER_A_CALL))
        self._telemetry.count("PortalLatency", (self._clock.now() - started) * 1000)
        return answered

    def _learn(self, portal: Portal, entered: State, outcomes: list[tuple[str, Outcome]]) -> None:
        """Pass on what came of an attempt. It fails nobody: what the portal said stands, and a message may be sent."""
        errors = [(method, outcome) for method, outcome in outcomes if isinstance(outcome, BitrixError)]
        for _, error in errors:
            self._telemetry.portal_error(error)
        member_id = portal.member_id
        try:
            shut_by = next((error for method, error in errors if shuts(method, error)), None)
            self._circuit.learn(member_id, entered, shut_by)
            for _, error in errors:
                if error.metric_code == _TOO_MANY:
                    self._limiter.refused(member_id, _pace(portal), error.reset_at)
            # Of each method the last answer: its counters hold those before it. Then what was refused, which came last.
            for method, answer in {method: each for method, each in outcomes if isinstance(each, Answer)}.items():
                time = answer.time
                self._operating.note(member_id, method, time.operating, time.reset_at, duration=time.duration)
            for method, error in {method: each for method, each in errors if each.metric_code == SPENT}.items():
                self._operating.stop(member_id, method, error.reset_at)
        except (ClientError, BotoCoreError) as error:
            self._telemetry.note(level=logging.WARNING, unlearned=type(error).__name__)


def _pace(portal: Portal) -> Pace:
    return Pace(portal.rate, portal.burst)
