"""The results of a run of the benchmarks: as a table, and as JSON for comparing runs."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from benchmarks.timing import Figure, Spread

_COLUMNS: Final = f"{'figure':62} {'ours':>10} {'beside':>10} {'ratio':>7} {'half between':>15} {'target':>7}"
_MET: Final[Mapping[bool | None, str]] = {True: "met", False: "MISSED", None: ""}


@dataclass(frozen=True, slots=True)
class Results:
    """All figures of a run; `left_out` has the reasons, by group, of those left out. A quick run is no measurement."""

    figures: Sequence[Figure]
    left_out: Mapping[str, str]
    quick: bool

    @property
    def missed(self) -> list[Figure]:
        return [figure for figure in self.figures if figure.met is False]

    def beside(self, former: "Results") -> "Results":
        """These figures in the places that they had in a former run, with all others of that run."""
        new = {(figure.name, figure.reference): figure for figure in self.figures}
        kept = [new.pop((figure.name, figure.reference), figure) for figure in former.figures]
        return Results([*kept, *new.values()], {**former.left_out, **self.left_out}, self.quick)


def table(results: Results) -> str:
    """One line for each figure, under its reference."""
    lines = ["Quick: each was taken once, to test the benchmarks. No figure here is a measurement."] * results.quick
    lines.append(_COLUMNS)
    reference = None
    for figure in results.figures:
        if figure.reference != reference:
            reference = figure.reference
            lines.append(f"beside {reference}:")
        lines.append(_line(figure, judged=not results.quick))
    lines += [f"left out: {group}: {reason}" for group, reason in results.left_out.items()]
    return "\n".join(lines)


def write(results: Results, path: Path) -> None:
    """Write the figures, and the kind of machine that they were taken on."""
    content = {
        "machine": {
            "python": platform.python_version(),
            "system": f"{platform.system()} {platform.machine()}",
            "processors": os.cpu_count(),
        },
        "quick": results.quick,
        "figures": [asdict(figure) | {"met": figure.met} for figure in results.figures],
        "left_out": dict(results.left_out),
    }
    path.write_text(json.dumps(content, indent=2) + "\n")


def read(path: Path) -> Results:
    """The results that `write` wrote."""
    content = json.loads(path.read_text())
    figures = [
        Figure(
            each["name"],
            each["reference"],
            each["unit"],
            Spread(**each["ours"]),
            Spread(**each["theirs"]),
            Spread(**each["ratio"]),
            each["target"],
        )
        for each in content["figures"]
    ]
    return Results(figures, content["left_out"], content["quick"])


def _line(figure: Figure, *, judged: bool) -> str:
    ours, theirs = (f"{spread.median:.1f} {figure.unit}" for spread in (figure.ours, figure.theirs))
    target = "" if figure.target is None else f"{figure.target:.2f}"
    line = (
        f"  {figure.name:60} {ours:>10} {theirs:>10} {figure.ratio.median:7.2f} {_half(figure.ratio):>15} {target:>7}"
    )
    return f"{line} {_MET[figure.met] if judged else ''}".rstrip()


def _half(spread: Spread) -> str:
    return f"{spread.low:.2f} to {spread.high:.2f}"
