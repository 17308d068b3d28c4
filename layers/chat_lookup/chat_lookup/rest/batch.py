"""`batch` in the platform's format: commands in order, each with its outcome; later ones can use earlier results.

(bitrix24.md 2.6.) Commands that are ready at the same time are sent together, so that fifty look-ups cost the portal
as much as one batch.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias
from urllib.parse import unquote_plus

from chat_lookup.http import php_arrays
from chat_lookup.rest.errors import BATCH_TOO_LONG, NOT_IN_A_BATCH, Refusal, documented
from chat_lookup.rest.requests import RestCall, call_of
from chat_lookup.rest.responses import RestOutcome, Result

BATCH: Final = "batch"
MOST_COMMANDS: Final = 50
_MOST_REPORTED: Final = 1000
"""Each command after the fiftieth has its own error; a batch of more than this number is refused as a whole."""
LARGEST_COMMAND: Final = 64 * 1024
"""Bytes of a command's parameters once its references are replaced (docs/decisions/023)."""
MOST_REFERENCES: Final = 100
"""Of one command."""
_REFERENCE: Final = re.compile(r"\$result((?:\[[^\[\]]*\])+)")
_WORDLESS: Final = "insufficient_scope"
"""Its text is empty inside a batch (batch.md)."""

AnswerCalls: TypeAlias = Callable[[Sequence[RestCall]], Sequence[RestOutcome]]


class _Step(NamedTuple):
    """A command under its key: its call, or its refusal."""

    key: str
    call: RestCall | Refusal
    changes: bool
    """Whether it may change something that must not be changed twice."""


class _TooLong(Exception):
    """A command has too many references, or grows too long by them."""


class _Replacing:
    """Replaces the references in one command's parameters by earlier results, within bounds. Raises `_TooLong`.

    The size is that of the command as a query, in which each value has its whole name. It is counted before anything is
    made, and not further than to the bound: neither memory nor time depends on how large a result is.
    """

    def __init__(self, earlier: Callable[[str], object]) -> None:
        self._earlier = earlier
        self._bytes_left = LARGEST_COMMAND
        self._references_left = MOST_REFERENCES

    def replaced(self, params: Mapping[str, object]) -> php_arrays.Array:
        """The parameters with results and texts in place of references."""
        return {name: self._value(self._size(name), value) for name, value in params.items()}

    def _value(self, name: int, value: object) -> object:
        """A value that is only `$result[key][field]` becomes the result itself; within other text, its text.

        `name` is the size of its name.
        """
        if isinstance(value, Mapping):
            return {key: self._value(name + self._size(key) + len("[]"), item) for key, item in value.items()}
        written = php_arrays.text(value)
        if whole := _REFERENCE.fullmatch(written):
            result = self._referred(whole[1])
            self._take(name, result)
            return result
        self._take(name, "")
        return "".join(self._parts(written))

    def _parts(self, written: str) -> Iterator[str]:
        """The parts of a text, the references among them replaced."""
        end = 0
        for found in _REFERENCE.finditer(written):
            for part in (written[end : found.start()], php_arrays.text(self._referred(found[1]))):
                self._subtract(self._size(part))
                yield part
            end = found.end()
        self._subtract(self._size(written[end:]))
        yield written[end:]

    def _referred(self, path: str) -> object:
        self._references_left -= 1
        if self._references_left < 0:
            raise _TooLong
        return self._earlier(path)

    def _take(self, name: int, value: object) -> None:
        """Subtract the size of a value with its name; one that is nested deeper than PHP reads is too long as well."""
        waiting = [(name, value, 0)]
        while waiting:
            name, value, depth = waiting.pop()
            if isinstance(value, Mapping | list):
                if depth == php_arrays.DEEPEST:
                    raise _TooLong
                # Of all entries at once: these are never more than the bytes that were left.
                self._subtract(len(value))
                items = value.items() if isinstance(value, Mapping) else enumerate(value)
                waiting += ((name + self._size(str(key)) + len("[]"), item, depth + 1) for key, item in items)
            else:
                self._subtract(name + len("=&") + self._size(php_arrays.text(value)))

    def _size(self, text: str) -> int:
        """Bytes of a text; characters of one that is too long already, which is not encoded."""
        return len(text) if len(text) > self._bytes_left else len(text.encode(errors="replace"))

    def _subtract(self, size: int) -> None:
        self._bytes_left -= size
        if self._bytes_left < 0:
            raise _TooLong


