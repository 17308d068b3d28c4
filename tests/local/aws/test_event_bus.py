"""Entries published on the embedded event bus can be read, and go to the targets of rules."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
import urllib3

from local.aws.clients import new_client
from local.aws.event_bus import Entry
from tests.support.events.queue_scene import REGION, Scene, scene

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_events.type_defs import PutEventsRequestEntryTypeDef

GOOD: "PutEventsRequestEntryTypeDef" = {"Source": "bitrix24.chat", "DetailType": "ONIMBOTMESSAGEADD"}
RULE = "everything"


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Scene]:
    with scene(tmp_path) as found:
        yield found


@pytest.fixture
def bus(stores: Scene) -> "EventBridgeClient":
    made = new_client("events", endpoint_url=stores.aws.endpoint_url, region_name=REGION)
    return cast("EventBridgeClient", made)


def test_accepted_entries_are_stored_in_their_order(bus: "EventBridgeClient", stores: Scene) -> None:
    details = [{"event_id": str(number), "text": "Größe"} for number in range(3)]
    bus.put_events(Entries=[{**GOOD, "Detail": json.dumps(each)} for each in details])

    assert stores.aws.published() == tuple(
        Entry("default", "bitrix24.chat", "ONIMBOTMESSAGEADD", detail) for detail in details
    )


def test_refused_entry_is_not_stored(bus: "EventBridgeClient", stores: Scene) -> None:
    answer = bus.put_events(Entries=[{**GOOD, "Detail": "{"}, {**GOOD, "Detail": "{}"}])

    assert answer["FailedEntryCount"] == 1
    assert [entry.detail for entry in stores.aws.published()] == [{}]


def test_waiting_request_is_answered_when_the_next_entry_comes(bus: "EventBridgeClient", stores: Scene) -> None:
    bus.put_events(Entries=[{**GOOD, "Detail": '{"event_id": "1"}'}])
    url = stores.aws.endpoint_url + "/_published?beyond=1"
    with ThreadPoolExecutor(1) as elsewhere:
        shown = elsewhere.submit(urllib3.request, "GET", url, retries=False)
        bus.put_events(Entries=[{**GOOD, "Detail": '{"event_id": "2"}'}])
        assert [entry["detail"]["event_id"] for entry in shown.result().json()] == ["1", "2"]


def test_waiting_request_is_answered_with_the_stored_entries_at_the_stop(stores: Scene) -> None:
    url = stores.aws.endpoint_url + "/_published?beyond=0"
    with ThreadPoolExecutor(1) as elsewhere:
        shown = elsewhere.submit(urllib3.request, "GET", url, retries=False)
        stores.aws.end_waiting()
        assert shown.result().json() == []


def test_entries_are_shown_as_json_over_http(bus: "EventBridgeClient", stores: Scene) -> None:
    bus.put_events(Entries=[{**GOOD, "Detail": '{"event_id": "1"}'}])
    shown = urllib3.request("GET", stores.aws.endpoint_url + "/_published", retries=False)

    assert (shown.status, shown.json()) == (
        200,
        [
            {
                "bus": "default",
                "source": "bitrix24.chat",
                "detail_type": "ONIMBOTMESSAGEADD",
                "detail": {"event_id": "1"},
            }
        ],
    )


def test_entries_are_deleted_with_the_messages_of_the_queues(bus: "EventBridgeClient", stores: Scene) -> None:
    bus.put_events(Entries=[{**GOOD, "Detail": "{}"}])
    stores.aws.empty_queues()

    assert stores.aws.published() == ()


def test_rule_sends_entries_to_a_queue(bus: "EventBridgeClient", stores: Scene) -> None:
    bus.put_rule(Name=RULE, EventPattern=json.dumps({"source": ["bitrix24.chat"]}))
    arn = f"arn:aws:sqs:{REGION}:123456789012:{stores.dead}"
    bus.put_targets(Rule=RULE, Targets=[{"Id": "queue", "Arn": arn}])
    try:
        bus.put_events(Entries=[{**GOOD, "Detail": '{"event_id": "7"}'}])
        (message,) = stores.received(stores.dead, wait_s=5)
    finally:
        bus.remove_targets(Rule=RULE, Ids=["queue"])
        bus.delete_rule(Name=RULE)

    event = json.loads(message["Body"])
    assert (event["detail-type"], event["detail"]) == ("ONIMBOTMESSAGEADD", {"event_id": "7"})
