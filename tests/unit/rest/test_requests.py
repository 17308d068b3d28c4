"""Requests in the platform's own format, read from each of their encodings."""

import json

import pytest

from chat_lookup.errors import BodyTooLarge, InvalidRequest
from chat_lookup.rest import requests
from tests.support.rest_function import FORM, JSON, event

PAIR = {"ENTITY_TYPE": "CHAT", "ENTITY_ID": "13"}
QUERY = "ENTITY_TYPE=CHAT&ENTITY_ID=13"
MULTIPART = (
    b'--x\r\nContent-Disposition: form-data; name="ENTITY_TYPE"\r\n\r\nCHAT\r\n'
    b'--x\r\nContent-Disposition: form-data; name="ENTITY_ID"\r\n\r\n13\r\n'
    b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nno parameter\r\n--x--\r\n'
)


@pytest.mark.parametrize(
    ("proxy", "key", "method"),
    [
        ("1/k3y/im.chat.get", "k3y", "im.chat.get"),
        ("0/k3y/im.chat.get.json", "k3y", "im.chat.get"),
        ("9999999/k3y/IM.Chat.GET.JSON/", "k3y", "IM.Chat.GET"),
        ("1/k3y//im.chat.get//", "k3y", "im.chat.get"),
        ("im.chat.get", None, "im.chat.get"),
        ("im.chat.get.xml", None, "im.chat.get.xml"),
        ("me/k3y/im.chat.get", None, ""),
        ("1/k3y/im.chat.get/more", None, ""),
        ("1/k3y/im chat", "k3y", ""),
        ("1/k3y/" + "x" * 101, "k3y", ""),
        ("", None, ""),
    ],
)
def test_key_and_method_are_read_from_the_address(proxy: str, key: str | None, method: str) -> None:
    request = requests.read(event(proxy))
    assert (request.key, request.call.method) == (key, method)
    assert request.call.folded == method.lower()


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
    assert requests.read(asked).call.params == PAIR


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
    assert requests.read(event("batch", body=body, content_type=content_type)).call.params == params


def test_query_with_very_many_commands_is_read() -> None:
    query = "&".join(f"cmd[c{number}]=im.chat.get%3FENTITY_ID%3D{number}" for number in range(60))
    commands = requests.read(event("batch", query, verb="GET")).call.params["cmd"]
    assert isinstance(commands, dict)
    assert commands["c59"] == "im.chat.get?ENTITY_ID=59"


def test_body_takes_precedence_over_the_query() -> None:
    asked = event("im.chat.get", "ENTITY_ID=1&a=2", body='{"ENTITY_ID": 13}', content_type=JSON)
    assert requests.read(asked).call.params == {"ENTITY_ID": 13, "a": "2"}


@pytest.mark.parametrize("name", ["auth", "AUTH", "Auth", "access_token", "ACCESS_TOKEN"])
def test_key_among_the_parameters_is_accepted_and_removed_from_them(name: str) -> None:
    part = f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\nk3y\r\n'.encode()
    for asked in (
        event("im.chat.get", f"{name}=k3y&{QUERY}", verb="GET"),
        event("im.chat.get", body=f"{name}=k3y&{QUERY}", content_type=FORM),
        event("im.chat.get", QUERY, body=f'{{"{name}": "k3y"}}', content_type=JSON),
        event("im.chat.get", body=part + MULTIPART, content_type="multipart/form-data; boundary=x"),
    ):
        request = requests.read(asked)
        assert (request.key, request.call.params) == ("k3y", PAIR)
        assert requests.key_of(asked) == "k3y"


def test_key_in_the_address_takes_precedence_over_one_among_the_parameters() -> None:
    asked = event("1/k3y/im.chat.get", "auth=another")
    request = requests.read(asked)
    assert (request.key, request.call.params) == ("k3y", {})
    assert requests.key_of(asked) == "k3y"


def test_key_in_the_body_takes_precedence_over_one_in_the_query() -> None:
    asked = event("im.chat.get", "auth=another", body=b"auth=k3y", content_type=FORM)
    assert requests.key_of(asked) == requests.read(asked).key == "k3y"


def test_request_without_a_key_has_none() -> None:
    asked = event("im.chat.get", QUERY, body=QUERY, content_type=FORM)
    assert requests.key_of(asked) is requests.read(asked).key is None


@pytest.mark.parametrize("body", ["!", "A" * 2_000_000])
def test_key_in_the_address_is_read_without_reading_the_body(body: str) -> None:
    asked = event("1/k3y/batch") | {"body": body, "isBase64Encoded": True}
    assert requests.key_of(asked) == "k3y"
    with pytest.raises((InvalidRequest, BodyTooLarge)):
        requests.read(asked)


@pytest.mark.parametrize(
    "name", ["auth", " auth", "auth\0x", "AUTH", "auth[x]", "access_token", "access.token", " Access token"]
)
def test_parameter_that_the_portal_would_read_as_a_token_is_not_forwarded(name: str) -> None:
    assert requests.call_of("profile", {name: "x", "a": "1"}).params == {"a": "1"}
    asked = event("1/k3y/profile", body=json.dumps({name: "x", "a": "1"}), content_type=JSON)
    assert requests.read(asked).call.params == {"a": "1"}


@pytest.mark.parametrize("name", ["author", "auth[x", "[auth]", "authorization", "a"])
def test_parameter_with_another_name_is_forwarded(name: str) -> None:
    assert requests.call_of("profile", {name: "x"}).params == {name: "x"}


def test_request_does_not_show_its_key() -> None:
    assert "k3y" not in repr(requests.read(event("1/k3y/im.chat.get", "a=k3y")))


def test_body_larger_than_a_megabyte_is_refused() -> None:
    with pytest.raises(BodyTooLarge):
        requests.read(event("batch", body=b"a" * (requests.LARGEST_BODY + 1), content_type=FORM))


def test_body_that_is_no_base64_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        requests.read(event("batch") | {"body": "!", "isBase64Encoded": True})
