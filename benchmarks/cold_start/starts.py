"""The time from the start of each function's process to its first response, and its memory then.

The code is the output of `sam build`. Three are started in turn: as built; the same without bytecode; and the least
function (`least/app.py`), which imports boto3, makes the same clients, a Logger and Metrics, and reads one item. The
stores are those of a local run in this process, warmed by the same event, so that no first response calls a portal.
"""

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import quote

from benchmarks.cold_start.emulator import Code, Emulator, Start, without_bytecode
from benchmarks.setting import LeftOut, Setting
from benchmarks.timing import Figure, alternate, pinned
from local.aws.embedded import ENVIRONMENT
from local.run import DEFAULTS
from local.stack import ROOT, LocalStack, Settings, running

_LAYER: Final = "ChatLookupLayer/python"
_ROUNDS: Final = 11

_BUILT: Final = "as built"
_BARE: Final = "without bytecode"
_LEAST: Final = "the least function with the same clients"

_Values = Mapping[str, Mapping[str, Sequence[float]]]
"""By function, and by the variant that was started."""


@dataclass(frozen=True, slots=True)
class First:
    """A function's first event, one of `events/`, and the clients of AWS that it makes to answer it."""

    event: str
    clients: tuple[str, ...] = ("dynamodb", "secretsmanager")


FIRSTS: Final[Mapping[str, First]] = {
    "LookupFunction": First("lookup-http"),  # a chat id that is in the cache
    "RestFunction": First("rest-get"),  # the same
    "DirectFunction": First("direct-lookup"),  # the same
    "InstallFunction": First("install-link"),  # keeps a state and sends the browser to the portal
    "EventsFunction": First("bot-v2-message-add", ("dynamodb", "sqs")),  # proves it and queues it
    "WorkerFunction": First("worker-queue", ("dynamodb", "secretsmanager", "events")),  # answered before; publishes it
    "KeepaliveFunction": First("keepalive"),  # finds no token that is old enough
    "AdminFunction": First("admin-portals"),  # lists them
}
"""No response is a refusal: each function reads or writes the stores, and none calls a portal."""


def figures(setting: Setting) -> list[Figure]:
    """Raises LeftOut where nothing was built, or the emulator is missing."""
    emulator = Emulator.found()
    if not (setting.artifact / _LAYER).is_dir():
        raise LeftOut("there is no artifact; `make build` makes it")
    rounds, warm_up = (1, 0) if setting.quick else (_ROUNDS, 1)
    with _codes(emulator, setting.artifact) as (codes, events):
        imports, starts = {}, {}
        with pinned():
            for function, subjects in codes.items():
                both = {name: partial(emulator.import_seconds, subjects[name]) for name in (_BUILT, _BARE)}
                imports[function] = alternate(both, rounds, warm_up=warm_up)
                first = {name: partial(emulator.start, code, events[function]) for name, code in subjects.items()}
                starts[function] = alternate(first, rounds, warm_up=warm_up)
    return _imported(imports) + _started(starts)


@contextmanager
def _codes(emulator: Emulator, artifact: Path) -> Iterator[tuple[dict[str, dict[str, Code]], dict[str, str]]]:
    """By function: its variants, and its first event; the stores run meanwhile."""
    with tempfile.TemporaryDirectory() as name, running(Settings(Path(name) / "stack")) as stack:
        bare = without_bytecode(artifact, Path(name) / "bare")
        least = _least(emulator, Path(name) / "least")
        # No function calls a portal, so no extra certificate authority is needed, as in the cloud.
        environment = {**ENVIRONMENT, **stack.container_variables(), "CA_PEM": ""}
        codes, events = {}, {}
        for function, first in FIRSTS.items():
            events[function] = _event(first.event, stack)
            stack.backend.functions.invoke(function, json.loads(events[function]))
            clients = {"LEAST_CLIENTS": " ".join(first.clients)}
            codes[function] = {
                _BUILT: Code(artifact / function, artifact / _LAYER, environment),
                _BARE: Code(bare / function, bare / _LAYER, environment),
                _LEAST: Code(least, artifact / _LAYER, environment | clients),
            }
        yield codes, events


def _event(sample: str, stack: LocalStack) -> str:
    """A sample with the host and port of this run's portal."""
    text = (ROOT / f"events/{sample}.json").read_text()
    there = f"host.docker.internal:{DEFAULTS['PORTAL_PORT']}"
    here = stack.target.url.removeprefix("https://")
    return text.replace(there, here).replace(quote(there), quote(here))


def _least(emulator: Emulator, folder: Path) -> Path:
    """The least function as `sam build` would write it: with bytecode that Python does not compare with its source."""
    folder.mkdir()
    shutil.copy(ROOT / "benchmarks/cold_start/least/app.py", folder)
    emulator.compile(folder)
    return folder


def _imported(taken: Mapping[str, Mapping[str, Sequence[float]]]) -> list[Figure]:
    values = {
        function: {name: [each * 1e3 for each in took[name]] for name in took} for function, took in taken.items()
    }
    return _figures("import", "ms", values, _BARE, 0.5)


def _started(taken: Mapping[str, Mapping[str, Sequence[Start]]]) -> list[Figure]:
    def values(of: Callable[[Start], float]) -> _Values:
        return {function: {name: [*map(of, took[name])] for name in took} for function, took in taken.items()}

    milliseconds = values(lambda start: start.seconds * 1e3)
    processor = values(lambda start: start.processor_seconds * 1e3)
    megabytes = values(lambda start: start.resident_bytes / 1e6)
    return [
        *_figures("first answer", "ms", milliseconds, _BARE, 0.5),
        *_figures("first answer", "ms", milliseconds, _LEAST, 1.25),
        *_figures("processor until the first answer", "ms", processor, _LEAST, None),
        *_figures("memory after the first answer", "MB", megabytes, _LEAST, 1.3),
    ]


def _figures(what: str, unit: str, values: _Values, reference: str, most: float | None) -> list[Figure]:
    return [
        Figure.paired(f"{what}, {function}", reference, unit, took[_BUILT], took[reference], most)
        for function, took in values.items()
    ]
