"""Forms that PHP encodes are decoded unchanged; hostile ones are refused by name and within bounds."""

import pytest

from chat_lookup.http.php_forms import Form, FormBound, FormRefused, Limits, decode, decode_query

JSON = "application/json"


def _refused(body: bytes | str, content_type: str = "", **limits: int) -> FormBound:
    with pytest.raises(FormRefused) as caught:
        _ = decode_query(body) if isinstance(body, str) else decode(body, content_type, limits=Limits(**limits))
    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None
    return caught.value.bound


def test_event_of_the_documents_is_read() -> None:
    body = (
        b"event=ONAPPINSTALL&data%5BVERSION%5D=1.0.0&data%5BACTIVE%5D=Y&ts=1771930000&auth%5Bscope%5D=im+imbot"
        b"&auth%5Bserver_endpoint%5D=https%3A%2F%2Foauth.bitrix.info%2Frest%2F&data[BOT][567][BOT_ID]=567"
    )

    assert decode(body, "application/x-www-form-urlencoded; charset=UTF-8") == {
        "event": "ONAPPINSTALL",
        "data": {"VERSION": "1.0.0", "ACTIVE": "Y", "BOT": {"567": {"BOT_ID": "567"}}},
        "ts": "1771930000",
        "auth": {"scope": "im imbot", "server_endpoint": "https://oauth.bitrix.info/rest/"},
    }


@pytest.mark.parametrize(
    ("body", "form"),
    [
        ("", {}),
        ("&&&", {}),
        ("=1&=2", {}),
        ("a", {"a": ""}),
        ("a=", {"a": ""}),
        ("a=1=2", {"a": "1=2"}),
        ("a=1&a=2", {"a": "2"}),
        ("a[b]=1&a[b]=2", {"a": {"b": "2"}}),
        ("a[]=x&a[]=y", {"a": {"0": "x", "1": "y"}}),
        ("a[5]=x&a[]=y&a[2]=z&a[]=w", {"a": {"5": "x", "6": "y", "2": "z", "7": "w"}}),
        ("a[][x]=1&a[][x]=2", {"a": {"0": {"x": "1"}, "1": {"x": "2"}}}),
        ("a[0]=x&a[1]=y", {"a": {"0": "x", "1": "y"}}),
        ("a[01]=x&a[]=y", {"a": {"01": "x", "0": "y"}}),
        ("a[99999999999999999999]=x&a[]=y", {"a": {"99999999999999999999": "x", "0": "y"}}),
        ("a[-5]=x&a[]=y&a[ ]=z", {"a": {"-5": "x", "-4": "y", "-3": "z"}}),
        ("a[-0]=x&a[%09]=y&a[  ]=z", {"a": {"-0": "x", "0": "y", "  ": "z"}}),
        ("a[9223372036854775806]=x&a[]=y", {"a": {"9223372036854775806": "x", "9223372036854775807": "y"}}),
        ("a.b c=1", {"a.b c": "1"}),
        ("a[b.c d]=1", {"a": {"b.c d": "1"}}),
        ("a=x+y%2Bz&b=%D0%B9&c=й", {"a": "x y+z", "b": "й", "c": "й"}),
        ("a=%zz%&b=100%", {"a": "%zz%", "b": "100%"}),
        ("a%5Bb%5D=1", {"a": {"b": "1"}}),
        ("a=[x]&b=]", {"a": "[x]", "b": "]"}),
        ("a[b]=1&a[7]=2&a[]=3&a[c]=4", {"a": {"b": "1", "7": "2", "8": "3", "c": "4"}}),
        ("a[b][c]=1&a[d]=2&a[b][e]=3", {"a": {"b": {"c": "1", "e": "3"}, "d": "2"}}),
        ("a%5bb%5d=%255B&a%5Bc%5D=%2526%2F", {"a": {"b": "%5B", "c": "%26/"}}),
        ("a;b=1", {"a;b": "1"}),
    ],
)
def test_special_cases_are_read(body: str, form: Form) -> None:
    assert decode(body.encode()) == decode_query(body) == form


@pytest.mark.parametrize("body", ["a=1&a[b]=2", "a[b]=1&a=2", "a[b]=1&a[b][c]=2", "a[]=1&a[0][x]=2"])
def test_name_used_for_a_value_and_for_a_map_is_refused(body: str) -> None:
    assert _refused(body) is FormBound.CONFLICT


@pytest.mark.parametrize(
    "name", ["a[b", "a]", "a]b[", "[a]", "[]", "[", "]", "a[b]c", "a[b]c[d]", "a[[b]]", "a[b]]", "a[b][", "a%5B"]
)
def test_brackets_that_do_not_match_are_refused(name: str) -> None:
    assert _refused(f"x=1&{name}=1") is _refused(f"a[c]=1&a[b][c]=1&{name}=1") is FormBound.NAME


@pytest.mark.parametrize("body", ["a[9223372036854775807]=1&a[]=2", "a[9223372036854775807]=1&a[][b]=2"])
def test_array_that_has_no_next_index_is_refused(body: str) -> None:
    assert _refused(body) is FormBound.INDEX


@pytest.mark.parametrize("body", [b"a=%FF", b"%C3=1", b"a=\xff", b"a=%ED%A0%80", b"a=%C3\xa9", b'{"a":"\xff"}'])
def test_form_that_is_not_utf_8_is_refused(body: bytes) -> None:
    assert _refused(body, JSON if body.startswith(b"{") else "") is FormBound.ENCODING


