"""How the benchmarks reckon: in turn, pair by pair, by medians; and what they tell of it."""

import json
import os
from pathlib import Path

import pytest

from benchmarks.results import Results, table, write
from benchmarks.timing import Figure, Spread, alternate, pinned, seconds_of

SLOWED = Figure.paired("look-up", "a bare read", "ms", [2.0, 20.0, 3.0], [1.0, 10.0, 1.0], 2.5)


def test_a_spread_is_the_median_and_the_quartiles_around_it() -> None:
    assert Spread.of([5.0, 1.0, 3.0, 2.0, 4.0]) == Spread(2.0, 3.0, 4.0)


def test_one_value_spreads_nowhere_and_none_is_refused() -> None:
    assert Spread.of([7.0]) == Spread(7.0, 7.0, 7.0)
    with pytest.raises(ValueError, match="nothing"):
        Spread.of([])


def test_what_slows_both_of_a_pair_leaves_the_ratio_alone() -> None:
    assert SLOWED.ratio.median == 2.0
    assert (SLOWED.ours.median, SLOWED.theirs.median) == (3.0, 1.0)


def test_a_value_without_a_partner_is_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        Figure.paired("look-up", "a bare read", "ms", [1.0, 2.0], [1.0])


@pytest.mark.parametrize(("target", "met"), [(1.99, False), (2.0, True), (None, None)])
def test_a_target_is_the_most_that_the_median_may_be(target: float | None, met: bool | None) -> None:
    assert Figure.paired("look-up", "a read", "ms", [2.0, 2.0, 9.0], [1.0, 1.0, 1.0], target).met is met


def test_subjects_take_turns_every_other_round_backwards_and_warm_up_does_not_count() -> None:
    order: list[str] = []

    def subject(name: str) -> int:
        order.append(name)
        return len(order)

    taken = alternate({"ours": lambda: subject("ours"), "theirs": lambda: subject("theirs")}, rounds=2, warm_up=1)
    assert order == ["theirs", "ours", "ours", "theirs", "theirs", "ours"]
    assert taken == {"ours": [3, 6], "theirs": [4, 5]}


def test_a_timed_subject_makes_its_call_as_often_as_it_was_told() -> None:
    calls: list[None] = []
    assert seconds_of(lambda: calls.append(None), times=3)() > 0
    assert len(calls) == 3


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system pins no process to a processor")
def test_whoever_is_pinned_has_one_processor_and_all_of_them_afterwards() -> None:
    before = os.sched_getaffinity(0)
    with pinned():
        assert len(os.sched_getaffinity(0)) == 1
    assert os.sched_getaffinity(0) == before


def test_the_table_names_each_reference_once_and_says_what_missed_and_what_was_left_out() -> None:
    missed = Figure.paired("miss", "a bare read", "ms", [3.0], [1.0], 2.0)
    told = table(Results([SLOWED, missed], {"pace": "no store"}, quick=False))
    assert told.count("a bare read") == 1
    (met, late) = (line for line in told.splitlines() if line.startswith("  "))
    assert met.endswith("2.50 met")
    assert late.endswith("2.00 MISSED")
    assert "left out: pace: no store" in told


def test_a_quick_run_judges_nothing() -> None:
    told = table(Results([Figure.paired("miss", "a bare read", "ms", [3.0], [1.0], 2.0)], {}, quick=True))
    assert "MISSED" not in told
    assert "No figure here is a measurement" in told


def test_what_is_written_holds_every_figure_with_its_verdict(tmp_path: Path) -> None:
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
