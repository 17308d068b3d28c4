"""Repeated look-ups of the same chats, by the vendor's SDK, cost the portal one call per chat."""

import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import urllib3

from tests.sdk import webhook_mode as rest_sdk
from tests.support.processes.run import Running, staying

PAIRS = 100
LOOK_UPS = 1_000
CALLERS = 8


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with staying(tmp_path_factory.mktemp("repetition")) as running, rest_sdk.trusting(running.facts["ca_file"]):
        yield running


def control(run: Running, path: str, body: object = None) -> Any:
    verb, sent = ("GET", None) if body is None else ("POST", json.dumps(body))
    with urllib3.PoolManager(retries=False, timeout=20) as http:
        response = http.request(verb, run.facts["control_url"] + path, body=sent)
    assert response.status == 200, response.data
    return response.json()


def test_thousand_look_ups_of_a_hundred_chats_are_a_hundred_calls_and_none_is_refused(run: Running) -> None:
    """The portal has its usual plan, two calls a second and a burst of fifty: called directly it would refuse most."""
    chats = {f"R-{number}": 20_000 + number for number in range(PAIRS)}
    for entity_id, chat_id in chats.items():
        control(run, "/chats", {"entity_type": "ORDER", "entity_id": entity_id, "chat_id": chat_id})
    control(run, "/reset", {})
    sdk = rest_sdk.of_service(run.facts["api_https_url"], run.facts["api_key"])
    wanted = [entity_id for _ in range(LOOK_UPS // PAIRS) for entity_id in chats]

    def look_up(entity_id: str) -> rest_sdk.Outcome:
        return rest_sdk.outcome(
            lambda it: it.get_client().im.chat.get(entity_type="ORDER", entity_id=entity_id).result, sdk
        )

    with ThreadPoolExecutor(CALLERS) as callers:
        found = list(callers.map(look_up, wanted))

    assert found == [("result", {"ID": chats[entity_id]}) for entity_id in wanted]
    calls = control(run, "/calls")
    assert Counter(call["method"] for call in calls) == {"im.chat.get": PAIRS}
    assert {(call["status"], call["error"]) for call in calls} == {(200, None)}
