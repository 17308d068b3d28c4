"""Metrics that CloudWatch makes from log lines: which lines of the gateway's access log are counted, and how."""

import json
import operator
import re
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest

from tests.template.file import TEMPLATE, Mapping, of_type

STACK: Final = "chat-lookup"
EVENTS_ROUTE: Final = "POST /bitrix24/events"
SLASH_ROUTE: Final = "POST /bitrix24/{address+}"
COMPARISON: Final = re.compile(r'\$\.(\w+) (=|!=|>=|<=|>|<) ("[^"]*"|\d+)')
OPERATORS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "=": operator.eq, "!=": operator.ne, ">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt,
}  # fmt: skip


def access_log_line(**context: str) -> str:
    """A line of the gateway's access log; a field that the request does not have is "-"."""
    line: str = TEMPLATE["Resources"]["Api"]["Properties"]["AccessLogSettings"]["Format"]["Fn::Sub"]
    line = line.replace("${AWS::StackName}", STACK)
    return re.sub(r"\$context\.([\w.]+)", lambda found: context.get(found[1], "-"), line)


def matches(pattern: str, line: Mapping) -> bool:
    """Whether a filter pattern of CloudWatch matches a JSON line: comparisons, `&&`, `||` and parentheses."""
    text = COMPARISON.sub(lambda found: str(_compares(line.get(found[1]), found[2], json.loads(found[3]))), pattern)
    text = text.strip().removeprefix("{").removesuffix("}")
    while inner := re.search(r"\(([^()]*)\)", text):
        text = text.replace(inner[0], str(_any_of_all(inner[1])))
    return _any_of_all(text)


def _compares(value: object, name: str, wanted: object) -> bool:
    """Numbers compare with numbers only, texts with texts only."""
    return type(value) is type(wanted) and OPERATORS[name](value, wanted)


def _any_of_all(text: str) -> bool:
    """The value of "True && False || True", where `&&` binds closer."""
    values = {"True": True, "False": False}
    return any(all(values[each.strip()] for each in side.split("&&")) for side in text.split("||"))


def counted(line: str) -> Iterator[tuple[str, str, dict[str, str], float]]:
    """Namespace, name, dimensions and value of each metric that the template's filters make from a line."""
    fields = json.loads(line)
    for made in of_type("AWS::Logs::MetricFilter").values():
        if matches(made["FilterPattern"], fields):
            for each in made["MetricTransformations"]:
                dimensions = {one["Key"]: fields[one["Value"].removeprefix("$.")] for one in each["Dimensions"]}
                yield each["MetricNamespace"], each["MetricName"], dimensions, float(each["MetricValue"])


@pytest.mark.parametrize("route", [EVENTS_ROUTE, SLASH_ROUTE])
@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_event_that_the_gateway_does_not_serve_is_counted_as_unserved(status: int, route: str) -> None:
    line = access_log_line(routeKey=route, status=f"{status}")
    assert list(counted(line)) == [("ChatLookup", "EventsUnserved", {"service": STACK}, 1)]


@pytest.mark.parametrize(
    ("route", "status"),
    [
        (EVENTS_ROUTE, 200),
        (EVENTS_ROUTE, 400),
        (EVENTS_ROUTE, 403),
        (EVENTS_ROUTE, 413),
        (SLASH_ROUTE, 200),
        (f"{EVENTS_ROUTE}s", 503),
        ("GET /bitrix24/events", 503),
        ("GET /v1/chats", 429),
        ("$default", 500),
    ],
)
def test_request_that_was_served_or_is_no_event_is_not_counted_as_unserved(route: str, status: int) -> None:
    assert list(counted(access_log_line(routeKey=route, status=f"{status}"))) == []


@pytest.mark.parametrize(
    ("pattern", "matched"),
    [
        ("{ $.number = 7 }", True),
        ("{ $.number != 7 }", False),
        ("{ ($.number > 6) && ($.number < 8) }", True),
        ('{ ($.text = "7") || ($.number = 8) }', True),
        ("{ $.text >= 7 }", False),
        ('{ ($.number = 7) && (($.text = "8") || ($.absent = 1)) }', False),
    ],
)
def test_filter_pattern_matches_a_line_by_its_fields_and_their_types(pattern: str, matched: bool) -> None:
    assert matches(pattern, {"number": 7, "text": "7"}) is matched
