"""Requests in the platform's own format, read from each of their encodings."""

import json
from itertools import combinations, product
from urllib.parse import quote, quote_plus

import pytest

from chat_lookup.bitrix24.batch import Command, encoded
from chat_lookup.errors import BodyTooLarge, InvalidRequest
from chat_lookup.http import php_arrays
from chat_lookup.http.requests import Event
from chat_lookup.rest import requests
from chat_lookup.rest.errors import NO_REST_3, NO_XML, UNREADABLE_BODY, Refusal
from tests.support.rest_function import FORM, JSON, event, spellings_of

PAIR = {"ENTITY_TYPE": "CHAT", "ENTITY_ID": "13"}
QUERY = "ENTITY_TYPE=CHAT&ENTITY_ID=13"
MULTIPART = (
    b'--x\r\nContent-Disposition: form-data; name="ENTITY_TYPE"\r\n\r\nCHAT\r\n'
    b'--x\r\nContent-Disposition: form-data; name="ENTITY_ID"\r\n\r\n13\r\n'
    b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nno parameter\r\n--x--\r\n'
)


def call(asked: Event) -> requests.RestCall:
    """The call in a request that must not be refused."""
    read = requests.read(asked).call
    assert isinstance(read, requests.RestCall)
    return read


@pytest.mark.parametrize(
    ("proxy", "key", "method"),
    [
        ("1/k3y/im.chat.get", "k3y", "im.chat.get"),
        ("0/k3y/im.chat.get.json", "k3y", "im.chat.get"),
        ("9999999/k3y/IM.Chat.GET.JSON/", "k3y", "IM.Chat.GET"),
        ("1/k3y//im.chat.get//", "k3y", "im.chat.get"),
        ("im.chat.get", None, "im.chat.get"),
        ("me/k3y/im.chat.get", None, ""),
        ("1/k3y/im.chat.get/more", None, ""),
        ("1/k3y/im chat", "k3y", ""),
        ("1/k3y/" + "x" * 101, "k3y", ""),
        ("", None, ""),
    ],
)
def test_key_and_method_are_read_from_the_address(proxy: str, key: str | None, method: str) -> None:
    asked = event(proxy)
    assert requests.read(asked).key == key
    assert call(asked).method == method
    assert call(asked).folded == method.lower()


@pytest.mark.parametrize("as_base64", [False, True])
@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (JSON, b'{"ENTITY_TYPE": "CHAT", "ENTITY_ID": "13"}'),
        ("Application/JSON; charset=utf-8", b'{"ENTITY_TYPE": "CHAT", "ENTITY_ID": "13"}'),
        (FORM, QUERY.encode()),
        ("", QUERY.encode()),
        ("text/plain", QUERY.encode()),
        ("multipart/form-data; boundary=x", MULTIPART),
    ],
)
def test_body_is_read_in_each_of_its_formats_and_both_encodings(
    content_type: str, body: bytes, as_base64: bool
) -> None:
    asked = event("im.chat.get", body=body, content_type=content_type, as_base64=as_base64)
    assert call(asked).params == PAIR


@pytest.mark.parametrize(
    ("content_type", "body", "params"),
    [
        ('multipart/form-data; charset=utf-8; boundary="x y"', MULTIPART.replace(b"--x", b"--x y"), PAIR),
        ("multipart/form-data", MULTIPART, {}),
        ("multipart/form-data; boundary=other", MULTIPART, {}),
        ("multipart/form-data; boundary=x", b"", {}),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\nnameless\r\n--x--", {}),
        (
            "multipart/form-data; boundary=x",
            '--x\r\nX: y\r\ncontent-disposition: form-data; NAME="cmd[ключ]"\r\n\r\na\r\n\r\nb'.encode(),
            {"cmd": {"ключ": "a\r\n\r\nb"}},
        ),
    ],
)
def test_multipart_form_is_read_as_far_as_it_is_valid(content_type: str, body: bytes, params: object) -> None:
    assert call(event("batch", body=body, content_type=content_type)).params == params


