"""Cuts what pip installed down to what the functions use, by two lists beside the layer's sources.

`botocore-data.txt` names the operations of AWS that are called: botocore reads whole models and all endpoints of AWS at
each cold start, as text. `left-out.txt` names files and folders that no function imports; where one is a module, there
is another in its place, whose import fails with an error that names the list. As a script:

    trim.py FOLDER_OF_PACKAGES FOLDER_OF_LISTS
"""

import gzip
import json
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

OPERATIONS = "botocore-data.txt"
LEFT_OUT = "left-out.txt"
INSTEAD = """\
raise ModuleNotFoundError(
    __name__ + " is not in the layer: layers/chat_lookup/left-out.txt lists what no function imports", name=__name__
)
"""
"""The module in the place of one that is left out. Its error is that of a missing module, which packages catch."""
SHARED = frozenset({"_retry.json", "endpoints.json", "partitions.json", "sdk-default-configuration.json"})
"""What every client reads, whatever its service."""
PER_SERVICE = ("service-2", "service-2.sdk-extras", "endpoint-rule-set-1", "paginators-1")
"""What a client reads of its service; waiters and examples are for others."""

Json = dict[str, Any]
Named = TypeVar("Named")


class Operations(NamedTuple):
    """The list of operations: the version of botocore that it was made for, and the operations of each service."""

    version: str
    services: Mapping[str, frozenset[str]]

    @classmethod
    def read(cls, folder: Path) -> "Operations":
        ((package, version), *rows) = (line.split() for line in lines(folder / OPERATIONS))
        if package != "botocore":
            raise SystemExit(f"{OPERATIONS} must begin with botocore and its version")
        named: dict[str, set[str]] = {}
        for service, operation in rows:
            named.setdefault(service, set()).add(operation)
        return cls(version, {service: frozenset(operations) for service, operations in named.items()})


def lines(path: Path) -> list[str]:
    """The lines of a list, without its comments."""
    return [line for line in path.read_text("utf-8").splitlines() if line and not line.startswith("#")]


def trim(packages: Path, lists: Path) -> None:
    """Raises SystemExit where a list does not fit the packages, with the line that does not."""
    operations = Operations.read(lists)
    if not (packages / f"botocore-{operations.version}.dist-info").is_dir():
        raise SystemExit(
            f"{OPERATIONS} was made for botocore {operations.version}, and another version is installed: run the tests "
            "of tests/template and tests/unit/layers with it, then change the version in the list"
        )
    remove(packages, lines(lists / LEFT_OUT))
    data = packages / "botocore" / "data"
    whole = data.rename(data.with_name("whole"))
    cut_data(whole, data, operations.services)
    shutil.rmtree(whole)


def remove(packages: Path, names: Sequence[str]) -> None:
    """Remove what the names name, and put `INSTEAD` in the place of modules. Raises SystemExit with the first name
    that is not there.
    """
    for name in names:
        path = packages / name
        is_module = path.suffix == ".py" or (path / "__init__.py").is_file()
        if path.is_dir():
            shutil.rmtree(path)
        elif path.is_file():
            path.unlink()
        else:
            raise SystemExit(f"{LEFT_OUT} names {name}, which the packages do not have")
        if is_module:
            path.with_suffix(".py").write_text(INSTEAD, encoding="utf-8")


def cut_data(whole: Path, target: Path, services: Mapping[str, frozenset[str]]) -> None:
    """Write botocore's data for these operations of these services, from its whole data."""
    target.mkdir()
    for name in sorted(SHARED):
        content = read(whole / name)
        write(target / name, endpoints_of(content, services) if name == "endpoints.json" else content)
    for service, operations in services.items():
        version = latest(whole / service)
        folder = target / service / version.name
        folder.mkdir(parents=True)
        for kind in PER_SERVICE:
            found = [path for path in (version / f"{kind}.json", version / f"{kind}.json.gz") if path.is_file()]
            for path in found:
                write(folder / f"{kind}.json", CUT[kind](read(path), operations))


def latest(service: Path) -> Path:
    """The version of a service's interface that clients use."""
    if not service.is_dir():
        raise SystemExit(f"{OPERATIONS} names {service.name}, which botocore does not have")
    return max(path for path in service.iterdir() if list(path.glob("service-2.json*")))


def endpoints_of(endpoints: Json, services: Mapping[str, frozenset[str]]) -> Json:
    """The endpoints of these services in all partitions."""
    return endpoints | {
        "partitions": [
            partition | {"services": {name: each for name, each in partition["services"].items() if name in services}}
            for partition in endpoints["partitions"]
        ]
    }


def model_of(model: Json, names: frozenset[str]) -> Json:
    """The model of a service with these operations, and the shapes that they reach. Without documentation."""
    unknown = names - model["operations"].keys()
    if unknown:
        raise SystemExit(f"{OPERATIONS} names operations that botocore does not have: {', '.join(sorted(unknown))}")
    operations = {name: undocumented(each) for name, each in model["operations"].items() if name in names}
    reached = shapes_reached(model["shapes"], operations.values())
    shapes = {name: shape_of(each) for name, each in model["shapes"].items() if name in reached}
    return undocumented(model) | {"operations": operations, "shapes": shapes}


def shapes_reached(shapes: Mapping[str, Json], operations: "Sequence[Json] | Any") -> set[str]:
    reached: set[str] = set()
    waiting = [name for operation in operations for name in referred(operation)]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += referred(shapes[name])
    return reached


def referred(part: object) -> Iterator[str]:
    """The names of the shapes that an operation or a shape refers to."""
    if isinstance(part, dict):
        if isinstance(part.get("shape"), str):
            yield part["shape"]
        for each in part.values():
            yield from referred(each)
    elif isinstance(part, list):
        for each in part:
            yield from referred(each)


def shape_of(shape: Json) -> Json:
    """A shape without documentation. Its members have names of their own, and one may be `documentation`."""
    cut = undocumented(shape)
    if "members" in cut:
        cut["members"] = {name: undocumented(member) for name, member in cut["members"].items()}
    for ref in {"member", "key", "value"} & cut.keys():
        cut[ref] = undocumented(cut[ref])
    return cut


def undocumented(part: Json) -> Json:
    return {name: each for name, each in part.items() if name not in {"documentation", "documentationUrl"}}


def rules_of(rules: Json, _: frozenset[str]) -> Json:
    """The rules of a service's endpoints; its parameters without documentation."""
    return rules | {"parameters": {name: undocumented(each) for name, each in rules["parameters"].items()}}


def pages_of(paginators: Json, names: frozenset[str]) -> Json:
    return {"pagination": {name: each for name, each in paginators["pagination"].items() if name in names}}


CUT = {
    "service-2": model_of,
    "service-2.sdk-extras": lambda extras, _: extras,
    "endpoint-rule-set-1": rules_of,
    "paginators-1": pages_of,
}


def read(path: Path) -> Json:
    content = path.read_bytes()
    found: Json = json.loads(gzip.decompress(content) if path.suffix == ".gz" else content)
    return found


def write(path: Path, content: Json) -> None:
    """In the order that it was read in; uncompressed, as the layer is compressed whole."""
    path.write_text(json.dumps(content, separators=(",", ":"), ensure_ascii=False), encoding="utf-8")


if __name__ == "__main__":
    trim(*map(Path, sys.argv[1:]))
