"""A key is found among parameters before they are parsed, in every place where parsing finds it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_lookup.http import php_arrays
from chat_lookup.rest import key_search

KEY = "clk_0123456789abcdefghij"
OTHER = "clk_abcdefghij0123456789"
TYPE = "multipart/form-data; boundary=x"


@pytest.mark.parametrize(
    ("form", "key"),
    [
        (f"auth={KEY}", KEY),
        (f"a[]=1&AUTH={KEY}&b=2", KEY),
        (f"%61%55th={KEY}", KEY),
        (f"%20+ auth={KEY}", KEY),
        (f"auth%00x={KEY}&auth={OTHER}", OTHER),
        (f"auth\0x={KEY}", KEY),
        (f"access_token={KEY}", KEY),
        (f"Access.Token={KEY}&access%20token=&access+token=&access%5ftoken={OTHER}", OTHER),
        (f"access_token={OTHER}&auth={KEY}", KEY),
        (f"auth=&access_token={KEY}", KEY),
        (f"auth={OTHER}&auth={KEY}", KEY),
        ("auth=%6b%2D_", "k-_"),
        ("auth=", None),
        ("auth", None),
        ("", None),
        (f"auth[]={KEY}&auth[x]={KEY}&authx={KEY}&xauth={KEY}&a=auth={KEY}&[auth]={KEY}", None),
        ("a=1&" * 1_000 + f"auth={KEY}", None),
        ("&" * 5_000 + f"auth={KEY}", KEY),
    ],
)
def test_key_is_found_in_every_notation_of_a_form(form: str, key: str | None) -> None:
    assert key_search.in_form(form) == key
    assert key_search.among(php_arrays.decode_query(form)) == key


@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                ("auth", "AUTH", "%61uth", " auth", "access_token", "access.token", "a", "auth%00", "auth[")
            ),
            st.sampled_from(("", "=", "=k", "=%6B+", "=k=l")),
        ),
        max_size=6,
    )
)
def test_search_finds_the_same_key_as_parsing(fields: list[tuple[str, str]]) -> None:
    form = "&".join(name + value for name, value in fields)
    read = key_search.among(php_arrays.decode_query(form))
    assert key_search.in_form(form) == read


def test_value_too_long_for_a_key_is_not_read_to_its_end() -> None:
    found = key_search.in_form("auth=" + "%41" * 100_000)
    assert found is not None
    assert 128 < len(found) < 400


def test_key_is_found_in_a_multipart_form() -> None:
    def part(name: str, content: str) -> str:
        return f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{content}\r\n'

    def found(*parts: str) -> str | None:
        return key_search.in_parts(TYPE, ("".join(parts) + "--x--").encode())

    assert found(part("a", "1"), part(" Auth", KEY)) == KEY
    assert found(part("access token", KEY)) == KEY
    assert found(part("auth", ""), part("access_token", KEY)) == KEY
    assert found(part("auth[x]", KEY), part("xauth", KEY), part('auth"; filename="f', KEY)) is None
    assert found() is None
    assert found(*[part("auth", "")] * 999, part("auth", KEY)) == KEY


def test_key_after_more_heads_that_may_name_one_than_any_request_has_is_not_found() -> None:
    def parts(count: int) -> bytes:
        heads = [f'Content-Disposition: form-data; x={at}; name="auth"' for at in range(count)]
        return (
            "".join(f"--x\r\n{head}\r\n\r\n{KEY if head is heads[-1] else ''}\r\n" for head in heads).encode()
            + b"--x--"
        )

    assert key_search.in_parts(TYPE, parts(64)) == KEY
    assert key_search.in_parts(TYPE, parts(65)) is None


@pytest.mark.parametrize(
    ("value", "key"),
    [
        ({"auth": KEY}, KEY),
        ({"AUTH": KEY, "cmd": {"auth": OTHER}}, KEY),
        ({"cmd": {"auth": OTHER}, "access_token": KEY}, KEY),
        ({"auth": 1234567890123456}, "1234567890123456"),
        ({"auth": {"auth": KEY}}, None),
        ({"auth": None}, None),
        ({}, None),
        ([KEY], None),
        ("auth", None),
    ],
)
def test_key_is_found_at_the_top_level_of_a_json_body(value: object, key: str | None) -> None:
    assert key_search.in_json(json.dumps(value).encode()) == key


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"auth":', b"[" * 4_000, b"9" * 5_000])
def test_body_that_is_no_json_contains_no_key(body: bytes) -> None:
    assert key_search.in_json(body) is None


def test_key_is_found_in_a_json_body_of_very_many_values() -> None:
    many = [1] * 10_000
    assert key_search.in_json(json.dumps({"auth": KEY, "a": many}).encode()) == KEY
    assert key_search.in_json(json.dumps({"a": many, "Access_Token": KEY}).encode()) == KEY
    assert key_search.in_json(json.dumps({"a": {"auth": {}}, "b": many, "auth": KEY}).encode()) == KEY
    assert key_search.in_json(json.dumps({'\\"auth': OTHER, "a": many, "text": f'"auth":"{OTHER}"'}).encode()) is None
    assert key_search.in_json(json.dumps({"a": many, "auth": "too short"}).encode()) is None
    assert key_search.in_json(b'{"auth":1,' * 1_000 + b'"auth":"' + KEY.encode() + b'"' + b"[" * 10_000) is None


@pytest.mark.parametrize(
    "name",
    [
        "auth",
        "AUTH",
        " auth",
        "auth\0x",
        "auth[x]",
        "auth[x]y",
        "access_token",
        "access.token",
        "Access Token",
        "  auth\0[",
    ],
)
def test_key_is_found_under_every_spelling_of_its_name_that_php_reads(name: str) -> None:
    assert key_search.opens(name)


@pytest.mark.parametrize("name", ["author", "xauth", "auth_", "auth.", "auth[x", "[auth]", "", "a[auth]", "access"])
def test_no_key_is_found_under_another_name(name: str) -> None:
    assert not key_search.opens(name)
