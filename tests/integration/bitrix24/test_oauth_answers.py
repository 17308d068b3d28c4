"""What is sent to an authorisation server, and how its replies are classified, over real TLS."""

import json
import socket
import threading
import time
from typing import cast
from urllib.parse import parse_qs, urlsplit

import pytest

from chat_lookup.bitrix24.client import Endpoint
from chat_lookup.bitrix24.errors import ROWS, BitrixError, ErrorClass, ErrorRow, Where
from chat_lookup.bitrix24.oauth import DEFAULT_SERVER, Application, AuthorisationServer, TokenPair
from chat_lookup.clock import Deadline, SystemClock
from tests.support.portals.scripted_portal import (
    Request,
    Script,
    ScriptedPortal,
    answer,
    client_of,
    cut,
    drip,
    result,
    scripted,
    silence,
    soon,
)
from tests.support.too_many_requests import FORMS

pytestmark = pytest.mark.timeout(20)

APPLICATION = Application("local.5f3a", "s3cret&=+%")
MEMBER_ID = "f0e1d2c3b4a5968778695a4b3c2d1e0f"
ISSUED: dict[str, object] = {
    "access_token": "at-2",
    "refresh_token": "rt-2",
    "expires": 1_763_003_600,
    "expires_in": 3600,
    "scope": "im,imbot",
    "domain": "oauth.bitrix.info",
    "server_endpoint": "https://oauth.bitrix.info/rest/",
    "client_endpoint": "https://acme.bitrix24.com/rest/",
    "status": "L",
    "member_id": MEMBER_ID,
    "user_id": 17,
}
ALL_ISSUED = answer(body=ISSUED)


def _server(portal: ScriptedPortal) -> AuthorisationServer:
    return AuthorisationServer(SystemClock(), client_of(portal).wire)


def _named(portal: ScriptedPortal) -> str:
    return f"127.0.0.1:{portal.port}"


def _refreshed(*scripts: Script) -> tuple[TokenPair, list[Request]]:
    with scripted(*scripts) as portal:
        return _server(portal).refresh(_named(portal), APPLICATION, "rt-1", soon()), portal.requests


def _refused(*scripts: Script) -> tuple[BitrixError, list[Request]]:
    with scripted(*scripts) as portal, pytest.raises(BitrixError) as caught:
        _server(portal).refresh(_named(portal), APPLICATION, "rt-1", soon())
    return caught.value, portal.requests


def _form(text: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(text, strict_parsing=True).items()}


KEYS = {"client_id": APPLICATION.client_id, "client_secret": APPLICATION.client_secret}


def test_refresh_is_one_form_post_with_nothing_in_its_url() -> None:
    pair, requests = _refreshed(ALL_ISSUED)

    (request,) = requests
    assert request.line == "POST /oauth/token/ HTTP/1.1"
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert request.headers["accept"] == "application/json"
    assert _form(request.body.decode()) == {**KEYS, "grant_type": "refresh_token", "refresh_token": "rt-1"}
    assert (pair.access_token, pair.refresh_token, pair.member_id) == ("at-2", "rt-2", MEMBER_ID)
    assert (pair.client_endpoint, pair.user_id, pair.server) == ("https://acme.bitrix24.com/rest/", 17, DEFAULT_SERVER)


def test_code_is_exchanged_by_one_form_post() -> None:
    with scripted(answer(body={key: value for key, value in ISSUED.items() if key != "user_id"})) as portal:
        pair = _server(portal).exchange(_named(portal), APPLICATION, "code-1", soon())

    (request,) = portal.requests
    assert _form(request.body.decode()) == {**KEYS, "grant_type": "authorization_code", "code": "code-1"}
    assert (pair.access_token, pair.user_id) == ("at-2", None)


def test_lifetime_of_a_pair_counts_from_the_time_of_the_request() -> None:
    before = SystemClock().now()
    pair, _ = _refreshed(ALL_ISSUED)

    assert before + 3600 <= pair.expires_at <= SystemClock().now() + 3600


@pytest.mark.parametrize(
    "refusal",
    [
        answer(405, b"<html>Method Not Allowed</html>"),
        answer(405, {"error": "INVALID_REQUEST"}),
        answer(404, b""),
        answer(404, {}),
        answer(400, b"<html>Bad Request</html>"),
        answer(400, {"error": "SOMETHING_NEW"}),
        answer(400, {"error": ""}),
        answer(400, {"error": "invalid_request", "error_description": "grant_type is missing"}),
    ],
)
def test_refused_post_is_repeated_once_as_get(refusal: Script) -> None:
    pair, requests = _refreshed(refusal, ALL_ISSUED)

    assert pair.refresh_token == "rt-2"
    assert len(requests) == 2
    verb, target, _ = requests[1].line.split(" ")
    assert (verb, urlsplit(target).path, requests[1].body) == ("GET", "/oauth/token/", b"")
    assert _form(urlsplit(target).query) == {**KEYS, "grant_type": "refresh_token", "refresh_token": "rt-1"}


