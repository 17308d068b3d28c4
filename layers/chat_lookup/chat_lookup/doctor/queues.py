"""Events that wait, and events that were given up: the two queues of the stack."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from chat_lookup.doctor.findings import Finding, FindingCode
from chat_lookup.observability.aws_failures import FAILED, code_of

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeNameType

MANY: Final = 500
"""Waiting events from which on the worker does not keep up: it works off 90 a second with its least concurrency."""
_COUNTED: "Final[tuple[QueueAttributeNameType, ...]]" = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)
"""What fails for a passing reason comes back with a delay, and waits as well."""


class QueueDepths:
    """Reads how many messages are in the queues."""

    def __init__(self, sqs: "Callable[[], SQSClient]", events_url: str, dead_letters_url: str) -> None:
        self._sqs = sqs
        self._events_url = events_url
        self._dead_letters_url = dead_letters_url

    def findings(self) -> Iterator[Finding]:
        """What is wrong with the queues; a queue that cannot be read is a finding, too."""
        for name, url, code, sentence, least in (
            ("event", self._events_url, FindingCode.EVENTS_WAITING, "About {} events wait for the worker", MANY),
            (
                "dead-letter",
                self._dead_letters_url,
                FindingCode.DEAD_LETTERS,
                "About {} events were given up and wait for an operator",
                1,
            ),
        ):
            if not url:
                yield Finding(FindingCode.NOT_CHECKED, f"The {name} queue cannot be read: its URL is not set")
                continue
            try:
                depth = self._depth(url)
            except FAILED as error:
                yield Finding(FindingCode.NOT_CHECKED, f"The {name} queue cannot be read: {code_of(error)}")
                continue
            if depth >= least:
                yield Finding(code, sentence.format(depth))

    def _depth(self, url: str) -> int:
        answer = self._sqs().get_queue_attributes(QueueUrl=url, AttributeNames=_COUNTED)
        return sum(int(answer["Attributes"][name]) for name in _COUNTED)
