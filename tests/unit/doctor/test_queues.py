"""The depths of the queues, and queues that cannot be read."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from chat_lookup.doctor.findings import FindingCode
from chat_lookup.doctor.queues import MANY, QueueDepths

EVENTS, DEAD = "https://sqs/events", "https://sqs/dead"


def codes(events: object, dead: object) -> list[FindingCode]:
    """The findings where the queues have so many messages, or their reading fails so."""

    def attributes(*, QueueUrl: str, AttributeNames: tuple[str, ...]) -> dict[str, Any]:  # noqa: N803 - AWS's names
        depth = events if QueueUrl == EVENTS else dead
        if isinstance(depth, Exception):
            raise depth
        shares = dict.fromkeys(AttributeNames, "0") | {AttributeNames[-1]: str(depth)}
        return {"Attributes": shares}

    sqs = cast("Any", SimpleNamespace(get_queue_attributes=attributes))
    return [each.code for each in QueueDepths(lambda: sqs, EVENTS, DEAD).findings()]


@pytest.mark.parametrize(
    ("events", "dead", "found"),
    [
        (0, 0, []),
        (MANY - 1, 0, []),
        (MANY, 0, [FindingCode.EVENTS_WAITING]),
        (0, 1, [FindingCode.DEAD_LETTERS]),
        (MANY, 9, [FindingCode.EVENTS_WAITING, FindingCode.DEAD_LETTERS]),
        (ClientError({"Error": {"Code": "AccessDenied"}}, "GetQueueAttributes"), 1, [
            FindingCode.NOT_CHECKED, FindingCode.DEAD_LETTERS,
        ]),
        (0, EndpointConnectionError(endpoint_url="x"), [FindingCode.NOT_CHECKED]),
    ],
)  # fmt: skip
def test_depth_of_each_queue_is_compared_with_its_bound(events: object, dead: object, found: list[FindingCode]) -> None:
    assert codes(events, dead) == found


def test_queue_that_the_function_does_not_have_is_not_checked() -> None:
    def refuse() -> Any:
        raise AssertionError

    assert [each.code for each in QueueDepths(refuse, "", "").findings()] == [FindingCode.NOT_CHECKED] * 2
