"""Calls end by their deadline, whatever the portal does; connections are kept and checked before they serve again.

Each of these tests would hang if the client waited: the portal goes on until the test is over.
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
