"""Answers for people, as tables, and for programs, as one JSON object."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    import click

    from tools.lookup.case import Refused

_MOST_COLUMNS: Final = 8
"""More are shown below each other."""
_WIDTH_WITHOUT_TERMINAL: Final = 200


def printable(text: str) -> str:
    """One line without characters that a terminal obeys: a portal's names are text that its users wrote."""
    return "".join(each if each.isprintable() else " " for each in text)


def as_json_line(content: object) -> str:
    """JSON of the same meaning, with those characters escaped."""
    text = json.dumps(content, ensure_ascii=False)
    return "".join(each if each.isprintable() else json.dumps(each)[1:-1] for each in text)


def print_answer(answer: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(as_json_line(answer))
        return
    console = Console(width=None if sys.stdout.isatty() else _WIDTH_WITHOUT_TERMINAL)
    for table in tables(answer):
        console.print(table)


def print_error(error: "Refused", *, as_json: bool) -> None:
    """One line on standard error; with `--json` also an object in place of the answer."""
    if as_json:
        print(as_json_line({"error": {"type": error.kind, "detail": error.detail}}))
    print(printable(f"{error.kind}: {error.detail}"), file=sys.stderr)


def print_misuse(error: "click.UsageError", *, as_json: bool) -> None:
    """The same of words that are no command, with how they are used."""
    if as_json:
        print(as_json_line({"error": {"type": "UsageError", "detail": error.format_message()}}))
    error.show()


def tables(answer: Mapping[str, Any]) -> Sequence[Table | Text]:
    """A list of records has a row for each, or a table for each if they are long; all else a row for each name."""
    lists = [name for name, value in answer.items() if isinstance(value, list) and all(map(_is_record, value))]
    if len(answer) != 1 or not lists:
        return [_below(answer)]
    records = answer[lists[0]]
    if not records:
        return [_text(f"no {lists[0]}")]
    if any(len(record) > _MOST_COLUMNS for record in records):
        return [_below(record) for record in records]
    table = Table()
    for name in records[0]:
        table.add_column(_text(name), overflow="fold")
    for record in records:
        table.add_row(*(_text(record.get(name)) for name in records[0]))
    return [table]


def _is_record(value: object) -> bool:
    return isinstance(value, dict)


def _below(record: Mapping[str, Any]) -> Table:
    table = Table(show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in record.items():
        table.add_row(_text(name), _text(value))
    return table


def _text(value: object) -> Text:
    """Text without markup: what the portal calls its things is printed as it is."""
    match value:
        case None:
            return Text("-")
        case bool():
            return Text("yes" if value else "no")
        case list() if all(isinstance(each, str | int) for each in value):
            return Text(printable(", ".join(map(str, value)) or "-"))
        case list() | dict():
            return Text(as_json_line(value))
    return Text(printable(str(value)))
