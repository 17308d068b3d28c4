"""POST /v1/chats/batch against the local portal: the fewest requests possible, and an outcome per pair."""

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
    """Return the outcomes, after a check against the contract."""
    reply = post(service, lookups, **options)
    assert (reply.status, reply.headers.get("content-type")) == (200, "application/json"), reply.body
    conforms(reply.json, "Results")
    results: list[dict[str, Any]] = reply.json["results"]
    assert len(results) == len(lookups)
    return results


def source_or_problem(result: dict[str, Any]) -> str:
    """Return the source of an answer, or the name of its problem."""
    return str(result["source"] if result["chat_id"] else result["problem"]["type"].removeprefix(PROBLEM))


def test_thousand_pairs_take_the_fewest_possible_requests(service: Service) -> None:
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
        outcome = source_or_problem(result)
        if outcome == "chat-not-accessible":
            assert number not in cached
            assert result["problem"]["portal_error"] == "ACCESS_ERROR"
        elif number in CHATS:
            assert (outcome, result["chat_id"]) == ("cache" if number in cached else "portal", CHATS[number])
        else:
            assert outcome == "chat-not-found"
    # A repeated pair has one outcome.
    assert len({(number, source_or_problem(result)) for number, result in zip(asked_for, results, strict=True)}) == 750
    assert (
        20
        < len({result["entity_id"] for result in results if source_or_problem(result) == "chat-not-accessible"})
        < 100
    )
    # Five hundred misses, fifty to a request.
    assert [call["method"] for call in service.calls()[before:]] == ["batch"] * 10
    again = Counter(source_or_problem(result) for result in look_up(service, [order(number) for number in cached]))
    assert set(again) == {"cache", "chat-not-found"}
    assert len(service.calls()) == before + 10


def test_batch_and_single_look_up_share_the_cache(service: Service) -> None:
    look_up(service, [order(1), order(2)])
    service.cold_start()
    assert service.look_up(KIND, "1").json["source"] == "cache"
    service.look_up(KIND, "3")
    service.cold_start()
    assert [source_or_problem(result) for result in look_up(service, [order(3), order(2)])] == ["cache", "cache"]


def test_fresh_batch_calls_the_portal_whatever_is_cached(service: Service) -> None:
    look_up(service, [order(1), order(2)])
    assert [source_or_problem(each) for each in look_up(service, [order(1), order(2)], fresh=True)] == [
        "portal",
        "portal",
    ]


def test_every_character_of_a_pair_is_sent_and_no_reference_is_resolved(service: Service) -> None:
    chats = {
        text: service.control("/chats", {"entity_type": "ODD", "entity_id": text})["chat_id"] for text in HOSTILE_IDS
    }
    reference = service.control("/chats", {"entity_type": "ODD", "entity_id": REFERENCE})["chat_id"]
    results = look_up(service, [{"entity_type": "ODD", "entity_id": text} for text in (*HOSTILE_IDS, REFERENCE)])
    assert [result["chat_id"] for result in results] == [*chats.values(), reference]
    assert sorted(call["method"] for call in service.calls()) == ["batch", "im.chat.get"]


def test_task_is_looked_up_under_both_its_types(service: Service) -> None:
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
def test_batch_that_fails_once_is_repeated(service: Service, fault: dict[str, object]) -> None:
    service.control("/faults", {"method": "batch", "times": 1, **fault})
    assert [source_or_problem(result) for result in look_up(service, [order(1), order(2), order(3)])] == ["portal"] * 3
    assert len(service.calls()) == 2


@pytest.mark.parametrize(
    ("error", "outcome", "status"),
    [
        ("APPLICATION_NOT_FOUND", "portal-not-installed", 403),
        ("OVERLOAD_LIMIT", "portal-blocked", 503),
        ("INVALID_CREDENTIALS", "portal-misconfigured", 502),
    ],
)
def test_batch_that_fails_as_a_whole_gives_each_pair_its_problem(
    service: Service, error: str, outcome: str, status: int
) -> None:
    service.control("/faults", {"method": "batch", "error": error})
    results = look_up(service, [order(1), order(2)])
    assert [(source_or_problem(each), each["problem"]["status"]) for each in results] == [(outcome, status)] * 2
    assert {each["problem"]["portal_error"] for each in results} == {error}


def test_stale_answers_are_served_while_the_portal_fails(service: Service) -> None:
    look_up(service, [order(1), order(2)])
    service.clock.advance(27 * 3600)
    service.cold_start()
    service.control("/faults", {"method": "*", "error": "OVERLOAD_LIMIT"})
    results = look_up(service, [order(1), order(2), order(3)])
    assert [source_or_problem(each) for each in results] == ["stale", "stale", "portal-blocked"]


def test_pairs_without_a_slot_before_the_deadline_get_a_retry_after(service: Service) -> None:
    look_up(service, [order(1)])
    others_reserve(service, seconds=100)
    results = look_up(service, [order(1), order(2), order(3)])
    assert [source_or_problem(result) for result in results] == ["cache", "deadline", "deadline"]
    assert all(each["problem"]["status"] == 503 and each["problem"]["retry_after"] > 30 for each in results[1:])
    assert len(service.calls()) == 1


def others_reserve(service: Service, seconds: float) -> None:
    """Set the rate limiter as if other processes had reserved this many seconds."""
    service.cold_start()
    service.stack.backend.aws.dynamodb().put_item(
        TableName="CacheTable",
        Item={"pk": {"S": f"LIMIT#{service.member_id}"}, "tat": {"N": str(service.clock.now() + seconds)}},
    )


def test_method_without_operating_time_is_replaced_within_the_batch(service: Service) -> None:
    service.control("/plan", {"rate": 2, "burst": 50, "operating_limit": 1, "operating_cost_ms": 100})
    results = look_up(service, [order(number) for number in range(1, 26)])
    methods = Counter(result["method"] for result in results if result["chat_id"])
    assert methods["im.chat.get"] == 10
    assert methods["imbot.chat.get"] > 0
    left = [result["problem"] for result in results if not result["chat_id"]]
    assert {(each["status"], each["portal_error"]) for each in left} <= {(429, "OPERATION_TIME_LIMIT")}


def test_body_over_a_megabyte_is_refused(service: Service) -> None:
    reply = post(service, [{"entity_type": KIND, "entity_id": "1", "padding": "x" * 1_100_000}])
    problem(reply, 413, "body-too-large")
    assert service.calls() == []


def test_batch_logs_one_line_and_counts_each_pair(service: Service) -> None:
    look_up(service, [order(1)])
    service.mark()
    look_up(service, [order(1), order(2), order(2), order(404)])
    line = only_line(service)
    assert (line["route"], line["lookups"], line["pairs"]) == ("POST /v1/chats/batch", 4, 3)
    assert (line["sources"], line["problems"]) == ({"cache": 1, "portal": 2}, {"chat-not-found": 1})
    assert (counted(service, "Lookups", source="portal"), counted(service, "PortalCalls", method="batch")) == (2, 1)


def test_sample_event_of_a_batch_is_answered_by_the_demo_portal(service: Service) -> None:
    sample = json.loads((ROOT / "events" / "lookup-batch.json").read_text("utf-8"))
    answer = service.stack.backend.functions.invoke("LookupFunction", sample)
    assert isinstance(answer, dict)
    assert [result["chat_id"] for result in json.loads(answer["body"])["results"]] == [1437, None]
