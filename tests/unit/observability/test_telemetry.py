"""Logs and metrics: one line per invocation, and one EMF blob for each set of dimensions, in closed sets."""

import json
import logging
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, cast
from urllib.parse import quote

import pytest

from chat_lookup.entity import EntityRef
from chat_lookup.observability.metrics import METRICS, OTHER
from chat_lookup.observability.redaction import MASK, forms
from chat_lookup.observability.telemetry import Telemetry
from tests.support.fakes import Output
from tests.support.personal_ids import PERSONAL_PAIRS

CODE = "s3cr3tw3bh00kc0d3"


def dimensions(blob: dict[str, object]) -> set[str]:
    """The names of the dimensions of a blob."""
    described = cast("dict[str, list[dict[str, list[list[str]]]]]", blob["_aws"])["CloudWatchMetrics"]
    (only,) = described
    (names,) = only["Dimensions"]
    return set(names)


# -- lines -------------------------------------------------------------------------------------------------------------


def test_invocation_writes_one_line_with_all_noted_fields(telemetry: Telemetry, output: Output) -> None:
    with telemetry.invocation("request", request_id="r-1"):
        telemetry.note(route="GET /health")
        telemetry.note(status=200, entity_id="Чат 😀")
        assert output.lines == []
    (line,) = output.lines
    assert (line["message"], line["request_id"], line["route"]) == ("request", "r-1", "GET /health")
    assert (line["status"], line["entity_id"], line["level"]) == (200, "Чат 😀", "INFO")
    assert {"timestamp", "service"} <= line.keys()


def test_line_is_written_after_a_return_and_after_an_exception(telemetry: Telemetry, output: Output) -> None:
    def interrupted() -> None:
        with telemetry.invocation("request"):
            telemetry.note(status=500)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [line["status"] for line in output.lines] == [500]


def test_level_of_the_line_is_the_highest_noted_one(telemetry: Telemetry, output: Output) -> None:
    for levels in ((logging.WARNING, logging.INFO), (logging.INFO, logging.ERROR, logging.WARNING), (logging.INFO,)):
        with telemetry.invocation("request"):
            for level in levels:
                telemetry.note(level=level)
    assert [line["level"] for line in output.lines] == ["WARNING", "ERROR", "INFO"]


def test_fields_of_one_invocation_are_not_in_the_next_one(telemetry: Telemetry, output: Output) -> None:
    with telemetry.invocation("request"):
        telemetry.note(portal="a")
        telemetry.count("Lookups", source="cache")
    with telemetry.invocation("request"):
        pass
    assert "portal" not in output.lines[1]
    assert output.metric("Lookups") == 1


def test_nested_invocation_does_not_change_the_outer_one(telemetry: Telemetry, output: Output) -> None:
    with telemetry.invocation("outer", request_id="r-1"):
        with telemetry.invocation("inner", request_id="r-2"):
            telemetry.note(step=1)
        telemetry.note(step=2)
    logged = [(line["message"], line["request_id"], line["step"]) for line in output.lines]
    assert logged == [("inner", "r-2", 1), ("outer", "r-1", 2)]


def test_notes_outside_of_an_invocation_are_dropped_without_an_error(telemetry: Telemetry, output: Output) -> None:
    telemetry.note(portal="a")
    telemetry.count("Lookups", source="cache")
    assert output.lines == output.blobs == []


def test_broken_text_does_not_lose_the_line(telemetry: Telemetry, output: Output) -> None:
    with telemetry.invocation("request"):
        telemetry.note(portal_description="half an emoji: \ud83d")
    assert [line["message"] for line in output.lines] == ["request"]


def test_values_of_any_kind_can_be_noted(telemetry: Telemetry, output: Output) -> None:
    with telemetry.invocation("request"):
        telemetry.note(odd=object(), number=1.5, nothing=None, many=[1, {"a": None}])
    (line,) = output.lines
    assert (line["number"], line["many"]) == (1.5, [1, {"a": None}])


