"""Faults as a client receives them on the wire."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3

from tests.support.portals.portal_probe import PortalProbe
from tests.support.processes.waiting import until

GET = "im.chat.get"
PAIR = {"ENTITY_TYPE": "CRM", "ENTITY_ID": "DEAL|1663"}
COMMAND = "im.chat.get?ENTITY_TYPE=CRM&ENTITY_ID=DEAL%7C1663"


@pytest.fixture
def probe(tmp_path: Path) -> Iterator[PortalProbe]:
    with PortalProbe(tmp_path) as probe:
        yield probe


def raw(probe: PortalProbe, timeout: float | urllib3.Timeout = 20) -> urllib3.BaseHTTPResponse:
    return probe.http.request("POST", probe.portal.webhook_url + GET, json=PAIR, timeout=timeout, redirect=False)


def test_error_fault_applies_to_its_method_only_and_as_often_as_defined(probe: PortalProbe) -> None:
    probe.tell("/faults", {"method": "IM.chat.get", "error": "OVERLOAD_LIMIT", "times": 2})
    assert [probe.call(GET, **PAIR)[0] for _ in range(3)] == [503, 503, 200]
    assert [call["error"] for call in probe.calls(GET)] == ["OVERLOAD_LIMIT", "OVERLOAD_LIMIT", None]


def test_status_code_and_text_of_a_fault_can_be_defined(probe: PortalProbe) -> None:
    fault = {"method": GET, "status": 410, "error": "PORTAL_DELETED", "error_description": "gone"}
    probe.tell("/faults", fault)
    assert probe.call(GET, **PAIR) == (410, {"error": "PORTAL_DELETED", "error_description": "gone"})


def test_body_fault_arrives_unchanged_as_text_and_as_json(probe: PortalProbe) -> None:
    probe.tell("/faults", [{"method": GET, "body": {"result": 10}, "times": 1}, {"method": GET, "body": ""}])
    assert probe.call(GET, **PAIR) == (200, {"result": 10})
    empty = raw(probe)
    assert (empty.status, empty.data) == (200, b"")


def test_status_fault_alone_is_a_page(probe: PortalProbe) -> None:
    probe.tell("/faults", {"method": "*", "status": 502})
    page = raw(probe)
    assert page.status == 502
    assert page.headers["Content-Type"].startswith("text/html")
    assert b"502 Bad Gateway" in page.data


def test_redirect_fault_answers_with_its_location(probe: PortalProbe) -> None:
    probe.tell("/faults", {"method": "*", "status": 302, "body": "", "headers": {"Location": "https://new.example/"}})
    moved = raw(probe)
    assert (moved.status, moved.headers["Location"]) == (302, "https://new.example/")


def test_dropped_connection_has_no_answer_and_no_status_in_the_list(probe: PortalProbe) -> None:
    probe.tell("/faults", {"method": GET, "drop": True, "times": 1})
    with pytest.raises(urllib3.exceptions.ProtocolError):
        raw(probe)
    assert [(call["status"], call["error"]) for call in probe.calls(GET)] == [(None, None)]
    assert raw(probe).status == 200


def test_truncated_answer_is_shorter_than_its_content_length(probe: PortalProbe) -> None:
    probe.tell("/faults", {"method": GET, "truncate": 10, "times": 1})
    with pytest.raises(urllib3.exceptions.ProtocolError):
        raw(probe)
    assert raw(probe).json()["result"] == {"ID": 1437}


def test_delayed_call_is_in_the_list_while_its_caller_still_waits(probe: PortalProbe) -> None:
    probe.tell("/faults", {"method": GET, "delay_ms": 60_000})
    with pytest.raises(urllib3.exceptions.ReadTimeoutError):
        raw(probe, timeout=urllib3.Timeout(connect=20, read=0.3))
    until(lambda: bool(probe.calls(GET)))
    assert [call["status"] for call in probe.calls(GET)] == [200]
    assert probe.call("profile")[0] == 200


def test_short_delay_ends_in_the_usual_answer(probe: PortalProbe) -> None:
    probe.tell("/faults", {"method": GET, "delay_ms": 50})
    assert raw(probe).json()["result"] == {"ID": 1437}


def test_stopping_the_portal_ends_a_delay(tmp_path: Path) -> None:
    with PortalProbe(tmp_path) as probe:
        probe.tell("/faults", {"method": GET, "delay_ms": 60_000})
        failed = threading.Event()

        def wait_for_answer() -> None:
            try:
                raw(probe, timeout=60)
            except urllib3.exceptions.HTTPError:
                failed.set()

        caller = threading.Thread(target=wait_for_answer)
        caller.start()
        until(lambda: bool(probe.calls(GET)))
        probe.portal.stop()
        assert failed.wait(10)
        caller.join()


def test_fault_inside_a_batch_is_in_its_errors_with_status_200(probe: PortalProbe) -> None:
    probe.tell("/faults", {"method": GET, "status": 429, "error": "OPERATION_TIME_LIMIT", "times": 1})
    found = probe.result("batch", cmd={"a": COMMAND, "b": COMMAND})
    assert found["result_error"]["a"]["error"] == "OPERATION_TIME_LIMIT"
    assert found["result"]["b"] == {"ID": 1437}


def test_seeded_fault_repeats_itself_after_a_reset(probe: PortalProbe) -> None:
    def day() -> list[int]:
        probe.tell("/plan", {"rate": 1000, "burst": 1000})
        probe.tell("/faults", {"method": GET, "status": 502, "probability": 0.5, "seed": 42})
        return [raw_status(f"DEAL|{number}") for number in range(40)]

    def raw_status(entity_id: str) -> int:
        body = {"ENTITY_TYPE": "CRM", "ENTITY_ID": entity_id}
        return probe.http.request("POST", probe.portal.webhook_url + GET, json=body).status

    first = day()
    probe.tell("/reset", {})
    assert day() == first
    assert set(first) == {200, 502}


def test_clients_that_connect_and_send_nothing_do_not_block_others(probe: PortalProbe) -> None:
    port = int(probe.portal.portal_url.rsplit(":", 1)[1])
    idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(20)]
    try:
        assert raw(probe, timeout=5).status == 200
    finally:
        for connection in idle:
            connection.close()
