"""A record is read from the queue as it was written, fits into it, and is validated."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_lookup.bitrix24.event_names import KINDS, EventKind
from chat_lookup.events.model import (
    LARGEST_RECORD,
    BotEvent,
    EventChat,
    EventCommand,
    EventMessage,
    EventUser,
    Record,
    RecordUnreadable,
    event_id,
)
from tests.support.events.wire_events import MEMBER_ID, NAMES, event

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufffe\uffff"), max_size=20)
NUMBERS = st.integers(1, 10**15 - 1)
CHATS = st.builds(EventChat, st.none() | NUMBERS, TEXT, TEXT, st.booleans(), st.booleans(), TEXT, TEXT)
USERS = st.builds(EventUser, NUMBERS, st.none() | st.booleans())
MESSAGES = st.builds(EventMessage, st.none() | NUMBERS, TEXT, st.none() | NUMBERS, st.booleans())
DATA = st.dictionaries(TEXT, st.recursive(TEXT, lambda inner: st.dictionaries(TEXT, inner, max_size=3)), max_size=3)
EVENTS = st.builds(
    BotEvent,
    name=st.sampled_from(sorted(KINDS)),
    kind=st.sampled_from(EventKind),
    api=st.sampled_from(["", "v1", "v2"]),
    bot_ids=st.lists(NUMBERS, max_size=3).map(tuple),
    chat=st.none() | CHATS,
    user=st.none() | USERS,
    message=st.none() | MESSAGES,
    commands=st.lists(st.builds(EventCommand, NUMBERS, TEXT, TEXT), max_size=3).map(tuple),
    reaction=TEXT,
    action=TEXT,
    language=TEXT,
    sent_at=st.none() | NUMBERS,
    data=DATA,
)


def record(bot_event: BotEvent) -> Record:
    return Record(event_id(MEMBER_ID, "identity"), MEMBER_ID, 1771940028.25, "request-1", bot_event)


@given(EVENTS)
def test_record_is_read_back_as_it_was_written(bot_event: BotEvent) -> None:
    went = record(bot_event)
    assert Record.from_json(went.to_json()) == went


@pytest.mark.parametrize("name", NAMES)
def test_every_sample_is_read_back_as_it_was_written(name: str) -> None:
    went = record(event(name))
    assert Record.from_json(went.to_json()) == went


def message_event(text: str) -> BotEvent:
    return BotEvent("ONIMBOTMESSAGEADD", EventKind.MESSAGE_ADD, message=EventMessage(1, text))


@pytest.mark.parametrize("text", ["\x00\x01\x1f", "\ufffe\uffff", "\ud7ff\ue000\ufffd😀\U0010ffff", '"\\\n'])
def test_written_record_contains_only_characters_that_sqs_accepts(text: str) -> None:
    written = record(message_event(text)).to_json()
    assert re.fullmatch("[\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*", written)  # what SQS accepts
    came = Record.from_json(written).event.message
    assert came is not None
    assert came.text == text.replace("\ufffe", "\ufffd").replace("\uffff", "\ufffd")


@pytest.mark.parametrize(
    ("text", "kept"),
    # An invocation of the worker turns a quote into four bytes: the record is a text inside JSON there.
    [
        ("ж" * 1000, True),
        ("ж" * (LARGEST_RECORD // 2), False),
        ('"' * 1000, True),
        ('"' * (LARGEST_RECORD // 4), False),
    ],
)
def test_only_data_too_large_for_queue_or_worker_is_left_out(text: str, kept: bool) -> None:
    went = record(BotEvent("ONX", EventKind.OTHER, user=EventUser(27), sent_at=1, data={"x": text}))
    written = went.to_json()
    came = Record.from_json(written)
    assert len(json.dumps({"record": written}, ensure_ascii=False).encode()) <= LARGEST_RECORD + len('{"record": }')
    assert bool(came.event.data) is kept
    assert (came.event.user, came.event.sent_at, came.event_id) == (EventUser(27), 1, went.event_id)


def test_texts_of_a_message_are_hidden_in_the_repr_of_a_record() -> None:
    bot_event = BotEvent(
        "ONX", EventKind.OTHER, message=EventMessage(1, "private"), commands=(EventCommand(1, "find", "private"),),
        data={"x": "private"},
    )  # fmt: skip
    assert "private" not in repr(record(bot_event))


def changed(**fields: Any) -> str:
    return json.dumps(json.loads(record(event("v1-command")).to_json()) | fields)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", "1", '"x"', "{}", '{"version":1}', "[" * 100_000, changed(version=2), changed(version="1"),
     changed(event=None), changed(event={}), changed(event={"name": "x", "kind": "unknown kind"}), changed(event=[])],
    ids=str.__len__,
)  # fmt: skip
def test_invalid_record_is_unreadable_and_is_not_quoted(text: str) -> None:
    with pytest.raises(RecordUnreadable) as raised:
        Record.from_json(text)
    assert (raised.value.__context__, raised.value.__cause__) == (None, None)
    assert "DEAL" not in str(raised.value)


def test_record_of_a_newer_or_older_function_is_read_with_its_known_fields() -> None:
    whole = json.loads(record(event("v1-command")).to_json())
    del whole["event"]["language"], whole["event"]["chat"]["personal"]
    newer = {**whole, "unknown_field": 1, "event": {**whole["event"], "unknown_field": [1]}}
    came = Record.from_json(json.dumps(newer))
    assert (came.event.language, came.event.commands) == ("", event("v1-command").commands)


def test_event_id_depends_on_the_portal_and_on_the_identity() -> None:
    ids = {event_id("a", "b"), event_id("a", "c"), event_id("b", "b"), event_id("ab", ""), event_id("", "ab")}
    assert len(ids) == 5
    assert event_id("a", "b") == event_id("a", "b")
    assert all(len(each) == 32 and int(each, 16) for each in ids)
