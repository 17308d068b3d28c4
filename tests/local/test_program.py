"""A program that stays up ends in one line and with its exit status, at whatever moment a signal comes, or several."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest

from local.program import stay, until_a_signal

SIGNALS = (signal.SIGINT, signal.SIGTERM)
LINE = "\nStopped.\n"


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    before, hook = {each: signal.getsignal(each) for each in SIGNALS}, sys.unraisablehook
    yield
    sys.unraisablehook = hook
    for each, handler in before.items():
        signal.signal(each, handler)


class InterruptedAtItsEnd:
    """A destructor in which a signal comes; the interpreter ignores what that raises."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGINT)


def while_it_works() -> int:
    signal.raise_signal(signal.SIGINT)
    return 3


def again_while_it_ends() -> int:
    try:
        signal.raise_signal(signal.SIGINT)
    finally:
        for each in SIGNALS:
            signal.raise_signal(each)
    return 3


def in_a_destructor() -> int:
    InterruptedAtItsEnd()
    stay()
    return 3


class Moment(NamedTuple):
    run: Callable[[], int]
    status: int
    printed: str


MOMENTS = {
    "while it works": Moment(while_it_works, 0, LINE),
    "again while it ends": Moment(again_while_it_ends, 0, LINE),
    "in a destructor": Moment(in_a_destructor, 0, LINE),
    "never": Moment(lambda: 3, 3, ""),
}


@pytest.mark.parametrize("moment", MOMENTS.values(), ids=MOMENTS)
def test_program_ends_in_one_line_whenever_a_signal_comes(moment: Moment, capfd: pytest.CaptureFixture[str]) -> None:
    assert until_a_signal(moment.run) == moment.status
    for each in SIGNALS:  # while the interpreter ends
        signal.raise_signal(each)

    assert capfd.readouterr() == (moment.printed, "")


def test_signal_that_was_held_back_ends_the_program_before_it_begins(capfd: pytest.CaptureFixture[str]) -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    signal.raise_signal(signal.SIGINT)

    assert until_a_signal(lambda: 3) == 0
    assert capfd.readouterr() == (LINE, "")


def test_program_whose_reader_ended_by_the_same_signal_ends_in_silence(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as output:
        monkeypatch.setattr(sys, "stdout", output)
        assert until_a_signal(while_it_works) == 0
        output.flush()  # as the interpreter does at its end

    assert capfd.readouterr() == ("", "")


def test_other_failure_of_a_destructor_is_still_reported(capfd: pytest.CaptureFixture[str]) -> None:
    class Failing:
        def __del__(self) -> None:
            raise ValueError("broken")

    def run() -> int:
        Failing()
        return 0

    assert until_a_signal(run) == 0
    assert "ValueError: broken" in capfd.readouterr().err
