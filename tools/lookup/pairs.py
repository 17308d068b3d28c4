"""Pairs of a type and an id, from a CSV file or standard input."""

import csv
import io
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeVar

import click

from tools.lookup.case import Refused

Command = TypeVar("Command", bound=Callable[..., Any] | click.Command)

HEADINGS: Final = frozenset({("entity_type", "entity_id"), ("type", "id")})
"""A first line of these, in any case, is no pair."""

_OPTIONS: Final = (
    click.option(
        "--file", "source", metavar="CSV", help="a file with a type and an id in each line; - is standard input"
    ),
    click.option("--output", default="", metavar="PATH", help="where the answers go; an interrupted job goes on there"),
    click.option(
        "--format", "form", type=click.Choice(["csv", "jsonl"]), help="of --file; else by the output's ending"
    ),
    click.option("--portal", help="the portal's domain or member id. Default: the default portal"),
    click.option("--fresh", is_flag=True, help="asks the portal, whatever is cached"),
)
_JSON_ENDINGS: Final = (".jsonl", ".ndjson", ".json")


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


def file_options(command: Command) -> Command:
    """The options of a command that takes one pair or a file of pairs."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def common_fields(given: Mapping[str, Any]) -> dict[str, object]:
    """The fields of each event, whether it is about one pair or many."""
    return {name: given[name] for name in ("fresh", "portal") if given[name]}


def check_one_or_file(pair: Sequence[str | None], given: Mapping[str, Any]) -> None:
    """Raises UsageError where the words name neither or both, or options of a file belong to none."""
    source = given["source"]
    if (source is None) != all(pair) or (source is not None and any(pair)):
        raise click.UsageError("give TYPE and ID, or --file")
    if source is None and (given["output"] or given["form"]):
        raise click.UsageError("--output and --format belong to --file")


def wants_json(given: Mapping[str, Any], *, default: bool) -> bool:
    """Whether the answers of a file are JSON lines: by --format, else by the output's ending or `default`."""
    if given["form"] is not None:
        return bool(given["form"] == "jsonl")
    return default or str(given["output"]).endswith(_JSON_ENDINGS)