def test_query_with_very_many_commands_is_read() -> None:
    query = "&".join(f"cmd[c{number}]=im.chat.get%3FENTITY_ID%3D{number}" for number in range(60))
    commands = call(event("batch", query, verb="GET")).params["cmd"]
    assert isinstance(commands, dict)
    assert commands["c59"] == "im.chat.get?ENTITY_ID=59"


def test_body_takes_precedence_over_the_query() -> None:
    asked = event("im.chat.get", "ENTITY_ID=1&a=2", body='{"ENTITY_ID": 13}', content_type=JSON)
    assert call(asked).params == {"ENTITY_ID": 13, "a": "2"}


@pytest.mark.parametrize("name", ["auth", "AUTH", "Auth", "access_token", "ACCESS_TOKEN"])
def test_key_among_the_parameters_is_accepted_and_removed_from_them(name: str) -> None:
    part = f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\nk3y\r\n'.encode()
    for asked in (
        event("im.chat.get", f"{name}=k3y&{QUERY}", verb="GET"),
        event("im.chat.get", body=f"{name}=k3y&{QUERY}", content_type=FORM),
        event("im.chat.get", QUERY, body=f'{{"{name}": "k3y"}}', content_type=JSON),
        event("im.chat.get", body=part + MULTIPART, content_type="multipart/form-data; boundary=x"),
    ):
        assert call(asked).params == PAIR
        assert requests.key_of(asked) == requests.read(asked).key == "k3y"


@pytest.mark.parametrize("header", ["Bearer k3y", "bearer  k3y ", "BEARER k3y"])
@pytest.mark.parametrize("name", ["Authorization", "authorization"])
def test_key_in_the_header_is_read(header: str, name: str) -> None:
    for asked in (
        event("im.chat.get", QUERY, verb="GET", headers={name: header}),
        event("im.chat.get", body=QUERY, content_type=FORM, headers={name: header}),
        event("/im.chat.get/", body=json.dumps(PAIR), content_type=JSON, headers={name: header}),
    ):
        assert call(asked).params == PAIR
        assert requests.key_of(asked) == requests.read(asked).key == "k3y"


PLACES = {
    "path": ("1/in-path/", {}, "", b""),
    "header": ("", {"Authorization": "Bearer in-header"}, "", b""),
    "body": ("", {}, "", b"auth=in-body&access_token=not-this"),
    "query": ("", {}, "auth=in-query", b""),
}


@pytest.mark.parametrize("places", [each for size in range(1, 5) for each in combinations(PLACES, size)], ids="-".join)
def test_of_several_keys_the_first_of_path_header_body_and_query_counts_and_none_is_a_parameter(
    places: tuple[str, ...],
) -> None:
    paths, headers, queries, bodies = zip(*(PLACES[place] for place in places), strict=True)
    asked = event(
        f"{max(paths)}im.chat.get",
        max(queries),
        body=max(bodies),
        content_type=FORM,
        headers={name: value for each in headers for name, value in each.items()},
    )
    assert requests.key_of(asked) == requests.read(asked).key == f"in-{places[0]}"
    assert call(asked).params == {}


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic k3y", "Digest k3y", "k3y", "Bearerk3y"])
def test_header_of_another_scheme_or_without_a_key_is_no_key(header: str) -> None:
    for asked, key in (
        (event("im.chat.get", headers={"Authorization": header}), None),
        (event("im.chat.get", "auth=k3y", headers={"Authorization": header}), "k3y"),
    ):
        assert requests.key_of(asked) == requests.read(asked).key == key


def test_request_without_a_key_has_none() -> None:
    asked = event("im.chat.get", QUERY, body=QUERY, content_type=FORM)
    assert requests.key_of(asked) is requests.read(asked).key is None


@pytest.mark.parametrize("body", ["!", "A" * 2_000_000])
def test_key_in_address_or_header_is_read_without_reading_the_body(body: str) -> None:
    for asked in (event("1/k3y/batch"), event("batch", headers={"Authorization": "Bearer k3y"})):
        unreadable = asked | {"body": body, "isBase64Encoded": True}
        assert requests.key_of(unreadable) == "k3y"
        with pytest.raises((InvalidRequest, BodyTooLarge)):
            requests.read(unreadable)


