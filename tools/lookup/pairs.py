"""Pairs of a type and an id, from a CSV file or standard input."""

import csv
import sys
from collections.abc import Iterator
from typing import Final, NamedTuple

from tools.lookup.case import Refused

HEADINGS: Final = frozenset({("entity_type", "entity_id"), ("type", "id")})
"""A first line of these, in any case, is no pair."""

_COLUMNS: Final = 2


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
    first = text.partition("\n")[0]
    rows = csv.reader(text.splitlines(keepends=True), delimiter=";" if ";" in first and "," not in first else ",")
    for row in rows:
        if not row:
            continue
        where = f"{name}, line {rows.line_num}"
        if len(row) != _COLUMNS:
            raise Refused(f"{where} has {len(row)} columns; a pair has two, as CRM,DEAL|1663")
        if any("\n" in each or "\r" in each for each in row):
            raise Refused(f"{where} ends within a value")
        pair = Pair(*(each.strip() for each in row))
        if rows.line_num == 1 and (pair.entity_type.casefold(), pair.entity_id.casefold()) in HEADINGS:
            continue
        yield pair
