"""Canary secrets: the webhook's code and the access token appear in no error, no trace and no log line."""

import gc
import logging
import traceback

import pytest

from chat_lookup.bitrix24.client import Bitrix24Client, Endpoint
from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.clock import SystemClock
from tests.support.portals.scripted_portal import (
    CODE,
    Script,
    answer,
    client_of,
    cut,
    no_name_server_knows,
    raw,
    result,
    scripted,
    silence,
    soon,
)

TOKEN = "c4nary0token1"

TROUBLE: dict[str, Script] = {
    "silence": silence,
    "cut": cut(),
    "cut body": cut(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"),
    "no HTTP": cut(b"nonsense\r\n\r\n"),
    "bad headers": raw(b"HTTP/1.1 500 X\r\nContent-Length: 2\r\nno colon here\r\nX: 1\r\n\r\n{}"),
    "bad length": cut(b"HTTP/1.1 200 X\r\nContent-Length: 2, 3\r\n\r\n{}"),
    "both lengths": cut(
        b"HTTP/1.1 500 X\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    ),
    "redirect": answer(302, b"", [f"Location: https://127.0.0.1/rest/1/{CODE}/?auth={TOKEN}"]),
    "quoted": answer(404, {"error": f"X_{CODE}", "error_description": f"/rest/1/{CODE}/"}),
    "html": answer(502, f"<html>/rest/1/{CODE}/ {TOKEN}</html>".encode()),
    "no result": answer(200, {}),
}


def _assert_clean(error: BaseException, records: list[logging.LogRecord]) -> None:
    shown = "".join(traceback.format_exception(error))
    shown += "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    shown += repr(error) + str(error) + str(error.args) + str(vars(error))
    shown += "".join(logging.Formatter().format(record) + str(vars(record)) for record in records)
    for secret in (CODE, TOKEN):
        assert secret not in shown
    assert error.__context__ is None
    assert error.__cause__ is None


@pytest.mark.parametrize("oauth", [False, True])
@pytest.mark.parametrize("trouble", TROUBLE)
def test_error_of_a_bad_reply_contains_no_secret(trouble: str, oauth: bool, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), scripted(TROUBLE[trouble]) as portal:
        endpoint = (
            Endpoint(f"https://127.0.0.1:{portal.port}/rest/1/{CODE}/", auth=TOKEN) if oauth else portal.endpoint()
        )
        with pytest.raises(BitrixError) as caught:
            client_of(portal).call(endpoint, "im.chat.get", {}, soon(0.5))

    _assert_clean(caught.value, caplog.records)


@pytest.mark.parametrize("fault", ["closed port", "refused address", "wrong name", "no such host"])
def test_error_of_a_failed_connection_contains_no_secret(
    fault: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    if fault == "no such host":
        no_name_server_knows(monkeypatch)
    names = ["example.bitrix24.com"] if fault == "wrong name" else ["127.0.0.1"]
    with caplog.at_level(logging.DEBUG), scripted(result(1), names=names) as portal:
        client = Bitrix24Client(SystemClock()) if fault == "refused address" else client_of(portal)
        endpoint = portal.endpoint("nowhere.invalid" if fault == "no such host" else "127.0.0.1")
        if fault == "closed port":
            portal.stop()
        with pytest.raises(BitrixError) as caught:
            client.call(endpoint, "im.chat.get", {}, soon())

    _assert_clean(caught.value, caplog.records)


def test_successful_call_logs_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), scripted(result(1)) as portal:
        client = client_of(portal)
        reply = client.call(portal.endpoint(), "im.chat.get", {}, soon())

    assert CODE not in caplog.text + repr(reply) + repr(client)


def test_no_urllib3_exception_outlives_the_call() -> None:
    with scripted(cut()) as portal, pytest.raises(BitrixError):
        client_of(portal).call(portal.endpoint(), "im.chat.get", {}, soon())
    gc.collect()

    foreign = [each for each in gc.get_objects() if type(each).__module__ == "urllib3.exceptions"]
    assert [each for each in foreign if isinstance(each, Exception)] == []
