"""Receives one event of a portal: reads, proves, strips its tokens, queues it. No other work while the portal waits."""

import logging
from typing import Final

from chat_lookup.bitrix24.event_names import KINDS, EventKind
from chat_lookup.clock import Clock, Deadline, bound_by
from chat_lookup.errors import (
    BodyTooLarge,
    EventRejected,
    InvalidRequest,
    LossReason,
    RejectionReason,
    StoreUnavailable,
)
from chat_lookup.events.decoder import LIMITS, Arrived, decode
from chat_lookup.events.model import Record, event_id
from chat_lookup.events.queue import EventQueue
from chat_lookup.events.verification import Origin
from chat_lookup.http.php_forms import FormBound, FormRefused
from chat_lookup.observability.telemetry import Telemetry
from chat_lookup.portals.portal import Portal

FOR_THE_QUEUE: Final = 5.0
"""Seconds that the proof leaves for queueing an event."""
LOST: Final = "EventsLost"
"""The metric, and the message of the log line with the details."""


class Receiving:
    """Receives events. Every one is counted: as received or as rejected with a reason, and also if it is lost."""

    def __init__(self, origin: Origin, queue: EventQueue, telemetry: Telemetry, clock: Clock) -> None:
        self._origin = origin
        self._queue = queue
        self._telemetry = telemetry
        self._clock = clock

    def receive(self, body: bytes, content_type: str, request_id: str, deadline: Deadline) -> None:
        """Queue the event in a body, unless it is an application event: those are received elsewhere.

        Ends by the deadline. Raises `InvalidRequest`, `BodyTooLarge`, `EventRejected`. An event that is lost, because a
        store does not respond or because what proves it is damaged, is counted and logged as such before an error is
        raised.
        """
        received_at = self._clock.now()
        arrived = self._read(body, content_type)
        self._telemetry.hide(*arrived.secrets)
        if arrived.kind is EventKind.APPLICATION:
            self._reject(RejectionReason.WRONG_ADDRESS, arrived)
            return
        with bound_by(deadline.sooner(FOR_THE_QUEUE)):
            portal = self._prove(arrived)
        if arrived.dropped:
            self._telemetry.count("EventsTrimmed")
            self._telemetry.note(level=logging.WARNING, dropped_fields=arrived.dropped)
        identity = event_id(portal.member_id, arrived.identity)
        self._queue_record(Record(identity, portal.member_id, received_at, request_id, arrived.event), deadline)

    def _read(self, body: bytes, content_type: str) -> Arrived:
        try:
            return decode(body, content_type)
        except FormRefused as error:
            if error.bound is FormBound.SIZE:
                self._reject(RejectionReason.TOO_LARGE)
                raise BodyTooLarge(f"The event has {len(body)} bytes, at most {LIMITS.size} are read") from None
            self._reject(RejectionReason.MALFORMED)
            raise InvalidRequest(f"The body cannot be read: {error.bound}") from None

    def _prove(self, arrived: Arrived) -> Portal:
        """The portal that sent an event. One that is damaged is lost if a portal sent it, and refused in any case."""
        try:
            portal = self._origin.portal_of(arrived)
        except EventRejected as error:
            if arrived.fault:
                raise self._malformed(arrived) from None
            self._reject(error.reason, arrived)
            raise
        except Exception:
            # Proved or not, the portal does not send it again.
            self._telemetry.note(level=logging.INFO, **_claims(arrived))
            self._lose(LossReason.STORE)
            raise
        if arrived.fault:
            refused = self._malformed(arrived)
            self._lose(LossReason.MALFORMED)
            raise refused
        return portal

    def _malformed(self, arrived: Arrived) -> InvalidRequest:
        self._reject(RejectionReason.MALFORMED, arrived)
        return InvalidRequest(f"The body is no event of a portal: {arrived.fault}")

    def _queue_record(self, record: Record, deadline: Deadline) -> None:
        event = record.event
        facts: dict[str, object] = {"event": event.name, "portal": record.member_id, "event_id": record.event_id}
        if event.chat and event.chat.chat_id:
            facts["chat_id"] = event.chat.chat_id
        self._telemetry.note(level=logging.INFO, **facts)
        self._telemetry.count("EventsReceived", event=event.name)
        try:
            self._telemetry.note(queued_via=self._queue.put(record, deadline))
        except StoreUnavailable:
            self._lose(LossReason.QUEUE)
            raise

    def _reject(self, reason: str, arrived: Arrived | None = None) -> None:
        self._telemetry.count("EventsRejected", reason=reason)
        self._telemetry.note(level=logging.INFO, rejection_reason=reason, **(_claims(arrived) if arrived else {}))

    def _lose(self, reason: LossReason) -> None:
        self._telemetry.count(LOST, reason=reason)
        self._telemetry.note(loss_reason=reason)
        self._telemetry.alarm(LOST)


def _claims(arrived: Arrived) -> dict[str, object]:
    """The fields of an unproved event that may be logged."""
    claims: dict[str, object] = {}
    if arrived.name in KINDS:
        claims["event"] = arrived.name
    if arrived.member_id:
        claims["claimed_portal"] = arrived.member_id
    return claims
