"""Compares recorded requests to AWS with the statements of the policies, and prints both side by side:

    python -m tests.template.policy_table [CALLS_FILE...]

The files are written by recorder.py; without one the year of policy_run.py is recorded first.
"""

import sys
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from tests.support.processes.module import run_module
from tests.template.file import FUNCTIONS, actions_of, allows, asked_by_code, rows_of, statements_of, store_of
from tests.template.recorder import Call, read


class Grant(NamedTuple):
    """One thing that a statement (`sid`) allows a function: an action, or the rows of a pattern."""

    function: str
    sid: str
    what: str


_FAILING = "a portal that fails is noted, as by those that look up, and an offered token that is refused; here none is"
_RENAMED = "the renewal of a visit's tokens may find the portal renamed, as the look-ups of that year do"
NEVER_ASKED: Mapping[Grant, str] = {
    Grant("InstallFunction", "Pace", "dynamodb:PutItem"): _FAILING,
    Grant("InstallFunction", "Pace", "SIGN#*"): _FAILING,
    Grant("AdminFunction", "Pace", "dynamodb:PutItem"): _FAILING,
    Grant("AdminFunction", "Pace", "SIGN#*"): _FAILING,
    Grant("InstallFunction", "Facts", "DOMAIN#*"): _RENAMED,
    Grant(
        "RestFunction", "ChatIds", "LIST#*"
    ): "one policy for all that look up; /rest forwards what lists are made of",
}
"""What is allowed although the year of policy_run.py has no request for it, with the reason."""


def grants() -> Iterator[Grant]:
    """All that the code of the functions may do."""
    for function in FUNCTIONS:
        for statement in filter(asked_by_code, statements_of(function)):
            rows = rows_of(statement) if "Condition" in statement else []
            yield from (Grant(function, statement["Sid"], each) for each in [*sorted(actions_of(statement)), *rows])


def by_statement(calls: Collection[Call]) -> dict[tuple[str, str], set[Call]]:
    """The requests that each statement of a function allows, by function and Sid; a request that none allows under an
    empty Sid.
    """
    found: dict[tuple[str, str], set[Call]] = {}
    for call in calls:
        sids = [
            each["Sid"]
            for each in filter(asked_by_code, statements_of(call.function))
            if allows(each, call.store, call.action, call.row)
        ]
        for sid in sids or [""]:
            found.setdefault((call.function, sid), set()).add(call)
    return found


def used(calls: Collection[Call]) -> set[Grant]:
    """The grants that some request needs."""
    requests = by_statement(calls)
    return {
        each
        for each in grants()
        for call in requests.get((each.function, each.sid), ())
        if each.what == call.action or (":" not in each.what and fnmatchcase(call.row, each.what))
    }


def table(calls: Collection[Call]) -> Iterator[str]:
    """Each function with its statements: the number of different requests by what is granted, or why there is none."""
    requests, needed = by_statement(calls), used(calls)
    for function in FUNCTIONS:
        yield f"\n{function}"
        for statement in filter(asked_by_code, statements_of(function)):
            seen = requests.get((function, statement["Sid"]), set())
            yield f"  {statement['Sid']}: {store_of(statement)}, {len(seen)} different requests"
            counted = Counter(call.action for call in seen)
            for pattern in rows_of(statement):
                counted[pattern] = sum(fnmatchcase(call.row, pattern) for call in seen)
            for grant in (each for each in grants() if each[:2] == (function, statement["Sid"])):
                why = "" if grant in needed else f"  never: {NEVER_ASKED.get(grant, 'NOT EXPLAINED')}"
                yield f"    {grant.what:34} {counted[grant.what]:5}{why}"
        yield from (f"  REFUSED: {each}" for each in sorted(requests.get((function, ""), ())))


def main(files: list[str]) -> None:
    with TemporaryDirectory() as folder:
        if not files:
            files = [str(Path(folder, "calls.json"))]
            run_module("tests.template.policy_run", Path(folder), Path(files[0]), timeout=600)
        calls = set().union(*(read(Path(file)) for file in files))
    sys.stdout.write("\n".join(table(calls)) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
