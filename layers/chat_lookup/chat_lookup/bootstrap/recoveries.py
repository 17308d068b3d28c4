"""The port of recoveries: counted, and queued for the worker, which publishes them (design 10, Closing)."""

import logging
from typing import TYPE_CHECKING

from chat_lookup.clock import Clock
from chat_lookup.observability.aws_failures import FAILED
from chat_lookup.observability.telemetry import Telemetry
from chat_lookup.portals.portal import Portal
from chat_lookup.portals.recovery import recovery_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_sqs import SQSClient


class QueuedRecoveries:
    """`portals.recovery.Recoveries`. `sqs` is called when a portal first opens; without a queue it is only counted."""

    def __init__(self, sqs: "Callable[[], SQSClient]", queue_url: str, telemetry: Telemetry, clock: Clock) -> None:
        self._sqs = sqs
        self._queue_url = queue_url
        self._telemetry = telemetry
        self._clock = clock

    def report(self, portal: Portal, state: str, code: str) -> None:
        """Count that a portal is open again, and queue it. A queue that refuses costs the message and no more."""
        self._telemetry.count("PortalRecoveries", state=state)
        self._telemetry.note(recovered=portal.member_id, recovered_from=state)
        if not self._queue_url:
            return
        message = recovery_of(portal, state, code, self._clock.now()).to_json()
        try:
            self._sqs().send_message(QueueUrl=self._queue_url, MessageBody=message, MessageGroupId=portal.member_id)
        except FAILED as error:
            self._telemetry.note(level=logging.WARNING, recovery_unqueued=type(error).__name__)
