"""A server of the local run answers requests to its own names, from no foreign page; no path writes a header."""

import http.client
import json
import socket
from collections.abc import Iterable
from typing import TYPE_CHECKING

import pytest

from local.net.admission import FOREIGN_HOST, FOREIGN_PAGE, LOOPBACK, Admission, Run
from local.net.http_server import HttpServer

if TYPE_CHECKING:
    from wsgiref.types import StartResponse

PORT = 3000
RUN = Run.named("0.0.0.0", "Portal.Test")  # noqa: S104 - a name, compared only
RUN.ports.update({PORT, 3010})


def refusal(
    admission: Admission, *, path: str = "/", method: str = "POST", scheme: str = "http", **headers: str
) -> str | None:
    sent = {f"HTTP_{name.upper()}": value for name, value in ({"host": "127.0.0.1:3000"} | headers).items()}
    environ = {"PATH_INFO": path, "REQUEST_METHOD": method, "wsgi.url_scheme": scheme, **sent}
    return admission.refusal(environ, PORT)


@pytest.mark.parametrize(
    "host", ["127.0.0.1:3000", "localhost:3000", "LOCALHOST:3000", "[::1]:3000", "portal.test:3000", "0.0.0.0:3000"]
)
def test_names_of_the_run_are_admitted(host: str) -> None:
    assert refusal(Admission.of(RUN), host=host) is None


@pytest.mark.parametrize(
    "host",
    [
        "", "evil.example", "evil.example:3000", "127.0.0.1", "127.0.0.1:3010", "127.0.0.1:0", "localhost.:3000",
        "127.0.0.1.evil.example:3000", "evil.example@127.0.0.1:3000", "127.0.0.1:3000,evil.example", "127.0.0.1:3000/x",
        "[::1:3000", "127.0.0.1:three", "127.0.0.2:3000", "2130706433:3000", "host.docker.internal:3000",
        "own.test:3000",
    ],
)  # fmt: skip
def test_every_other_host_is_refused(host: str) -> None:
    assert refusal(Admission.of(RUN), host=host) == FOREIGN_HOST
    assert refusal(Admission.of(RUN, any_origin="/rest/"), path="/rest/1/KEY/scope", host=host) == FOREIGN_HOST


@pytest.mark.parametrize(("scheme", "port"), [("http", 80), ("https", 443)])
def test_usual_port_of_a_scheme_needs_no_number(scheme: str, port: int) -> None:
    environ = {"PATH_INFO": "/", "REQUEST_METHOD": "GET", "wsgi.url_scheme": scheme, "HTTP_HOST": "localhost"}
    assert Admission.of(Run()).refusal(environ, port) is None
    assert Admission.of(Run()).refusal(environ, 443 if port == 80 else 80) == FOREIGN_HOST


def test_server_may_have_names_of_its_own_or_fewer_than_the_run() -> None:
    assert refusal(Admission.of(RUN, ["own.test"]), host="own.test:3000") is None
    assert refusal(Admission(RUN, LOOPBACK), host="portal.test:3000") == FOREIGN_HOST
    assert refusal(Admission(RUN, LOOPBACK), host="localhost:3000") is None


@pytest.mark.parametrize("origin", ["http://127.0.0.1:3000", "https://localhost:3010", "https://portal.test:3010"])
def test_pages_of_the_run_are_admitted(origin: str) -> None:
    assert refusal(Admission.of(RUN), origin=origin) is None
    assert refusal(Admission.of(RUN), origin=origin, sec_fetch_site="cross-site") is None


@pytest.mark.parametrize(
    "origin",
    [
        "null", "http://evil.example", "https://evil.example:3000", "http://127.0.0.1:8080", "http://127.0.0.1",
        "http://127.0.0.1:3000.evil.example", "http://127.0.0.1:3000@evil.example", "http://127.0.0.1:3000/", "file://",
        "http://127.0.0.1:3000,http://evil.example",
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "DELETE"])
def test_every_other_page_is_refused_except_below_the_open_path(origin: str, method: str) -> None:
    admission = Admission.of(RUN, any_origin="/rest/")
    assert refusal(admission, method=method, origin=origin) == FOREIGN_PAGE
    assert refusal(admission, method=method, origin=origin, path="/v1/chats") == FOREIGN_PAGE
    assert refusal(admission, method=method, origin=origin, path="/restless") == FOREIGN_PAGE
    assert refusal(admission, method=method, origin=origin, path="/rest/1/KEY/scope") is None
    assert refusal(Admission.of(RUN), method=method, origin=origin, path="/rest/1/KEY/scope") == FOREIGN_PAGE


@pytest.mark.parametrize(
    ("method", "mode", "admitted"),
    [("GET", "navigate", True), ("HEAD", "navigate", True), ("GET", "no-cors", False), ("POST", "navigate", False)],
)
def test_request_across_sites_without_an_origin_is_admitted_for_a_link_only(
    method: str, mode: str, admitted: bool
) -> None:
    sent = refusal(Admission.of(RUN), method=method, sec_fetch_site="cross-site", sec_fetch_mode=mode)
    assert (sent is None) == admitted
    assert refusal(Admission.of(RUN), method=method, sec_fetch_site="same-origin", sec_fetch_mode=mode) is None


def test_refused_request_does_not_reach_the_application() -> None:
    reached = []

    def application(environ: object, start_response: object) -> Iterable[bytes]:
        reached.append(environ)
        assert callable(start_response)
        start_response("200 OK", [])
        return [b"hello"]

    server = HttpServer(application)
    server.start()
    try:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        foreign = {"Origin": "http://evil.example", "Content-Type": "text/plain"}
        rebound = {"Host": f"evil.example:{server.port}"}
        for headers, message in ((foreign, FOREIGN_PAGE), (rebound, FOREIGN_HOST)):
            connection.request("POST", "/", body="{}", headers=headers)
            answer = connection.getresponse()
            assert (answer.status, json.loads(answer.read())) == (403, {"message": message})
        assert reached == []
        connection.request("POST", "/", body="{}")
        assert connection.getresponse().read() == b"hello"
        connection.close()
    finally:
        server.stop()


@pytest.mark.parametrize("header", ["/\r\nSet-Cookie: user=2", "/\n\n<script>", "/\r", "/\0", "/\x1b[2J", "/лид"])
def test_header_with_a_character_that_ends_it_is_sent_by_no_server(header: str) -> None:
    def app(_: object, start_response: "StartResponse") -> Iterable[bytes]:
        start_response("302 Found", [("Location", header)])
        return []

    server = HttpServer(app)
    server.start()
    try:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        connection.request("GET", "/")
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (500, b"Internal Server Error")
        assert {name.lower() for name, _ in answer.getheaders()} == {"server", "date", "content-type", "content-length"}
        connection.close()
    finally:
        server.stop()


@pytest.mark.parametrize("length", ["9" * 5_000, "9" * 10, "-1", "+1", "1_0", "\u0663", "1 1", "x"])
def test_length_that_is_no_number_or_too_large_is_refused(length: str) -> None:
    server = HttpServer(lambda _, __: [])
    server.start()
    try:
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
            head = f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nContent-Length: {length}\r\n\r\n"
            connection.sendall(head.encode())
            assert connection.recv(1_000).split(b"\r\n")[0].startswith(b"HTTP/1.1 413 ")
    finally:
        server.stop()