@pytest.mark.parametrize("body", [rb'{"a":"\ud83d"}', rb'{"\ud83d":"a"}', rb'{"a":{"b":["\udc00"]}}'])
def test_half_a_surrogate_pair_is_refused(body: bytes) -> None:
    assert _refused(body, JSON) is FormBound.ENCODING
    assert _refused("a=\ud83d") is FormBound.ENCODING


@pytest.mark.parametrize(
    ("body", "form"),
    [
        ('{"a":1,"b":-1.50,"c":1e400,"d":true,"e":false,"f":null}',
         {"a": "1", "b": "-1.50", "c": "1e400", "d": "1", "e": "0", "f": ""}),
        ('{"a":["x",{"y":"z"}],"b":[],"c":{},"d":{"e":{}}}', {"a": {"0": "x", "1": {"y": "z"}}}),
        ('{"a":1,"a":2}', {"a": "2"}),
        ('{"":1,"5":2,"a":{"":{"x":1,"y":2}}}', {"0": "1", "5": "2", "a": {"0": {"x": "1", "y": "2"}}}),
        ('{"567":{"BOT_ID":567}}', {"567": {"BOT_ID": "567"}}),
        (' {"a":"\\ud83d\\ude00"} ', {"a": "😀"}),
        ('{"a":' + "9" * 50_000 + "}", {"a": "9" * 50_000}),
    ],
)  # fmt: skip
def test_json_is_read_as_if_php_had_sent_it_as_a_form(body: str, form: Form) -> None:
    assert decode(body.encode(), "Application/JSON; charset=utf-8") == form


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b'"a"', b"null", b"a=1", b'{"a":NaN}', b'{"a":-Infinity}', b"[" * 3_000, b'{"a":' * 3_000,
    ],
)  # fmt: skip
def test_body_that_is_no_json_object_is_refused_if_declared_as_json(body: bytes) -> None:
    assert _refused(body, "application/problem+json") is FormBound.JSON


@pytest.mark.parametrize("body", [b"[" * 500_000, b'{"a":' * 150_000, b'{"a":[' + b"{}," * 3_000, b"," * 10_000])
def test_json_with_too_many_values_is_not_parsed(body: bytes) -> None:
    assert _refused(body, JSON) is FormBound.FIELDS


def test_json_is_parsed_only_if_the_content_type_declares_it() -> None:
    assert decode(b'{"a":1}', "text/plain") == {'{"a":1}': ""}


@pytest.mark.parametrize(
    ("limits", "most", "more", "bound"),
    [
        ({"size": 3}, b"a=1", b"a=12", FormBound.SIZE),
        ({"fields": 2}, b"a=1&b=2", b"a=1&b=2&c=3", FormBound.FIELDS),
        ({"fields": 2}, b"a=1&a=2", b"a=1&a=2&a=3", FormBound.FIELDS),
        ({"depth": 3}, b"a[b][c]=1", b"a[b][c][d]=1", FormBound.DEPTH),
        ({"depth": 1}, b"a=1", b"a[]=1", FormBound.DEPTH),
        ({"key_length": 3}, b"abc[abc]=1", b"abc[abcd]=1", FormBound.KEY_LENGTH),
        ({"key_length": 3}, b"%D0%B9bc=1", b"abcd=1", FormBound.KEY_LENGTH),
        ({"escapes": 2}, b"%41%42=1", b"%41=1&%42=2&%43=3", FormBound.ESCAPES),
        ({"maps": 2}, b"a[b][c]=1", b"a[b][c][d]=1", FormBound.MAPS),
        ({"values": 2}, b'{"a":{"b":1}}', b'{"a":{"b":1},"c":1}', FormBound.FIELDS),
        ({"size": 7}, b'{"a":1}', b'{"a":12}', FormBound.SIZE),
        ({"fields": 2}, b'{"a":1,"b":2}', b'{"a":[1,2,3]}', FormBound.FIELDS),
        ({"depth": 3}, b'{"a":{"b":{"c":1}}}', b'{"a":{"b":{"c":{"d":1}}}}', FormBound.DEPTH),
        ({"depth": 3}, b'{"a":[[1]]}', b'{"a":[[[1]]]}', FormBound.DEPTH),
        ({"key_length": 3}, b'{"abc":1}', b'{"abcd":1}', FormBound.KEY_LENGTH),
    ],
)
def test_each_bound_is_exact(limits: dict[str, int], most: bytes, more: bytes, bound: FormBound) -> None:
    content_type = JSON if most.startswith(b"{") else ""

    assert decode(most, content_type, limits=Limits(**limits))
    assert _refused(more, content_type, **limits) is bound


def test_default_bounds_accept_the_largest_event_and_little_more() -> None:
    assert Limits() == Limits(size=1024 * 1024, fields=1000, depth=8, key_length=200)
    assert _refused(b"a" * (1024 * 1024 + 1)) is FormBound.SIZE
    assert _refused("&".join(f"a{number}=1" for number in range(1001))) is FormBound.FIELDS
    assert len(decode_query("&".join(f"a{number}=1" for number in range(1000)))) == 1000


def test_refusal_is_a_value_error_that_quotes_nothing() -> None:
    with pytest.raises(ValueError, match=r"^a name has both a value and a map$") as caught:
        decode(b"auth[access_token]=c4nary1&auth=c4nary1")

    assert "c4nary" not in repr(caught.value) + str(vars(caught.value))


def test_limits_are_immutable() -> None:
    with pytest.raises(AttributeError):
        Limits().size = 1  # type: ignore[misc]
