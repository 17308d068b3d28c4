"""Generated forms: PHP's are decoded unchanged; any bytes give maps of texts or a refusal, in a time that is linear."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_lookup.http.php_forms import Form, FormRefused, FormValue, Limits, decode, decode_query

NAMES = st.text(st.characters(exclude_characters="[]", exclude_categories=["Cs"]), min_size=1, max_size=8)
KEYS = NAMES.filter(lambda name: name not in tuple(" \t\n\v\f\r")) | st.integers(0, 999).map(str)
VALUES = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)
TREES = st.recursive(VALUES, lambda inner: st.dictionaries(KEYS, inner, min_size=1, max_size=4), max_leaves=20)
FORMS = st.dictionaries(NAMES, TREES, max_size=4)
WIDE = Limits(size=10**9, fields=10**9, maps=10**9, depth=10**9, key_length=10**9, escapes=10**9, values=10**9)

JSON = "application/json"


def _flattened(form: Form, prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in form.items():
        path = f"{prefix}[{name}]" if prefix else name
        if isinstance(value, dict):
            yield from _flattened(value, path)
        else:
            yield path, value


def _encoded(form: Form, quoted: Callable[[str], str] = quote_plus) -> bytes:
    """PHP's `http_build_query`, written independently of the tested code."""
    return "&".join(f"{quoted(name)}={quoted(value)}" for name, value in _flattened(form)).encode()


@given(FORMS)
def test_form_encoded_by_php_is_decoded_to_the_same_maps(form: Form) -> None:
    assert decode(_encoded(form), limits=WIDE) == form
    assert decode(_encoded(form, quote), limits=WIDE) == form
    assert decode_query(_encoded(form).decode(), limits=WIDE) == form


@given(FORMS)
def test_json_gives_the_same_maps_as_the_form(form: Form) -> None:
    for ascii_only in (True, False):
        assert decode(json.dumps(form, ensure_ascii=ascii_only).encode(), JSON, limits=WIDE) == form


@given(st.binary(max_size=300) | st.text(st.sampled_from("ab01[]=&%+. é%5B%5D"), max_size=200).map(str.encode))
def test_arbitrary_bytes_give_maps_of_texts_or_a_refusal(body: bytes) -> None:
    for content_type in ("", JSON):
        assert _only_texts(_decoded(body, content_type))


@given(ANY_JSON)
def test_arbitrary_json_gives_maps_of_texts_or_a_refusal(value: object) -> None:
    assert _only_texts(_decoded(json.dumps(value).encode(), JSON))


def _decoded(body: bytes, content_type: str) -> Form:
    """The form, an empty one if it is refused; any other exception is a failure."""
    with suppress(FormRefused):
        return decode(body, content_type)
    return {}


def _only_texts(value: FormValue) -> bool:
    return isinstance(value, str) or all(_only_texts(item) for item in value.values())


@pytest.mark.parametrize(
    ("unit", "content_type"),
    [
        (b"a[]=1&", ""),
        (b"a[][]=1&", ""),
        (b"&", ""),
        (b"=", ""),
        (b"[", ""),
        (b"]", ""),
        (b"a[", ""),
        (b"[a]", ""),
        (b"%", ""),
        (b"%41", ""),
        (b"%D0%B9", ""),
        (b"+", ""),
        ("й".encode(), ""),
        ("й%41".encode(), ""),
        (b"[", JSON),
        (b'{"a":', JSON),
        (b" ", JSON),
        (b"9", JSON),
    ],
)
def test_time_to_read_a_body_grows_linearly(unit: bytes, content_type: str) -> None:
    def seconds(size: int) -> float:
        body = b"a" * (not content_type) + unit * (size // len(unit))
        return min(_seconds(body, content_type) for _ in range(3))

    # Eight times the size would take 64 times as long if the time grew with the square.
    assert seconds(8 * 30_000) < 32 * max(seconds(30_000), 0.0005)


def _seconds(body: bytes, content_type: str) -> float:
    started = time.process_time()
    with suppress(FormRefused):
        decode(body, content_type, limits=WIDE)
    return time.process_time() - started
