"""Calls end by their deadline, whatever the portal does.

Each of these tests would hang if the client waited: the portal sends, or stays silent, until the test ends.
"""

import pytest

from chat_lookup.bitrix24.errors import BitrixError, ErrorClass
from chat_lookup.clock import Deadline, SystemClock
from tests.support.portals.scripted_portal import Script, client_of, drip, result, scripted, silence, soon

pytestmark = pytest.mark.timeout(20)
OK = b"HTTP/1.1 200 OK\r\n"


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
def test_silent_or_dripping_reply_ends_at_the_deadline(script: Script) -> None:
    with scripted(script) as portal, pytest.raises(BitrixError) as caught:
        client_of(portal).call(portal.endpoint(), "im.chat.get", {}, soon(0.4))

    assert (caught.value.metric_code, caught.value.error_class) == ("TIMEOUT", ErrorClass.RETRY)
    assert len(portal.requests) == 1


def test_missing_tls_handshake_ends_at_the_deadline() -> None:
    with scripted(silence, tls=False) as portal, pytest.raises(BitrixError) as caught:
        client_of(portal).call(portal.endpoint(), "im.chat.get", {}, soon(0.4))

    assert caught.value.metric_code == "TIMEOUT"


def test_read_seconds_end_the_reading_before_the_deadline() -> None:
    with scripted(drip(OK + b"Content-Length: 900000\r\n\r\n", b" ")) as portal, pytest.raises(BitrixError) as caught:
        client_of(portal).call(portal.endpoint(), "batch", {}, soon(3600), read_seconds=0.3)

    assert caught.value.metric_code == "TIMEOUT"


def test_call_after_its_deadline_sends_nothing() -> None:
    clock = SystemClock()
    with scripted(result(1)) as portal, pytest.raises(BitrixError) as caught:
        client_of(portal).call(portal.endpoint(), "im.chat.get", {}, Deadline(clock.now() - 1, clock))

    assert caught.value.metric_code == "TIMEOUT"
    assert portal.connections == 0
