"""One clock for many processes."""

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from local.shared_clock import SharedClock
from tests.support.processes import programs
from tests.support.processes.stopped_clock import StoppedClock
from tests.support.repository import ROOT

HOUR = 3_600.0

# Advances the clock by some seconds, and prints the time after a line on its standard input.
OTHER_PROCESS = """
import sys, pathlib
from local.shared_clock import SharedClock
clock = SharedClock(pathlib.Path(sys.argv[1]))
clock.advance(float(sys.argv[2]))
print("ready", flush=True)
sys.stdin.readline()
print(clock.now(), flush=True)
"""


@pytest.fixture
def clock(tmp_path: Path) -> SharedClock:
    return SharedClock(tmp_path / "clock")


def test_clock_moves_forward_for_every_process_at_once(clock: SharedClock, tmp_path: Path) -> None:
    real = clock.now()
    command = [sys.executable, "-c", OTHER_PROCESS, str(tmp_path / "clock"), str(HOUR)]
    with programs.started(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        assert clock.now() >= real + HOUR
        clock.advance(HOUR)
        printed, _ = process.communicate("\n")
    assert float(printed) >= real + 2 * HOUR


def test_no_concurrent_advance_is_lost(clock: SharedClock) -> None:
    before = clock.now()
    with ThreadPoolExecutor(16) as movers:
        list(movers.map(lambda _: clock.advance(HOUR), range(200)))
    assert clock.now() >= before + 200 * HOUR
    clock.reset()
    assert clock.now() < before + HOUR


def asleep(clock: SharedClock, seconds: float, monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """What is set when a thread wakes that sleeps; it has looked at the clock and waits."""
    waits, woken, wait = threading.Event(), threading.Event(), time.sleep

    def noted(moment: float) -> None:
        if threading.current_thread() is sleeper:
            waits.set()
        wait(moment)

    def sleep() -> None:
        clock.sleep(seconds)
        woken.set()

    monkeypatch.setattr(time, "sleep", noted)
    sleeper = threading.Thread(target=sleep, daemon=True)
    sleeper.start()
    assert waits.wait(20)
    return woken


def test_sleep_ends_when_the_clock_is_advanced_past_it(clock: SharedClock, monkeypatch: pytest.MonkeyPatch) -> None:
    woken = asleep(clock, HOUR, monkeypatch)
    assert not woken.is_set()
    clock.advance(HOUR)
    assert woken.wait(20)


def test_sleep_ends_although_the_clock_is_set_back(clock: SharedClock, monkeypatch: pytest.MonkeyPatch) -> None:
    clock.advance(1_000 * HOUR)
    woken = asleep(clock, 0.5, monkeypatch)
    clock.reset()
    assert woken.wait(20)


@pytest.mark.parametrize("seconds", [-1.0, float("inf"), float("nan")])
def test_clock_refuses_negative_and_infinite_steps(clock: SharedClock, seconds: float) -> None:
    with pytest.raises(ValueError, match="forward"):
        clock.advance(seconds)


def test_stopped_clock_that_is_advanced_is_not_set_back_by_a_correction_that_began_before(
    clock: SharedClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_time, begun, go_on = time.time, threading.Event(), threading.Event()

    def read_slowly() -> float:
        if threading.current_thread() is correcting:
            begun.set()
            assert go_on.wait(20)
        return real_time()

    before, stopped_clock = clock.now(), StoppedClock(tmp_path / "clock")
    monkeypatch.setattr(time, "time", read_slowly)
    correcting = threading.Thread(target=stopped_clock.advance, args=(0.0,))
    advancing = threading.Thread(target=stopped_clock.advance, args=(HOUR,))
    correcting.start()
    assert begun.wait(20)
    advancing.start()
    advancing.join(0.2)  # until it is done, or waits for the other thread
    go_on.set()
    correcting.join()
    advancing.join()

    assert clock.now() >= before + HOUR
