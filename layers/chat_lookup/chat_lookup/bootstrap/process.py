"""What one process of a function has: made once, when a handler first asks for it. Only here the environment is read.

Every function pays at its start for what is imported at the top: only what all of them need is there.
"""

import os
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from chat_lookup import config
from chat_lookup.bootstrap import aws_clients, collector
from chat_lookup.clock import Clock, SystemClock
from chat_lookup.observability.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Callable

    from chat_lookup.bootstrap.services import Services
    from chat_lookup.bootstrap.worker import WorkerServices
    from chat_lookup.events.receiver import Receiving

clock: Clock = SystemClock()
"""The time of everything built here. A local run puts a clock that can be moved in its place, before it builds."""


@cache
def telemetry() -> Telemetry:
    """The logger and the metrics; made first and from defaults, so that a failing start can be reported."""
    return Telemetry(
        service=os.environ.get("POWERTOOLS_SERVICE_NAME") or "chat-lookup",
        namespace=os.environ.get("POWERTOOLS_METRICS_NAMESPACE") or "ChatLookup",
        level=(os.environ.get("LOG_LEVEL") or "INFO").upper(),
        metrics=os.environ.get("METRICS") or "all",
    )


def services() -> "Services":
    """Everything else. What this process alone has of a portal's tokens is brought in before anything uses them.

    Raises as `built`.
    """
    everything = built()
    everything.bring_in()
    return everything


@cache
def built() -> "Services":
    """Everything, once per process. Raises `ServiceMisconfigured`, and tries again at the next invocation then."""
    from chat_lookup.bootstrap.core import Clients  # noqa: PLC0415 - the events function does without all of this
    from chat_lookup.bootstrap.services import build  # noqa: PLC0415 - as above

    settings = config.from_environ(os.environ)
    clients = Clients(
        aws_clients.dynamodb(settings),
        aws_clients.secrets(settings),
        cache(partial(aws_clients.sqs, settings)),
        cache(partial(aws_clients.bus, settings)),
    )
    everything = build(settings, clients, telemetry(), clock)
    collector.started()
    return everything


@cache
def receiving() -> "Receiving":
    """What takes events in, and nothing besides: it can read no secret and call no portal. Raises as `services`."""
    from chat_lookup.dynamodb import Table  # noqa: PLC0415 - as below
    from chat_lookup.events.queue import EventQueue  # noqa: PLC0415 - no other function has a use for it
    from chat_lookup.events.receiver import Receiving  # noqa: PLC0415 - as above
    from chat_lookup.events.verification import Origin  # noqa: PLC0415 - as above
    from chat_lookup.portals.store import Portals  # noqa: PLC0415 - as above

    settings = config.from_environ(os.environ)
    table = Table(aws_clients.dynamodb(settings, aws_clients.PERSISTENT), settings.portal_table)
    portals = Portals(table, clock)
    queue = EventQueue(
        aws_clients.sqs(settings, aws_clients.HASTY),
        settings.event_queue_url,
        partial(aws_clients.lambda_, settings),
        settings.worker_function,
        telemetry(),
    )
    collector.started()
    return Receiving(Origin(portals, clock), queue, telemetry(), clock)


def working() -> "WorkerServices":
    """What works the events off. Raises as `services`."""
    return services().worker()


def before_snapshot(build: "Callable[[], object]") -> None:
    """Build at import where Lambda takes a snapshot after it (template.yaml, SnapStart): a first request finds it done.

    All that start from the snapshot have in common what is built here, so it may hold nothing that must differ or age:
    connections and memories come with requests, ids and keys from the system's random numbers at each call. Raises as
    `build`, and with that the deployment fails.
    """
    if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start":
        build()


@cache
def layer() -> str:
    """The hash of the layer that this function was built with, or `unbuilt` where it runs from its sources."""
    stamp = Path(os.environ.get("LAMBDA_TASK_ROOT", ".")) / "layer-stamp"
    return stamp.read_text().strip() if stamp.is_file() else "unbuilt"
