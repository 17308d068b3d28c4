"""The portal's limits over the wire: the leaky bucket and the operating time (bitrix24.md 6)."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.portals.portal_probe import PortalProbe

PAIR = {"ENTITY_TYPE": "CRM", "ENTITY_ID": "DEAL|1663"}
COMMAND = "im.chat.get?ENTITY_TYPE=CRM&ENTITY_ID=DEAL%7C1663"
SLOW_LEAK = {"rate": 0.001, "burst": 5}  # so slow that a test ends before anything has leaked


@pytest.fixture
def probe(tmp_path: Path) -> Iterator[PortalProbe]:
    with PortalProbe(tmp_path) as probe:
        yield probe


def test_full_bucket_refuses_until_it_has_leaked(probe: PortalProbe) -> None:
    probe.tell("/plan", SLOW_LEAK)
    statuses = [probe.call("im.chat.get", **PAIR)[0] for _ in range(7)]
    assert statuses == [200] * 5 + [503] * 2
    assert probe.error("profile") == (503, "QUERY_LIMIT_EXCEEDED")
    probe.tell("/clock", {"advance_s": 2_000})
    assert [probe.call("profile")[0] for _ in range(3)] == [200, 200, 503]


def test_refused_call_is_in_the_list_of_calls(probe: PortalProbe) -> None:
    probe.tell("/plan", {"rate": 0.001, "burst": 1})
    probe.call("profile")
    probe.call("im.chat.get", **PAIR)
    assert [(call["method"], call["status"], call["error"]) for call in probe.calls()] == [
        ("profile", 200, None),
        ("im.chat.get", 503, "QUERY_LIMIT_EXCEEDED"),
    ]


def test_rejected_call_fills_the_bucket_like_any_other(probe: PortalProbe) -> None:
    probe.tell("/plan", {"rate": 0.001, "burst": 2})
    assert probe.error("im.nothing") == (404, "ERROR_METHOD_NOT_FOUND")
    assert probe.error("app.info") == (400, "ACCESS_DENIED")
    assert probe.error("profile") == (503, "QUERY_LIMIT_EXCEEDED")


def test_two_hundred_callers_at_once_get_exactly_the_burst(probe: PortalProbe) -> None:
    probe.tell("/plan", {"rate": 0.001, "burst": 50})
    with ThreadPoolExecutor(200) as callers:
        statuses = Counter(callers.map(lambda _: probe.call("im.chat.get", **PAIR)[0], range(200)))
    assert statuses == {200: 50, 503: 150}
    assert len(probe.calls("im.chat.get")) == 200


def test_batch_of_fifty_is_one_request(probe: PortalProbe) -> None:
    probe.tell("/plan", {"rate": 0.001, "burst": 2})
    assert len(probe.result("batch", cmd=[COMMAND] * 50)["result"]) == 50
    assert probe.call("profile")[0] == 200


def test_operating_time_adds_up_per_method_and_calls_are_refused_at_the_limit(probe: PortalProbe) -> None:
    probe.tell("/plan", {"rate": 1000, "burst": 1000, "operating_limit": 1, "operating_cost_ms": 400})
    spent = [probe.call("im.chat.get", **PAIR)[1]["time"]["operating"] for _ in range(3)]
    assert spent == [0.4, 0.8, 1.2]
    assert probe.error("im.chat.get", **PAIR) == (429, "OPERATION_TIME_LIMIT")
    assert probe.result("imbot.chat.get", **PAIR) == {"ID": 1437}


def test_operating_time_is_free_again_at_its_reset(probe: PortalProbe) -> None:
    probe.tell("/plan", {"operating_limit": 1, "operating_cost_ms": 1000})
    time = probe.call("im.chat.get", **PAIR)[1]["time"]
    assert probe.error("im.chat.get", **PAIR) == (429, "OPERATION_TIME_LIMIT")
    probe.tell("/clock", {"advance_s": 540})
    assert probe.error("im.chat.get", **PAIR) == (429, "OPERATION_TIME_LIMIT")
    probe.tell("/clock", {"advance_s": 60})
    assert probe.clock.now() >= time["operating_reset_at"]
    assert probe.result("im.chat.get", **PAIR) == {"ID": 1437}


def test_cost_of_a_call_is_in_its_duration_but_takes_no_real_time(probe: PortalProbe) -> None:
    probe.tell("/plan", {"operating_cost_ms": 60_000})
    time = probe.call("im.chat.get", **PAIR)[1]["time"]
    assert time["duration"] >= 60
    assert time["processing"] == 60
    assert probe.clock.now() < time["finish"]


def test_each_call_inside_a_batch_is_billed_and_refused_separately_with_status_200(probe: PortalProbe) -> None:
    probe.tell("/plan", {"operating_limit": 1, "operating_cost_ms": 400})
    found = probe.result("batch", cmd={f"c{number}": COMMAND for number in range(5)} | {"p": "profile"})
    assert list(found["result"]) == ["c0", "c1", "c2", "p"]
    assert {error["error"] for error in found["result_error"].values()} == {"OPERATION_TIME_LIMIT"}
    assert found["result_time"]["c2"]["operating"] == 1.2
    assert probe.error("im.chat.get", **PAIR) == (429, "OPERATION_TIME_LIMIT")


def test_null_operating_limit_refuses_nothing(probe: PortalProbe) -> None:
    plan = probe.tell("/plan", {"operating_limit": None, "operating_cost_ms": 1_000_000})
    assert plan["operating_limit"] is None
    assert probe.tell("/plan", {"burst": 60})["operating_limit"] is None
    for _ in range(3):
        assert probe.result("im.chat.get", **PAIR) == {"ID": 1437}


def test_reset_restores_plan_clock_and_used_limits(probe: PortalProbe) -> None:
    real = probe.clock.now()
    probe.tell("/plan", SLOW_LEAK)
    probe.tell("/clock", {"advance_s": 100_000})
    for _ in range(6):
        probe.call("profile")
    probe.tell("/reset", {})
    assert probe.calls() == []
    assert [probe.call("profile")[0] for _ in range(50)] == [200] * 50
    assert probe.clock.now() < real + 100_000
