"""Logs and metrics: one structured log line per outcome, and metrics with closed sets of dimensions (design 7)."""

import json
import logging
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, TypeAlias

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import MetricUnit

from chat_lookup.bitrix24.errors import METRIC_CODES, BitrixError
from chat_lookup.bitrix24.event_names import KINDS
from chat_lookup.entity import EntityRef
from chat_lookup.observability.metrics import EMITTED, METHODS, METRICS, OTHER
from chat_lookup.observability.redaction import Redactor, own_forms

_MOST_VALUES: Final = 100
"""Values of a metric that CloudWatch reads in one blob."""
_OWN_FIELDS: Final = frozenset(
    {
        "level", "message", "timestamp", "service", "location", "xray_trace_id", "request_id", "route", "command",
        "problem", "portal", "key_id", "entity_id", "method", "source", "sources", "problems", "event_id", "outcome",
        "portal_error_class", "rejection_reason", "queued_via", "answer", "delivery", "learned", "hint", "bot",
        "remarks", "token_refresh", "recovered", "recovered_from", "recovery_unqueued", "orphaned_secrets",
        "cache_error", "lease_error", "feedback_error", "bus_error", "queue_error", "worker_error",
        "entity_lookup_error", "bot_failure", "answer_failure", "cache_failure", "bus_failure",
    }
)  # fmt: skip
"""Fields whose values the service, AWS or the tables write: nothing in them is masked. All other texts are cleaned."""
_OWN_WORDS: Final = METRIC_CODES | METHODS | {method.lower() for method in METHODS} | KINDS.keys()
"""Values of the other fields that are ours as well, where they are the whole value."""
_ENCODER: Final = json.JSONEncoder(default=str, ensure_ascii=False, separators=(",", ":"))
_DELETE: Final = "\x7f"
"""The one control character of ASCII that JSON does not escape."""
_MOST_OWN: Final = 4_000
"""Forms of texts of one invocation: a batch has a thousand pairs."""
_Metrics: TypeAlias = dict[str, tuple[MetricUnit, list[float]]]
"""Each metric's unit and values."""
_Counted: TypeAlias = dict[tuple[str, str], _Metrics]
"""By dimension and its value."""


class _Invocation:
    """The fields and metrics that one invocation writes when it ends."""

    __slots__ = ("counted", "fields", "level", "own")

    def __init__(self, fields: Mapping[str, object], own: Mapping[str, str]) -> None:
        self.fields = dict(fields)
        self.own = dict(own)
        """Texts that are replaced in this invocation's lines only, by their replacements."""
        self.counted: _Counted = {}
        self.level = logging.INFO


_invocation: ContextVar[_Invocation | None] = ContextVar("invocation", default=None)


