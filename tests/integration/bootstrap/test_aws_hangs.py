"""Real sockets that hang: a call to AWS ends by the deadline in force, with each client."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from functools import partial
from typing import Any, Final

import pytest
from botocore.exceptions import BotoCoreError

from chat_lookup.bootstrap import aws_clients
from chat_lookup.clock import TO_ANSWER, Deadline, SystemClock, bound_by
from chat_lookup.config import Settings, from_environ
from chat_lookup.observability.aws_failures import OutOfTime

SECONDS: Final = 0.6
"""Seconds from now to the deadline: less than the timeout of any client."""
SLACK: Final = 1.5
"""Seconds of tolerance for a machine that is busy with other tests: with them the call still ends before the shortest
time-out of these clients, 2 s for one answer."""
WITH_TLS: Final = 1.2
"""The same where the call first reads the public authorities."""
DRIP_S: Final = 0.05

Call = Callable[[], object]
CALLS: Final[Mapping[str, Callable[[Settings], Call]]] = {
    "dynamodb": lambda settings: partial(
        aws_clients.dynamodb(settings).get_item, TableName="CacheTable", Key={"pk": {"S": "x"}}
    ),
    "secretsmanager": lambda settings: partial(aws_clients.secrets(settings).get_secret_value, SecretId="s"),
    "sqs": lambda settings: partial(
        aws_clients.sqs(settings).send_message, QueueUrl=str(settings.endpoint_url), MessageBody=""
    ),
}
"""A call of each client, which is made before the time is taken."""


@pytest.fixture
def silent() -> Iterator[str]:
    """A server that accepts connections and never answers."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def dripping() -> Iterator[str]:
    """A server that answers one byte at a time, without end."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        threading.Thread(target=_drip, args=(server,), daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def _drip(server: socket.socket) -> None:
    stopped = threading.Event()
    try:
        connection, _ = server.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            while True:
                connection.sendall(b"a")
                stopped.wait(DRIP_S)
    except OSError:
        return


def settings_at(url: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    credentials = {"AWS_ACCESS_KEY_ID": "here", "AWS_SECRET_ACCESS_KEY": "here", "AWS_DEFAULT_REGION": "us-east-1"}
    for name, value in {**credentials, "NO_PROXY": "*"}.items():
        monkeypatch.setenv(name, value)
    return from_environ(
        {"PORTAL_TABLE": "PortalTable", "CACHE_TABLE": "CacheTable", "SECRET_PREFIX": "unit", "AWS_ENDPOINT_URL": url}
    )


def seconds_of(call: Call, deadline_s: float = SECONDS) -> tuple[float, BotoCoreError]:
    began = time.monotonic()
    with bound_by(Deadline.after(deadline_s, SystemClock())), pytest.raises(BotoCoreError) as raised:
        call()
    return time.monotonic() - began, raised.value


@pytest.mark.parametrize("service", CALLS)
@pytest.mark.parametrize("server", ["silent", "dripping"])
def test_hanging_call_ends_by_the_deadline(
    service: str, server: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_at(request.getfixturevalue(server), monkeypatch)
    took, error = seconds_of(CALLS[service](settings))
    assert SECONDS - TO_ANSWER - 0.1 < took < SECONDS - TO_ANSWER + SLACK
    assert not isinstance(error, OutOfTime)


def test_hanging_handshake_ends_by_the_deadline(silent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_at(silent.replace("http:", "https:"), monkeypatch)
    took, _ = seconds_of(CALLS["dynamodb"](settings), deadline_s=WITH_TLS)
    assert took < WITH_TLS + SLACK


def test_call_without_time_left_makes_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(*_: object) -> Any:
        raise AssertionError("connected after the deadline")

    monkeypatch.setattr(socket.socket, "connect", connect)
    settings = settings_at("http://127.0.0.1:9", monkeypatch)
    took, error = seconds_of(CALLS["dynamodb"](settings), deadline_s=TO_ANSWER / 2)
    assert isinstance(error, OutOfTime)
    assert took < SLACK


def test_tls_connections_have_a_deadline_too(monkeypatch: pytest.MonkeyPatch) -> None:
    client: Any = aws_clients.secrets(settings_at("https://127.0.0.1:9", monkeypatch))
    pools = client._endpoint.http_session._manager
    assert issubclass(pools.connection_pool_kw["ssl_context"].sslsocket_class, ssl.SSLSocket)
    assert pools.connection_pool_kw["ssl_context"].sslsocket_class is not ssl.SSLSocket
