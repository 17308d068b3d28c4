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
_UNFOLDED: Final = 10_000


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
    for table in tables(answer, console):
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


def tables(answer: Mapping[str, Any], console: Console) -> Sequence[Table | Text]:
    """A list of records is one table if each value has room in its row, or a table for each; all else has a row for
    each name."""
    lists = [name for name, value in answer.items() if isinstance(value, list) and all(map(_is_record, value))]
    if len(answer) != 1 or not lists:
        return [_below(answer)]
    records = answer[lists[0]]
    if not records:
        return [_text(f"{lists[0]}: none")]
    table = _side_by_side(records)
    if any(len(record) > _MOST_COLUMNS for record in records) or _width(table, console) > console.width:
        return [_below(record) for record in records]
    return [table]


def _is_record(value: object) -> bool:
    return isinstance(value, dict)


def _width(table: Table, console: Console) -> int:
    """The width of a table none of whose values is folded."""
    return console.measure(table, options=console.options.update(max_width=_UNFOLDED)).maximum


def _side_by_side(records: Sequence[Mapping[str, Any]]) -> Table:
    rows = [_flat(record) for record in records]
    names = dict.fromkeys(name for row in rows for name in row)
    table = Table()
    for name in names:
        table.add_column(_text(name), overflow="fold")
    for row in rows:
        table.add_row(*(_text(row.get(name)) for name in names))
    return table


def _below(record: Mapping[str, Any]) -> Table:
    table = Table(show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in _flat(record).items():
        table.add_row(_text(name), _text(value))
    return table


def _flat(record: Mapping[str, Any]) -> dict[str, Any]:
    """The names and values, those of a record within as `problem.detail`."""
    flat: dict[str, Any] = {}
    for name, value in record.items():
        flat |= (
            {f"{name}.{each}": value[each] for each in value} if isinstance(value, dict) and value else {name: value}
        )
    return flat


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
