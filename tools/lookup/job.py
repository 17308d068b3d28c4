"""Asks for many pairs, a piece at a time, and writes each answer: an interrupted job goes on where its output ends.

Answers are written in the order of the pairs, one line each, so that the output itself shows how far a job came.
"""

import csv
import fcntl
import io
import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple, TextIO

from rich.console import Console
from rich.progress import Progress

from tools.lookup.case import Refused
from tools.lookup.output import as_json_line, printable
from tools.lookup.pairs import Pair

Item = Mapping[str, Any]
"""The answer to one pair, as the service returns it."""

_TRIES: Final = 5
"""Times that a piece is asked for in a row without one more answer."""
_LONGEST_WAIT_S: Final = 300.0
_AT_LEAST_S: Final = 1.0
_FORMULA: Final = re.compile(r"'*(?:[=@\t\r]|[+-](?![0-9.,]*\Z))")
_RETRYABLE: Final = frozenset({429, 503})
_ERROR: Final = ("error", "detail")
"""The last columns."""
_NOT_FOUND: Final = "-not-found"
"""How the codes of 404 end: that there is no chat or no object is an answer."""


class Former(NamedTuple):
    """What an output has of a run before: the pairs that it answers, and how many of the answers are errors."""

    answered: list[Pair]
    errors: int


@dataclass(frozen=True)
class Form:
    """The lines of an output. `cells` are the values of one answer under `columns`, before its error; JSON lines have
    it whole.

    `names` are what the two words of a pair are called in it, and `noun` what the pairs are.
    """

    columns: Sequence[str]
    cells: Callable[[Item], Sequence[object]]
    as_json: bool = False
    names: tuple[str, str] = Pair._fields
    noun: str = "pairs"

    @property
    def heading(self) -> str:
        return "" if self.as_json else _csv_line([*self.names, *self.columns, *_ERROR])

    def line(self, pair: Pair, item: Item) -> str:
        if self.as_json:
            return as_json_line({**item, **dict(zip(self.names, pair, strict=True))}) + "\n"
        cells = (printable(str(cell)) if cell else cell for cell in (*self.cells(item), *_error_in(item)))
        return _csv_line([*map(_no_formula, pair), *cells])

    def former(self, lines: Sequence[str]) -> Former:
        """What the lines of an output answer. Raises Refused for lines of another form."""
        with suppress(ValueError, KeyError, TypeError):
            if self.as_json:
                records = [json.loads(line) for line in lines]
                answered = [Pair(*(record[name] for name in self.names)) for record in records]
                return Former(answered, sum(map(_is_error, records)))
            heading, *rows = lines or [self.heading]
            cells = list(csv.reader(rows))
            width = len(self.names) + len(self.columns) + len(_ERROR)
            if heading == self.heading and all(len(row) == width for row in cells):
                codes = [row[-len(_ERROR)] for row in cells]
                errors = sum(code != "" and not code.endswith(_NOT_FOUND) for code in codes)
                return Former([Pair(_given(row[0]), _given(row[1])) for row in cells], errors)
        raise Refused("The output has lines of another form: choose another --output, or another --format")