class Telemetry:
    """One line and its metrics per invocation: `invocation` opens it, `note` and `count` fill it."""

    def __init__(self, *, service: str, namespace: str, level: str, metrics: str = "all") -> None:
        self.redactor = Redactor()
        self._service = service
        self._namespace = namespace
        # An odd value of METRICS emits all of them, as an odd LOG_LEVEL is INFO.
        self._emitted = EMITTED.get(metrics)
        # The level is given here, so that an odd LOG_LEVEL cannot stop a function from starting.
        self._logger = Logger(
            service=service,
            level=level if level in logging.getLevelNamesMapping() else "INFO",
            json_serializer=self._serialise,
            use_rfc3339=True,
            utc=True,
            location=None,  # always this module: no information
        )
        # Their debug lines hold URLs with secrets and signed headers (design 7).
        for name in ("urllib3", "botocore"):
            logging.getLogger(name).setLevel(logging.WARNING)

    def _serialise(self, line: Mapping[str, object]) -> str:
        """One line of JSON. Foreign values are cleaned before they are serialised, so that its form cannot change."""
        current = _invocation.get()
        own = current.own if current else {}
        cleaned = {name: value if name in _OWN_FIELDS else self._clean(value, own) for name, value in line.items()}
        text = _ENCODER.encode(cleaned)
        if text.isascii() and _DELETE not in text:
            return text
        # JSON admits inside texts what some readers take for the end of a line, and what a terminal obeys. Half an
        # emoji, which a portal may send, cannot be printed and would lose the line.
        whole = text.encode(errors="replace").decode()
        return "".join(each if each.isprintable() else json.dumps(each)[1:-1] for each in whole)

    def _clean(self, value: object, own: Mapping[str, str]) -> object:
        """The same value with its texts cleaned."""
        if isinstance(value, str):
            return value if value in _OWN_WORDS else self.redactor.clean(value, own)
        if value is None or isinstance(value, (int, float)):
            return value
        if isinstance(value, Mapping):
            return {name: self._clean(each, own) for name, each in value.items()}
        if isinstance(value, (list, tuple, set, frozenset)):
            return [self._clean(each, own) for each in value]
        return self.redactor.clean(str(value), own)

    @contextmanager
    def invocation(self, message: str, **fields: object) -> Iterator[None]:
        """Everything noted and counted inside is written once, at the end, also if the body raises."""
        outer = _invocation.get()
        token = _invocation.set(_Invocation(fields, outer.own if outer else {}))
        try:
            yield
        finally:
            self._write(message, _invocation.get() or _Invocation({}, {}))
            _invocation.reset(token)

    def note(self, *, level: int = logging.INFO, **fields: object) -> None:
        """Add fields to the line of this invocation; the highest level noted is the line's."""
        current = _invocation.get()
        if current is not None:
            current.fields.update(fields)
            current.level = max(current.level, level)

    def note_entity(self, ref: EntityRef) -> None:
        """Add an entity to the line of this invocation, its id as logs may contain it."""
        self.hide_entities((ref,))
        self.note(entity_type=ref.loggable_type, entity_id=ref.loggable_id)

    def hide(self, *texts: str | None) -> None:
        """Mask a caller's own texts, proved or not, in all lines of this invocation and in no other.

        So nothing that a caller sends can mask a word in the lines of others, or replace a registered secret.
        """
        for text in texts:
            self._hide(own_forms(text) if text else {})

    def hide_entities(self, refs: Iterable[EntityRef]) -> None:
        """Replace ids that logs must not contain, for instance where a portal quotes them, in the same way."""
        for ref in refs:
            loggable = ref.loggable_id
            if loggable != ref.entity_id:
                self._hide(own_forms(ref.entity_id, loggable))

    def _hide(self, forms: Mapping[str, str]) -> None:
        current = _invocation.get()
        if current is not None and len(current.own) < _MOST_OWN:
            current.own |= forms

    def count(self, name: str, value: float = 1.0, /, **dimensions: str) -> None:
        """Record one value of a metric of the table `METRICS`; `dimensions` name each of its dimensions."""
        current = _invocation.get()
        if current is not None:
            self._count(current.counted, name, value, dimensions)

    def count_at_once(self, name: str, /, **dimensions: str) -> None:
        """The same, printed now: for metrics that must not be lost if the process ends before the invocation does."""
        counted: _Counted = {}
        self._count(counted, name, 1.0, dimensions)
        self._print(counted)

    def _count(self, counted: _Counted, name: str, value: float, dimensions: Mapping[str, str]) -> None:
        for metric in METRICS[name]:
            given = dimensions[metric.dimension] if metric.dimension else ""
            value_of = given if not metric.dimension or given in metric.values else OTHER
            if self._emitted is None or (name, metric.dimension or "", value_of) in self._emitted:
                blob = counted.setdefault((metric.dimension or "", value_of), {})
                blob.setdefault(name, (metric.unit, []))[1].append(float(value))

    def portal_error(self, error: BitrixError) -> None:
        """Put a portal's error into the metric and on the invocation's line: its code as sent, and its text."""
        self.count("PortalErrors", code=error.metric_code, **{"class": error.error_class.value})
        self.note(
            level=logging.WARNING,
            portal_error=error.code,
            portal_error_class=error.error_class.value,
            portal_status=error.status,
            portal_description=error.description,
        )
        if error.connection is not None:
            self.note(portal_host=error.host, portal_connection=error.connection.value)

    def alarm(self, message: str) -> None:
        """Log an event that operators must see: a separate line at once, with all fields noted until now."""
        self._logger.error(message, extra=_noted())

    def fault(self, message: str, error: BaseException, **fields: object) -> None:
        """Log an unexpected error: the same, with the redacted traceback and these fields."""
        self._logger.error(message, exc_info=(type(error), error, error.__traceback__), extra=_noted() | fields)

    def _write(self, message: str, invocation: _Invocation) -> None:
        self._print(invocation.counted)
        write = {logging.WARNING: self._logger.warning, logging.ERROR: self._logger.error}
        write.get(invocation.level, self._logger.info)(message, extra=invocation.fields)

    def _print(self, counted: _Counted) -> None:
        """One blob per set of dimensions: metrics that share a blob share its dimensions, and the alarms would see
        nothing (design 7)."""
        for (dimension, value), metrics in counted.items():
            dimensions = {**({dimension: value} if dimension else {}), "service": self._service}
            for start in range(0, max(len(values) for _, values in metrics.values()), _MOST_VALUES):
                end = start + _MOST_VALUES
                some = {
                    name: (unit, values[start:end]) for name, (unit, values) in metrics.items() if values[start:end]
                }
                sys.stdout.write(_blob(self._namespace, dimensions, some) + "\n")


def _blob(namespace: str, dimensions: Mapping[str, str], metrics: _Metrics) -> str:
    """Metrics as CloudWatch reads them in a log (embedded metric format).

    Powertools writes the same; building and checking its objects took longer than the rest of a cache hit in memory.
    """
    described = {
        "Namespace": namespace,
        "Dimensions": [list(dimensions)],
        "Metrics": [{"Name": name, "Unit": unit.value} for name, (unit, _) in metrics.items()],
    }
    metadata = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [described]}
    by_name = {name: values for name, (_, values) in metrics.items()}
    return json.dumps({"_aws": metadata, **dimensions, **by_name}, separators=(",", ":"))


def _noted() -> dict[str, object]:
    """The fields noted in this invocation until now, among them its request id."""
    current = _invocation.get()
    return dict(current.fields) if current else {}
