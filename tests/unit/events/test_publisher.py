"""Entries on the bus: normalised, without texts unless configured, never too large, and never lost without an error."""

import json
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat_lookup.bitrix24.event_names import EventKind
from chat_lookup.entity import EntityRef
from chat_lookup.errors import StoreUnavailable
from chat_lookup.events.model import BotEvent, EventCommand, EventMessage, Record
from chat_lookup.events.publisher import LARGEST_ENTRY, Publisher, detail_of, recovery_detail
from chat_lookup.observability.metrics import CLOSED
from chat_lookup.observability.telemetry import Telemetry
from chat_lookup.portals.recovery import Recovery
from local.aws.clients import new_client
from tests.support.events.bot_questions import CHATID, GROUP, command, message, record_of
from tests.support.events.event_arrival import Wire
from tests.support.fakes import MEMBER_ID, Output
from tests.support.in_process_service import DEAL
from tests.support.repository import ROOT

if TYPE_CHECKING:
    from botocore.session import Session
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_sqs import SQSClient

DOMAIN = "acme.bitrix24.com"
TEXT = 'what a "secret" deal, Чат 😀'
DOCUMENT = (ROOT / "docs" / "events.md").read_text("utf-8")
ADMITTED = {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}
UNKNOWN = BotEvent("ONIMBOTV3SOMETHING", EventKind.OTHER, api="v2", data={"what": {"text": TEXT}})


def detail(record: Record, ref: EntityRef | None = DEAL, *, with_text: bool = False) -> dict[str, Any]:
    return cast("dict[str, Any]", json.loads(detail_of(record, DOMAIN, ref, with_text=with_text)))


def size(record: Record, text: str) -> int:
    """Bytes as EventBridge counts them: time, source, type and detail."""
    return 14 + len(b"bitrix24.chat") + len(record.event.name.encode()) + len(text.encode())


def publisher_on(wire: Wire, telemetry: Telemetry, bus: str = "default") -> Publisher:
    client = new_client("events", region_name="us-east-1", aws_access_key_id="unit", aws_secret_access_key="unit")
    client.meta.events.register("before-send.events", wire)  # what a handler returns is the answer
    return Publisher(cast("EventBridgeClient", client), bus, telemetry, with_text=False)


# -- content -----------------------------------------------------------------------------------------------------------


def test_detail_contains_portal_chat_entity_user_and_message() -> None:
    record = message(TEXT, chat=GROUP._replace(entity_type="CRM", entity_id="DEAL|1663"), sent_at=1_762_999_999)
    assert detail(record) == {
        "event_id": record.event_id,
        "portal": {"member_id": MEMBER_ID, "domain": DOMAIN},
        "kind": "message_add",
        "api": "v2",
        "bot_ids": [456],
        "chat": {"chat_id": 1437, "dialog_id": "chat1437", "type": "C", "personal": False, "open_line": False},
        "entity": {"entity_type": "CRM", "entity_id": "DEAL|1663"},
        "user": {"user_id": 27, "employee": True},
        "message": {"message_id": 789, "author_id": 27, "system": False},
        "commands": [],
        "reaction": "",
        "action": "",
        "language": "en",
        "sent_at": 1_762_999_999,
        "received_at": 1_763_000_000.0,
    }


def test_detail_contains_the_resolved_entity() -> None:
    assert detail(message(chat=GROUP), DEAL)["entity"] == {"entity_type": "CRM", "entity_id": "DEAL|1663"}
    assert detail(message(chat=GROUP), None)["entity"] is None


def test_fields_that_an_event_does_not_have_are_null() -> None:
    published = detail(record_of(BotEvent("ONIMBOTDELETE", EventKind.BOT_DELETE, api="v1", bot_ids=(456,))), None)
    assert [published[name] for name in ("chat", "entity", "user", "message", "sent_at")] == [None] * 5


