"""Generated bodies at the events' address, and a megabyte of each kind of garbage: a model or a refusal, in time."""

import json
import random
import time
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_lookup.events.decoder import LIMITS, Arrived
from chat_lookup.http.php_forms import FormRefused
from local.portal.protocol import php
from tests.support.events.decoding import JSON, outcome, read
from tests.support.events.wire_events import NAMES, Tree, sample
from tests.support.portals.first_contact import FORM_TYPE

MEGABYTE = LIMITS.size


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
def test_a_megabyte_of_random_bytes_is_no_event(seed: int) -> None:
    noise = random.Random(seed).randbytes(MEGABYTE)  # noqa: S311 - noise
    assert isinstance(outcome(noise, JSON), FormRefused)
    for letters in (noise, bytes(byte & 0x7F for byte in noise)):
        came = outcome(letters, FORM_TYPE)
        assert isinstance(came, Arrived)
        assert came.fault == "it names no event"


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
