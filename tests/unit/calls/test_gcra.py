"""The arithmetic of the shared pace: pure functions, from reservations to the slots of callers."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_lookup.calls.gcra import BULK_PATIENCE, BULK_SHARE, BULK_SPREAD, MARGIN, Pace, Share
from chat_lookup.clock import SKEW

NOW = 1_763_000_000.0
TINY = 1e-4
"""Seconds that rounding to microseconds may add up to here."""

paces = st.builds(
    Pace, rate=st.sampled_from([0.1, 0.7, 1.0, 2.0, 5.0, 33.3]), burst=st.integers(1, 260), factor=st.just(1.0)
)
shares = st.sampled_from(Share)
waits = st.floats(0, 30)


def usable(pace: Pace) -> int:
    """The burst less what jitter, or what leaks while two clocks differ, may add."""
    return max(1, int(pace.burst - max(pace.burst * MARGIN, pace.rate * SKEW)))


def reserved(pace: Pace, arrivals: list[tuple[float, Share, float]]) -> list[tuple[float, float, Share]]:
    """When each arrival (pause since the last, class, patience) came, and the slot that it got if it got one."""
    now, tat, full_at, slots = NOW, NOW, NOW, []
    for pause, share, patience in arrivals:
        now += pause
        if tat > pace.horizon(share, now, now + patience):
            continue
        full_at = now if tat < now else full_at
        slots.append((now, pace.slot(share, now, tat, full_at), share))
        tat = max(now, tat) + pace.interval
    return slots


arrivals = st.lists(st.tuples(st.sampled_from([0.0, 0.0, 0.0, 0.01, 0.5, 7.0]), shares, waits), max_size=150)


@given(paces, arrivals)
def test_no_window_holds_more_slots_than_the_burst_and_what_leaks_meanwhile(
    pace: Pace, arrivals: list[tuple[float, Share, float]]
) -> None:
    slots = sorted(slot for _, slot, _ in reserved(pace, arrivals))
    for first in range(len(slots)):
        for last in range(first, len(slots)):
            assert last - first + 1 <= usable(pace) + pace.rate * (slots[last] - slots[first] + TINY)


@given(paces, shares, st.lists(st.tuples(st.floats(0, 5), waits), max_size=60))
def test_slots_within_a_class_are_in_the_order_of_arrival(
    pace: Pace, share: Share, arrivals: list[tuple[float, float]]
) -> None:
    slots = [slot for _, slot, _ in reserved(pace, [(pause, share, patience) for pause, patience in arrivals])]
    assert slots == sorted(slots)


@given(paces, st.lists(st.tuples(st.floats(0, 2), shares, waits), max_size=60))
def test_no_slot_lies_in_the_past_or_beyond_the_patience_of_its_class(
    pace: Pace, arrivals: list[tuple[float, Share, float]]
) -> None:
    for now, slot, share in reserved(pace, arrivals):
        assert slot >= now
        longest = {Share.INTERACTIVE: 30.0, Share.BULK: BULK_PATIENCE, Share.BACKGROUND: 0.0}
        assert slot <= now + longest[share] + TINY


@given(paces, st.floats(0, 30))
def test_bulk_leaves_a_fifth_of_the_burst_to_interactive_callers(pace: Pace, patience: float) -> None:
    bulk_share = max(1, int(usable(pace) * BULK_SHARE))
    slots = reserved(pace, [(0.0, Share.BULK, patience)] * 400 + [(0.0, Share.INTERACTIVE, TINY)] * 400)
    taken = sum(1 for _, _, share in slots if share is Share.BULK)
    # Beside its share of the burst bulk gets what leaks while it may wait.
    leaks = pace.rate * min(patience, BULK_PATIENCE)
    assert taken <= bulk_share + leaks + TINY
    assert len(slots) - taken >= usable(pace) - bulk_share - leaks - 1


@given(paces)
def test_background_takes_no_more_of_the_burst_than_bulk_and_all_of_it_at_once(pace: Pace) -> None:
    slots = [slot for _, slot, _ in reserved(pace, [(0.0, Share.BACKGROUND, 30.0)] * 400)]
    assert slots == [NOW] * len(slots)
    # The last one lies at the horizon itself, to be had or not by a rounding.
    assert 0 <= max(1, int(usable(pace) * BULK_SHARE)) - len(slots) <= 1
    assert slots


@given(paces)
def test_bulk_takes_a_burst_in_steps_and_its_last_slot_is_no_later_for_that(pace: Pace) -> None:
    """The steps are short against the time in which slots come back, and interactive callers have none."""
    slots = [slot for _, slot, _ in reserved(pace, [(0.0, Share.BULK, 30.0)] * 400)]
    apart = [after - before for before, after in itertools.pairwise(slots)]
    step = pace.interval * BULK_SPREAD
    assert all(each >= step - TINY for each, slot in zip(apart, slots[1:], strict=True) if slot < NOW + BULK_PATIENCE)
    assert slots[-1] <= NOW + BULK_PATIENCE + TINY
    at_once = [slot for _, slot, _ in reserved(pace, [(0.0, Share.INTERACTIVE, 0.0)] * 400)]
    assert at_once == [NOW] * len(at_once)


@given(paces, shares, st.floats(0, 120), waits)
def test_refused_caller_gets_the_earliest_time_of_its_admission(
    pace: Pace, share: Share, ahead: float, patience: float
) -> None:
    tat = NOW + pace.reach(share) + ahead
    wait = tat - pace.horizon(share, NOW, NOW + patience)
    if wait > TINY:
        later = NOW + wait
        assert tat <= pace.horizon(share, later, later + patience) + TINY
        sooner = later - 2 * TINY
        assert tat > pace.horizon(share, sooner, sooner + patience)


@pytest.mark.parametrize(
    ("pace", "interactive", "bulk"),
    [(Pace(2, 50), 45, 36), (Pace(5, 250), 225, 180), (Pace(2, 1), 1, 1), (Pace(2, 2), 1, 1), (Pace(2, 5), 4, 3)],
)
def test_a_tenth_of_the_burst_is_never_used_and_bulk_uses_four_fifths_of_the_rest(
    pace: Pace, interactive: int, bulk: int
) -> None:
    for share, calls in ((Share.INTERACTIVE, interactive), (Share.BULK, bulk)):
        assert pace.reach(share) == pytest.approx((calls - 1) * pace.interval)
