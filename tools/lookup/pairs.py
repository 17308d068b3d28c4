"""Pairs of a type and an id, from a CSV file or standard input."""

import csv
import io
import sys
from collections.abc import Iterator
from typing import Final, NamedTuple

from tools.lookup.case import Refused

HEADINGS: Final = frozenset({("entity_type", "entity_id"), ("type", "id")})
"""A first line of these, in any case, is no pair."""


class Pair(NamedTuple):
    """As it was given: what is no pair is refused by the service, for that pair alone."""

    entity_type: str
    entity_id: str


def read(path: str) -> list[Pair]:
    """The pairs of a file, or of standard input (`-`): two columns, comma or semicolon between. Raises Refused."""
    name = "standard input" if path == "-" else path
    try:
        if path == "-":
            return list(_pairs(sys.stdin.read(), name))
        # Spreadsheets begin a file in UTF-8 with a mark.
        with open(path, encoding="utf-8-sig", newline="") as file:  # noqa: PTH123 - as csv wants it
            return list(_pairs(file.read(), name))
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"{path} cannot be read: {getattr(error, 'strerror', None) or 'it is not UTF-8'}") from None


def _pairs(text: str, name: str) -> Iterator[Pair]:
    for number, (where, row) in enumerate(_rows(text, name)):
        if len(row) != len(Pair._fields):
            raise Refused(f"{where} has {len(row)} columns; a pair has two, as CRM,DEAL|1663")
        if any("\n" in each or "\r" in each for each in row):
            raise Refused(f"{where} ends within a value")
        pair = Pair(*(each.strip() for each in row))
        if number or (pair.entity_type.casefold(), pair.entity_id.casefold()) not in HEADINGS:
            yield pair


def _rows(text: str, name: str) -> Iterator[tuple[str, list[str]]]:
    """The lines that are not empty, each with its place in words. Raises Refused."""
    first = text.partition("\n")[0]
    # Not `splitlines`, for which a line ends at some characters that are part of a value.
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=";" if ";" in first and "," not in first else ",")
    try:
        for row in rows:
            if row:
                yield f"{name}, line {rows.line_num}", row
    except csv.Error as error:
        raise Refused(f"{name}, line {rows.line_num} is no CSV: {error}") from None
