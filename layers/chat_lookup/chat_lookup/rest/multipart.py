"""A form in parts, `multipart/form-data`, as far as PHP reads one."""

import re
from collections.abc import Iterator
from typing import Final

from chat_lookup.http.php_arrays import MOST_VARIABLES

_BOUNDARY: Final = re.compile(r'(?i)\bboundary="?([^";]{1,70})')
_NAMED: Final = re.compile(rb'(?i)\r\ncontent-disposition:[^\r\n]*[;\s]name="([^"\r\n]*)"')
_OF_A_FILE: Final = re.compile(rb"(?i)[;\s]filename\*?=")
_MOST_PARTS: Final = MOST_VARIABLES + 20
"""PHP's own bound: as many variables as it reads, and as many files."""
_LONGEST_HEAD: Final = 5120
"""Bytes of one part's head. PHP reads its lines within as many."""


def texts(content_type: str, body: bytes) -> Iterator[tuple[str, bytes]]:
    """The names and contents of the parts that are texts; no method here has a file as a parameter."""
    for head, content in parts(content_type, body):
        name = name_of(head)
        if name is not None:
            yield name, content


def parts(content_type: str, body: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The head and the content of each part."""
    boundary = _BOUNDARY.search(content_type)
    if boundary is None:
        return
    found = (b"\r\n" + body).split(f"\r\n--{boundary[1]}".encode(errors="replace"), _MOST_PARTS + 1)
    for part in found[1 : _MOST_PARTS + 1]:
        head, _, content = part.partition(b"\r\n\r\n")
        if len(head) <= _LONGEST_HEAD:
            yield head, content


def name_of(head: bytes) -> str | None:
    """The name in the head of a text's part; None for a file's, or where none is named."""
    named = _NAMED.search(head)
    return named[1].decode(errors="replace") if named is not None and not _OF_A_FILE.search(head) else None
