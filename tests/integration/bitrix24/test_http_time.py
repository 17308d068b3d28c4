"""Calls end by their deadline, whatever the portal does; connections are kept and checked before they serve again.

Each of these tests would hang if the client waited: the portal goes on until the test is over.
"""

import pytest

from chat_lookup.bitrix24.errors import BitrixError, ErrorClass
from chat_lookup.clock import Deadline, SystemClock
from tests.support.portals.scripted_portal import Script, answer, client_of, cut, drip, result, scripted, silence, soon

pytestmark = pytest.mark.timeout(20)

OK = b"HTTP/1.1 200 OK\r\n"


class MovableClock(SystemClock):
    """The machine's clock, put forward by hand."""

    ahead = 0.0

    def now(self) -> float:
        return super().now() + self.ahead


@pytest.mark.parametrize(
    "script",
    [
        silence,
        drip(b"", b"H"),
        drip(OK, b"X-Header: 1\r\n"),
        drip(OK + b"Content-Length: 900000\r\n\r\n", b" "),
        drip(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
        drip(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
        drip(OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X-Trailer: 1\r\n"),
        drip(b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
)
def test_silence_and_dripping_end_with_the_deadline(script: Script) -> None:
    with scripted(script) as portal, pytest.raises(BitrixError) as caught:
        client_of(portal).call(portal.endpoint(), "im.chat.get", {}, soon(0.4))

    assert (caught.value.metric_code, caught.value.error_class) == ("TIMEOUT", ErrorClass.RETRY)
    assert len(portal.requests) == 1


def test_a_portal_that_never_speaks_tls_ends_with_the_deadline() -> None:
    with scripted(silence, tls=False) as portal, pytest.raises(BitrixError) as caught:
        client_of(portal).call(portal.endpoint(), "im.chat.get", {}, soon(0.4))

    assert caught.value.metric_code == "TIMEOUT"


def test_reading_ends_before_the_deadline_if_told_so() -> None:
    with scripted(drip(OK + b"Content-Length: 900000\r\n\r\n", b" ")) as portal, pytest.raises(BitrixError) as caught:
        client_of(portal).call(portal.endpoint(), "batch", {}, soon(3600), read_seconds=0.3)

    assert caught.value.metric_code == "TIMEOUT"


def test_a_deadline_that_is_over_costs_no_call() -> None:
    clock = SystemClock()
    with scripted(result(1)) as portal, pytest.raises(BitrixError) as caught:
        client_of(portal).call(portal.endpoint(), "im.chat.get", {}, Deadline(clock.now() - 1, clock))

    assert caught.value.metric_code == "TIMEOUT"
    assert portal.connections == 0


def test_one_connection_serves_call_after_call() -> None:
    with scripted(result(1)) as portal:
        client = client_of(portal)
        for _ in range(5):
            client.call(portal.endpoint(), "im.chat.get", {}, soon())

    assert (len(portal.requests), portal.connections) == (5, 1)


def test_an_error_of_the_portal_does_not_cost_the_connection() -> None:
    with scripted(answer(403, {"error": "ACCESS_ERROR"}), result(1)) as portal:
        client = client_of(portal)
        with pytest.raises(BitrixError):
            client.call(portal.endpoint(), "im.chat.get", {}, soon())
        client.call(portal.endpoint(), "im.chat.get", {}, soon())

    assert portal.connections == 1


def test_a_connection_that_the_portal_closed_meanwhile_is_replaced() -> None:
    with scripted(result(1)) as portal:
        client = client_of(portal)
        client.call(portal.endpoint(), "im.chat.get", {}, soon())
        portal.hang_up()

        assert client.call(portal.endpoint(), "im.chat.get", {}, soon()).result == 1

    assert portal.connections == 2


def test_a_connection_that_was_idle_for_long_is_not_trusted() -> None:
    clock = MovableClock()
    with scripted(result(1)) as portal:
        client = client_of(portal, clock)
        client.call(portal.endpoint(), "im.chat.get", {}, Deadline.after(10, clock))
        clock.ahead = 60
        client.call(portal.endpoint(), "im.chat.get", {}, Deadline.after(10, clock))

    assert portal.connections == 2


@pytest.mark.parametrize(
    "trouble", [silence, cut(OK + b'Content-Length: 9\r\n\r\n{"re'), answer(200, b" " * 3_000_000)]
)
def test_after_a_failed_call_the_next_one_starts_afresh(trouble: Script) -> None:
    with scripted(trouble, result(1)) as portal:
        client = client_of(portal)
        with pytest.raises(BitrixError):
            client.call(portal.endpoint(), "im.chat.get", {}, soon(0.4))

        assert client.call(portal.endpoint(), "im.chat.get", {}, soon()).result == 1