@pytest.mark.parametrize("record", [message(TEXT), command(TEXT), record_of(UNKNOWN)], ids=lambda each: each.event.kind)
def test_texts_of_users_are_published_only_if_configured(record: Record) -> None:
    assert "secret" not in json.dumps(detail(record))
    assert "secret" in json.dumps(detail(record, with_text=True))


def test_texts_are_fields_of_the_message_and_the_command() -> None:
    published = detail(command(TEXT), with_text=True)
    assert published["message"]["text"] == f"/chatid {TEXT}"
    assert published["commands"] == [{"command_id": 78, "name": "chatid", "params": TEXT}]
    assert detail(record_of(UNKNOWN), with_text=True)["data"] == UNKNOWN.data


def test_the_document_names_every_field_and_no_other() -> None:
    fields = {"data", "text_cut"} | detail(message(TEXT)).keys()
    assert documented("## `detail`", "## `portal.recovered`") == fields
    example = json.loads(DOCUMENT.split("```json\n")[1].split("```")[0])
    assert list(example) == [name for name in detail(message(TEXT)) if name in example]
    assert example.keys() == detail(message(TEXT)).keys()
    for part in ("chat", "entity", "user", "message", "portal"):
        assert example[part].keys() == detail(message(TEXT))[part].keys()


def documented(start: str, end: str = "\0") -> set[str]:
    """The fields in the first column of the document's tables, from one heading to another."""
    section = DOCUMENT[DOCUMENT.index(start) :].partition(end)[0]
    lines = (line for line in section.splitlines() if line.startswith("| `"))
    return {name.strip("` ") for line in lines for name in line.split("|")[1].split(",")}


def test_a_recovery_has_the_fields_that_the_document_names() -> None:
    recovery = Recovery("r" * 32, MEMBER_ID, DOMAIN, "unpaid", "PAYMENT_REQUIRED", 1_763_000_000.5)
    published = json.loads(recovery_detail(recovery))
    assert documented("## `portal.recovered`") == set(published)
    example = json.loads(DOCUMENT.split("```json\n")[2].split("```")[0])
    assert list(example) == list(published)
    assert published["portal"] == {"member_id": MEMBER_ID, "domain": DOMAIN}
    assert (published["state"], published["portal_error"], published["recovered_at"]) == (
        "unpaid",
        "PAYMENT_REQUIRED",
        1_763_000_000.5,
    )
    assert json.loads(recovery_detail(recovery._replace(code="")))["portal_error"] is None


def test_every_state_that_a_recovery_may_have_is_documented() -> None:
    section = DOCUMENT[DOCUMENT.index("## `portal.recovered`") :]
    assert [state for state in CLOSED if f"`{state}`" not in section] == []


def test_a_recovery_goes_on_the_bus_under_its_own_name(telemetry: Telemetry) -> None:
    recovery = Recovery("r" * 32, MEMBER_ID, DOMAIN, "unpaid", "", 1_763_000_000.5)
    wire = Wire((200, ADMITTED))
    assert publisher_on(wire, telemetry).publish_recovery(recovery)
    (entry,) = wire.bodies[0]["Entries"]
    assert (entry["Source"], entry["DetailType"]) == ("bitrix24.chat", "portal.recovered")
    assert not publisher_on(wire, telemetry, bus="").publish_recovery(recovery)


def test_half_an_emoji_is_replaced_and_does_not_fail_the_event() -> None:
    assert detail(message("\ud83d!"), with_text=True)["message"]["text"] == "?!"