class RestBatch:
    """One batch. `answer` returns the outcomes of independent calls, in their order; `changes` returns whether a call
    may change something in the portal."""

    def __init__(self, params: Mapping[str, object], answer: AnswerCalls, changes: Callable[[RestCall], bool]) -> None:
        folded = php_arrays.folded(params)
        self._commands = php_arrays.entries(folded.get("cmd"))
        self._halt = not php_arrays.is_empty(php_arrays.text(folded.get("halt")))
        self._answer = answer
        self._changes = changes
        self._outcomes: dict[str, RestOutcome] = {}

    def run(self) -> Mapping[str, object] | Refusal:
        """The containers of outcomes, or the refusal of the whole batch.

        The whole is refused where the portal could not be called, as the portal itself refuses it, so that clients send
        it again: unless a command was run that must not be run twice.
        """
        if len(self._commands) > _MOST_REPORTED:
            return documented(BATCH_TOO_LONG)
        changed = False
        for wave in self._waves():
            outcomes = self._outcomes_of(wave)
            of_alls = [isinstance(outcome, Refusal) and outcome.of_all for outcome in outcomes]
            changed = changed or any(step.changes and not of_all for step, of_all in zip(wave, of_alls, strict=True))
            for step, outcome in zip(wave, outcomes, strict=True):
                if isinstance(outcome, Refusal) and outcome.of_all and not changed:
                    return outcome
                self._outcomes[step.key] = outcome
                if self._halt and isinstance(outcome, Refusal):
                    return self._containers()
        return self._containers()

    def _waves(self) -> Iterator[list[_Step]]:
        """The commands in order, grouped where they can be sent together.

        A command with a reference waits for those before it. Commands that change something are sent apart from those
        that only read, and with `halt`, after which no command may run, each alone.
        """
        wave: list[_Step] = []
        for position, (key, written) in enumerate(self._commands.items()):
            command = php_arrays.text(written)
            if wave and _refers(command):
                yield wave
                wave = []
            step = self._step(position, key, command)
            if wave and (step.changes != wave[-1].changes or (step.changes and self._halt)):
                yield wave
                wave = []
            wave.append(step)
        if wave:
            yield wave

    def _step(self, position: int, key: str, command: str) -> _Step:
        """A command with its references replaced by earlier results."""
        if position >= MOST_COMMANDS:
            return _Step(key, documented(BATCH_TOO_LONG), changes=False)
        name, _, query = command.partition("?")
        params = php_arrays.decode_query(query)
        if _refers(command):
            try:
                params = _Replacing(self._earlier).replaced(params)
            except _TooLong:
                return _Step(key, documented(BATCH_TOO_LONG), changes=False)
        call = call_of(name.strip(), params)
        if call.folded == BATCH:
            return _Step(key, documented(NOT_IN_A_BATCH), changes=False)
        return _Step(key, call, self._changes(call))

    def _outcomes_of(self, wave: Sequence[_Step]) -> list[RestOutcome]:
        answered = iter(self._answer([step.call for step in wave if isinstance(step.call, RestCall)]))
        return [step.call if isinstance(step.call, Refusal) else next(answered) for step in wave]

    def _earlier(self, path: str) -> object:
        """The value at the path `[key][field]…`; None where the path ends before."""
        first, *rest = path[1:-1].split("][")
        outcome = self._outcomes.get(first)
        value = outcome.value if isinstance(outcome, Result) else None
        for key in rest:
            value = php_arrays.entry(value, key)
        return value

    def _containers(self) -> Mapping[str, object]:
        """The outcomes in the platform's form: every container is present, also an empty one."""
        done = {key: each for key, each in self._outcomes.items() if isinstance(each, Result)}
        refused = {key: each for key, each in self._outcomes.items() if isinstance(each, Refusal)}
        return {
            "result": php_arrays.as_json({key: each.value for key, each in done.items()}),
            "result_error": php_arrays.as_json({key: _error_of(each) for key, each in refused.items()}),
            "result_total": php_arrays.as_json(_pages(done, "total")),
            "result_next": php_arrays.as_json(_pages(done, "next")),
            "result_time": php_arrays.as_json({key: each.time for key, each in done.items()}),
        }


def _refers(command: str) -> bool:
    """Whether a command may refer to the results of others."""
    return _REFERENCE.search(unquote_plus(command)) is not None


def _error_of(refused: Refusal) -> dict[str, str]:
    wordless = refused.code.casefold() == _WORDLESS
    return {"error": refused.code, "error_description": "" if wordless else refused.description}


def _pages(done: Mapping[str, Result], name: str) -> dict[str, object]:
    return {key: each.pages[name] for key, each in done.items() if name in each.pages}
