"""Pairs that might be taken for one another, and pairs as large as they come: none shares a row of the cache."""

import itertools

import pytest

from tests.support.outcomes import found, problem
from tests.support.service import Service

EMOJI = "👩🏽‍🚀"

SEPARATED = [
    ("A#B", "C"),
    ("A", "B#C"),
    ("A|B", "C"),
    ("A", "B|C"),
    ('A","B', "C"),
    ("A", 'B","C'),
    ("A\\", "B"),
    ("A", "\\B"),
    ("A B", "C"),
    ("A", "B C"),
    ("AB", "C"),
    ("A", "BC"),
]


def test_pairs_that_differ_in_where_a_separator_stands_are_two(service: Service) -> None:
    ids = {
        pair: service.control("/chats", {"entity_type": pair[0], "entity_id": pair[1]})["chat_id"] for pair in SEPARATED
    }

    asked = {pair: found(service.look_up(*pair)) for pair in SEPARATED}
    service.cold_start()
    cached = {pair: found(service.look_up(*pair)) for pair in SEPARATED}

    for answers, source in ((asked, "portal"), (cached, "cache")):
        assert {pair: answer["chat_id"] for pair, answer in answers.items()} == ids
        assert {answer["source"] for answer in answers.values()} == {source}


@pytest.mark.parametrize(("known", "unknown"), [*itertools.pairwise(SEPARATED[:4])], ids=str)
def test_a_pair_that_is_found_does_not_answer_for_its_neighbour(
    service: Service, known: tuple[str, str], unknown: tuple[str, str]
) -> None:
    body = {"result": {"ID": 4711}}
    service.control("/faults", [{"method": "im.chat.get", "body": body, "times": 1}])
    found(service.look_up(*known))
    service.control("/faults", {"method": "im.chat.get", "body": {"result": None}})

    problem(service.look_up(*unknown), 404, "chat-not-found")
    assert found(service.look_up(*known))["source"] == "cache"


def test_255_emoji_in_each_part_are_a_pair_like_any_other(service: Service) -> None:
    emoji = "".join(itertools.islice(itertools.cycle("😀🦊"), 255))
    others = [(emoji, emoji), (emoji[:-1] + "🐳", emoji), (emoji, emoji[:-1] + "🐳"), (emoji[:-1], emoji)]
    ids = [service.control("/chats", {"entity_type": a, "entity_id": b})["chat_id"] for a, b in others]

    for source in ("portal", "cache"):
        answers = [found(service.look_up(*pair)) for pair in others]
        assert [answer["chat_id"] for answer in answers] == ids
        assert {answer["source"] for answer in answers} == {source}
        service.cold_start()


def test_256_emoji_are_too_many(service: Service) -> None:
    body = problem(service.look_up("CRM", "😀" * 256), 400, "invalid-request")

    assert "256" in body["detail"]


def test_a_pair_of_many_joined_emoji_is_kept_as_given(service: Service) -> None:
    entity_id = EMOJI * (255 // len(EMOJI))
    chat_id = service.control("/chats", {"entity_type": "OWN", "entity_id": entity_id})["chat_id"]

    answer = found(service.look_up("OWN", entity_id))

    assert (answer["chat_id"], answer["entity_id"]) == (chat_id, entity_id)


@pytest.mark.parametrize("part", ["entity_type", "entity_id"])
def test_half_an_emoji_is_refused(service: Service, part: str) -> None:
    pair = {"entity_type": "OWN", "entity_id": "x", part: "%ED%A0%BD"}

    problem(service.get(f"/v1/chats?entity_type={pair['entity_type']}&entity_id={pair['entity_id']}"), 400,
            "invalid-request")  # fmt: skip
