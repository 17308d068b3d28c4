"""Faults strike as told: by method, a number of times, and by a draw that repeats itself."""

import json

import pytest

from local.portal.behaviour.faults import Fault, FaultPlan
from local.portal.control.fault_fields import read_fault
from local.portal.control.fields import ControlError
from local.portal.protocol import rest_wire

GET = "im.chat.get"


def plan(*faults: Fault) -> FaultPlan:
    faults_in_force = FaultPlan()
    faults_in_force.arm(faults)
    return faults_in_force


def pairs(count: int) -> list[dict[str, object]]:
    return [{"ENTITY_TYPE": "CRM", "ENTITY_ID": f"DEAL|{number}"} for number in range(count)]


def outcomes(faults: FaultPlan, calls: list[dict[str, object]]) -> dict[str, list[bool]]:
    told: dict[str, list[bool]] = {}
    for params in calls:
        told.setdefault(str(params["ENTITY_ID"]), []).append(faults.of_request(GET, params) is not None)
    return told


def test_the_same_seed_gives_every_pair_the_same_fate_in_whatever_order_they_come() -> None:
    fault = Fault(GET, status=502, probability=0.3, seed="7")
    calls = pairs(200) * 3
    first, second = outcomes(plan(fault), calls), outcomes(plan(fault), calls[::-1])
    assert first == second
    struck = sum(sum(fates) for fates in first.values())
    assert 0.2 < struck / 600 < 0.4


def test_another_seed_gives_another_fate_and_so_does_coming_again() -> None:
    seven = outcomes(plan(Fault(GET, status=502, probability=0.5, seed="7")), pairs(100) * 2)
    eight = outcomes(plan(Fault(GET, status=502, probability=0.5, seed="8")), pairs(100) * 2)
    assert seven != eight
    assert any(first != second for first, second in seven.values())


def test_the_credential_has_no_part_in_the_draw() -> None:
    fault = Fault(GET, status=502, probability=0.5)
    with_token: list[dict[str, object]] = [{**params, "auth": "t"} for params in pairs(100)]
    assert outcomes(plan(fault), pairs(100)) == outcomes(plan(fault), with_token)


def test_two_faults_with_one_seed_draw_for_themselves() -> None:
    faults = plan(*(Fault(GET, status=status, probability=0.4, seed="7") for status in (502, 503)))
    struck = [fault.status for fault in (faults.of_request(GET, params) for params in pairs(200)) if fault]
    assert {502, 503} == set(struck)


def test_a_fault_ends_after_its_times() -> None:
    faults = plan(Fault(GET, error="OVERLOAD_LIMIT", times=2))
    assert [faults.of_request(GET, {}) is not None for _ in range(4)] == [True, True, False, False]


def test_of_several_the_first_told_together_strikes_and_those_told_later_go_before() -> None:
    faults = plan(Fault(GET, status=500, times=1), Fault(GET, status=501))
    assert [getattr(faults.of_request(GET, {}), "status", None) for _ in range(2)] == [500, 501]
    faults.arm([Fault(GET, status=502, times=1)])
    assert [getattr(faults.of_request(GET, {}), "status", None) for _ in range(2)] == [502, 501]
    faults.clear()
    assert faults.of_request(GET, {}) is None


def test_the_star_means_whole_requests_of_any_method_and_no_call_inside_a_batch() -> None:
    faults = plan(Fault("*", error="INTERNAL_SERVER_ERROR"))
    assert faults.of_request("profile", {})
    assert faults.of_inner_call(GET, {}) is None


def test_inside_a_batch_only_an_error_or_a_delay_strikes() -> None:
    assert plan(Fault(GET, error="OPERATION_TIME_LIMIT")).of_inner_call("IM.chat.get", {})
    assert plan(Fault(GET, delay_ms=10)).of_inner_call(GET, {})
    assert plan(Fault(GET, body="<html>")).of_inner_call(GET, {}) is None
    assert plan(Fault(GET, drop=True)).of_inner_call(GET, {}) is None


def usual() -> rest_wire.Reply:
    return rest_wire.Reply(200, b'{"result":null}')


def test_an_error_by_its_code_alone_has_the_documented_status_and_text() -> None:
    reply = Fault(GET, error="query_limit_exceeded").shape(usual)
    assert reply.status == 503
    assert b"Too many requests" in reply.body


def test_a_body_is_sent_as_it_stands_under_the_type_that_fits_it() -> None:
    html = Fault(GET, status=403, body="<html>no</html>").shape(usual)
    assert (html.status, html.body, html.content_type) == (403, b"<html>no</html>", "text/html; charset=utf-8")
    assert Fault(GET, body='{"result":10}').shape(usual).content_type == rest_wire.JSON_TYPE
    assert Fault(GET, body="").shape(usual).body == b""


def test_fields_change_the_usual_answer_and_null_takes_one_away() -> None:
    reply = Fault(GET, fields=(("result", None), ("next", 50))).shape(usual)
    told = json.loads(usual().body)
    assert json.loads(reply.body) == {**{name: told[name] for name in told if name != "result"}, "next": 50}
    assert (reply.status, reply.error) == (usual().status, None)


def test_fields_leave_an_error_as_it_is() -> None:
    refused = rest_wire.failure(401, "expired_token", "The access token provided has expired.")
    assert Fault(GET, fields=(("error", None),)).shape(lambda: refused).body == refused.body


def test_a_delay_keeps_the_usual_answer() -> None:
    reply = Fault(GET, delay_ms=1500).shape(usual)
    assert (reply.body, reply.delay_s) == (usual().body, 1.5)


@pytest.mark.parametrize(
    ("told", "named"),
    [
        ({"method": GET, "stauts": 500}, "stauts"),
        ({"status": 500}, '"method" is missing'),
        ({"method": GET}, "must do something"),
        ({"method": GET, "status": 99}, '"status"'),
        ({"method": GET, "status": "500"}, '"status"'),
        ({"method": GET, "status": 500, "probability": 1.1}, '"probability"'),
        ({"method": GET, "delay_ms": 60_001}, '"delay_ms"'),
        ({"method": GET, "drop": 1}, '"drop"'),
        ({"method": GET, "fields": ["result"]}, '"fields"'),
        ({"method": GET, "fields": {}}, "must do something"),
        ({"method": GET, "status": 500, "times": 0}, '"times"'),
        ("im.chat.get", "JSON object"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused_by_name(told: object, named: str) -> None:
    with pytest.raises(ControlError, match=named):
        read_fault(told)