@pytest.mark.parametrize(
    ("status", "code", "error_class"),
    [
        (400, "invalid_client", ErrorClass.CONFIG),
        (401, "invalid_client", ErrorClass.CONFIG),
        (200, "wrong_client", ErrorClass.CONFIG),
        (404, "wrong_client", ErrorClass.CONFIG),
        (401, "insufficient_scope", ErrorClass.CONFIG),
        (403, "invalid_scope", ErrorClass.CONFIG),
        (400, "invalid_grant", ErrorClass.REAUTHORISE),
        (200, "INVALID_GRANT", ErrorClass.REAUTHORISE),
        (400, "bad_verification_code", ErrorClass.REAUTHORISE),
        (401, "PAYMENT_REQUIRED", ErrorClass.PORTAL),
        (200, "payment_required", ErrorClass.PORTAL),
        (401, "NOT_INSTALLED", ErrorClass.UNINSTALLED),
        (401, "NO_AUTH_FOUND", ErrorClass.PORTAL),
        (401, "SOMETHING_NEW", ErrorClass.RETRY),
        (403, "SOMETHING_NEW", ErrorClass.RETRY),
        (503, "SOMETHING_NEW", ErrorClass.RETRY),
        (503, "QUERY_LIMIT_EXCEEDED", ErrorClass.LIMIT),
        (500, "INTERNAL_SERVER_ERROR", ErrorClass.RETRY),
        (401, "expired_token", ErrorClass.CONFIG),
    ],
)
def test_error_is_classified_by_its_code_under_any_status_after_one_request(
    status: int, code: str, error_class: ErrorClass
) -> None:
    error, requests = _refused(answer(status, {"error": code, "error_description": "why", **ISSUED}))

    assert (error.code, error.status, error.description) == (code, status, "why")
    assert error.error_class is error_class
    assert len(requests) == 1


OURS = {"HTTP_4XX", "HTTP_5XX", "NOT_JSON"}
SERVERS = [row for row in ROWS if row.where is Where.AUTH_SERVER and row.code not in OURS]
SOME_OF_MANY = (400, 401, 500)
"""The statuses with which a row for every status is tried."""


@pytest.mark.parametrize("row", SERVERS, ids=lambda row: row.code)
def test_each_row_of_the_authorisation_server_gives_its_class_and_metric_in_any_case(row: ErrorRow) -> None:
    statuses = row.statuses if len(row.statuses) < len(range(400, 600)) else SOME_OF_MANY
    for status in statuses:
        error, _ = _refused(answer(status, {"error": row.code.swapcase()}))
        assert (error.code, error.status, error.metric_code) == (row.code.swapcase(), status, row.code)
        assert error.error_class is row.error_class


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_retry_after_of_the_server_is_read_in_each_form(form: dict[str, object]) -> None:
    body = form.get("body", {"error": form["error"]} if "error" in form else {})
    sent = body.encode() if isinstance(body, str) else body
    error, _ = _refused(answer(cast(int, form["status"]), sent, ["Retry-After: 30"]))

    assert error.retry_at == pytest.approx(time.time() + 30, abs=10)


@pytest.mark.parametrize(
    ("body", "error_class"),
    [({}, ErrorClass.PORTAL), (b"", ErrorClass.RETRY), (b"<html>not found</html>", ErrorClass.RETRY)],
)
def test_status_404_with_json_is_an_error_of_the_portal_and_with_a_page_retryable(
    body: object, error_class: ErrorClass
) -> None:
    error, requests = _refused(answer(404, body))

    assert (error.status, error.error_class) == (404, error_class)
    assert len(requests) == 2  # POST, then GET


def test_invalid_request_for_post_and_get_is_a_configuration_error() -> None:
    error, requests = _refused(answer(400, {"error": "invalid_request"}))

    assert (error.code, error.error_class) == ("invalid_request", ErrorClass.CONFIG)
    assert len(requests) == 2


