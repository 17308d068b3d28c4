"""`make bench`: takes every figure, prints one table and writes benchmarks/results.json.

With `--quick` or QUICK=1 each figure is taken once, none is judged, and results-quick.json is written instead.
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
from benchmarks.latency import growth, hits, misses, receiver
from benchmarks.results import Results, table, write
from benchmarks.setting import LeftOut, Setting
from benchmarks.timing import Figure

GROUPS: Final[Mapping[str, Callable[[Setting], Sequence[Figure]]]] = {
    "cold start": starts.figures,
    "one expired token": expired_token.figures,  # before others that fork: its processes inherit what these import
    "bulk work": pairs.figures,
    "bulk work beside another client": shared_pace.figures,
    "a person beside bulk work": person.figures,
    "warm look-ups": hits.figures,
    "warm misses": misses.figures,
    "events received": receiver.figures,
    "counts": counts.figures,
    "growth": growth.figures,
}
"""Every group of figures, in the order in which they are taken."""

_HERE: Final = Path(__file__).resolve().parent


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    if set(arguments) - {"--quick"}:
        sys.stderr.write("usage: python -m benchmarks [--quick]\n")
        return 2
    setting = Setting(
        quick="--quick" in arguments or environ.get("QUICK", "") not in ("", "0"),
        dynamodb_url=environ.get("DYNAMODB_LOCAL_URL", ""),
        artifact=Path(environ.get("ARTIFACT") or _HERE.parent / ".aws-sam/build").resolve(),
    )
    results = taken(setting)
    sys.stdout.write(table(results) + "\n")
    write(results, _HERE / ("results-quick.json" if setting.quick else "results.json"))
    if not setting.quick:
        document.main()
    strict = environ.get("STRICT", "") not in ("", "0")
    return int(strict and bool(results.missed) and not setting.quick)


def taken(setting: Setting) -> Results:
    """Take the figures of all groups, one group after the other."""
    figures: list[Figure] = []
    left_out: dict[str, str] = {}
    for name, group in GROUPS.items():
        sys.stderr.write(f"{name} ...\n")
        try:
            figures += group(setting)
        except LeftOut as missing:
            left_out[name] = str(missing)
    return Results(figures, left_out, setting.quick)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
