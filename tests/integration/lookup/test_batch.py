"""POST /v1/chats/batch against the local portal: in as few requests as it takes, each pair with its own outcome."""

import json
from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import Any

import pytest

from tests.support.reply_checks import PROBLEM, conforms, counted, only_line, problem
from tests.support.repository import ROOT
from tests.support.service import Reply, Service

KIND = "ORDER"
CHATS = {number: 50_000 + number for number in range(1, 301)}
"""Orders and their chats; other orders have none."""
HOSTILE_IDS = ['a&b=c|%7C"ü\\', "DEAL|1&ENTITY_TYPE=X", "😀|Иван", "[x]", "100% of $5", "a+b", "%", "x#y?z", "٣"]
REFERENCE = "$result[k0][ID]"


@pytest.fixture(scope="module", autouse=True)
def _chats(running_service: Service) -> None:
    for number, chat_id in CHATS.items():
        pair = {"entity_type": KIND, "entity_id": str(number)}
        running_service.control("/chats", {**pair, "chat_id": chat_id})


def order(number: int) -> dict[str, str]:
    return {"entity_type": KIND, "entity_id": str(number)}


def post(service: Service, lookups: Sequence[object], **options: object) -> Reply:
    body = json.dumps({"lookups": lookups, **options}).encode()
    headers = {"X-Api-Key": service.api_key, "Content-Type": "application/json"}
    return service.request("POST", "/v1/chats/batch", headers, body)


def look_up(service: Service, lookups: Sequence[object], **options: object) -> list[dict[str, Any]]:
    """The outcomes, each as the contract says."""
    reply = post(service, lookups, **options)
    assert (reply.status, reply.headers.get("content-type")) == (200, "application/json"), reply.body
    conforms(reply.json, "Results")
    results: list[dict[str, Any]] = reply.json["results"]
    assert len(results) == len(lookups)
    return results


def came_to(result: dict[str, Any]) -> str:
    """Where an answer came from, or what stood in its way."""
    return str(result["source"] if result["chat_id"] else result["problem"]["type"].removeprefix(PROBLEM))


def test_a_thousand_pairs_take_the_fewest_requests_there_can_be(service: Service) -> None:
    random = Random(4)  # noqa: S311 - an order of pairs, the same in each run
    distinct = list(range(1, 751))
    cached = set(random.sample(distinct, 250))
    look_up(service, [order(number) for number in cached])
    asked_for = distinct + random.choices(distinct, k=250)
    random.shuffle(asked_for)
    before = len(service.calls())
    service.control("/faults", {"method": "im.chat.get", "error": "ACCESS_ERROR", "probability": 0.1, "seed": 7})

    results = look_up(service, [order(number) for number in asked_for])

    assert [result["entity_id"] for result in results] == [str(number) for number in asked_for]
    for number, result in zip(asked_for, results, strict=True):
        outcome = came_to(result)
        if outcome == "chat-not-accessible":
            assert number not in cached
            assert result["problem"]["portal_error"] == "ACCESS_ERROR"
        elif number in CHATS:
            assert (outcome, result["chat_id"]) == ("cache" if number in cached else "portal", CHATS[number])
        else:
            assert outcome == "chat-not-found"
    # Whatever stands twice has one outcome.
    assert len({(number, came_to(result)) for number, result in zip(asked_for, results, strict=True)}) == 750
    assert 20 < len({result["entity_id"] for result in results if came_to(result) == "chat-not-accessible"}) < 100
    # Five hundred misses, fifty to a request.
    assert [call["method"] for call in service.calls()[before:]] == ["batch"] * 10
    again = Counter(came_to(result) for result in look_up(service, [order(number) for number in cached]))
    assert set(again) == {"cache", "chat-not-found"}
    assert len(service.calls()) == before + 10


def test_what_many_found_serves_one_and_the_other_way_round(service: Service) -> None:
    look_up(service, [order(1), order(2)])
    service.cold_start()
    assert service.look_up(KIND, "1").json["source"] == "cache"
    service.look_up(KIND, "3")
    service.cold_start()
    assert [came_to(result) for result in look_up(service, [order(3), order(2)])] == ["cache", "cache"]


def test_a_fresh_answer_is_asked_for_whatever_is_cached(service: Service) -> None:
    look_up(service, [order(1), order(2)])
    assert [came_to(each) for each in look_up(service, [order(1), order(2)], fresh=True)] == ["portal", "portal"]


def test_every_character_of_a_pair_arrives_and_no_reference_is_resolved(service: Service) -> None:
    chats = {
        text: service.control("/chats", {"entity_type": "ODD", "entity_id": text})["chat_id"] for text in HOSTILE_IDS
    }
    reference = service.control("/chats", {"entity_type": "ODD", "entity_id": REFERENCE})["chat_id"]
    results = look_up(service, [{"entity_type": "ODD", "entity_id": text} for text in (*HOSTILE_IDS, REFERENCE)])
    assert [result["chat_id"] for result in results] == [*chats.values(), reference]
    assert sorted(call["method"] for call in service.calls()) == ["batch", "im.chat.get"]


