"""Every sample of a bot event: received by the built function in a container, handled by the worker."""

import json

import pytest

from tests.e2e.containers import SAMPLES, Invoker, Stack

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]

BOT_EVENTS = sorted(path.stem for path in SAMPLES.glob("bot-*.json"))


def test_samples_cover_every_kind_in_both_versions() -> None:
    assert len(BOT_EVENTS) == 14


@pytest.mark.parametrize("name", BOT_EVENTS)
def test_bot_event_is_accepted_by_a_container_and_published(stack: Stack, invoke: Invoker, name: str) -> None:
    before = len(stack.published())
    answer = invoke("EventsFunction", SAMPLES / f"{name}.json")
    assert (answer["statusCode"], json.loads(answer["body"])) == (200, {"status": "success"})
    (entry,) = stack.published(f"?beyond={before}")[before:]
    prefix = "ONIMBOTV2" if name.startswith("bot-v2-") else "ONIM"
    assert entry["detail_type"].startswith(prefix)
    assert entry["source"] == "bitrix24.chat"


def test_worker_in_a_container_handles_a_record_that_the_queue_refused(stack: Stack, invoke: Invoker) -> None:
    before = len(stack.published())
    assert invoke("WorkerFunction", SAMPLES / "worker-record.json") == {}
    assert len(stack.published()) == before + 1
