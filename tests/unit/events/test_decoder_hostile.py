"""Every body that arrives at the events' address is a model or a clean refusal, in a time bounded by its size."""

import json
import random
import time
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_lookup.bitrix24.event_names import EventKind
from chat_lookup.events.decoder import LIMITS, Arrived, EventUnreadable, decode
from chat_lookup.events.model import Record
from chat_lookup.http.php_forms import FormBound, FormRefused
from local.portal.protocol import php
from tests.support.events.wire_events import NAMES, Tree, encoded, sample
from tests.support.portals.first_contact import FORM_TYPE

JSON = "application/json"
MEGABYTE = LIMITS.size


def outcome(body: bytes, content_type: str = FORM_TYPE) -> Arrived | FormRefused | EventUnreadable:
    """The result for a body. Any other exception is a failure, and so is an event that the queue cannot take."""
    came = read(body, content_type)
    if isinstance(came, Arrived):
        queued = Record("e", "m", 1.0, "r", came.event).to_json()
        assert Record.from_json(queued).event.name == came.event.name
    else:
        assert (came.__cause__, came.__context__) == (None, None)
    return came


def read(body: bytes, content_type: str) -> Arrived | FormRefused | EventUnreadable:
    """Decode a body as the service does."""
    try:
        came = decode(body, content_type)
    except (FormRefused, EventUnreadable) as error:
        return error
    assert came.event.name == came.name
    assert came.identity
    return came


# The "x" at the end of a name keeps it from being a credential's.
NAMED = st.text(st.characters(exclude_characters="[]", exclude_categories=["Cs"]), max_size=6).map(
    lambda name: name + "x"
)
KEYS = NAMED | st.integers(0, 99).map(str)
LEAVES = st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)  # fmt: skip
TREES = st.dictionaries(NAMED, VALUES, max_size=4)


def as_sent(value: Any) -> Any:
    """What PHP lets through: texts and maps, without nulls and what is empty (bitrix24.md 5.2); None for these."""
    if isinstance(value, list):
        value = {str(position): each for position, each in enumerate(value)}
    if isinstance(value, dict):
        sent = {key: as_sent(each) for key, each in value.items()}
        return {key: each for key, each in sent.items() if each is not None} or None
    return None if value is None else str(int(value)) if isinstance(value, bool) else str(value)


@given(TREES)
def test_data_that_php_encodes_is_decoded_unchanged(tree: Mapping[str, object]) -> None:
    body = php.encode(php.flat({"event": "ONX", "data": tree})).encode()
    came = outcome(body)
    assert isinstance(came, Arrived)
    assert came.event.data == (as_sent(tree) or {})


HOSTILE: tuple[tuple[str, FormBound | dict[str, object]], ...] = (
    ("data[PARAMS=1", FormBound.NAME),
    ("data]PARAMS[=1", FormBound.NAME),
    ("data[PARAMS]]=1", FormBound.NAME),
    ("data[[PARAMS]]=1", FormBound.NAME),
    ("data[PARAMS]x=1", FormBound.NAME),
    ("[data][x]=1", FormBound.NAME),
    ("data%5BPARAMS=1", FormBound.NAME),
    ("data=1&data[x]=1", FormBound.CONFLICT),
    ("data[x]=1&data=1", FormBound.CONFLICT),
    ("data[x][y]=1&data[x]=1", FormBound.CONFLICT),
    ("data" + "[x]" * 24 + "=1", FormBound.DEPTH),
    ("data[" + "x" * 201 + "]=1", FormBound.KEY_LENGTH),
    ("data[x]=%FF", FormBound.ENCODING),
    ("&".join(f"data[{each}]=1" for each in range(5000)), FormBound.FIELDS),
    ("&".join(f"data[{each}][x]=1" for each in range(801)), FormBound.MAPS),
    ("&".join(f"data[%41{each}]=1" for each in range(1001)), FormBound.ESCAPES),
    ("data[9223372036854775807]=a&data[]=b", FormBound.INDEX),
    ("data[]=a&data[]=b", {"0": "a", "1": "b"}),
    ("data[-5]=a&data[]=b&data[ ]=c", {"-5": "a", "-4": "b", "-3": "c"}),
    ("data[][]=a&data[][]=b", {"0": {"0": "a"}, "1": {"0": "b"}}),
    ("data[0]=a&data[1]=b&data[2]=c", {"0": "a", "1": "b", "2": "c"}),
    ("data[2]=a&data[]=b&data[0]=c", {"2": "a", "3": "b", "0": "c"}),
    ("data[x]=a&data[x]=b", {"x": "b"}),
    ("data[99999999999999999999]=a&data[]=b", {"99999999999999999999": "a", "0": "b"}),
    ("data[__proto__]=a&data[__class__][x]=b", {"__proto__": "a", "__class__": {"x": "b"}}),
    ("=x&&data=&ts=now&auth=me", {}),
)


