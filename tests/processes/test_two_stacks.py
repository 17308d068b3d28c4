"""Two stacks side by side on one machine share nothing but the machine (design 3.6)."""

from collections.abc import Iterator
from typing import Any

import pytest
import urllib3

from local.demo_credentials import DEMO_GRANT
from tests.support.processes.run import Running, staying

Pair = tuple[Running, Running]
DEAL = "/v1/chats?entity_type=CRM&entity_id=DEAL%7C1663"
HOUR = 3600


@pytest.fixture(scope="module")
def stacks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with staying(tmp_path_factory.mktemp("one")) as one, staying(tmp_path_factory.mktemp("other")) as other:
        yield one, other


def control(stack: Running, path: str, body: object) -> Any:
    """A control request to a stack's portal; GET without a body."""
    url = stack.facts["control_url"] + path
    response = urllib3.request("GET", url) if body is None else urllib3.request("POST", url, json=body)
    assert response.status == 200, response.data
    return response.json()


def test_two_stacks_share_no_address_and_no_key(stacks: Pair) -> None:
    one, other = stacks

    assert set(one.facts.values()) & set(other.facts.values()) == {DEMO_GRANT.member_id}


def test_key_of_one_stack_is_refused_by_the_other(stacks: Pair) -> None:
    one, other = stacks

    assert one.get(DEAL)["chat_id"] == 1437
    assert one.get(DEAL, {"X-Api-Key": other.facts["api_key"]})["status"] == 401


def test_chat_of_one_portal_is_unknown_in_the_other(stacks: Pair) -> None:
    one, other = stacks
    path = "/v1/chats?entity_type=OWN&entity_id=only-here"
    made = control(one, "/chats", {"entity_type": "OWN", "entity_id": "only-here"})

    assert one.get(path)["chat_id"] == made["chat_id"]
    assert other.get(path)["status"] == 404


def test_cache_of_one_stack_is_not_used_by_the_other(stacks: Pair) -> None:
    one, other = stacks
    path = "/v1/chats?entity_type=SONET_GROUP&entity_id=133"

    assert [one.get(path)["source"], one.get(path)["source"], other.get(path)["source"]] == [
        "portal",
        "cache",
        "portal",
    ]


def test_clock_is_advanced_for_one_stack_only(stacks: Pair) -> None:
    one, other = stacks
    path = "/v1/chats?entity_type=TASKS_TASK&entity_id=8293"
    for stack in stacks:
        stack.get(path)
    control(one, "/clock", {"advance_s": HOUR})

    assert one.get(path)["age_seconds"] >= HOUR
    assert other.get(path)["age_seconds"] < HOUR


def test_fault_of_one_portal_does_not_affect_the_other(stacks: Pair) -> None:
    one, other = stacks
    path = "/v1/chats?entity_type=CHAT&entity_id=13&fresh=true"
    control(one, "/faults", {"method": "*", "drop": True})

    assert one.get(path)["status"] == 503
    assert other.get(path)["chat_id"] == 2725
    control(one, "/faults", [])
