"""Faults apply as defined: by method, a number of times, and by a draw that is repeatable."""

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
    drawn: dict[str, list[bool]] = {}
    for params in calls:
        drawn.setdefault(str(params["ENTITY_ID"]), []).append(faults.of_request(GET, params) is not None)
    return drawn


def test_same_seed_draws_the_same_for_every_pair_in_any_order() -> None:
    fault = Fault(GET, status=502, probability=0.3, seed="7")
    calls = pairs(200) * 3
    first, second = outcomes(plan(fault), calls), outcomes(plan(fault), calls[::-1])
    assert first == second
    applied = sum(sum(draws) for draws in first.values())
    assert 0.2 < applied / 600 < 0.4


def test_another_seed_and_a_repeated_call_draw_anew() -> None:
    seven = outcomes(plan(Fault(GET, status=502, probability=0.5, seed="7")), pairs(100) * 2)
    eight = outcomes(plan(Fault(GET, status=502, probability=0.5, seed="8")), pairs(100) * 2)
    assert seven != eight
    assert any(first != second for first, second in seven.values())


def test_credential_does_not_change_the_draw() -> None:
    fault = Fault(GET, status=502, probability=0.5)
    with_token: list[dict[str, object]] = [{**params, "auth": "t"} for params in pairs(100)]
    assert outcomes(plan(fault), pairs(100)) == outcomes(plan(fault), with_token)


def test_two_faults_with_one_seed_draw_independently() -> None:
    faults = plan(*(Fault(GET, status=status, probability=0.4, seed="7") for status in (502, 503)))
    applied = [fault.status for fault in (faults.of_request(GET, params) for params in pairs(200)) if fault]
    assert {502, 503} == set(applied)


def test_fault_ends_after_its_times() -> None:
    faults = plan(Fault(GET, error="OVERLOAD_LIMIT", times=2))
    assert [faults.of_request(GET, {}) is not None for _ in range(4)] == [True, True, False, False]


def test_first_fault_of_a_list_applies_and_later_lists_go_first() -> None:
    faults = plan(Fault(GET, status=500, times=1), Fault(GET, status=501))
    assert [getattr(faults.of_request(GET, {}), "status", None) for _ in range(2)] == [500, 501]
    faults.arm([Fault(GET, status=502, times=1)])
    assert [getattr(faults.of_request(GET, {}), "status", None) for _ in range(2)] == [502, 501]
    faults.clear()
    assert faults.of_request(GET, {}) is None


def test_star_fault_matches_requests_of_any_method_but_no_call_inside_a_batch() -> None:
    faults = plan(Fault("*", error="INTERNAL_SERVER_ERROR"))
    assert faults.of_request("profile", {})
    assert faults.of_inner_call(GET, {}) is None


def test_only_error_and_delay_faults_apply_inside_a_batch() -> None:
    assert plan(Fault(GET, error="OPERATION_TIME_LIMIT")).of_inner_call("IM.chat.get", {})
    assert plan(Fault(GET, delay_ms=10)).of_inner_call(GET, {})
    assert plan(Fault(GET, body="<html>")).of_inner_call(GET, {}) is None
    assert plan(Fault(GET, drop=True)).of_inner_call(GET, {}) is None


def usual() -> rest_wire.Reply:
    return rest_wire.Reply(200, b'{"result":null}')


def test_error_fault_by_code_alone_has_the_documented_status_and_text() -> None:
    reply = Fault(GET, error="query_limit_exceeded").shape(usual)
    assert reply.status == 503
    assert b"Too many requests" in reply.body


def test_body_fault_is_sent_unchanged_with_the_matching_content_type() -> None:
    html = Fault(GET, status=403, body="<html>no</html>").shape(usual)
    assert (html.status, html.body, html.content_type) == (403, b"<html>no</html>", "text/html; charset=utf-8")
    assert Fault(GET, body='{"result":10}').shape(usual).content_type == rest_wire.JSON_TYPE
    assert Fault(GET, body="").shape(usual).body == b""


def test_fields_fault_changes_the_usual_answer_and_null_removes_a_field() -> None:
    reply = Fault(GET, fields=(("result", None), ("next", 50))).shape(usual)
    answer = json.loads(usual().body)
    assert json.loads(reply.body) == {**{name: answer[name] for name in answer if name != "result"}, "next": 50}
    assert (reply.status, reply.error) == (usual().status, None)


def test_fields_fault_leaves_an_error_unchanged() -> None:
    refused = rest_wire.failure(401, "expired_token", "The access token provided has expired.")
    assert Fault(GET, fields=(("error", None),)).shape(lambda: refused).body == refused.body


def test_delay_fault_keeps_the_usual_answer() -> None:
    reply = Fault(GET, delay_ms=1500).shape(usual)
    assert (reply.body, reply.delay_s) == (usual().body, 1.5)


@pytest.mark.parametrize(
    ("value", "named"),
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
def test_invalid_fault_is_refused_with_the_name_of_the_field(value: object, named: str) -> None:
    with pytest.raises(ControlError, match=named):
        read_fault(value)
