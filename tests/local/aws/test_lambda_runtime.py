"""Functions in this process are invoked as Lambda invokes them, and their output goes to a file."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from local.aws import lambda_runtime
from local.aws.function_output import FunctionOutput
from local.aws.lambda_runtime import Functions
from local.template.reader import Function, Template
from tests.support.repository import ROOT

HANDLER = """
import json

LOADED = []

def handler(event, context):
    if event.get("print"):
        for _ in range(20):
            print(json.dumps({"printed": event["print"]}))
    if event.get("fail"):
        raise ValueError(event["fail"])
    if event.get("odd"):
        return {1, 2}
    LOADED.append(1)
    return {
        "times": len(LOADED),
        "name": context.function_name,
        "memory": context.memory_limit_in_mb,
        "arn": context.invoked_function_arn,
        "left": context.get_remaining_time_in_millis(),
        "request_id": context.aws_request_id,
        "tuple": (1, 2),
    }
"""


@pytest.fixture
def invoked(tmp_path: Path) -> Functions:
    found = {}
    for name in ("First", "Second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "app.py").write_text(HANDLER)
        found[name] = Function(name, tmp_path / name, "app.handler", timeout=29, memory_size=512, environment={})
    return Functions(Template(found, (), ()), FunctionOutput(tmp_path / "log.jsonl"))


def answer(invoked: Functions, name: str, **event: object) -> dict[str, Any]:
    result = invoked.invoke(name, event)
    assert isinstance(result, dict)
    return result


def logged(tmp_path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]


def test_handler_gets_the_context_that_lambda_passes(invoked: Functions) -> None:
    result = answer(invoked, "First")

    assert (result["name"], result["memory"]) == ("First", 512)
    assert result["arn"].startswith("arn:aws:lambda:")
    assert 28_000 < result["left"] <= 29_000
    assert result["request_id"] != answer(invoked, "First")["request_id"]


def test_events_and_answers_pass_through_json(invoked: Functions) -> None:
    assert answer(invoked, "First")["tuple"] == [1, 2]
    with pytest.raises(TypeError):
        invoked.invoke("First", {"odd": True})


def test_function_keeps_its_own_module_between_invocations(invoked: Functions) -> None:
    assert [answer(invoked, name)["times"] for name in ("First", "First", "Second")] == [1, 2, 1]


def test_failure_is_raised_and_logged_with_its_trace(invoked: Functions, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="broken"):
        invoked.invoke("First", {"fail": "broken"})

    (line,) = logged(tmp_path)
    assert (line["errorType"], line["errorMessage"]) == ("ValueError", "broken")
    assert any("in handler" in entry for entry in line["stackTrace"])


def test_concurrent_output_of_functions_stays_in_whole_lines_and_off_the_terminal(
    invoked: Functions, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = sys.stdout
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: invoked.invoke("First", {"print": number}), range(1, 25)))

    assert sorted(line["printed"] for line in logged(tmp_path)) == sorted(20 * list(range(1, 25)))
    assert sys.stdout is terminal
    assert capsys.readouterr().out == ""


def test_stamp_of_the_layer_is_written_where_a_function_reads_it(tmp_path: Path) -> None:
    layers = ROOT / "layers"
    lambda_runtime.write_stamp(layers, tmp_path / "task")

    stamp = (tmp_path / "task/layer-stamp").read_text()
    assert len(stamp.strip()) == 64
    assert int(stamp, 16)
