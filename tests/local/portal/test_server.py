"""The HTTP server of the local run: requests arrive unchanged, and failures are handled."""

import json
import logging
import socket
import threading
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import pytest
import urllib3

from local.net.http_server import ConnectionCut, HttpServer

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

SECRET = "planted-secret"


def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    """Returns the request that it received; some paths fail."""
    path = environ["PATH_INFO"]
    if path == "/cut":
        raise ConnectionCut
    if path == "/fail":
        raise ValueError(SECRET)
    if path == "/empty":
        start_response("204 No Content", [])
        return []
    asked = {
        "path": path.encode("latin-1").decode(),
        "query": environ["QUERY_STRING"],
        "raw": environ["RAW_URI"],
        "verb": environ["REQUEST_METHOD"],
        "body": environ["wsgi.input"].read().decode(),
        "headers": {name: value for name, value in environ.items() if name.startswith("HTTP_X_")},
    }
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(asked).encode()]


@pytest.fixture
def server() -> Iterator[HttpServer]:
    server = HttpServer(application)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def client() -> Iterator[urllib3.PoolManager]:
    client = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(10))
    yield client
    client.clear()


@pytest.mark.parametrize("verb", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_verb_path_query_and_body_arrive(server: HttpServer, client: urllib3.PoolManager, verb: str) -> None:
    asked = client.request(verb, server.url() + "/a%20%D0%B9%2Fb?x=%7C&y", body=b"text").json()
    assert (asked["verb"], asked["path"], asked["query"]) == (verb, "/a й/b", "x=%7C&y")
    assert (asked["raw"], asked["body"]) == ("/a%20%D0%B9%2Fb?x=%7C&y", "text")


def test_chunked_body_arrives_whole(server: HttpServer, client: urllib3.PoolManager) -> None:
    parts = iter([b"one ", b"two ", b"x" * 100_000])
    asked = client.request("POST", server.url(), body=parts, chunked=True).json()
    assert asked["body"] == "one two " + "x" * 100_000


def test_repeated_headers_are_joined_and_underscored_names_are_ignored(
    server: HttpServer, client: urllib3.PoolManager
) -> None:
    headers = urllib3.HTTPHeaderDict([("X-Key", "a"), ("X-Key", "b"), ("X_Key", "forged")])
    asked = client.request("GET", server.url(), headers=headers).json()
    assert asked["headers"] == {"HTTP_X_KEY": "a,b"}


def test_answers_without_a_body_leave_the_connection_usable(server: HttpServer, client: urllib3.PoolManager) -> None:
    assert client.request("HEAD", server.url()).status == 200
    assert client.request("GET", server.url() + "/empty").status == 204
    assert client.request("GET", server.url()).json()["verb"] == "GET"
    assert client.connection_from_url(server.url()).num_connections == 1


def test_body_that_is_too_large_is_refused(server: HttpServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999999\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")


def test_cut_connection_has_no_answer(server: HttpServer, client: urllib3.PoolManager) -> None:
    with pytest.raises(urllib3.exceptions.ProtocolError):
        client.request("GET", server.url() + "/cut")


def test_failing_application_is_a_500_without_its_message_in_answer_and_log(
    server: HttpServer, client: urllib3.PoolManager, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, logger="local.net.http_server"):
        answer = client.request("GET", server.url() + f"/fail?{SECRET}")
    assert answer.status == 500
    assert SECRET.encode() not in answer.data
    assert "ValueError" in caplog.text
    assert SECRET not in caplog.text


def test_taken_port_is_reported_at_once(server: HttpServer) -> None:
    with pytest.raises(OSError, match="in use"):
        HttpServer(application, port=server.port)


def test_stop_closes_kept_alive_connections_and_frees_the_port(client: urllib3.PoolManager) -> None:
    before = set(threading.enumerate())
    server = HttpServer(application)
    server.start()
    address, port = server.url(), server.port
    client.request("GET", address)
    ours = set(threading.enumerate()) - before
    server.stop()
    server.stop()
    for thread in ours:
        thread.join(10)
        assert not thread.is_alive()
    with pytest.raises(urllib3.exceptions.HTTPError):
        client.request("GET", address)
    HttpServer(application, port=port).stop()


def test_url_uses_any_given_host() -> None:
    for host, url in (("127.0.0.1", "http://127.0.0.1"), ("0.0.0.0", "http://127.0.0.1"), ("::1", "http://[::1]")):  # noqa: S104 - what containers reach
        server = HttpServer(application, host=host)
        assert server.url() == f"{url}:{server.port}"
        assert server.url("host.docker.internal") == f"http://host.docker.internal:{server.port}"
        server.stop()
