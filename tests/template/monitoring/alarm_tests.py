"""For each metric of ours that an alarm watches, the test that it is counted.

An alarm on a metric that no code counts never goes off, and no other test would fail. AWS counts its own metrics.
"""

import ast
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Final

from tests.support.repository import ROOT
from tests.template.monitoring.alarm_rules import alarms, watched_by
from tests.template.monitoring.known_metrics import Watched
from tests.template.reading import Mapping, Places

_ATTEMPT: Final = (
    "tests/unit/calls/test_executor_metrics.py::test_error_of_each_attempt_is_counted_by_code_and_by_class"
)
_WAIT: Final = (
    "tests/unit/calls/test_executor_metrics.py::test_wait_for_a_slot_is_counted_at_each_attempt_even_if_it_is_zero"
)
_RENEWAL: Final = "tests/unit/credentials/test_renewal_ports.py::test_outcome_of_a_renewal_is_counted"
_AGE: Final = "tests/unit/credentials/test_renewal_ports.py::test_age_of_a_pair_is_counted_when_it_is_renewed"
_KEEPALIVE: Final = "tests/unit/credentials/test_keepalive.py::"
_LOST: Final = "tests/unit/events/test_receiver.py::test_event_that_is_not_queued_is_reported_lost_without_its_text"
_REQUEUED: Final = "tests/unit/events/test_requeue.py::test_event_that_is_put_back_is_counted_by_its_reason"
_UNSENT: Final = "tests/unit/bot/test_answerer_once.py::test_possibly_sent_answer_is_given_up_and_counted_once"
_FILTERS: Final = "tests/template/monitoring/test_metric_filters.py::"
_UNSERVED: Final = f"{_FILTERS}test_event_that_the_gateway_does_not_serve_is_counted_as_unserved"

Tests = dict[str, dict[str, str]]
"""By alarm and metric, the node id of a test."""
Rule = Callable[[Mapping, Tests], Places]
"""Yields the errors in a table of a template's alarms."""

ALARM_TESTS: Final[Tests] = {
    "QueryLimitAlarm": {"PortalErrors class=limit": _ATTEMPT, "LimiterWait": _WAIT},
    "OperationTimeAlarm": {"PortalErrors code=OPERATION_TIME_LIMIT": _ATTEMPT},
    "PortalRetryAlarm": {"PortalErrors class=retry": _ATTEMPT, "LimiterWait": _WAIT},
    "PortalOverloadAlarm": {"PortalErrors code=OVERLOAD_LIMIT": _ATTEMPT},
    "PortalDeletedAlarm": {"PortalErrors code=PORTAL_DELETED": _ATTEMPT},
    "PortalClosedAlarm": {"PortalErrors class=portal": _ATTEMPT},
    "PortalUninstalledAlarm": {"PortalErrors class=uninstalled": _ATTEMPT},
    "PortalReauthoriseAlarm": {"PortalErrors class=reauthorise": _ATTEMPT},
    "PortalRefreshAlarm": {"PortalErrors class=refresh": _ATTEMPT, "LimiterWait": _WAIT},
    "PortalConfigAlarm": {"PortalErrors class=config": _ATTEMPT},
    "PortalCallerAlarm": {"PortalErrors class=caller": _ATTEMPT},
    "PortalOtherAlarm": {"PortalErrors code=OTHER": _ATTEMPT},
    "TokenDeadAlarm": {"TokenRefreshes outcome=dead": _RENEWAL},
    "TokenLostAlarm": {"TokenRefreshes outcome=lost": _RENEWAL},
    "TokenFailedAlarm": {"TokenRefreshes outcome=failed": _RENEWAL},
    "TokenAgeAlarm": {"TokenAge": _AGE},
    "KeepaliveUnfinishedAlarm": {
        "KeepaliveRuns outcome=failed": f"{_KEEPALIVE}test_renewal_that_is_refused_or_fails_is_counted",
        "KeepaliveRuns outcome=postponed": f"{_KEEPALIVE}test_portals_without_time_left_are_postponed_and_counted",
    },
    "EventsUnservedAlarm": {"EventsUnserved": _UNSERVED},
    "EventsLostAlarm": {"EventsLost": _LOST},
    "EventsUnpublishedAlarm": {"EventsRequeued reason=bus-unavailable": _REQUEUED},
    "AnswersUnsentAlarm": {"AnswersUnsent": _UNSENT},
}


def has_a_test_for_each_metric(template: Mapping, tests: Tests) -> Places:
    """The table names exactly the alarms on metrics of ours and the metrics that each watches."""
    watched = {name: found for name, alarm in alarms(template).items() if (found := _of_ours(alarm))}
    for name in sorted(watched.keys() | tests.keys()):
        metrics, named = watched.get(name, {}).keys(), tests.get(name, {}).keys()
        yield from (f"{name}: no test of {metric}" for metric in sorted(metrics - named))
        yield from (f"{name} does not watch {metric}" for metric in sorted(named - metrics))


def names_tests_that_exist(_: Mapping, tests: Tests) -> Places:
    """Each test is a function of that name in that file."""
    for alarm, metric, node_id in _entries(tests):
        if _function(node_id) is None:
            yield f"{alarm}, {metric}: there is no {node_id}"


def names_tests_of_that_metric(template: Mapping, tests: Tests) -> Places:
    """Each test contains the metric's name and the value of its dimension as texts."""
    required = {label: words for alarm in alarms(template).values() for label, words in _of_ours(alarm).items()}
    for alarm, metric, node_id in _entries(tests):
        function = _function(node_id)
        missing = required.get(metric, set()) - _constants(function) if function else set()
        yield from (f"{alarm}, {metric}: {node_id} does not name {word}" for word in sorted(missing))


RULES: Final[tuple[Rule, ...]] = (has_a_test_for_each_metric, names_tests_that_exist, names_tests_of_that_metric)


def _of_ours(alarm: Mapping) -> dict[str, set[str]]:
    """The metrics of an alarm that are not AWS's own, as the table names them, each with its name and value."""
    ours = [each for each in watched_by(alarm) if not each.namespace.startswith("AWS/")]
    return {_label(each): {each.name, *_dimensions(each).values()} for each in ours}


def _label(watched: Watched) -> str:
    return " ".join([watched.name, *(f"{name}={value}" for name, value in sorted(_dimensions(watched).items()))])


def _dimensions(watched: Watched) -> dict[str, str]:
    """Without the stack's name, which every metric of ours has."""
    return {name: value for name, value in watched.dimensions if name != "service"}


def _entries(tests: Tests) -> Iterator[tuple[str, str, str]]:
    for alarm, metrics in tests.items():
        yield from ((alarm, metric, node_id) for metric, node_id in metrics.items())


def _function(node_id: str) -> ast.FunctionDef | None:
    path, _, name = node_id.partition("::")
    return _functions(ROOT / path).get(name) if name.startswith("test_") else None


@cache
def _functions(path: Path) -> dict[str, ast.FunctionDef]:
    """The functions of a module, parsed without running it; none if the file does not exist."""
    source = path.read_text("utf-8") if path.is_file() else ""
    return {each.name: each for each in ast.parse(source).body if isinstance(each, ast.FunctionDef)}


def _constants(function: ast.FunctionDef) -> set[object]:
    """The texts in a function and in its decorators."""
    return {each.value for each in ast.walk(function) if isinstance(each, ast.Constant)}
