"""What is read of a running process: its threads come and go meanwhile."""

import os
import threading
from collections.abc import Callable

import pytest

from benchmarks.cold_start.emulator import children, processor_seconds


@pytest.mark.parametrize("read", [processor_seconds, children])
def test_process_whose_threads_end_meanwhile_is_read(read: Callable[[int], object]) -> None:
    ended = threading.Event()

    def begin_and_end() -> None:
        while not ended.is_set():
            thread = threading.Thread(target=int)
            thread.start()
            thread.join()

    busy = threading.Thread(target=begin_and_end)
    busy.start()
    try:
        for _ in range(500):
            read(os.getpid())
    finally:
        ended.set()
        busy.join()
