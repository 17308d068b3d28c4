"""A record says the same when it comes back from the queue, fits into it, and is known for what it is."""

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


def record(told: BotEvent) -> Record:
    return Record(event_id(MEMBER_ID, "identity"), MEMBER_ID, 1771940028.25, "request-1", told)


@given(EVENTS)
def test_a_record_comes_back_as_it_went(told: BotEvent) -> None:
    went = record(told)
    assert Record.from_json(went.to_json()) == went


@pytest.mark.parametrize("name", NAMES)
def test_every_sample_comes_back_as_it_went(name: str) -> None:
    went = record(event(name))
    assert Record.from_json(went.to_json()) == went


def said(text: str) -> BotEvent:
    return BotEvent("ONIMBOTMESSAGEADD", EventKind.MESSAGE_ADD, message=EventMessage(1, text))


@pytest.mark.parametrize("text", ["\x00\x01\x1f", "\ufffe\uffff", "\ud7ff\ue000\ufffd😀\U0010ffff", '"\\\n'])
def test_the_queue_takes_every_character_of_a_record(text: str) -> None:
    written = record(said(text)).to_json()
    assert re.fullmatch("[\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*", written)  # what SQS admits
    came = Record.from_json(written).event.message
    assert came is not None
    assert came.text == text.replace("\ufffe", "\ufffd").replace("\uffff", "\ufffd")


@pytest.mark.parametrize(
    ("text", "kept"),
    # Of a quote an invocation of the worker makes four bytes, in which the record is a text inside of JSON.
    [
        ("ж" * 1000, True),
        ("ж" * (LARGEST_RECORD // 2), False),
        ('"' * 1000, True),
        ('"' * (LARGEST_RECORD // 4), False),
    ],
)
def test_data_that_queue_or_worker_cannot_take_is_left_out_and_nothing_else(text: str, kept: bool) -> None:
    went = record(BotEvent("ONX", EventKind.OTHER, user=EventUser(27), sent_at=1, data={"x": text}))
    written = went.to_json()
    came = Record.from_json(written)
    assert len(json.dumps({"record": written}, ensure_ascii=False).encode()) <= LARGEST_RECORD + len('{"record": }')
    assert bool(came.event.data) is kept
    assert (came.event.user, came.event.sent_at, came.event_id) == (EventUser(27), 1, went.event_id)


def test_no_text_of_a_message_shows_when_a_record_is_printed() -> None:
    told = BotEvent(
        "ONX", EventKind.OTHER, message=EventMessage(1, "private"), commands=(EventCommand(1, "find", "private"),),
        data={"x": "private"},
    )  # fmt: skip
    assert "private" not in repr(record(told))


def changed(**fields: Any) -> str:
    return json.dumps(json.loads(record(event("v1-command")).to_json()) | fields)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", "1", '"x"', "{}", '{"version":1}', "[" * 100_000, changed(version=2), changed(version="1"),
     changed(event=None), changed(event={}), changed(event={"name": "x", "kind": "unheard of"}), changed(event=[])],
    ids=str.__len__,
)  # fmt: skip
def test_what_is_no_record_is_unreadable_and_nothing_of_it_is_quoted(text: str) -> None:
    with pytest.raises(RecordUnreadable) as raised:
        Record.from_json(text)
    assert (raised.value.__context__, raised.value.__cause__) == (None, None)
    assert "DEAL" not in str(raised.value)


def test_a_record_of_a_function_that_is_newer_or_older_is_read_as_far_as_it_is_known() -> None:
    whole = json.loads(record(event("v1-command")).to_json())
    del whole["event"]["language"], whole["event"]["chat"]["personal"]
    newer = {**whole, "unheard_of": 1, "event": {**whole["event"], "unheard_of": [1]}}
    came = Record.from_json(json.dumps(newer))
    assert (came.event.language, came.event.commands) == ("", event("v1-command").commands)


def test_an_events_id_depends_on_the_portal_and_on_what_it_says() -> None:
    ids = {event_id("a", "b"), event_id("a", "c"), event_id("b", "b"), event_id("ab", ""), event_id("", "ab")}
    assert len(ids) == 5
    assert event_id("a", "b") == event_id("a", "b")
    assert all(len(each) == 32 and int(each, 16) for each in ids)
