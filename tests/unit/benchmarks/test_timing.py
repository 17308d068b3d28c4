"""How the benchmarks compute: in turn, pair by pair, by medians; and what they report."""

import json
import os
from pathlib import Path

import pytest

from benchmarks.results import Results, read, table, write
from benchmarks.timing import Figure, Spread, alternate, pinned, seconds_of

SLOWED = Figure.paired("look-up", "a bare read", "ms", [2.0, 20.0, 3.0], [1.0, 10.0, 1.0], 2.5)


def test_spread_is_the_median_and_the_quartiles_around_it() -> None:
    assert Spread.of([5.0, 1.0, 3.0, 2.0, 4.0]) == Spread(2.0, 3.0, 4.0)


def test_spread_of_one_value_is_that_value_and_no_value_is_refused() -> None:
    assert Spread.of([7.0]) == Spread(7.0, 7.0, 7.0)
    with pytest.raises(ValueError, match="nothing"):
        Spread.of([])


def test_slowdown_of_both_of_a_pair_leaves_the_ratio_unchanged() -> None:
    assert SLOWED.ratio.median == 2.0
    assert (SLOWED.ours.median, SLOWED.theirs.median) == (3.0, 1.0)


def test_value_without_a_partner_is_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        Figure.paired("look-up", "a bare read", "ms", [1.0, 2.0], [1.0])


@pytest.mark.parametrize(("target", "met"), [(1.99, False), (2.0, True), (None, None)])
def test_target_is_the_upper_bound_of_the_median(target: float | None, met: bool | None) -> None:
    assert Figure.paired("look-up", "a read", "ms", [2.0, 2.0, 9.0], [1.0, 1.0, 1.0], target).met is met


def test_subjects_take_turns_in_alternating_order_and_warm_up_is_not_counted() -> None:
    order: list[str] = []

    def subject(name: str) -> int:
        order.append(name)
        return len(order)

    taken = alternate({"ours": lambda: subject("ours"), "theirs": lambda: subject("theirs")}, rounds=2, warm_up=1)
    assert order == ["theirs", "ours", "ours", "theirs", "theirs", "ours"]
    assert taken == {"ours": [3, 6], "theirs": [4, 5]}


def test_timed_subject_makes_the_given_number_of_calls() -> None:
    calls: list[None] = []
    assert seconds_of(lambda: calls.append(None), times=3)() > 0
    assert len(calls) == 3


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system pins no process to a processor")
def test_pinned_process_has_one_processor_and_all_of_them_afterwards() -> None:
    before = os.sched_getaffinity(0)
    with pinned():
        assert len(os.sched_getaffinity(0)) == 1
    assert os.sched_getaffinity(0) == before


def test_table_names_each_reference_once_and_lists_missed_and_omitted_figures() -> None:
    missed = Figure.paired("miss", "a bare read", "ms", [3.0], [1.0], 2.0)
    report = table(Results([SLOWED, missed], {"pace": "no store"}, quick=False))
    assert report.count("a bare read") == 1
    (met, late) = (line for line in report.splitlines() if line.startswith("  "))
    assert met.endswith("2.50 met")
    assert late.endswith("2.00 MISSED")
    assert "left out: pace: no store" in report


def test_quick_run_gives_no_verdict() -> None:
    report = table(Results([Figure.paired("miss", "a bare read", "ms", [3.0], [1.0], 2.0)], {}, quick=True))
    assert "MISSED" not in report
    assert "No figure here is a measurement" in report


def test_results_file_holds_every_figure_with_its_verdict(tmp_path: Path) -> None:
    write(Results([SLOWED], {"pace": "no store"}, quick=False), tmp_path / "results.json")
    written = json.loads((tmp_path / "results.json").read_text())
    (figure,) = written["figures"]
    assert (figure["name"], figure["reference"], figure["target"], figure["met"]) == (
        "look-up",
        "a bare read",
        2.5,
        True,
    )
    assert figure["ratio"] == {"low": 2.0, "median": 2.0, "high": 2.5}
    assert written["left_out"] == {"pace": "no store"}


def test_figures_that_are_taken_again_replace_those_of_the_same_name_and_leave_the_others(tmp_path: Path) -> None:
    other = Figure.paired("miss", "a bare read", "ms", [3.0], [1.0], 2.0)
    write(Results([SLOWED, other], {}, quick=False), tmp_path / "results.json")
    again = Figure.paired("look-up", "a bare read", "ms", [1.0], [1.0], 2.5)
    beside = Results([again], {}, quick=False).beside(read(tmp_path / "results.json"))
    assert beside.figures == [again, other]
