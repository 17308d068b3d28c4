"""The curl lines of the documentation of imbot.chat.get, with only host and credential replaced, at both doors."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pytest

from tests.sdk.doors import Doors, Mode
from tests.support.processes import programs
from tests.support.service import Service

Both = Callable[[Mode], Doors]
RunCurl = Callable[[str], tuple[int, dict[str, Any]]]
MODES: Final[tuple[Mode, ...]] = ("webhook", "oauth")

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


@pytest.fixture
def control(service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, object], object]:
    """Changes the portal. The environment gives curl the CA and the format of the status: the lines stay unchanged."""
    (tmp_path / ".curlrc").write_text('silent\nshow-error\nwrite-out = "\\n%{http_code}"\n')
    monkeypatch.setenv("CURL_HOME", str(tmp_path))
    monkeypatch.setenv("CURL_CA_BUNDLE", str(service.portal.ca_file))
    return service.control


@pytest.fixture(params=["portal", "service"])
def run_curl(request: pytest.FixtureRequest, both: Both, control: object) -> RunCurl:
    """Returns a function that runs a curl line at a door; it returns the status, and the body, its fields in order."""
    assert control
    by_code, by_token = (getattr(both(mode), request.param) for mode in MODES)
    filled = {
        " /\n": " \\\n",
        "**put_your_bitrix24_address**": by_code.host,
        "**put_your_user_id_here**/**put_your_webhook_here**": by_code.code,
        "**put_access_token_here**": by_token.access_token,
    }

    def run(line: str) -> tuple[int, dict[str, Any]]:
        for placeholder, value in filled.items():
            line = line.replace(placeholder, value)
        done = programs.run(["bash", "-euc", line], timeout=60)
        assert done.returncode == 0, done.stderr
        body, _, status = done.stdout.rpartition("\n")
        return int(status), json.loads(body)

    return run


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
def test_documented_line_gets_the_documented_answer(run_curl: RunCurl, line: str) -> None:
    status, body = run_curl(line)

    assert status == 200
    assert shape(body) == shape(PRINTED)
    assert body["result"] == PRINTED["result"]


@every_line
@pytest.mark.parametrize("left_out", ['"ENTITY_TYPE":"CHAT",', ',"ENTITY_ID":"13"'])
def test_line_without_one_parameter_gets_the_documented_null(run_curl: RunCurl, line: str, left_out: str) -> None:
    status, body = run_curl(line.replace(left_out, ""))

    assert (status, body["result"]) == (200, None)
    assert shape(body["time"]) == shape(PRINTED["time"])


@every_line
@pytest.mark.parametrize("refused", [400, 403])
def test_refused_line_gets_the_documented_error(
    run_curl: RunCurl, control: Callable[[str, object], object], line: str, refused: int
) -> None:
    pair = '"ENTITY_ID":"13"'
    control("/faults", {"method": "imbot.chat.get", "status": refused, **REFUSED})

    status, body = run_curl(line.replace(pair, '"ENTITY_ID":"4711"'))

    assert (status, body) == (refused, REFUSED)


@every_line
@pytest.mark.parametrize("spelled", [str.lower, str.upper])
def test_line_in_other_letter_case_gets_the_same_answer(
    run_curl: RunCurl, line: str, spelled: Callable[[str], str]
) -> None:
    for name in ("ENTITY_TYPE", "ENTITY_ID", "imbot.chat.get"):
        line = line.replace(name, spelled(name))

    status, body = run_curl(line)

    assert (status, body["result"]) == (200, {"ID": 2725})
