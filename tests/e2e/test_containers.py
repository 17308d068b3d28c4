"""The built functions in Lambda's containers, against the portal and the stores of `make run` on this machine."""

import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from chat_lookup import VERSION
from tests.e2e.containers import SAMPLES, Invoker, Stack
from tests.support.portals.sample_frame import frame_of

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]

DEAL = {"entity_type": "CRM", "entity_id": "DEAL|1663"}
CHAT_ID = 1437
RESULTS = {"rest-get": CHAT_ID, "rest-batch": CHAT_ID, "rest-post-form": 2725, "rest-oauth-form": 2725}


@pytest.fixture(autouse=True)
def empty_cache(stack: Stack, invoke: Invoker) -> None:
    """Each test starts with an empty cache and an empty list of calls."""
    invoke("AdminFunction", SAMPLES / "admin-cache-purge.json")
    stack.control("POST", "/reset", {})


def test_direct_look_up_in_a_container_calls_the_portal_once_and_then_reads_the_cache(
    stack: Stack, invoke: Invoker
) -> None:
    first = invoke("DirectFunction", SAMPLES / "direct-lookup.json")
    second = invoke("DirectFunction", SAMPLES / "direct-lookup-platform-spelling.json")
    assert [{key: answer[key] for key in (*DEAL, "chat_id", "source")} for answer in (first, second)] == [
        {**DEAL, "chat_id": CHAT_ID, "source": "portal"},
        {**DEAL, "chat_id": CHAT_ID, "source": "cache"},
    ]
    (call,) = stack.lookups()
    assert call["params"] | {"ENTITY_TYPE": "CRM", "ENTITY_ID": "DEAL|1663"} == call["params"]


def test_http_look_up_in_a_container_returns_the_chat_of_the_portal(stack: Stack, invoke: Invoker) -> None:
    answer = invoke("LookupFunction", SAMPLES / "lookup-http.json")
    assert answer["statusCode"] == 200
    assert json.loads(answer["body"])["chat_id"] == CHAT_ID
    assert len(stack.lookups()) == 1


@pytest.mark.parametrize(("name", "chat_id"), RESULTS.items())
def test_rest_request_is_answered_in_a_container(stack: Stack, invoke: Invoker, name: str, chat_id: int) -> None:
    answer = invoke("RestFunction", SAMPLES / f"{name}.json")
    assert answer["statusCode"] == 200, answer["body"]
    result = json.loads(answer["body"])["result"]
    if name == "rest-batch":
        assert result["result"]["details"]["id"] == chat_id
        result = result["result"]["chat"]
    assert result == {"ID": chat_id}
    assert len(stack.lookups()) == 1


def test_every_rest_sample_is_invoked() -> None:
    assert RESULTS.keys() == {path.stem for path in SAMPLES.glob("rest-*.json")}


def test_health_in_a_container_returns_the_stamp_of_its_layer(artifact: Path, invoke: Invoker) -> None:
    answer = invoke("LookupFunction", SAMPLES / "health-http.json")
    stamp = (artifact / "LookupFunction/layer-stamp").read_text().strip()
    assert json.loads(answer["body"]) == {"status": "ok", "version": VERSION, "layer": stamp}


def test_installation_in_a_container_returns_the_final_page_and_look_ups_work(
    stack: Stack, invoke: Invoker, tmp_path: Path
) -> None:
    frame = tmp_path / "install-frame.json"
    frame.write_text(json.dumps(frame_of(urlsplit(stack.run["portal_url"]).netloc)))
    answer = invoke("InstallFunction", frame)
    assert answer["statusCode"] == 200, answer["body"]
    assert answer["headers"]["content-type"].startswith("text/html")
    assert "BX24.installFinish()" in answer["body"]
    assert invoke("DirectFunction", SAMPLES / "direct-lookup.json")["source"] == "portal"


def test_keepalive_in_a_container_renews_no_token_that_is_valid_for_months(invoke: Invoker) -> None:
    assert set(invoke("KeepaliveFunction", SAMPLES / "keepalive.json").values()) == {0}
