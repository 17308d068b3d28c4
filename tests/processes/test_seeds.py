"""The curl lines of the documentation of imbot.chat.get, with only host and key replaced, against `make run`."""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

import pytest
import urllib3

from tests.support.processes import programs
from tests.support.processes.run import Running, staying

# As on the pages, except for the ends of lines on the rendered page: it shows a slash, which was a backslash before
# the page was rendered.
SOURCE_WEBHOOK = """\
    curl -X POST \\
    -H "Content-Type: application/json" \\
    -H "Accept: application/json" \\
    -d '{"ENTITY_TYPE":"CHAT","ENTITY_ID":"13"}' \\
    https://**put_your_bitrix24_address**/rest/**put_your_user_id_here**/**put_your_webhook_here**/imbot.chat.get
"""
SOURCE_OAUTH = """\
    curl -X POST \\
    -H "Content-Type: application/json" \\
    -H "Accept: application/json" \\
    -d '{"ENTITY_TYPE":"CHAT","ENTITY_ID":"13","auth":"**put_access_token_here**"}' \\
    https://**put_your_bitrix24_address**/rest/imbot.chat.get
"""
RENDERED_WEBHOOK = """\
curl -X POST /
        -H "Content-Type: application/json" /
        -H "Accept: application/json" /
        -d '{"ENTITY_TYPE":"CHAT","ENTITY_ID":"13"}' /
        https://**put_your_bitrix24_address**/rest/**put_your_user_id_here**/**put_your_webhook_here**/imbot.chat.get
"""
RENDERED_OAUTH = """\
curl -X POST /
        -H "Content-Type: application/json" /
        -H "Accept: application/json" /
        -d '{"ENTITY_TYPE":"CHAT","ENTITY_ID":"13","auth":"**put_access_token_here**"}' /
        https://**put_your_bitrix24_address**/rest/imbot.chat.get
"""
LINES = {
    "source page, webhook": SOURCE_WEBHOOK,
    "source page, OAuth": SOURCE_OAUTH,
    "rendered page, webhook": RENDERED_WEBHOOK,
    "rendered page, OAuth": RENDERED_OAUTH,
}
PRINTED: dict[str, Any] = {
    "result": {"ID": 2725},
    "time": {
        "start": 1771929873,
        "finish": 1771929873.459722,
        "duration": 0.45972204208374023,
        "processing": 0,
        "date_start": "2026-02-24T13:44:33+03:00",
        "date_finish": "2026-02-24T13:44:33+03:00",
        "operating_reset_at": 1771930473,
        "operating": 0,
    },
}
REFUSED = {"error": "ACCESS_ERROR", "error_description": "You don't have access to this chat"}

every_line = pytest.mark.parametrize("line", LINES.values(), ids=LINES)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with staying(tmp_path_factory.mktemp("seeds")) as running:
        yield running


def run_curl(run: Running, line: str) -> tuple[int, dict[str, Any]]:
    """Run a curl line; return the status, and the body with its fields in order."""
    filled = {
        " /\n": " \\\n",
        "**put_your_bitrix24_address**": run.facts["api_https_url"].removeprefix("https://"),
        "**put_your_user_id_here**": "1",
        "**put_your_webhook_here**": run.facts["api_key"],
        "**put_access_token_here**": run.facts["api_key"],
    }
    for placeholder, value in filled.items():
        line = line.replace(placeholder, value)
    # The environment gives curl the CA and the format of the status: the line stays unchanged.
    environ = {**os.environ, "CURL_CA_BUNDLE": run.facts["ca_file"], "CURL_HOME": str(run.state_dir)}
    (run.state_dir / ".curlrc").write_text('silent\nshow-error\nwrite-out = "\\n%{http_code}"\n')
    done = programs.run(["bash", "-euc", line], env=environ, timeout=60)
    assert done.returncode == 0, done.stderr
    body, _, status = done.stdout.rpartition("\n")
    return int(status), json.loads(body)


def control(run: Running, path: str, body: object) -> None:
    with urllib3.PoolManager(retries=False, timeout=20) as http:
        response = http.request("POST", run.facts["control_url"] + path, body=json.dumps(body))
    assert response.status == 200, response.data


def shape(value: object) -> object:
    """Return the fields in their order, with the kinds of their values."""
    if isinstance(value, Mapping):
        return [(name, shape(item)) for name, item in value.items()]
    if isinstance(value, str):
        return "moment" if _is_moment(value) else "text"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return "number"
    return value


def _is_moment(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


@every_line
def test_documented_line_gets_the_documented_answer(run: Running, line: str) -> None:
    status, body = run_curl(run, line)

    assert status == 200
    assert shape(body) == shape(PRINTED)
    assert body["result"] == PRINTED["result"]


@every_line
@pytest.mark.parametrize("left_out", ['"ENTITY_TYPE":"CHAT",', ',"ENTITY_ID":"13"'])
def test_line_without_one_parameter_gets_the_documented_null(run: Running, line: str, left_out: str) -> None:
    status, body = run_curl(run, line.replace(left_out, ""))

    assert (status, body["result"]) == (200, None)
    assert shape(body["time"]) == shape(PRINTED["time"])


@every_line
@pytest.mark.parametrize("refused", [400, 403])
def test_refused_line_gets_the_documented_error(run: Running, line: str, refused: int) -> None:
    pair = '"ENTITY_ID":"13"'
    control(run, "/faults", {"method": "imbot.chat.get", "status": refused, **REFUSED})

    status, body = run_curl(run, line.replace(pair, '"ENTITY_ID":"4711"'))

    control(run, "/faults", [])
    assert (status, body) == (refused, REFUSED)


@every_line
@pytest.mark.parametrize("spelled", [str.lower, str.upper])
def test_line_in_other_letter_case_gets_the_same_answer(run: Running, line: str, spelled: Callable[[str], str]) -> None:
    for name in ("ENTITY_TYPE", "ENTITY_ID", '"auth"', "imbot.chat.get"):
        line = line.replace(name, spelled(name))

    status, body = run_curl(run, line)

    assert (status, body["result"]) == (200, {"ID": 2725})