@pytest.mark.parametrize(("fields", "result"), HOSTILE, ids=[fields[:30] for fields, _ in HOSTILE])
def test_hostile_names_are_refused_by_the_bound_that_they_break_or_read_as_php_would(
    fields: str, result: FormBound | dict[str, object]
) -> None:
    came = outcome(f"event=ONX&{fields}".encode())
    if isinstance(result, FormBound):
        assert isinstance(came, FormRefused)
        assert came.bound is result
    else:
        assert isinstance(came, Arrived)
        assert (came.event.data, came.event.kind) == (result, EventKind.OTHER)


def test_attachments_and_mentions_of_messages_stay_within_the_bounds() -> None:
    attached = {"ATTACH": [{"BLOCKS": [{"GRID": [{"NAME": "a", "VALUE": {"x": {"y": {"z": "b"}}}}]}]}]}
    everybody = {str(each): str(each) for each in range(3000)}
    attaching = decode(encoded(sample("v2-message-add", {"data.message.params": attached})), FORM_TYPE)
    assert attaching.event == decode(encoded(sample("v2-message-add")), FORM_TYPE).event
    mentioned = decode(encoded(sample("v1-message-add-group", {"data.PARAMS.MENTIONED_LIST": everybody})), FORM_TYPE)
    assert mentioned.event == decode(encoded(sample("v1-message-add-group")), FORM_TYPE).event


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)  # fmt: skip