@pytest.mark.parametrize("token", ["auth", "access_token"])
def test_parameter_that_php_reads_as_a_token_is_not_forwarded_in_any_spelling_of_any_format(token: str) -> None:
    for name in spellings_of(token):
        part = f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n9\r\n'.encode()
        for asked in (
            event("1/k3y/profile", body=json.dumps({name: "9", "a": "1"}), content_type=JSON),
            event("1/k3y/profile", body=f"{quote_plus(name)}=9&a=1", content_type=FORM),
            event("1/k3y/profile", f"{quote(name)}=9", body='{"a": "1"}', content_type=JSON),
            event("1/k3y/profile", f"{name}=9".replace("\0", "%00"), body='{"a": "1"}', content_type=JSON),
            event("1/k3y/profile", "a=1", body=part + b"--x--", content_type="multipart/form-data; boundary=x"),
        ):
            assert call(asked).params == {"a": "1"}, name
    assert requests.call_of("profile", {f"{token}[": ["9"], f"{token}[x": {"a": "9"}, "a": "1"}).params == {"a": "1"}


STARTS = ("", " ", "  ", "[", "x", "\0")
NAMES = ("auth", "AUTH", "access_token", "access.token", "Access Token", "access[token")
ENDS = ("", "[", "[[", "[x", "[x]", "[]", "]", "\0", "[\0", "_", "[x][", " ")
VALUES = ("9", ["9"], {"x": "9"}, {"]": "9"}, {"[": ["9"]}, {"": "9"}, {"\0": "9"})


@pytest.mark.parametrize("name", NAMES)
def test_no_parameter_is_a_token_to_php_in_the_command_that_is_sent(name: str) -> None:
    for start, end, value in product(STARTS, ENDS, VALUES):
        admitted = requests.call_of("profile", {f"{start}{name}{end}": value}).params
        commands = encoded([Command("profile", admitted)])["cmd"]
        assert isinstance(commands, dict)
        read = php_arrays.folded(php_arrays.decode_query(commands["k0"].partition("?")[2]))
        assert read.keys().isdisjoint(("auth", "access_token")), (start, end, value)


@pytest.mark.parametrize("name", ["author", "auth[x", "[auth]", "authorization", "a", "auth_", "xauth", "a[auth]"])
def test_parameter_with_another_name_is_forwarded(name: str) -> None:
    assert requests.call_of("profile", {name: "x"}).params == {name: "x"}


# -- what is refused in a sentence -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("proxy", "refusal"),
    [
        ("1/k3y/im.chat.get.xml", NO_XML),
        ("1/k3y//IM.CHAT.GET.XML/", NO_XML),
        ("im.chat.get.xml", NO_XML),
        ("batch.xml", NO_XML),
        ("api/1/k3y/im.chat.get", NO_REST_3),
        ("/api//1/k3y//im.chat.get.xml/", NO_REST_3),
        ("api/im.chat.get", NO_REST_3),
    ],
)
def test_address_of_another_format_is_refused_with_its_key(proxy: str, refusal: Refusal) -> None:
    for asked in (
        event(proxy, "auth=k3y"),
        event(proxy, body="auth=k3y", content_type=FORM),
        event(proxy, headers={"Authorization": "Bearer k3y"}),
    ):
        assert requests.key_of(asked) == "k3y"
        assert requests.read(asked) == requests.RestRequest("k3y", refusal)


