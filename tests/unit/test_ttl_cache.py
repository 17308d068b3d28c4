"""Entries of a process's memory expire after their time."""

from hypothesis import given
from hypothesis import strategies as st

from chat_lookup.ttl_cache import Memory
from tests.support.fakes import ManualClock

MOMENTS = st.floats(min_value=1.6e9, max_value=2e9)


@given(MOMENTS)
def test_entry_is_remembered_at_once_at_any_time(now: float) -> None:
    memory: Memory[str, int] = Memory(ManualClock(now))
    memory.put("a", 1)
    assert memory.get("a") == 1


@given(MOMENTS)
def test_entry_expires_after_thirty_seconds(now: float) -> None:
    clock = ManualClock(now)
    memory: Memory[str, int] = Memory(clock)
    memory.put("a", 1)
    clock.advance(29.9)
    assert memory.get("a") == 1
    clock.advance(0.2)
    assert memory.get("a") is None


def test_reading_an_entry_does_not_extend_its_time() -> None:
    clock = ManualClock()
    memory: Memory[str, int] = Memory(clock)
    memory.put("a", 1)
    for _ in range(6):
        clock.advance(5)
        memory.get("a")
    clock.advance(0.1)
    assert memory.get("a") is None


def test_entry_is_not_used_after_the_clock_was_set_back() -> None:
    clock = ManualClock()
    memory: Memory[str, int] = Memory(clock)
    memory.put("a", 1)
    clock.advance(-3600)
    assert memory.get("a") is None


def test_full_memory_drops_the_least_recently_used_entry() -> None:
    memory: Memory[str, int] = Memory(ManualClock(), limit=2)
    memory.put("a", 1)
    memory.put("b", 2)
    memory.get("a")
    memory.put("c", 3)
    assert [memory.get(each) for each in "abc"] == [1, None, 3]


def test_forgotten_entry_is_removed_and_forgetting_an_unknown_key_raises_nothing() -> None:
    memory: Memory[str, int] = Memory(ManualClock())
    memory.put("a", 1)
    memory.forget("a")
    memory.forget("b")
    assert memory.get("a") is None


def test_each_key_has_its_own_entry() -> None:
    memory: Memory[tuple[str, int], str] = Memory(ManualClock(), seconds=5)
    memory.put(("a", 1), "x")
    memory.put(("a", 2), "y")
    assert (memory.get(("a", 1)), memory.get(("a", 2)), memory.get(("b", 1))) == ("x", "y", None)


def test_missing_entry_is_read_once_and_then_recalled() -> None:
    clock = ManualClock()
    memory: Memory[str, int] = Memory(clock)
    answers = iter([None, 7, 8])
    assert memory.recall("a", lambda: next(answers)) is None  # nothing is not worth remembering
    assert [memory.recall("a", lambda: next(answers)) for _ in range(3)] == [7, 7, 7]
    clock.advance(31)
    assert memory.recall("a", lambda: next(answers)) == 8


def test_recalling_an_entry_does_not_extend_its_time() -> None:
    clock = ManualClock()
    memory: Memory[str, int] = Memory(clock)
    reads = []

    def read() -> int:
        reads.append(clock.now())
        return 7

    for _ in range(10):
        memory.recall("a", read)
        clock.advance(7)
    assert [round(at - reads[0]) for at in reads] == [0, 35]
