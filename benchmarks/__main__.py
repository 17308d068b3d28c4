"""`make bench`: takes every figure, prints one table and writes benchmarks/results.json.

With `--quick` or QUICK=1 each figure is taken once, none is judged, and results-quick.json is written instead. With
`--only=GROUP`, as often as wanted, these groups are taken, and results.json keeps the other figures that it has.
A figure beyond its target is marked MISSED; with STRICT=1 the run ends with status 1 then.
"""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from benchmarks.bulk import expired_token, pairs, person, shared_pace
from benchmarks.cold_start import starts
from benchmarks.cost import counts, document
from benchmarks.latency import growth, hits, misses, page, receiver
from benchmarks.results import Results, read, table, write
from benchmarks.setting import LeftOut, Setting
from benchmarks.timing import Figure

Group = Callable[[Setting], Sequence[Figure]]
GROUPS: Final[Mapping[str, Group]] = {
    "cold start": starts.figures,
    "one expired token": expired_token.figures,  # before others that fork: its processes inherit what these import
    "bulk work": pairs.figures,
    "bulk work beside another client": shared_pace.figures,
    "a person beside bulk work": person.figures,
    "warm look-ups": hits.figures,
    "warm misses": misses.figures,
    "events received": receiver.figures,
    "page": page.figures,
    "counts": counts.figures,
    "growth": growth.figures,
}
"""Every group of figures, in the order in which they are taken."""

_ONLY: Final = "--only="
_HERE: Final = Path(__file__).resolve().parent


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    only = [each.removeprefix(_ONLY) for each in arguments if each.startswith(_ONLY)]
    if set(arguments) - {"--quick", *map(_ONLY.__add__, GROUPS)}:
        groups = ", ".join(f'"{_ONLY}{name}"' for name in GROUPS)
        sys.stderr.write(f"usage: python -m benchmarks [--quick] [one or more of {groups}]\n")
        return 2
    setting = Setting(
        quick="--quick" in arguments or environ.get("QUICK", "") not in ("", "0"),
        dynamodb_url=environ.get("DYNAMODB_LOCAL_URL", ""),
        artifact=Path(environ.get("ARTIFACT") or _HERE.parent / ".aws-sam/build").resolve(),
    )
    results = taken(setting, {name: GROUPS[name] for name in only} or GROUPS)
    sys.stdout.write(table(results) + "\n")
    path = _HERE / ("results-quick.json" if setting.quick else "results.json")
    write(results.beside(read(path)) if only and path.exists() else results, path)
    if not setting.quick:
        document.main()
    strict = environ.get("STRICT", "") not in ("", "0")
    return int(strict and bool(results.missed) and not setting.quick)


def taken(setting: Setting, groups: Mapping[str, Group]) -> Results:
    """Take the figures of the groups, one group after the other."""
    figures: list[Figure] = []
    left_out: dict[str, str] = {}
    for name, group in groups.items():
        sys.stderr.write(f"{name} ...\n")
        try:
            figures += group(setting)
        except LeftOut as missing:
            left_out[name] = str(missing)
    return Results(figures, left_out, setting.quick)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