AS_JSON = json.dumps(PAIR)
XML = '<?xml version="1.0"?><im.chat.get><ENTITY_TYPE>CHAT</ENTITY_TYPE></im.chat.get>'
FOREIGN = {
    "JSON:API": ("application/vnd.api+json", AS_JSON),
    "JSON with a problem's type": ("Application/Problem+JSON; charset=utf-8", AS_JSON),
    "JSON as text/json": ("text/json", AS_JSON),
    "JSON lines": ("application/x-ndjson", AS_JSON),
    "JSON in UTF-16": ("application/json; charset=utf-16", AS_JSON.encode("utf-16")),
    "JSON in UTF-16 that does not say so": (JSON, AS_JSON.encode("utf-16-le")),
    "JSON in UTF-16 as a gateway decodes it": (JSON, AS_JSON.encode("utf-16").decode(errors="replace")),
    "JSON in UTF-32": (JSON, AS_JSON.encode("utf-32-be")),
    "XML": ("application/xml", XML),
    "XML as text": ("text/xml; charset=utf-8", XML),
    "SOAP": ("application/soap+xml", XML),
    "XML that is no JSON": (JSON, XML),
    "XML without a type": ("", XML),
    "XML after blanks": ("text/plain", f"\ufeff \r\n{XML}"),
    "XML in a form": (FORM, XML),
    "a form of another type": ("multipart/mixed; boundary=x", MULTIPART),
    "YAML": ("application/yaml", "ENTITY_TYPE: CHAT"),
    "GraphQL": ("application/graphql", "{ chat }"),
    "MessagePack": ("application/msgpack", b"\x82\xa1a\x01"),
    "bytes": ("application/octet-stream", QUERY),
    "no type at all": ("json", AS_JSON),
}


@pytest.mark.parametrize("as_base64", [False, True])
@pytest.mark.parametrize(("content_type", "body"), FOREIGN.values(), ids=FOREIGN)
def test_body_in_a_format_that_is_not_read_is_refused(content_type: str, body: str | bytes, as_base64: bool) -> None:
    sent = body.decode(errors="replace") if isinstance(body, bytes) and not as_base64 else body
    for proxy in ("1/k3y/im.chat.get", "1/k3y/batch"):
        asked = event(proxy, QUERY, body=sent, content_type=content_type, as_base64=as_base64)
        assert requests.read(asked) == requests.RestRequest("k3y", UNREADABLE_BODY)


def test_json_in_an_encoding_of_bytes_is_refused() -> None:
    body = '{"ENTITY_ID": "ж"}'.encode("cp1251")
    asked = event("1/k3y/im.chat.get", body=body, content_type=f"{JSON}; charset=windows-1251", as_base64=True)
    assert requests.read(asked).call == UNREADABLE_BODY


@pytest.mark.parametrize("encoding", ["gzip", "br", "GZIP"])
def test_compressed_body_is_refused(encoding: str) -> None:
    for content_type in (FORM, JSON, "", "multipart/form-data; boundary=x"):
        asked = event("1/k3y/batch", body=QUERY, content_type=content_type, headers={"Content-Encoding": encoding})
        assert requests.read(asked).call == UNREADABLE_BODY
    plain = event("1/k3y/batch", body=QUERY, content_type=FORM, headers={"content-encoding": "Identity"})
    assert call(plain).params == PAIR


@pytest.mark.parametrize("content_type", [content_type for content_type, _ in FOREIGN.values()])
def test_content_type_of_no_body_is_ignored(content_type: str) -> None:
    assert call(event("1/k3y/im.chat.get", QUERY, verb="GET", content_type=content_type)).params == PAIR


def test_key_in_a_body_of_a_format_that_is_not_read_is_found_to_refuse_the_body() -> None:
    for content_type, body in (
        ("application/vnd.api+json", '{"auth": "k3y"}'),
        ("application/octet-stream", "auth=k3y"),
    ):
        asked = event("im.chat.get", body=body, content_type=content_type)
        assert requests.key_of(asked) == "k3y"
        assert requests.read(asked) == requests.RestRequest("k3y", UNREADABLE_BODY)


def test_request_does_not_show_its_key() -> None:
    assert "k3y" not in repr(requests.read(event("1/k3y/im.chat.get", "a=k3y")))


def test_body_larger_than_a_megabyte_is_refused() -> None:
    with pytest.raises(BodyTooLarge):
        requests.read(event("batch", body=b"a" * (requests.LARGEST_BODY + 1), content_type=FORM))


def test_body_that_is_no_base64_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        requests.read(event("batch") | {"body": "!", "isBase64Encoded": True})
