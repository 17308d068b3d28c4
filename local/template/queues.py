"""Queues as `template.yaml` defines them, and the functions that process their messages."""

from collections.abc import Mapping
from dataclasses import dataclass

from local.template.intrinsics import ACCOUNT, REGION, Intrinsics, TemplateError, admit, mapping

QUEUE = "AWS::SQS::Queue"
QUEUE_ATTRIBUTES = frozenset({"DelaySeconds", "MaximumMessageSize", "MessageRetentionPeriod", "VisibilityTimeout"})
# Safety of the real queue. Its name, too: a local queue is named by its logical id, as the tables are.
QUEUE_PROPERTIES_OF_THE_CLOUD = frozenset(
    {
        "KmsDataKeyReusePeriodSeconds",
        "KmsMasterKeyId",
        "QueueName",
        "RedriveAllowPolicy",
        "SqsManagedSseEnabled",
        "Tags",
    }
)
SOURCE_PROPERTIES = frozenset({"BatchSize", "FunctionResponseTypes", "Queue"})
# How many batches the cloud processes at a time; the local run processes one.
SOURCE_PROPERTIES_OF_THE_CLOUD = frozenset({"ScalingConfig"})
LARGEST_BATCH = 10
"""The most messages of one receive; the cloud combines several for more."""
INVOKE_PROPERTIES = frozenset({"DestinationConfig", "MaximumRetryAttempts"})
RETRIES = 2
"""Lambda's own, of an asynchronous invocation that fails."""
_ARN = f"arn:aws:sqs:{REGION}:{ACCOUNT}:"


@dataclass(frozen=True, slots=True)
class Queue:
    """One queue: `attributes` for SQS's CreateQueue; after `receives` a message goes to the queue `dead_letters`."""

    name: str
    attributes: Mapping[str, str]
    dead_letters: str | None = None
    receives: int = 0


@dataclass(frozen=True, slots=True)
class EventSource:
    """A queue whose messages a function is invoked with. Without `reports_failures` a batch fails as a whole."""

    function: str
    queue: str
    batch_size: int
    reports_failures: bool


@dataclass(frozen=True, slots=True)
class Asynchronous:
    """What follows a failed asynchronous invocation: `retries`, then a record of it for a queue."""

    retries: int = RETRIES
    on_failure: str | None = None


def arn_of(name: str) -> str:
    """The value of `Fn::GetAtt` of a queue's `Arn`; only this module reads it, since regions of stores differ."""
    return _ARN + name


def read_queue(name: str, properties: Mapping[str, object], intrinsics: Intrinsics) -> Queue:
    """One AWS::SQS::Queue. Raises TemplateError."""
    admit(properties, QUEUE_ATTRIBUTES | QUEUE_PROPERTIES_OF_THE_CLOUD | {"RedrivePolicy"}, name)
    attributes = {
        each: intrinsics.text(properties[each], f"{name}.{each}") for each in properties.keys() & QUEUE_ATTRIBUTES
    }
    if "RedrivePolicy" not in properties:
        return Queue(name, attributes)
    place = f"{name}.RedrivePolicy"
    policy = mapping(properties["RedrivePolicy"], place)
    admit(policy, frozenset({"deadLetterTargetArn", "maxReceiveCount"}), place)
    receives = intrinsics.number(policy.get("maxReceiveCount"), f"{place}.maxReceiveCount")
    return Queue(name, attributes, _queue(policy.get("deadLetterTargetArn"), intrinsics, place), receives)


def read_source(function: str, properties: Mapping[str, object], intrinsics: Intrinsics, place: str) -> EventSource:
    """One event of type SQS. Raises TemplateError."""
    admit(properties, SOURCE_PROPERTIES | SOURCE_PROPERTIES_OF_THE_CLOUD, place)
    size = intrinsics.number(properties.get("BatchSize", LARGEST_BATCH), f"{place}.BatchSize")
    if not 1 <= size <= LARGEST_BATCH:
        raise TemplateError(f"{place}: the local run supports batches of 1 to {LARGEST_BATCH}")
    reports = properties.get("FunctionResponseTypes", [])
    if reports not in ([], ["ReportBatchItemFailures"]):
        raise TemplateError(f"{place}: the local run supports ReportBatchItemFailures only")
    return EventSource(function, _queue(properties.get("Queue"), intrinsics, place), size, bool(reports))


def read_asynchronous(properties: Mapping[str, object], intrinsics: Intrinsics, place: str) -> Asynchronous:
    """One EventInvokeConfig. Raises TemplateError."""
    admit(properties, INVOKE_PROPERTIES, place)
    retries = intrinsics.number(properties.get("MaximumRetryAttempts", RETRIES), f"{place}.MaximumRetryAttempts")
    destinations = mapping(properties.get("DestinationConfig", {}), place)
    admit(destinations, frozenset({"OnFailure"}), place)
    if "OnFailure" not in destinations:
        return Asynchronous(retries)
    on_failure = mapping(destinations["OnFailure"], place)
    return Asynchronous(retries, _queue(on_failure.get("Destination"), intrinsics, place))


def _queue(arn: object, intrinsics: Intrinsics, place: str) -> str:
    """The name of the queue that an ARN names."""
    named = intrinsics.text(arn, place)
    if not named.startswith(_ARN):
        raise TemplateError(f"{place}: the local run supports the template's own queues only")
    return named.removeprefix(_ARN)