# -- secrets -----------------------------------------------------------------------------------------------------------


def test_secret_is_masked_in_every_foreign_value_of_a_line(telemetry: Telemetry, output: Output) -> None:
    telemetry.redactor.register(CODE, owner="acme")
    with telemetry.invocation("request", request_id="r-1"):
        telemetry.note(detail=f"at /rest/1/{CODE}/", nested={"list": [CODE]}, portal_description=CODE, odd={CODE})
    assert output.lines
    assert CODE not in output.text
    assert MASK in output.text


OURS: dict[str, Any] = {
    "problem": "chat-not-found",
    "source": "cache",
    "portal": "d41d8cd98f00b204e9800998ecf8427e",
    "route": "GET /x",
}
"""Values of a line that no caller chose."""
WORDS = ["message", "request", "INFO", '{"level":"', "timestamp", *OURS, *OURS.values(), "im.chat.get", "expired_token"]


@pytest.mark.parametrize("word", WORDS)
def test_own_text_of_a_caller_changes_no_value_of_the_service(telemetry: Telemetry, output: Output, word: str) -> None:
    with telemetry.invocation("request", request_id="r-1"):
        telemetry.hide(word)
        telemetry.note(
            **OURS, portal_error="expired_token", rest_method="im.chat.get", portal_description=f"no {word}."
        )
    (line,) = output.lines
    ours = {**OURS, "message": "request", "request_id": "r-1", "level": "INFO", "portal_error": "expired_token"}
    assert {name: line[name] for name in ours} == ours
    assert line["rest_method"] == "im.chat.get"
    assert line["portal_description"] == (f"no {MASK}." if len(word) >= 6 else f"no {word}.")


def test_own_text_of_a_caller_is_masked_in_no_other_invocation(telemetry: Telemetry, output: Output) -> None:
    with telemetry.invocation("request"):
        for number in range(4_000):
            telemetry.hide(f"{number:070}")
        telemetry.hide(None, "", CODE)
    telemetry.redactor.register(CODE, owner="acme")
    with telemetry.invocation("request"):
        telemetry.note(detail=f"{7:070} and {CODE}")
    assert output.lines[1]["detail"] == f"{7:070} and {MASK}"


def test_own_text_is_masked_in_nested_invocations_and_in_threads_with_a_copied_context(
    telemetry: Telemetry, output: Output
) -> None:
    def nested(number: int) -> None:
        with telemetry.invocation("event", number=number):
            telemetry.hide(f"the-own-text-of-record-{number}")
            telemetry.note(detail="the-text-of-the-batch the-own-text-of-record-1 the-own-text-of-record-2")

    with telemetry.invocation("batch"), ThreadPoolExecutor(2) as pool:
        telemetry.hide("the-text-of-the-batch")
        for future in [pool.submit(copy_context().run, nested, number) for number in (1, 2)]:
            future.result()
    details = {line["number"]: line["detail"] for line in output.lines if "number" in line}
    assert details == {1: f"{MASK} {MASK} the-own-text-of-record-2", 2: f"{MASK} the-own-text-of-record-1 {MASK}"}


def test_texts_of_an_invocation_are_bounded(telemetry: Telemetry, output: Output) -> None:
    with telemetry.invocation("request"):
        telemetry.hide(*(f"own-text-{number:06}" for number in range(5_000)))
        telemetry.note(detail="own-text-000000 own-text-004999")
    assert output.lines[0]["detail"] == f"{MASK} own-text-004999"


