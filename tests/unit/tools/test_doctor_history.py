"""Error codes of the last day: counted by portal and code, from a log of any content and from Logs Insights."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.stub import ANY

from tests.support.stubbed_clients import StubbedClients
from tests.template.file import RESOURCES
from tools.doctor.history import GROUPS, Seen, UnfinishedError, of_run, of_stack

NOW = 1_790_000_000.0


def line(ago: float, **fields: Any) -> str:
    at = datetime.fromtimestamp(NOW - ago, UTC).isoformat(timespec="milliseconds")
    return json.dumps({"timestamp": at, "level": "INFO", "portal": "0123", **fields})


def test_codes_of_the_last_day_are_counted_by_portal_and_code(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    retry: dict[str, Any] = {"portal_error": "TIMEOUT", "portal_error_class": "retry"}
    lines = [
        line(5, **retry), line(3, **retry), line(90_000, **retry), line(9, **retry | {"portal": "4567"}),
        line(2, portal_error="ACCESS_ERROR", portal_error_class="object"),
        line(1, rejection_reason="wrong_token", portal=None, claimed_portal="0123"),
        line(1, rejection_reason="malformed"), line(1), "no JSON with portal_error", '{"portal_error": "X"}', "[1]", "",
    ]  # fmt: skip
    log.write_text("\n".join(lines))

    assert [(each.portal, each.code, each.times) for each in of_run(log, NOW)] == [
        ("0123", "TIMEOUT", 2), ("0123", "wrong_token", 1), ("4567", "TIMEOUT", 1),
    ]  # fmt: skip


def test_of_a_long_log_the_newest_lines_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.doctor.history._MOST_LINES", 2)
    log = tmp_path / "log.jsonl"
    codes = [*(["OLD"] * 3), "NEW", "NEWEST"]
    lines = [line(9 - number, portal_error=code, portal_error_class="retry") for number, code in enumerate(codes)]
    log.write_text("\n".join(each for code in lines for each in (code, line(1))))
    assert {each.code for each in of_run(log, NOW)} == {"NEW", "NEWEST"}


def start(clients: StubbedClients) -> None:
    groups = [f"/aws/lambda/chat-lookup/{group}" for group in GROUPS]
    clients.expect(
        "logs", "start_query", {"queryId": "q"}, logGroupNames=groups, startTime=int(NOW) - 86_400, endTime=int(NOW),
        queryString=ANY,
    )  # fmt: skip


def test_query_of_a_stack_is_waited_for(clients: StubbedClients) -> None:
    start(clients)
    rows = {"rejection_reason": "wrong_token", "claimed_portal": "0123", "times": "7", "last": "then"}
    result = [{"field": name, "value": value} for name, value in rows.items()]
    clients.expect("logs", "get_query_results", {"status": "Running"}, queryId="q")
    clients.expect("logs", "get_query_results", {"status": "Complete", "results": [result]}, queryId="q")
    slept: list[float] = []

    assert of_stack(clients("logs"), "chat-lookup", NOW, slept.append) == [Seen("0123", "wrong_token", 7, "then")]
    assert len(slept) == 2


def test_query_that_fails_is_not_waited_for(clients: StubbedClients) -> None:
    start(clients)
    clients.expect("logs", "get_query_results", {"status": "Failed"}, queryId="q")
    with pytest.raises(UnfinishedError, match="Failed"):
        of_stack(clients("logs"), "chat-lookup", NOW, lambda _: None)


def test_log_groups_are_those_of_the_functions() -> None:
    named = (each["Properties"]["LogGroupName"] for each in RESOURCES.values() if each["Type"] == "AWS::Logs::LogGroup")
    of_functions = {name["Fn::Sub"] for name in named if name["Fn::Sub"].startswith("/aws/lambda/")}
    assert of_functions == {f"/aws/lambda/${{AWS::StackName}}/{group}" for group in GROUPS}