# -- size --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("unit", ["x", "😀", '"', "\x01", "я\n"])
def test_text_that_is_too_large_is_cut_to_the_limit_of_the_bus(unit: str) -> None:
    record = message(unit * (300_000 // len(unit)))
    assert record.event.message is not None
    cut = detail_of(record, DOMAIN, DEAL, with_text=True)
    assert size(record, cut) <= LARGEST_ENTRY
    published = json.loads(cut)
    assert published["text_cut"] is True
    assert record.event.message.text.startswith(published["message"]["text"])


def test_plain_text_is_cut_to_exactly_the_limit_of_the_bus() -> None:
    record = message("x" * 300_000)
    assert size(record, detail_of(record, DOMAIN, DEAL, with_text=True)) == LARGEST_ENTRY - 1


def test_one_byte_too_many_is_cut_and_one_less_is_not() -> None:
    empty = message("")
    room = LARGEST_ENTRY - size(empty, detail_of(empty, DOMAIN, DEAL, with_text=True))
    assert "text_cut" not in detail(message("x" * room), with_text=True)
    assert detail(message("x" * (room + 1)), with_text=True)["text_cut"] is True


def test_event_too_large_without_its_message_is_published_without_texts() -> None:
    large = UNKNOWN._replace(data={"what": "x" * 300_000}, message=EventMessage(7, "hello"))
    published = detail(record_of(large), with_text=True)
    assert published == detail(record_of(large)) | {"text_cut": True}


@settings(max_examples=50, deadline=None)
@given(
    text=st.text(max_size=50),
    params=st.text(max_size=50),
    times=st.integers(1, 12_000),
)
def test_no_text_makes_an_entry_too_large_or_unreadable(text: str, params: str, times: int) -> None:
    record = message(text * times, commands=(EventCommand(1, "chatid", params * 100), CHATID))
    written = detail_of(record, DOMAIN, DEAL, with_text=True)
    assert size(record, written) <= LARGEST_ENTRY
    assert json.loads(written)["event_id"] == record.event_id


# -- the bus -----------------------------------------------------------------------------------------------------------


def test_entry_arrives_at_a_subscriber_of_the_bus(moto: "Session", telemetry: Telemetry) -> None:
    bus = cast("EventBridgeClient", moto.create_client("events", region_name="us-east-1"))
    sqs = cast("SQSClient", moto.create_client("sqs", region_name="us-east-1"))
    url = sqs.create_queue(QueueName="follower")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    bus.create_event_bus(Name="partners")
    bus.put_rule(Name="ours", EventBusName="partners", EventPattern='{"source": ["bitrix24.chat"]}')
    bus.put_targets(Rule="ours", EventBusName="partners", Targets=[{"Id": "1", "Arn": arn}])

    record = message(TEXT)
    assert Publisher(bus, "partners", telemetry, with_text=True).publish(record, DOMAIN, DEAL)

    (followed,) = sqs.receive_message(QueueUrl=url)["Messages"]
    event = json.loads(followed["Body"])
    assert (event["source"], event["detail-type"]) == ("bitrix24.chat", "ONIMBOTV2MESSAGEADD")
    assert event["detail"] == detail(record, with_text=True)


def test_the_time_of_an_entry_is_when_the_event_was_received(telemetry: Telemetry) -> None:
    wire = Wire((200, ADMITTED))
    publisher_on(wire, telemetry).publish(message(TEXT), DOMAIN, None)
    (entry,) = wire.bodies[0]["Entries"]
    assert entry["Time"] == 1_763_000_000
    assert entry["EventBusName"] == "default"


def test_entry_refused_by_the_bus_raises_and_is_not_quoted(telemetry: Telemetry, output: Output) -> None:
    refused = {"ErrorCode": "ThrottlingException", "ErrorMessage": f"slow down with {TEXT}"}
    publisher = publisher_on(Wire((200, {"FailedEntryCount": 1, "Entries": [refused]})), telemetry)
    with telemetry.invocation("test"), pytest.raises(StoreUnavailable) as raised:
        publisher.publish(message(TEXT), DOMAIN, None)
    assert output.lines[0]["bus_error"] == "ThrottlingException"
    assert "secret" not in output.text + str(raised.value)


def test_without_a_bus_nothing_is_published(telemetry: Telemetry) -> None:
    wire = Wire((200, ADMITTED))
    assert not publisher_on(wire, telemetry, bus="").publish(message(TEXT), DOMAIN, DEAL)
    assert wire.sent == []
