"""METRICS: which metrics a function emits; its log lines are the same with each value."""

import json
from typing import Any

import pytest

from chat_lookup.bootstrap import process
from chat_lookup.observability.metrics import METRICS
from chat_lookup.observability.telemetry import Telemetry
from tests.support.fakes import Output


def printed(output: Output, metrics: str) -> tuple[set[tuple[Any, ...]], list[str]]:
    """The series and the messages that are printed when every metric is counted with every value of its dimensions."""
    telemetry = Telemetry(service=f"emitting {metrics}", namespace="ChatLookup", level="INFO", metrics=metrics)
    before = len(output.blobs)
    with telemetry.invocation("request"):
        for name, described in METRICS.items():
            values = [sorted(metric.values) or [""] for metric in described if metric.dimension]
            for value in values[0] if values else [""]:
                given = {metric.dimension: value for metric in described if metric.dimension}
                telemetry.count(name, **given)
                telemetry.count_at_once(name, **given)
    blobs: list[dict[str, Any]] = output.blobs[before:]
    series = {
        (metric["Name"], *((key, blob[key]) for key in described["Dimensions"][0] if key != "service"))
        for blob in blobs
        for described in blob["_aws"]["CloudWatchMetrics"]
        for metric in described["Metrics"]
    }
    return series, [json.dumps(blob) for blob in blobs]


def test_all_metrics_are_emitted_by_default_and_with_an_odd_value(output: Output) -> None:
    every, _ = printed(output, "all")
    assert {name for name, *_ in every} == METRICS.keys()
    assert printed(output, "most")[0] == every


def test_only_what_three_alarms_watch_is_emitted_with_alarms(output: Output) -> None:
    assert printed(output, "alarms")[0] == {("EventsLost",), ("TokenRefreshes", ("outcome", "dead"))}


def test_nothing_is_emitted_with_off(output: Output) -> None:
    assert printed(output, "off") == (set(), [])


def test_line_of_an_invocation_is_written_with_off(output: Output) -> None:
    telemetry = Telemetry(service="silent", namespace="ChatLookup", level="INFO", metrics="off")
    with telemetry.invocation("request"):
        telemetry.count("Lookups", source="cache")
        telemetry.note(source="cache")
    assert [line["source"] for line in output.lines] == ["cache"]


@pytest.mark.parametrize(("given", "emitted"), [(None, True), ("all", True), ("off", False)])
def test_function_reads_the_extent_of_its_metrics_from_its_environment(
    given: str | None, emitted: bool, output: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    if given is None:
        monkeypatch.delenv("METRICS", raising=False)
    else:
        monkeypatch.setenv("METRICS", given)
    telemetry = process.telemetry.__wrapped__()
    telemetry.count_at_once("Lookups", source="cache")
    assert bool(output.blobs) is emitted
