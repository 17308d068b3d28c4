"""Puts errors into the package and counts those that the unit tests find.

All tests are collected once. A first round notes which test runs which line of the package; then, for each error, a
forked process puts it into the functions in memory and runs tests that run its line.
"""

import argparse
import gc
import importlib
import json
import os
import random
import select
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle, islice
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, Final, NoReturn

import pytest

from tests.mutants.errors import Mutant, compiled, mutants
from tests.support.repository import ROOT

PACKAGE: Final = ROOT / "layers/chat_lookup/chat_lookup"
CORE: Final = ("bitrix24", "cache", "calls", "credentials", "events", "lookup", "portals", "rest", "install", "bot")
"""The rooms whose errors cost most: what they decide is stored, answered or lost."""
_TOOL: Final = sys.monitoring.COVERAGE_ID
_NOT_TRIED: Final = "not tried"
_LONGEST_S: Final = 90
"""Of the tests of one error, together: an error may make a loop endless."""

Lines = defaultdict[tuple[str, int], list[int]]
"""The numbers of the tests that run a line, those of the line's own room and the fastest first."""


class KillMatrix:
    """A plugin of pytest that replaces the run of the collected tests."""

    def __init__(self, chosen: Sequence[Mutant], seed: int, most: int) -> None:
        self._chosen, self._seed, self._most = chosen, seed, most
        self.found: dict[str, list[str]] = {}
        self.uncovered: list[str] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        lines = _lines(session)
        for number, mutant in enumerate(self._chosen, 1):
            name = mutant.name(PACKAGE)
            tests = lines[(str(mutant.path), mutant.line)]
            if not tests:
                self.uncovered.append(name)
            first, rest = tests[: self._most // 2], tests[self._most // 2 :]
            more = random.Random(self._seed).sample(rest, min(len(rest), self._most // 2))  # noqa: S311 - a sample
            killers = _killers(session, mutant, first + more) or _killers(session, mutant, [*{*rest} - {*more}])
            self.found[name] = killers
            print(f"{number:4d} {len(killers):4d} of {len(tests):4d}  {name}", file=sys.stderr, flush=True)
        return True


def _lines(session: pytest.Session) -> Lines:
    """Runs each test once."""
    seen: list[tuple[str, int]] = []

    def line(code: CodeType, number: int) -> Any:
        seen.append((code.co_filename, number))
        return sys.monitoring.DISABLE

    sys.monitoring.use_tool_id(_TOOL, "mutants")
    sys.monitoring.register_callback(_TOOL, sys.monitoring.events.LINE, line)
    for code in {each for function in _functions() for each in (function.__code__, *_codes(function.__code__))}:
        sys.monitoring.set_local_events(_TOOL, code, sys.monitoring.events.LINE)
    found: defaultdict[tuple[str, int], list[tuple[bool, float, int]]] = defaultdict(list)
    for number, item in enumerate(session.items):
        seen.clear()
        sys.monitoring.restart_events()
        begun = time.process_time()
        # The session's own fixtures stay, for the forked processes.
        after = session.items[number + 1] if number + 1 < len(session.items) else session
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
        for each in set(seen):
            far = Path(each[0]).parent.name not in item.nodeid
            found[each].append((far, time.process_time() - begun, number))
    sys.monitoring.free_tool_id(_TOOL)
    if session.testsfailed:
        raise session.Failed("a test fails without any error put in")
    return defaultdict(list, {each: [number for *_, number in sorted(tests)] for each, tests in found.items()})


def _killers(session: pytest.Session, mutant: Mutant, tests: Sequence[int]) -> list[str]:
    """The tests that fail with the error, found by a process of its own; `time-out` if they do not end."""
    if not tests:
        return []
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _try(session, mutant, sorted(tests), writing)
    os.close(writing)
    found, ended = b"", time.monotonic() + _LONGEST_S
    try:
        while select.select([reading], [], [], max(0.0, ended - time.monotonic()))[0]:
            if not (part := os.read(reading, 65_536)):
                status = os.waitpid(child, 0)[1]
                return [f"{_NOT_TRIED}: status {status}"] if status else found.decode().splitlines()
            found += part
    finally:
        os.close(reading)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return ["time-out"]


def _try(session: pytest.Session, mutant: Mutant, tests: Sequence[int], writing: int) -> NoReturn:
    """Run the tests with the error, write those that fail, and end this process, whatever happens in it."""
    status = 1
    try:
        signal.alarm(0)
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, 1)
        os.dup2(silent, 2)
        _replace(compiled(mutant))
        for nodeid in _failures(session, [session.items[each] for each in tests]):
            os.write(writing, f"{nodeid}\n".encode())
        status = 0
    finally:
        os._exit(status)


def _failures(session: pytest.Session, items: Sequence[pytest.Item]) -> Iterator[str]:
    for item, after in zip(items, [*items[1:], None], strict=True):
        before = session.testsfailed
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
        if session.testsfailed > before:
            yield item.nodeid


def _replace(module: CodeType) -> None:
    """Gives each function of the module that is in memory the code that it has in this version of the module."""
    new = {(code.co_qualname, code.co_firstlineno): code for code in _codes(module)}
    replaced = 0
    for function in _functions():
        if function.__code__.co_filename == module.co_filename:
            code = new.get((function.__code__.co_qualname, function.__code__.co_firstlineno))
            if code and code.co_freevars == function.__code__.co_freevars:
                function.__code__ = code
                replaced += 1
    if not replaced:
        raise LookupError(f"no function of {module.co_filename} is in memory")


def _functions() -> list[FunctionType]:
    """The package's functions in memory, methods among them."""
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        importlib.import_module(".".join(parts).removesuffix(".__init__"))
    start = str(PACKAGE)
    gc.unfreeze()  # a process that has begun to serve freezes what it has, which `get_objects` leaves out
    return [
        each
        for each in gc.get_objects()
        if isinstance(each, FunctionType) and each.__code__.co_filename.startswith(start)
    ]


def _codes(code: CodeType) -> Iterator[CodeType]:
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield each
            yield from _codes(each)


def _sample(count: int, seed: int) -> list[Mutant]:
    """As many of each module as possible, by turns, so that no long module has most of them."""
    chance = random.Random(seed)  # noqa: S311 - a sample
    paths = [path for room in CORE for path in sorted((PACKAGE / room).glob("*.py"))]
    chance.shuffle(paths)
    turns = [chance.sample(found, len(found)) for path in paths if (found := list(mutants(path)))]
    places = [iter(each) for each in turns]
    most = sum(len(each) for each in turns)
    chosen = (next(place, None) for place in islice(cycle(places), most * len(places)))
    return list(islice((each for each in chosen if each), min(count, most)))


def _report(found: Mapping[str, list[str]], uncovered: Sequence[str]) -> None:
    untried = [name for name, killers in found.items() if killers and killers[0].startswith(_NOT_TRIED)]
    alive = [name for name, killers in found.items() if not killers]
    print(f"{len(found)} errors, {len(found) - len(alive) - len(untried)} found, {len(alive)} not:")
    for name in alive:
        print(f"  {name}{'  (no test runs this line)' if name in uncovered else ''}")
    for name in untried:
        print(f"  {name}  ({found[name][0]})")


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.mutants", description=__doc__)
    parser.add_argument("--mutants", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--most",
        type=int,
        default=100,
        help="tests that are run for each error; if none of them finds it, all that run its line",
    )
    parser.add_argument("--matrix", type=Path, help="a JSON file: each error with the tests that found it")
    parser.add_argument("tests", nargs="*", default=["tests/unit"])
    options = parser.parse_args()
    matrix = KillMatrix(_sample(options.mutants, options.seed), options.seed, options.most)
    pytest.main(["-q", "-p", "no:cacheprovider", "-p", "no:faulthandler", "-x", *options.tests], plugins=[matrix])
    if options.matrix:
        options.matrix.write_text(json.dumps(matrix.found, indent=1))
    _report(matrix.found, matrix.uncovered)
    return 0 if matrix.found else 1


if __name__ == "__main__":
    sys.exit(main())
