"""`batch` in the platform's format: commands in order, each with its outcome; later ones can use earlier results.

(bitrix24.md 2.6.) Commands that are ready at the same time are sent together, so that fifty look-ups cost the portal
as much as one batch.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias
from urllib.parse import unquote_plus

from chat_lookup.http import php_arrays
from chat_lookup.rest.errors import BATCH_TOO_LONG, NOT_IN_A_BATCH, Refusal, documented
from chat_lookup.rest.requests import RestCall, call_of
from chat_lookup.rest.responses import RestOutcome, Result

BATCH: Final = "batch"
MOST_COMMANDS: Final = 50
_MOST_REPORTED: Final = 1000
"""Each command after the fiftieth has its own error; a batch of more than this number is refused as a whole."""
_REFERENCE: Final = re.compile(r"\$result((?:\[[^\[\]]*\])+)")
_WORDLESS: Final = "insufficient_scope"
"""Its text is empty inside a batch (batch.md)."""

AnswerCalls: TypeAlias = Callable[[Sequence[RestCall]], Sequence[RestOutcome]]


@dataclass(frozen=True, slots=True)
class _Step:
    """A command under its key: its call, or its refusal."""

    key: str
    call: RestCall | Refusal
    changes: bool
    """Whether it may change something that must not be changed twice."""


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
            if wave and _REFERENCE.search(unquote_plus(command)):
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
        params = {name: self._with_results(value) for name, value in php_arrays.decode_query(query).items()}
        call = call_of(name.strip(), params)
        if call.folded == BATCH:
            return _Step(key, documented(NOT_IN_A_BATCH), changes=False)
        return _Step(key, call, self._changes(call))

    def _outcomes_of(self, wave: Sequence[_Step]) -> list[RestOutcome]:
        answered = iter(self._answer([step.call for step in wave if isinstance(step.call, RestCall)]))
        return [step.call if isinstance(step.call, Refusal) else next(answered) for step in wave]

    def _with_results(self, value: object) -> object:
        """A value that is only `$result[key][field]` becomes the result itself; within other text, its text."""
        if isinstance(value, dict):
            return {key: self._with_results(item) for key, item in value.items()}
        written = php_arrays.text(value)
        if whole := _REFERENCE.fullmatch(written):
            return self._earlier(whole[1])
        return _REFERENCE.sub(lambda found: php_arrays.text(self._earlier(found[1])), written)

    def _earlier(self, path: str) -> object:
        """The value at the path `[key][field]…`; None where the path ends before."""
        first, *rest = path[1:-1].split("][")
        outcome = self._outcomes.get(first)
        value = outcome.value if isinstance(outcome, Result) else None
        for key in rest:
            value = php_arrays.entries(value).get(key)
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


def _error_of(refused: Refusal) -> dict[str, str]:
    wordless = refused.code.casefold() == _WORDLESS
    return {"error": refused.code, "error_description": "" if wordless else refused.description}


def _pages(done: Mapping[str, Result], name: str) -> dict[str, object]:
    return {key: each.pages[name] for key, each in done.items() if name in each.pages}
