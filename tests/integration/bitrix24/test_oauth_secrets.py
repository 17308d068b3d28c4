"""Canary secrets: keys, codes and tokens appear in no error, no trace and no log line, sent or received."""

import gc
import json
import logging
import traceback

import pytest

from chat_lookup.bitrix24.client import Bitrix24Client
from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.bitrix24.oauth import Application, AuthorisationServer
from chat_lookup.clock import SystemClock
from tests.support.portals.scripted_portal import Script, answer, client_of, cut, raw, scripted, silence, soon

SECRET, GRANT, ACCESS, REFRESH = "c4narysecret1", "c4narygrant+1", "c4naryaccess1", "c4naryrefresh1"
APPLICATION = Application("local.1", SECRET)
ISSUED = {"access_token": ACCESS, "refresh_token": REFRESH, "expires_in": 3600, "member_id": "f0e1"}
QUOTED = f"client_secret={SECRET} {GRANT} {GRANT.replace('+', '%2B')}"

TROUBLE: dict[str, Script] = {
    "silence": silence,
    "cut": cut(),
    "cut body": cut(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n" + json.dumps(ISSUED).encode()[:60]),
    "no HTTP": cut(b"nonsense\r\n\r\n"),
    "bad headers": raw(b"HTTP/1.1 500 X\r\nContent-Length: 2\r\nno colon here\r\nX: 1\r\n\r\n{}"),
    "redirect": answer(302, ISSUED, [f"Location: https://127.0.0.1/oauth/token/?{QUOTED}"]),
    "quoted": answer(401, {"error": f"X_{GRANT}", "error_description": QUOTED}),
    "post not admitted": answer(405, QUOTED.encode()),
    "unknown error after post": answer(400, {"error": f"X_{SECRET}", "error_description": QUOTED}),
    "html": answer(502, f"<html>{QUOTED}</html>".encode()),
    "error beside tokens": answer(200, {"error": "invalid_grant", **ISSUED}),
    "no address": answer(200, ISSUED),
    "bad address": answer(200, {**ISSUED, "client_endpoint": f"https://127.0.0.1/rest/1/{ACCESS}/"}),
    "tokens under an error": answer(500, ISSUED),
}


def _assert_clean(error: BaseException, records: list[logging.LogRecord]) -> None:
    shown = "".join(traceback.format_exception(error))
    shown += "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    shown += repr(error) + str(error) + str(error.args) + str(vars(error))
    shown += "".join(logging.Formatter().format(record) + str(vars(record)) for record in records)
    assert "c4nary" not in shown
    assert error.__context__ is None
    assert error.__cause__ is None


@pytest.mark.parametrize("way", ["refresh", "exchange"])
@pytest.mark.parametrize("trouble", TROUBLE)
def test_error_of_a_bad_server_reply_contains_no_secret(
    trouble: str, way: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), scripted(TROUBLE[trouble]) as portal:
        server = AuthorisationServer(SystemClock(), client_of(portal).wire)
        with pytest.raises(BitrixError) as caught:
            getattr(server, way)(f"127.0.0.1:{portal.port}", APPLICATION, GRANT, soon(0.5))

    _assert_clean(caught.value, caplog.records)


@pytest.mark.parametrize("fault", ["closed port", "refused address", "wrong name", "unknown server", "no token"])
def test_error_of_a_failed_connection_contains_no_secret(fault: str, caplog: pytest.LogCaptureFixture) -> None:
    names = ["oauth.bitrix.info"] if fault == "wrong name" else ["127.0.0.1"]
    with caplog.at_level(logging.DEBUG), scripted(answer(200, ISSUED), names=names) as portal:
        client = Bitrix24Client(SystemClock()) if fault == "refused address" else client_of(portal)
        server = AuthorisationServer(SystemClock(), client.wire)
        if fault == "closed port":
            portal.stop()
        host = "evil.example" if fault == "unknown server" else f"127.0.0.1:{portal.port}"
        with pytest.raises(BitrixError) as caught:
            server.refresh(host, APPLICATION, GRANT + " " * (fault == "no token"), soon())

    _assert_clean(caught.value, caplog.records)
    assert portal.requests == []


@pytest.mark.parametrize("first", [None, answer(405, b"")])
def test_successful_refresh_logs_no_secret(first: Script | None, caplog: pytest.LogCaptureFixture) -> None:
    issued = answer(200, {**ISSUED, "client_endpoint": "https://acme.bitrix24.com/rest/"})
    with caplog.at_level(logging.DEBUG), scripted(*filter(None, [first, issued])) as portal:
        server = AuthorisationServer(SystemClock(), client_of(portal).wire)
        pair = server.refresh(f"127.0.0.1:{portal.port}", APPLICATION, GRANT, soon())

    assert (pair.access_token, pair.refresh_token) == (ACCESS, REFRESH)
    assert "c4nary" not in caplog.text + repr(pair) + repr(server) + repr(vars(server)) + repr(APPLICATION)


def test_no_urllib3_exception_outlives_the_call() -> None:
    with scripted(cut()) as portal, pytest.raises(BitrixError):
        AuthorisationServer(SystemClock(), client_of(portal).wire).refresh(
            f"127.0.0.1:{portal.port}", APPLICATION, GRANT, soon()
        )
    gc.collect()

    foreign = [each for each in gc.get_objects() if type(each).__module__ == "urllib3.exceptions"]
    assert [each for each in foreign if isinstance(each, Exception)] == []