@pytest.mark.parametrize(("entity_type", "entity_id"), PERSONAL_PAIRS)
def test_id_of_a_person_is_in_no_line_of_its_invocation(
    telemetry: Telemetry, output: Output, entity_type: str, entity_id: str
) -> None:
    ref = EntityRef(entity_type, entity_id)
    with telemetry.invocation("request"):
        telemetry.note_entity(ref)
        telemetry.note(portal_description=f"Dialog {entity_id} not found", detail=json.dumps({"ID": entity_id}))
        telemetry.fault("unexpected error", KeyError(ref, f"CHAT#{quote(entity_id)}"))
    assert output.lines
    for form in forms(entity_id):
        assert form not in json.dumps(output.lines, ensure_ascii=False)
    assert {line["entity_id"] for line in output.lines} == {ref.loggable_id}


@pytest.mark.parametrize(
    "text",
    [
        "a\nb", "a\r\nb", "a\u2028b", "a\u2029b", "a\x85b", "\ud83d", '"}', "a\x00",
        "\x1b[2J", "\x9b2J", "\x90q\x9c", "\x7f", "\u202ecod", "\u2066", "\ufeff", "\U000e0041", "Сделка 😀",
    ],
)  # fmt: skip
def test_line_with_any_text_is_one_line_of_json_and_has_nothing_that_a_terminal_obeys(
    telemetry: Telemetry, output: Output, text: str
) -> None:
    with telemetry.invocation("request"):
        telemetry.hide(text * 9)
        telemetry.note(detail=text, portal_description={"text": text * 9})
    (line,) = output.lines
    assert line.keys() == {"level", "message", "timestamp", "service", "detail", "portal_description"}
    assert len(output.text.splitlines()) == 1
    assert output.text.removesuffix("\n").isprintable()
    assert line["detail"] in (text, text.encode(errors="replace").decode(), "***")


def test_exception_is_logged_with_its_trace_and_without_secrets(telemetry: Telemetry, output: Output) -> None:
    telemetry.redactor.register(CODE, owner="acme")
    error = RuntimeError(f"token {CODE}")
    error.__cause__ = OSError(f"POST https://acme.bitrix24.com/rest/1/{CODE}/")
    with telemetry.invocation("request", request_id="r-1"):
        telemetry.fault("unexpected error", error)
    fault, line = output.lines
    assert (fault["level"], fault["message"], line["message"]) == ("ERROR", "unexpected error", "request")
    assert fault["request_id"] == line["request_id"] == "r-1"
    assert "RuntimeError" in json.dumps(fault)
    assert CODE not in output.text


@pytest.mark.parametrize("name", ["urllib3", "urllib3.connectionpool", "botocore", "botocore.parsers"])
def test_libraries_do_not_log_at_level_debug_because_their_lines_contain_secrets(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    # As Lambda sets the root logger at the level DEBUG, and with the loggers not silenced before.
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.NOTSET, logger=name.partition(".")[0])
    Telemetry(service="debugging", namespace="ChatLookup", level="DEBUG")
    library = logging.getLogger(name)
    library.debug("GET /rest/1/%s/", CODE)
    library.info("GET /rest/1/%s/", CODE)
    library.warning("pool is full")
    assert [record.message for record in caplog.records if record.name == name] == ["pool is full"]


@pytest.mark.parametrize("level", ["", "VERBOSE", "info ", "7", "\x00", "NOTSET", "WARN", "DEBUG"])
def test_invalid_level_does_not_stop_a_start(level: str, output: Output) -> None:
    telemetry = Telemetry(service=f"odd level {level!r}", namespace="ChatLookup", level=level)
    with telemetry.invocation("request"):
        telemetry.note(level=logging.ERROR)
    assert len(output.lines) == 1


# -- metrics -----------------------------------------------------------------------------------------------------------