def ways(tree: Tree, way: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The way to every field and every map of a tree."""
    found = [(*way, key) for key in tree]
    for key, value in tree.items():
        found += ways(value, (*way, key)) if isinstance(value, dict) else []
    return found


@given(st.data(), st.sampled_from(NAMES), ANY_JSON)
def test_a_sample_with_anything_in_any_place_is_a_model_or_a_refusal(
    data: st.DataObject, name: str, odd: object
) -> None:
    *way, last = data.draw(st.sampled_from(ways(sample(name))))
    tree = place = sample(name)
    for key in way:
        place = place[key]
    place[last] = odd
    outcome(json.dumps(tree).encode(), JSON)
    outcome(php.encode(php.flat(tree)).encode(errors="replace"))


@given(st.binary(max_size=300) | st.text(st.sampled_from("eventdaauthBOTid01[]=&%+. é"), max_size=200).map(str.encode))
def test_arbitrary_bytes_are_a_model_or_a_refusal(body: bytes) -> None:
    for content_type in (FORM_TYPE, JSON, ""):
        outcome(body, content_type)
        outcome(b"event=ONIMBOTMESSAGEADD&" + body, content_type)


GARBAGE: dict[str, tuple[bytes, bytes, str]] = {
    # The beginning, the repeated unit, and the content type.
    "opening brackets": (b"", b"[", FORM_TYPE),
    "closing brackets": (b"", b"]", FORM_TYPE),
    "ampersands": (b"", b"&", FORM_TYPE),
    "per cent signs": (b"", b"%", FORM_TYPE),
    "equals signs": (b"event=", b"=", FORM_TYPE),
    "escapes": (b"event=ONX&data[x]=", b"%41", FORM_TYPE),
    "a name that never ends": (b"event=ONX&data", b"[x]", FORM_TYPE),
    "fields": (b"event=ONX", b"&data[]=1", FORM_TYPE),
    "a long text": (b"event=ONIMBOTV2MESSAGEADD&data[message][text]=", b"a", FORM_TYPE),
    "a long number": (b"event=ONIMBOTV2MESSAGEADD&data[chat][id]=", b"9", FORM_TYPE),
    "a text of secrets": (b"event=ONX&auth[access_token]=aaaaaa&data[x]=", b"a", FORM_TYPE),
    "forty secrets and a text": (
        b"event=ONX" + b"".join(b"&auth[%d_token]=%s%d" % (each, b"a" * 40, each) for each in range(40)) + b"&data[x]=",
        b"a", FORM_TYPE,
    ),
    "a number of JSON": (b'{"event":', b"9", JSON),
    "deep JSON": (b'{"event":', b"[", JSON),
    "deep maps of JSON": (b"", b'{"a":', JSON),
    "blanks": (b"{", b" ", JSON),
    "escapes of JSON": (b'{"event":"', b"\\u0041", JSON),
}  # fmt: skip


def garbage(kind: str, size: int) -> bytes:
    beginning, unit, _ = GARBAGE[kind]
    return beginning + unit * ((size - len(beginning)) // len(unit))


@pytest.mark.parametrize("kind", GARBAGE)
def test_a_megabyte_of_garbage_is_a_model_or_a_refusal(kind: str) -> None:
    for content_type in (FORM_TYPE, JSON):
        outcome(garbage(kind, MEGABYTE), content_type)


@pytest.mark.parametrize("seed", range(3))
def test_a_megabyte_of_random_bytes_is_refused(seed: int) -> None:
    noise = random.Random(seed).randbytes(MEGABYTE)  # noqa: S311 - noise
    for content_type in (FORM_TYPE, JSON):
        assert isinstance(outcome(noise, content_type), FormRefused)
    letters = bytes(byte & 0x7F for byte in noise)
    assert isinstance(outcome(letters, FORM_TYPE), FormRefused)


@pytest.mark.parametrize("content_type", [FORM_TYPE, JSON])
def test_body_above_a_megabyte_is_refused_by_its_size(content_type: str) -> None:
    came = outcome(b"{" * (MEGABYTE + 1), content_type)
    assert isinstance(came, FormRefused)
    assert came.bound is FormBound.SIZE


def seconds_of(body: bytes, content_type: str) -> float:

    def once() -> float:
        started = time.process_time()
        read(body, content_type)
        return time.process_time() - started

    return min(once() for _ in range(3))


def seconds(kind: str, size: int) -> float:
    return seconds_of(garbage(kind, size), GARBAGE[kind][2])


@pytest.mark.parametrize("kind", GARBAGE)
def test_the_time_that_garbage_takes_grows_no_faster_than_its_size(kind: str) -> None:
    # Sixteen times the size takes sixteen times as long, some fifty where it leaves the processor's cache; with the
    # square of the size it would be 256 times.
    assert seconds(kind, MEGABYTE) < 96 * max(seconds(kind, MEGABYTE // 16), 0.00025)


def test_texts_that_nearly_hold_a_secret_do_not_take_long_to_read() -> None:
    """A forger chooses the secrets, too, and the event is read before it is proved."""
    secrets = [f"auth[{each}][token]={'a' * 600}{each:03d}{'a' * 600}" for each in range(40)]

    def body(letter: str) -> bytes:
        return "&".join(["event=ONX", *secrets, *(f"data[{each}]={letter * 2400}" for each in range(400))]).encode()

    assert seconds_of(body("a"), FORM_TYPE) < 60 * seconds_of(body("z"), FORM_TYPE)


def test_more_credentials_than_an_event_has_are_refused() -> None:
    fields = "&".join(f"auth[{each}][token]=s3cret-{each}" for each in range(41))
    assert isinstance(outcome(f"event=ONX&{fields}".encode()), EventUnreadable)
