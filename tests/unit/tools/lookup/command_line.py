"""`./lookup` called in this process, with functions that a test answers for."""

import io
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pytest

from tools.lookup.app import main


class Result(NamedTuple):
    """What a call has printed, and its exit status."""

    status: int
    out: str
    err: str


@dataclass
class MadeUpTarget:
    """Functions that record their events. `answer` gives an answer, or raises."""

    answer: Callable[[str, Any], dict[str, Any]] = field(default=lambda _, event: {"done": event.get("command")})
    calls: list[tuple[str, Any]] = field(default_factory=list)

    def invoke(self, function: str, event: object) -> dict[str, Any]:
        self.calls.append((function, event))
        return self.answer(function, event)


@dataclass
class CommandLine:
    """Calls `./lookup`; every environment is the made-up target."""

    capsys: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch
    target: MadeUpTarget = field(default_factory=MadeUpTarget)
    environ: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    """The environments that were looked for."""
    slept: list[float] = field(default_factory=list)
    """The waits, which none makes."""

    def __call__(self, *words: str, stdin: str | None = None) -> Result:
        """Standard input is no terminal: `stdin`, or nothing."""
        self.monkeypatch.setattr(sys, "stdin", io.StringIO(stdin or ""))
        self.capsys.readouterr()
        status = main(words, self.environ, self._find, self.slept.append)
        return Result(status, *self.capsys.readouterr())

    def _find(self, env: str, _: Mapping[str, str]) -> Any:
        self.asked.append(env)
        return self.target