def test_each_set_of_dimensions_has_its_own_blob(telemetry: Telemetry, output: Output) -> None:
    with telemetry.invocation("request"):
        telemetry.count("Lookups", source="portal")
        telemetry.count("Lookups", source="cache")
        telemetry.count("LookupLatency", 12.5, source="cache")
        telemetry.count("PortalCalls", method="im.chat.get")
        telemetry.count("PortalErrors", code="QUERY_LIMIT_EXCEEDED", **{"class": "limit"})
        telemetry.count("LimiterWait", 0.0)
    metrics = {
        (*sorted(dimensions(blob) - {"service"}), *(str(blob[each]) for each in dimensions(blob) - {"service"})): {
            name for name in METRICS if name in blob
        }
        for blob in output.blobs
    }
    assert metrics == {
        ("source", "portal"): {"Lookups"},
        ("source", "cache"): {"Lookups", "LookupLatency"},
        ("method", "im.chat.get"): {"PortalCalls"},
        ("code", "QUERY_LIMIT_EXCEEDED"): {"PortalErrors"},
        ("class", "limit"): {"PortalErrors"},
        (): {"LimiterWait"},
    }
    assert all("service" in dimensions(blob) for blob in output.blobs)


def test_blobs_carry_the_namespace_the_service_and_the_units(telemetry: Telemetry, output: Output) -> None:
    with telemetry.invocation("request"):
        telemetry.count("LookupLatency", 12.5, source="cache")
    (blob,) = output.blobs
    (described,) = cast("dict[str, list[dict[str, object]]]", blob["_aws"])["CloudWatchMetrics"]
    assert described["Namespace"] == "ChatLookup"
    assert described["Metrics"] == [{"Name": "LookupLatency", "Unit": "Milliseconds"}]
    assert str(blob["service"]).startswith("unit-")
    assert blob["LookupLatency"] == [12.5]


def test_values_of_one_metric_are_in_one_blob(telemetry: Telemetry, output: Output) -> None:
    with telemetry.invocation("request"):
        for value in (1.0, 2.0, 3.0):
            telemetry.count("LimiterWait", value)
    (blob,) = output.blobs
    assert blob["LimiterWait"] == [1.0, 2.0, 3.0]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("times", [99, 100, 101, 200, 250, 1000])
def test_values_beyond_the_limit_of_a_blob_are_all_written(telemetry: Telemetry, output: Output, times: int) -> None:
    with telemetry.invocation("direct"):
        for _ in range(times):
            telemetry.count("Lookups", source="cache")
            telemetry.count("LookupLatency", 2.0, source="cache")
    assert output.metric("Lookups", source="cache") == times
    assert output.metric("LookupLatency", source="cache") == 2 * times
    assert all(dimensions(blob) == {"service", "source"} for blob in output.blobs)
    assert all(len(cast("list[float]", blob[name])) <= 100 for blob in output.blobs for name in METRICS if name in blob)


OPEN = [(name, metric.dimension) for name, metrics in METRICS.items() for metric in metrics if metric.dimension]


@pytest.mark.parametrize(("name", "dimension"), OPEN)
def test_unknown_value_of_a_dimension_counts_as_other(
    telemetry: Telemetry, output: Output, name: str, dimension: str
) -> None:
    # Values sent by a portal or a caller must not make new metrics: each costs, and none has an alarm.
    with telemetry.invocation("request"):
        telemetry.count(name, **{each: "value of a caller" for other, each in OPEN if other == name})
    assert output.metric(name, **{dimension: OTHER}) == 1
    assert "value of a caller" not in output.text


@pytest.mark.parametrize(("name", "dimension"), OPEN)
def test_every_value_of_a_closed_set_is_written_unchanged(
    telemetry: Telemetry, output: Output, name: str, dimension: str
) -> None:
    (values,) = (metric.values for metric in METRICS[name] if metric.dimension == dimension)
    assert 0 < len(values) < 300
    others = {each: OTHER for other, each in OPEN if other == name}
    with telemetry.invocation("request"):
        for value in values:
            telemetry.count(name, **{**others, dimension: value})
    assert {blob[dimension] for blob in output.blobs if dimension in blob} - {OTHER} == values - {OTHER}


def test_unknown_metric_raises(telemetry: Telemetry) -> None:
    with pytest.raises(KeyError), telemetry.invocation("request"):
        telemetry.count("Lookup")