def test_a_task_is_looked_for_under_both_its_names(service: Service) -> None:
    chat = service.control("/chats", {"entity_type": "TASKS", "entity_id": "77"})["chat_id"]
    results = look_up(service, [{"entity_type": "TASK", "entity_id": "77"}, order(1), order(2)])
    assert [result["chat_id"] for result in results] == [chat, CHATS[1], CHATS[2]]
    assert len(service.calls()) == 2


@pytest.mark.parametrize(
    "fault",
    [
        {"drop": True},
        {"status": 502},
        {"body": "<html></html>"},
        {"error": "INTERNAL_SERVER_ERROR"},
        {"body": {"result": {"result": [], "result_error": []}}},
    ],
    ids=["cut", "502", "html", "failed", "halted"],
)
def test_a_batch_that_fails_once_is_made_again(service: Service, fault: dict[str, object]) -> None:
    service.control("/faults", {"method": "batch", "times": 1, **fault})
    assert [came_to(result) for result in look_up(service, [order(1), order(2), order(3)])] == ["portal"] * 3
    assert len(service.calls()) == 2


@pytest.mark.parametrize(
    ("error", "outcome", "status"),
    [
        ("APPLICATION_NOT_FOUND", "portal-not-installed", 403),
        ("OVERLOAD_LIMIT", "portal-blocked", 503),
        ("INVALID_CREDENTIALS", "portal-misconfigured", 502),
    ],
)
def test_a_batch_that_fails_as_a_whole_is_each_pairs_failure(
    service: Service, error: str, outcome: str, status: int
) -> None:
    service.control("/faults", {"method": "batch", "error": error})
    results = look_up(service, [order(1), order(2)])
    assert [(came_to(each), each["problem"]["status"]) for each in results] == [(outcome, status)] * 2
    assert {each["problem"]["portal_error"] for each in results} == {error}


def test_what_was_known_is_served_as_stale_while_the_portal_fails(service: Service) -> None:
    look_up(service, [order(1), order(2)])
    service.clock.advance(27 * 3600)
    service.cold_start()
    service.control("/faults", {"method": "*", "error": "OVERLOAD_LIMIT"})
    results = look_up(service, [order(1), order(2), order(3)])
    assert [came_to(each) for each in results] == ["stale", "stale", "portal-blocked"]


def test_what_the_pace_leaves_no_time_for_is_told_when_to_come_back(service: Service) -> None:
    look_up(service, [order(1)])
    others_reserve(service, seconds=100)
    results = look_up(service, [order(1), order(2), order(3)])
    assert [came_to(result) for result in results] == ["cache", "deadline", "deadline"]
    assert all(each["problem"]["status"] == 503 and each["problem"]["retry_after"] > 30 for each in results[1:])
    assert len(service.calls()) == 1


def others_reserve(service: Service, seconds: float) -> None:
    """As if so many seconds of the portal's pace were reserved by other processes."""
    service.cold_start()
    service.stack.backend.aws.dynamodb().put_item(
        TableName="CacheTable",
        Item={"pk": {"S": f"LIMIT#{service.member_id}"}, "tat": {"N": str(service.clock.now() + seconds)}},
    )


def test_a_method_that_is_out_of_operating_time_is_stood_in_for_within_the_batch(service: Service) -> None:
    service.control("/plan", {"rate": 2, "burst": 50, "operating_limit": 1, "operating_cost_ms": 100})
    results = look_up(service, [order(number) for number in range(1, 26)])
    methods = Counter(result["method"] for result in results if result["chat_id"])
    assert methods["im.chat.get"] == 10
    assert methods["imbot.chat.get"] > 0
    left = [result["problem"] for result in results if not result["chat_id"]]
    assert {(each["status"], each["portal_error"]) for each in left} <= {(429, "OPERATION_TIME_LIMIT")}


def test_a_body_over_a_megabyte_is_refused(service: Service) -> None:
    reply = post(service, [{"entity_type": KIND, "entity_id": "1", "padding": "x" * 1_100_000}])
    problem(reply, 413, "body-too-large")
    assert service.calls() == []


def test_a_batch_leaves_one_line_and_counts_each_pair(service: Service) -> None:
    look_up(service, [order(1)])
    service.mark()
    look_up(service, [order(1), order(2), order(2), order(404)])
    line = only_line(service)
    assert (line["route"], line["lookups"], line["pairs"]) == ("POST /v1/chats/batch", 4, 3)
    assert (line["sources"], line["problems"]) == ({"cache": 1, "portal": 2}, {"chat-not-found": 1})
    assert (counted(service, "Lookups", source="portal"), counted(service, "PortalCalls", method="batch")) == (2, 1)


def test_the_sample_event_is_answered_by_the_demo_portal(service: Service) -> None:
    sample = json.loads((ROOT / "events" / "lookup-batch.json").read_text("utf-8"))
    answer = service.stack.backend.functions.invoke("LookupFunction", sample)
    assert isinstance(answer, dict)
    assert [result["chat_id"] for result in json.loads(answer["body"])["results"]] == [1437, None]