@pytest.mark.parametrize(
    "trouble",
    [
        answer(500, b""),
        answer(502, b"<html>bad gateway</html>"),
        answer(503, {}),
        answer(429, b"slow down"),
        answer(200, b"<html>maintenance</html>"),
        answer(200, b""),
        answer(200, []),
        answer(200, b"[" * 500_000),
        answer(200, b" " * 2_000_000),
        answer(200, {"access_token": "at-2"}),
        result(True),
        cut(),
        cut(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"),
    ],
)
def test_outage_of_the_server_is_retryable_and_not_repeated_at_once(trouble: Script) -> None:
    error, requests = _refused(trouble)

    assert error.error_class is ErrorClass.RETRY
    assert len(requests) == 1


@pytest.mark.parametrize("missing", ["access_token", "refresh_token", "member_id", "client_endpoint"])
def test_reply_without_a_required_field_is_a_protocol_error(missing: str) -> None:
    error, _ = _refused(answer(body={key: value for key, value in ISSUED.items() if key != missing}))

    assert (error.metric_code, error.status, error.error_class) == ("PROTOCOL", 200, ErrorClass.RETRY)


def test_reply_with_a_forbidden_portal_address_is_refused() -> None:
    error, _ = _refused(answer(body={**ISSUED, "client_endpoint": "https://169.254.169.254/rest/"}))

    assert error.metric_code == "ADDRESS_REFUSED"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_never_followed_and_is_no_renamed_portal(status: int) -> None:
    with scripted(ALL_ISSUED) as elsewhere:
        body = json.dumps(ISSUED).encode()
        error, requests = _refused(answer(status, body, [f"Location: https://127.0.0.1:{elsewhere.port}/oauth/token/"]))

    assert (error.metric_code, error.error_class) == ("PROTOCOL", ErrorClass.RETRY)
    assert (len(requests), elsewhere.connections) == (1, 0)


@pytest.mark.parametrize("trouble", [silence, drip(b"HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n", b" ")])
def test_silent_or_dripping_server_ends_at_the_deadline(trouble: Script) -> None:
    with scripted(trouble) as portal, pytest.raises(BitrixError) as caught:
        _server(portal).refresh(_named(portal), APPLICATION, "rt-1", soon(0.4))

    assert (caught.value.metric_code, caught.value.error_class) == ("TIMEOUT", ErrorClass.RETRY)


def test_refresh_after_its_deadline_sends_nothing() -> None:
    clock = SystemClock()
    with scripted(ALL_ISSUED) as portal, pytest.raises(BitrixError) as caught:
        _server(portal).refresh(_named(portal), APPLICATION, "rt-1", Deadline(clock.now() - 1, clock))

    assert caught.value.metric_code == "TIMEOUT"
    assert portal.connections == 0


@pytest.mark.parametrize(
    "server", ["evil.example", "127.0.0.1", "oauth.bitrix.info.", "oauth.bitrix.info@127.0.0.1", ""]
)
def test_unlisted_server_is_never_called(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a name was resolved")

    with scripted(ALL_ISSUED) as portal:
        monkeypatch.setattr("socket.getaddrinfo", refuse)
        with pytest.raises(BitrixError) as caught:
            _server(portal).refresh(server, APPLICATION, "rt-1", soon())

    assert (caught.value.metric_code, caught.value.error_class) == ("ADDRESS_REFUSED", ErrorClass.CONFIG)
    assert portal.connections == 0


@pytest.mark.parametrize("token", ["", " ", "two words", "line\n", "\x00", "é", "\ud800", "x" * 1025])
def test_invalid_token_text_is_a_dead_grant_without_a_request(token: str) -> None:
    with scripted(ALL_ISSUED) as portal:
        for request in (_server(portal).refresh, _server(portal).exchange):
            with pytest.raises(BitrixError) as caught:
                request(_named(portal), APPLICATION, token, soon())
            assert caught.value.error_class is ErrorClass.REAUTHORISE

    assert portal.connections == 0


@pytest.mark.parametrize(
    "application", [Application("", "secret"), Application("local.1", ""), Application("a", "\ud800")]
)
def test_invalid_application_keys_are_refused_without_a_request(application: Application) -> None:
    with scripted(ALL_ISSUED) as portal, pytest.raises(BitrixError) as caught:
        _server(portal).refresh(_named(portal), application, "rt-1", soon())

    assert (caught.value.code, caught.value.error_class) == ("invalid_client", ErrorClass.CONFIG)
    assert portal.connections == 0


def test_server_is_identified_by_its_address_and_local_ones_are_permitted() -> None:
    with scripted(ALL_ISSUED) as portal:
        server = _server(portal)

        assert server.server_named(None) == server.server_named("") == DEFAULT_SERVER
        assert server.server_named("https://oauth.bitrix24.tech/rest/") == "oauth.bitrix24.tech"
        assert server.server_named(f"https://127.0.0.1:{portal.port}/rest/") == _named(portal)
        for address in ("https://evil.example/rest/", f"https://127.0.0.1:{portal.port + 1}/rest/", " ", "oauth"):
            with pytest.raises(BitrixError) as caught:
                server.server_named(address)
            assert caught.value.metric_code == "ADDRESS_REFUSED"


def _issuing_for_itself(connection: socket.socket, over: threading.Event) -> bool:
    address = f"https://127.0.0.1:{connection.getsockname()[1]}/rest/"
    return answer(body={**ISSUED, "client_endpoint": address, "server_endpoint": address})(connection, over)


def test_portal_and_authorisation_server_share_one_connection_pool() -> None:
    with scripted(_issuing_for_itself, result({"ID": 1437})) as portal:
        client = client_of(portal)
        pair = AuthorisationServer(SystemClock(), client.wire).refresh(_named(portal), APPLICATION, "rt-1", soon())
        client.call(Endpoint(pair.client_endpoint, auth=pair.access_token), "im.chat.get", {}, soon())

    assert (pair.server, pair.client_endpoint) == (_named(portal), f"https://{_named(portal)}/rest/")
    assert json.loads(portal.requests[1].body) == {"auth": "at-2"}
    assert portal.connections == 1