def _no_formula(cell: str) -> str:
    """A cell that a spreadsheet shows and does not calculate: an id may be text that a client wrote. Numbers with a
    sign, as of telephones, stay as they are."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def _given(cell: str) -> str:
    """The same cell as it was given."""
    return cell[1:] if cell[:1] == "'" and _FORMULA.match(cell[1:]) else cell


def _csv_line(cells: Sequence[object]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()


@dataclass
class Job:
    """`ask` answers the pairs of a piece in their order. It raises Refused, with `retry_after` if that helps."""

    ask: Callable[[Sequence[Pair]], list[Item]]
    form: Form
    piece: int
    sleep: Callable[[float], None]
    errors: int = 0
    """Answers with a problem, other than that there is no chat: those of a run before, in the same output, too."""

    def run(self, pairs: Sequence[Pair], output: str) -> None:
        """Write the answers to a file, or to standard output if it is empty. Raises Refused."""
        if not output:
            sys.stdout.write(self.form.heading)
            self._run(pairs, sys.stdout, 0, "")
            return
        try:
            file = open(output, "a", encoding="utf-8", newline="")  # noqa: PTH123, SIM115 - closed below
        except OSError as error:
            raise Refused(f"{output} cannot be written: {error.strerror}") from None
        with file:
            _hold(file, output)
            done = self._done(pairs, Path(output))
            if not Path(output).stat().st_size:
                file.write(self.form.heading)
            self._run(pairs, file, done, output)

    def _done(self, pairs: Sequence[Pair], path: Path) -> int:
        """How many pairs the output answers already; a line that was interrupted is taken away."""
        content = path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        answered, self.errors = self.form.former(list(io.StringIO(whole.decode("utf-8", "replace"), newline="\n")))
        if answered != list(pairs[: len(answered)]):
            raise Refused(f"{path} has answers to other pairs: choose another --output")
        if len(whole) < len(content):
            with path.open("r+b") as file:
                file.truncate(len(whole))
        return len(answered)

    def _run(self, pairs: Sequence[Pair], file: TextIO, done: int, output: str) -> None:
        console = Console(stderr=True)
        before = f" ({done} by a former run)" if done else ""
        try:
            with Progress(
                console=console, disable=not console.is_terminal, redirect_stdout=False, redirect_stderr=False
            ) as progress:
                task = progress.add_task(self.form.noun, total=len(pairs), completed=done)
                while done < len(pairs):
                    piece = pairs[done : done + self.piece]
                    items = self._answers(piece)
                    file.writelines(map(self.form.line, piece, items))
                    file.flush()
                    self.errors += sum(map(_is_error, items))
                    done += len(piece)
                    progress.update(task, completed=done)
        finally:
            rest = "" if done == len(pairs) else "; the same command goes on from there" if output else ""
            print(
                f"{done} of {len(pairs)} {self.form.noun} answered{before}, {self.errors} with errors{rest}",
                file=sys.stderr,
            )

    def _answers(self, piece: Sequence[Pair]) -> list[Item]:
        """An answer for each pair. Those that may be had later are asked for again, once the longest wait is over."""
        items: list[Item | None] = [None] * len(piece)
        left, tries = list(range(len(piece))), 0
        while left and tries < _TRIES:
            try:
                found = self.ask([piece[n] for n in left])
            except Refused as error:
                tries += 1
                if error.retry_after is None or tries == _TRIES:
                    raise
                self._wait(error.retry_after, error)
                continue
            for n, item in zip(left, found, strict=True):
                items[n] = item
            again = [n for n, item in zip(left, found, strict=True) if _retry_after(item) is not None]
            tries = 0 if len(again) < len(left) else tries + 1
            if again and tries < _TRIES:
                waits = [_retry_after(item) or 0.0 for item in found]
                self._wait(max(waits), Refused(_detail(items[again[0]])))
            left = again
        if len(left) == len(piece):
            raise Refused(f"None of {len(piece)} {self.form.noun} could be answered: {_detail(items[0])}")
        return [item for item in items if item is not None]

    def _wait(self, seconds: float, why: Refused) -> None:
        if seconds > _LONGEST_WAIT_S:
            raise Refused(f"{why.detail}; it can be tried again in {seconds:.0f} s", why.kind)
        self.sleep(max(seconds, _AT_LEAST_S))


def _hold(file: TextIO, output: str) -> None:
    """Lets one job at a time write to an output. Raises Refused."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise Refused(f"Another job writes to {output}") from None


def _retry_after(item: Item) -> float | None:
    """The seconds after which a pair may be asked for again; None for an answer that stays."""
    problem = item.get("problem") or {}
    if problem.get("status") not in _RETRYABLE or "retry_after" not in problem:
        return None
    return float(problem["retry_after"])


def _is_error(item: Item) -> bool:
    return (item.get("problem") or {}).get("status") not in (None, 404)


def _error_in(item: Item) -> tuple[str, str]:
    """The code and the detail of an answer's problem."""
    problem = item.get("problem") or {}
    return str(problem.get("type", "")).rpartition(":")[2], str(problem.get("detail", ""))


def _detail(item: Item | None) -> str:
    return _error_in(item or {})[1]
