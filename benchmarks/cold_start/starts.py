"""The time from the start of each function's process to its first response, and its memory then.

The code is the output of `sam build`, beside three references: the same without bytecode; the least function
(`least/app.py`), which imports boto3, makes the same clients, a Logger and Metrics, and reads one item; and the least
function on a layer that is not cut: what `pip install` makes of the same requirements, with bytecode. All have a third
of a processor, as Lambda gives to 512 MB. The stores are those of a local run in this process, warmed by the same
event, so that no first response calls a portal.
"""

import io
import json
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import quote

from benchmarks.cold_start.emulator import Code, Emulator, Start, without_bytecode
from benchmarks.cold_start.share import a_third
from benchmarks.setting import LeftOut, Setting
from benchmarks.timing import Figure, alternate, pinned
from local.aws.embedded import ENVIRONMENT
from local.run import DEFAULTS
from local.stack import ROOT, LocalStack, Settings, running

_LAYER: Final = "ChatLookupLayer/python"
_ROUNDS: Final = 31
_ROUNDS_WITHOUT_BYTECODE: Final = 3
"""They take long, and their ratio is far from one."""
_ROUNDS_OF_IMPORTS: Final = 9

_BUILT: Final = "as built"
_BARE: Final = "without bytecode"
_LEAST: Final = "the least function with the same clients"
_UNCUT: Final = "the least function with the same clients, uncut: what pip installs"

Sample = TypeVar("Sample")
_Taken = Mapping[str, Mapping[str, Sequence[Sample]]]
"""By function, and by the variant that was started."""
_Codes = Mapping[str, Mapping[str, Code]]
"""The same."""


@dataclass(frozen=True, slots=True)
class First:
    """A function's first event, one of `events/`, and the clients of AWS that it makes to answer it."""

    event: str
    clients: tuple[str, ...] = ("dynamodb", "secretsmanager")
    beside_uncut: float = 0.9
    beside_least: float = 1.1
    """The most that processor time may be of either reference's."""


FIRSTS: Final[Mapping[str, First]] = {
    "LookupFunction": First("lookup-http"),  # a chat id that is in the cache
    "RestFunction": First("rest-get"),  # the same
    "DirectFunction": First("direct-lookup"),  # the same
    "InstallFunction": First(
        "install-link", beside_uncut=1.0, beside_least=1.2
    ),  # keeps a state and sends the browser to the portal
    "EventsFunction": First("bot-v2-message-add", ("dynamodb", "sqs")),  # proves it and queues it
    # Answered before; publishes it.
    "WorkerFunction": First("worker-queue", ("dynamodb", "secretsmanager", "events"), beside_uncut=1.0),
    "KeepaliveFunction": First("keepalive"),  # finds no token that is old enough
    "AdminFunction": First("admin-portals", beside_uncut=1.0),  # lists them
}
"""No response is a refusal: each function reads or writes the stores, and none calls a portal."""


def figures(setting: Setting) -> list[Figure]:
    """Raises LeftOut where nothing was built, or the emulator is missing."""
    if not (setting.artifact / _LAYER).is_dir():
        raise LeftOut("there is no artifact; `make build` makes it")
    with a_third() as share, pinned():
        emulator = Emulator.found(share)
        with _codes(emulator, setting.artifact) as (codes, events):
            imports = _each(
                codes, lambda code, _: emulator.import_seconds(code), events, setting.rounds(_ROUNDS_OF_IMPORTS)
            )
            compiled = _each(codes, emulator.start, events, setting.rounds(_ROUNDS_WITHOUT_BYTECODE))
            starts = _beside_the_least(
                codes, emulator.start, events, setting.rounds(_ROUNDS), warm_up=0 if setting.quick else 1
            )
    return [
        *_figures("import", "ms", _of(imports, lambda seconds: seconds * 1e3), _BARE, lambda _: 0.5),
        *_figures("first answer", "ms", _of(compiled, _milliseconds), _BARE, lambda _: 0.5),
        *_started(starts, share.name),
        Figure.paired(
            "layer, zipped", "5.7 MB, uncut", "MB", [_zipped_megabytes(setting.artifact / _LAYER)], [5.7], 0.65
        ),
    ]


def _zipped_megabytes(folder: Path) -> float:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, path.relative_to(folder))
    return packed.tell() / 1e6


def _each(
    codes: _Codes, taken: Callable[[Code, str], Sample], events: Mapping[str, str], rounds: int
) -> _Taken[Sample]:
    """Each function as built, in turn with the same without bytecode."""
    return {
        function: alternate(
            {name: partial(taken, subjects[name], events[function]) for name in (_BUILT, _BARE)}, rounds, warm_up=0
        )
        for function, subjects in codes.items()
    }


def _beside_the_least(
    codes: _Codes, start: Callable[[Code, str], Start], events: Mapping[str, str], rounds: int, warm_up: int
) -> _Taken[Start]:
    """The functions with the same clients, in turn with the two least functions that make these."""
    taken: dict[str, dict[str, list[Start]]] = {}
    for clients in dict.fromkeys(first.clients for first in FIRSTS.values()):
        functions = [function for function in codes if FIRSTS[function].clients == clients]
        subjects = {function: partial(start, codes[function][_BUILT], events[function]) for function in functions}
        for name in (_LEAST, _UNCUT):
            subjects[name] = partial(start, codes[functions[0]][name], "{}")
        times = alternate(subjects, rounds, warm_up=warm_up)
        references = {name: times[name] for name in (_LEAST, _UNCUT)}
        taken |= {function: {_BUILT: times[function], **references} for function in functions}
    return taken


@contextmanager
def _codes(emulator: Emulator, artifact: Path) -> Iterator[tuple[_Codes, dict[str, str]]]:
    """By function: its variants, and its first event; the stores run meanwhile."""
    with tempfile.TemporaryDirectory() as name, running(Settings(Path(name) / "stack")) as stack:
        bare = without_bytecode(artifact, Path(name) / "bare")
        least = _least(emulator, Path(name) / "least")
        uncut = emulator.install(ROOT / "layers/chat_lookup/requirements.txt", Path(name) / "uncut")
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
                _UNCUT: Code(least, uncut, environment | clients),
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


def _started(taken: _Taken[Start], share: str) -> list[Figure]:
    """Waiting and processor time beside both references, and memory beside the least function in the same layer."""
    processor = _of(taken, lambda start: start.processor_seconds * 1e3)
    milliseconds, megabytes = _of(taken, _milliseconds), _of(taken, lambda start: start.resident_bytes / 1e6)
    return [
        *(
            figure
            for name, most in ((_LEAST, _beside_least), (_UNCUT, _beside_uncut))
            for what, values in (("first answer", milliseconds), ("processor until the first answer", processor))
            for figure in _figures(what, "ms", values, name, most, f", with {share}")
        ),
        *_figures("memory after the first answer", "MB", megabytes, _LEAST, lambda _: 1.3),
    ]


def _beside_least(function: str) -> float:
    return FIRSTS[function].beside_least


def _beside_uncut(function: str) -> float:
    return FIRSTS[function].beside_uncut


def _milliseconds(start: Start) -> float:
    return start.seconds * 1e3


def _of(taken: _Taken[Sample], value: Callable[[Sample], float]) -> _Taken[float]:
    return {function: {name: [*map(value, took[name])] for name in took} for function, took in taken.items()}


def _figures(
    what: str, unit: str, values: _Taken[float], reference: str, most: Callable[[str], float], share: str = ""
) -> list[Figure]:
    return [
        Figure.paired(f"{what}, {function}", reference + share, unit, took[_BUILT], took[reference], most(function))
        for function, took in values.items()
    ]
