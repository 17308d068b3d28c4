"""A third of a processor for what is measured, as Lambda gives to a function of 512 MB (1,769 MB have a whole one).

Processor time is not changed by it; waiting is, and what several threads do at once.
"""

import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

GROUPS: Final = Path("/sys/fs/cgroup")
_PERIOD_US: Final = 20_000
"""Lambda's own period: a process that has used its share of it waits for the next one."""
_QUOTA_US: Final = _PERIOD_US // 3
_SETTINGS: Final[Mapping[str, Mapping[str, str]]] = {
    ".": {"cpu.max": f"{_QUOTA_US} {_PERIOD_US}"},
    "cpu": {"cpu.cfs_period_us": str(_PERIOD_US), "cpu.cfs_quota_us": str(_QUOTA_US)},
}
"""By the folder of the controller: that of cgroups of version 2, and of version 1."""
_LEAVE_SECONDS: Final = 10.0
_JOIN: Final = ("/bin/sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"')


@dataclass(frozen=True, slots=True)
class Share:
    """How much of a processor a program has that is started with `command` before its own command line."""

    name: str
    command: tuple[str, ...] = ()


@contextmanager
def a_third(groups: Path = GROUPS) -> Iterator[Share]:
    """By a control group where this user may make one, else by `cpulimit`; a whole processor where neither is."""
    for controller, settings in _SETTINGS.items():
        group = groups / controller / f"chat-lookup-benchmark-{os.getpid()}"
        if _made(group, settings):
            try:
                yield Share("a third of a processor", (*_JOIN, str(group)))
            finally:
                _leave(group)
            return
    program = shutil.which("cpulimit")
    if program:
        yield Share("a third of a processor (cpulimit)", (program, "--limit=33", "--include-children", "--"))
    else:
        yield Share("a whole processor: no control group can be made, and there is no cpulimit")


def _leave(group: Path) -> None:
    """Remove the group, when the last process that was ended in it is gone."""
    end = time.monotonic() + _LEAVE_SECONDS
    while (group / "cgroup.procs").read_text() and time.monotonic() < end:
        time.sleep(0.01)
    group.rmdir()


def _made(group: Path, settings: Mapping[str, str]) -> bool:
    """Whether the group is there and limited: its files must be there, since the kernel makes them with the folder."""
    try:
        group.mkdir()
    except OSError:
        return False
    try:
        for name, value in settings.items():
            with (group / name).open("r+") as file:
                file.write(value)
    except OSError:
        group.rmdir()
        return False
    return True
