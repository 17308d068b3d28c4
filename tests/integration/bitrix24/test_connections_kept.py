"""Connections are kept open, and checked before they are used again."""

import pytest

from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.clock import Deadline, SystemClock
from tests.support.portals.scripted_portal import Script, answer, client_of, cut, result, scripted, silence, soon

pytestmark = pytest.mark.timeout(20)
OK = b"HTTP/1.1 200 OK\r\n"


class MovableClock(SystemClock):
    """The system clock plus an offset that the test sets, in seconds."""

    ahead = 0.0

    def now(self) -> float:
        return super().now() + self.ahead


def test_one_connection_is_used_for_all_calls() -> None:
    with scripted(result(1)) as portal:
        client = client_of(portal)
        for _ in range(5):
            client.call(portal.endpoint(), "im.chat.get", {}, soon())

    assert (len(portal.requests), portal.connections) == (5, 1)


def test_error_reply_does_not_close_the_connection() -> None:
    with scripted(answer(403, {"error": "ACCESS_ERROR"}), result(1)) as portal:
        client = client_of(portal)
        with pytest.raises(BitrixError):
            client.call(portal.endpoint(), "im.chat.get", {}, soon())
        client.call(portal.endpoint(), "im.chat.get", {}, soon())

    assert portal.connections == 1


def test_connection_closed_by_the_portal_is_replaced() -> None:
    with scripted(result(1)) as portal:
        client = client_of(portal)
        client.call(portal.endpoint(), "im.chat.get", {}, soon())
        portal.hang_up()

        assert client.call(portal.endpoint(), "im.chat.get", {}, soon()).result == 1

    assert portal.connections == 2


def test_connection_idle_for_a_minute_is_replaced() -> None:
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
def test_call_after_a_failed_one_uses_a_new_connection(trouble: Script) -> None:
    with scripted(trouble, result(1)) as portal:
        client = client_of(portal)
        with pytest.raises(BitrixError):
            client.call(portal.endpoint(), "im.chat.get", {}, soon(0.4))

        assert client.call(portal.endpoint(), "im.chat.get", {}, soon()).result == 1
