"""Every sample of a bot event: taken in by the built function in a container, worked off behind the queue."""

import json

import pytest

from tests.e2e.containers import SAMPLES, Invoker, Stack

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]

BOT_EVENTS = sorted(path.stem for path in SAMPLES.glob("bot-*.json"))


def test_there_is_a_sample_of_every_kind_in_both_versions() -> None:
    assert len(BOT_EVENTS) == 14


@pytest.mark.parametrize("name", BOT_EVENTS)
def test_a_bot_event_is_taken_in_by_a_container_and_reaches_the_bus(stack: Stack, invoke: Invoker, name: str) -> None:
    before = len(stack.published())
    answer = invoke("EventsFunction", SAMPLES / f"{name}.json")
    assert (answer["statusCode"], json.loads(answer["body"])) == (200, {"status": "success"})
    (entry,) = stack.published(f"?beyond={before}")[before:]
    prefix = "ONIMBOTV2" if name.startswith("bot-v2-") else "ONIM"
    assert entry["detail_type"].startswith(prefix)
    assert entry["source"] == "bitrix24.chat"


def test_the_worker_in_a_container_works_a_record_that_the_queue_refused(stack: Stack, invoke: Invoker) -> None:
    before = len(stack.published())
    assert invoke("WorkerFunction", SAMPLES / "worker-record.json") == {}
    assert len(stack.published()) == before + 1
