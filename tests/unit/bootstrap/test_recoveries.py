"""A reopened portal is counted and queued; a failing queue raises no error to the caller."""

from typing import TYPE_CHECKING, cast

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from chat_lookup.bootstrap.recoveries import QueuedRecoveries
from chat_lookup.observability.metrics import CLOSED
from chat_lookup.observability.telemetry import Telemetry
from chat_lookup.portals.failures import ASKED_AGAIN
from chat_lookup.portals.portal import Portal, PortalState
from chat_lookup.portals.recovery import BLOCKED, UNREACHABLE, recovery_in
from tests.support.fakes import MEMBER_ID, ManualClock, Output

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

QUEUE = "https://sqs.us-east-1.amazonaws.com/000000000000/chat-lookup-events"
PORTAL = Portal(MEMBER_ID, "acme.bitrix24.com", "arn:secret", "version-1", closed_at=1_763_000_000.0)


class FakeQueue:
    """Implements the port of the SQS client; created at its first use."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.sent: list[tuple[str, str]] = []
        self.made = 0
        self._failure = failure

    def __call__(self) -> "SQSClient":
        self.made += 1
        return cast("SQSClient", self)

    def send_message(self, *, QueueUrl: str, MessageBody: str, MessageGroupId: str) -> None:  # noqa: N803 - boto's names
        assert MessageGroupId == PORTAL.member_id
        if self._failure is not None:
            raise self._failure
        self.sent.append((QueueUrl, MessageBody))


def report(queue: FakeQueue, telemetry: Telemetry, clock: ManualClock, url: str = QUEUE, state: str = "unpaid") -> None:
    recoveries = QueuedRecoveries(queue, url, telemetry, clock)
    assert queue.made == 0, "a process in which no portal opens pays for no client"
    with telemetry.invocation("test"):
        recoveries.report(PORTAL, state, "PAYMENT_REQUIRED")


def test_recovery_is_counted_by_state_and_queued(telemetry: Telemetry, clock: ManualClock, output: Output) -> None:
    queue = FakeQueue()
    report(queue, telemetry, clock)
    ((url, body),) = queue.sent
    recovery = recovery_in(body)
    assert url == QUEUE
    assert recovery is not None
    assert (recovery.member_id, recovery.state, recovery.recovered_at) == (MEMBER_ID, "unpaid", clock.now())
    assert output.metric("PortalRecoveries", state="unpaid") == 1
    assert (output.lines[0]["recovered"], output.lines[0]["recovered_from"]) == (MEMBER_ID, "unpaid")


@pytest.mark.parametrize(
    "failure",
    [
        ClientError({"Error": {"Code": "AccessDenied", "Message": "secret"}}, "SendMessage"),
        EndpointConnectionError(endpoint_url="https://sqs.example"),
    ],
)
def test_failing_queue_loses_the_message_only(
    telemetry: Telemetry, clock: ManualClock, output: Output, failure: Exception
) -> None:
    report(FakeQueue(failure), telemetry, clock)
    assert output.metric("PortalRecoveries", state="unpaid") == 1
    assert (output.lines[0]["level"], output.lines[0]["recovery_unqueued"]) == ("WARNING", type(failure).__name__)


def test_recovery_without_a_queue_is_counted(telemetry: Telemetry, clock: ManualClock, output: Output) -> None:
    queue = FakeQueue()
    report(queue, telemetry, clock, url="")
    assert queue.made == 0
    assert output.metric("PortalRecoveries", state="unpaid") == 1


def test_every_closed_state_that_can_end_has_a_metric_value() -> None:
    assert {*ASKED_AGAIN, PortalState.STOPPED, BLOCKED, UNREACHABLE} == CLOSED
