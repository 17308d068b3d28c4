"""`batch` in the platform's own format: commands in order, each with its outcome, later ones with earlier results.

(bitrix24.md 2.6.) Commands that are ready at the same time are asked together, so that fifty look-ups cost the portal
what a batch of its own would.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias
from urllib.parse import unquote_plus

from chat_lookup.http import php_arrays
from chat_lookup.rest.errors import BATCH_TOO_LONG, NOT_IN_A_BATCH, Refusal, documented
from chat_lookup.rest.requests import RestCall, call_of
from chat_lookup.rest.responses import Outcome, Result

BATCH: Final = "batch"
MOST_COMMANDS: Final = 50
_MOST_TOLD: Final = 1000
"""Each command past the fiftieth has an error of its own; a batch of more than so many is refused as a whole."""
_REFERENCE: Final = re.compile(r"\$result((?:\[[^\[\]]*\])+)")
_WORDLESS: Final = "insufficient_scope"
"""Its text is empty inside a batch (batch.md)."""

Answer: TypeAlias = Callable[[Sequence[RestCall]], Sequence[Outcome]]


@dataclass(frozen=True, slots=True)
class _Step:
    """A command under its key: the call that it means, or its refusal."""

    key: str
    call: RestCall | Refusal
    changes: bool
    """Whether it may do something that must not be done twice."""


class Batch:
    """One batch. `answer` gives the outcomes of calls that need nothing of each other, in their order; `changes` says
    whether a call may do something in the portal."""

    def __init__(self, params: Mapping[str, object], answer: Answer, changes: Callable[[RestCall], bool]) -> None:
        folded = php_arrays.folded(params)
        self._commands = php_arrays.entries(folded.get("cmd"))
        self._halt = not php_arrays.is_empty(php_arrays.text(folded.get("halt")))
        self._answer = answer
        self._changes = changes
        self._outcomes: dict[str, Outcome] = {}

    def run(self) -> Mapping[str, object] | Refusal:
        """The containers of outcomes, or the refusal of the whole batch.

        The whole is refused where the portal could not be asked, as the portal itself refuses it, so that clients send
        it again: unless something was done that must not be done twice.
        """
        if len(self._commands) > _MOST_TOLD:
            return documented(BATCH_TOO_LONG)
        changed = False
        for wave in self._waves():
            outcomes = self._outcomes_of(wave)
            told = [isinstance(outcome, Refusal) and outcome.of_all for outcome in outcomes]
            changed = changed or any(step.changes and not of_all for step, of_all in zip(wave, told, strict=True))
            for step, outcome in zip(wave, outcomes, strict=True):
                if isinstance(outcome, Refusal) and outcome.of_all and not changed:
                    return outcome
                self._outcomes[step.key] = outcome
                if self._halt and isinstance(outcome, Refusal):
                    return self._containers()
        return self._containers()

    def _waves(self) -> Iterator[list[_Step]]:
        """The commands in order, those together that can be asked together.

        One with a reference waits for what stands before it. What changes something is asked apart from what only
        reads, and with `halt`, after which nothing more may be done, each by itself.
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
        """A command as it is meant now, earlier results in the place of their references."""
        if position >= MOST_COMMANDS:
            return _Step(key, documented(BATCH_TOO_LONG), changes=False)
        name, _, query = command.partition("?")
        params = {name: self._with_results(value) for name, value in php_arrays.decode_query(query).items()}
        call = call_of(name.strip(), params)
        if call.folded == BATCH:
            return _Step(key, documented(NOT_IN_A_BATCH), changes=False)
        return _Step(key, call, self._changes(call))

    def _outcomes_of(self, wave: Sequence[_Step]) -> list[Outcome]:
        answered = iter(self._answer([step.call for step in wave if isinstance(step.call, RestCall)]))
        return [step.call if isinstance(step.call, Refusal) else next(answered) for step in wave]

    def _with_results(self, value: object) -> object:
        """`$result[key][field]` is the value itself where it is all there is, else its text."""
        if isinstance(value, dict):
            return {key: self._with_results(item) for key, item in value.items()}
        written = php_arrays.text(value)
        if whole := _REFERENCE.fullmatch(written):
            return self._earlier(whole[1])
        return _REFERENCE.sub(lambda found: php_arrays.text(self._earlier(found[1])), written)

    def _earlier(self, way: str) -> object:
        """The value at the end of `[key][field]…`; None where the way ends before."""
        first, *rest = way[1:-1].split("][")
        outcome = self._outcomes.get(first)
        value = outcome.value if isinstance(outcome, Result) else None
        for key in rest:
            value = php_arrays.entries(value).get(key)
        return value

    def _containers(self) -> Mapping[str, object]:
        """The outcomes as the platform hands them out, every container there whatever it holds."""
        done = {key: each for key, each in self._outcomes.items() if isinstance(each, Result)}
        refused = {key: each for key, each in self._outcomes.items() if isinstance(each, Refusal)}
        return {
            "result": php_arrays.as_json({key: each.value for key, each in done.items()}),
            "result_error": php_arrays.as_json({key: _told(each) for key, each in refused.items()}),
            "result_total": php_arrays.as_json(_pages(done, "total")),
            "result_next": php_arrays.as_json(_pages(done, "next")),
            "result_time": php_arrays.as_json({key: each.time for key, each in done.items()}),
        }


def _told(refused: Refusal) -> dict[str, str]:
    wordless = refused.code.casefold() == _WORDLESS
    return {"error": refused.code, "error_description": "" if wordless else refused.description}


def _pages(done: Mapping[str, Result], name: str) -> dict[str, object]:
    return {key: each.pages[name] for key, each in done.items() if name in each.pages}
