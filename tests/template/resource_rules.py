"""House rules of resources: functions and their logs, queues, tables, alarms, the edge, parameters.

The docstring of each is the rule; it yields the places in a form of a template (`template_forms`) that break it.
"""

import math
from graphlib import CycleError, TopologicalSorter

from tests.template.forms import Template
from tests.template.reading import (
    FUNCTION,
    QUEUE,
    TABLE,
    WRITTEN_FUNCTION,
    Places,
    dependencies,
    mappings,
    of_type,
    references,
    watched,
)

MEGABYTES = range(256, 1025)
# The second deletes what a first deployment made and failed with: it holds nothing yet.
RETAINED = frozenset({"Retain", "RetainExceptOnCreate"})
# By what invokes a function: the gateway times out after 30 s, callers and the queue may wait a minute.
SECONDS = {"HttpApi": 29, "SQS": 60, "invoked": 60, "Schedule": 300}
# Metrics of a queue that show messages waiting too long, or for an operator.
WAITING = frozenset({"ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage"})
CORS = ("CorsConfiguration", "Cors", "x-amazon-apigateway-cors", "cors")


def log_group(template: Template) -> Places:
    """Every function writes to its own log group, and every log group has a retention."""
    groups = dict(of_type(template, "AWS::Logs::LogGroup"))
    yield from (name for name, group in groups.items() if "RetentionInDays" not in group)
    taken: set[str] = set()
    for name, function in of_type(template, FUNCTION, WRITTEN_FUNCTION):
        own = references(function.get("LoggingConfig", {}).get("LogGroup")) & groups.keys() - taken
        if not own:
            yield name
        taken |= own


def json_logging(template: Template) -> Places:
    """Every function's log is JSON."""
    for name, function in of_type(template, FUNCTION):
        if function.get("LoggingConfig", {}).get("LogFormat") != "JSON":
            yield name


def tracing(template: Template) -> Places:
    """Every function is traced."""
    for name, function in of_type(template, FUNCTION):
        if function.get("TracingConfig") != {"Mode": "Active"}:
            yield name


def memory(template: Template) -> Places:
    """A function has 256 to 1,024 MB."""
    yield from (name for name, function in of_type(template, FUNCTION) if function.get("MemorySize") not in MEGABYTES)


def timeout(template: Template) -> Places:
    """A function's time-out is below that of its caller."""
    for name, function in of_type(template, WRITTEN_FUNCTION):
        waiting = {event["Type"] for event in function.get("Events", {}).values()} or {"invoked"}
        if function.get("Timeout", math.inf) > min(SECONDS[each] for each in waiting):
            yield name


def errors_alarm(template: Template) -> Places:
    """Every function has an alarm for its errors."""
    alarmed = [dimensions.get("FunctionName") for of, metric, dimensions in watched(template)
               if (of, metric) == ("AWS/Lambda", "Errors")]  # fmt: skip
    known = references(alarmed)
    yield from (name for name, _ in of_type(template, FUNCTION, WRITTEN_FUNCTION) if name not in known)


def queue_alarm(template: Template) -> Places:
    """Every queue has an alarm for its waiting messages."""
    alarmed = [dimensions.get("QueueName") for of, metric, dimensions in watched(template)
               if of == "AWS/SQS" and metric in WAITING]  # fmt: skip
    known = references(alarmed)
    yield from (name for name, _ in of_type(template, QUEUE) if name not in known)


def missing_data(template: Template) -> Places:
    """Every alarm sets the meaning of missing data."""
    for name, alarm in of_type(template, "AWS::CloudWatch::Alarm"):
        if "TreatMissingData" not in alarm:
            yield name


def encryption(template: Template) -> Places:
    """Queues and retained tables are encrypted."""
    for name, queue in of_type(template, QUEUE):
        if queue.get("SqsManagedSseEnabled") is not True and "KmsMasterKeyId" not in queue:
            yield name
    for name, table in of_type(template, TABLE):
        kept = template["Resources"][name].get("DeletionPolicy") in RETAINED
        if kept and table.get("SSESpecification", {}).get("SSEEnabled") is not True:
            yield name


def state(template: Template) -> Places:
    """A table is retained and can be restored, or its items expire."""
    for name, table in of_type(template, TABLE):
        resource = template["Resources"][name]
        kept = resource.get("DeletionPolicy") in RETAINED and resource.get("UpdateReplacePolicy") == "Retain"
        recovered = table.get("PointInTimeRecoverySpecification") == {"PointInTimeRecoveryEnabled": True}
        ends = table.get("TimeToLiveSpecification", {}).get("Enabled") is True
        if not ((kept and recovered) or ends):
            yield name


def cors(template: Template) -> Places:
    """CORS is closed."""
    for name, resource in template["Resources"].items():
        yield from (f"{name}: {key}" for each in mappings(resource) for key in CORS if key in each)


def parameter(template: Template) -> Places:
    """Every parameter has a description and bounds."""
    for name, each in template["Parameters"].items():
        if not each.get("Description") or not each.keys() & {"AllowedValues", "AllowedPattern", "MaxValue"}:
            yield name


def cycle(template: Template) -> Places:
    """No resource depends on itself."""
    try:
        TopologicalSorter(dependencies(template)).prepare()
    except CycleError as error:
        yield " - ".join(error.args[1])
