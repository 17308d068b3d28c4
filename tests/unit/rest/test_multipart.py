"""A multipart form is read as far as PHP reads one."""

import pytest

from chat_lookup.rest import multipart

TYPE = "multipart/form-data; boundary=x"


def part(name: str, content: str = "1", more: str = "") -> bytes:
    return f'--x\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n{content}\r\n'.encode()


def test_each_text_part_has_its_name_and_its_content() -> None:
    body = part("a", "b\r\n\r\nc") + part("ключ[]", "й") + part("file", more='; filename="f"') + b"--x--\r\n"
    assert list(multipart.texts(TYPE, body)) == [("a", b"b\r\n\r\nc"), ("ключ[]", "й".encode())]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", part("a")),
        ("multipart/form-data; boundary=y", part("a")),
        (TYPE, b""),
        (TYPE, b"--x\r\n\r\n1\r\n--x--"),
        (TYPE, b"--x\r\nX: y"),
    ],
)
def test_part_without_a_name_is_ignored(content_type: str, body: bytes) -> None:
    assert list(multipart.texts(content_type, body)) == []


def test_number_of_parts_is_limited_as_in_php() -> None:
    assert len(list(multipart.texts(TYPE, part("a") * 1_020))) == 1_020
    assert len(list(multipart.texts(TYPE, part("a") * 3_000))) == 1_020


def test_part_with_a_head_longer_than_php_reads_is_ignored() -> None:
    assert list(multipart.texts(TYPE, part("a", more="; x=" + "y" * 5_000) + b"--x--")) == [("a", b"1")]
    assert list(multipart.texts(TYPE, part("a", more="; x=" + "y" * 5_200) + b"--x--")) == []
