"""The files of requirements pin everything, and what `make run` imports is all in its own."""

import importlib.metadata
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.repository import ROOT

FILES = sorted(ROOT.glob("requirements/*.txt"))


def lines(file: Path) -> Iterator[str]:
    for line in file.read_text("utf-8").splitlines():
        if line.startswith("-r "):
            yield from lines(file.parent / line.removeprefix("-r "))
        elif wanted := line.partition("#")[0].strip():
            yield wanted


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_each_line_pins_one_version_and_no_package_has_two(file: Path) -> None:
    pins = [re.fullmatch(r"([A-Za-z0-9._-]+)==[A-Za-z0-9.]+", line) for line in lines(file)]
    assert pins
    assert all(pins)
    names = [canonicalize_name(pin[1]) for pin in pins if pin]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", ["run", "dev"])
def test_file_has_every_package_that_its_packages_require(name: str) -> None:
    pinned = {canonicalize_name(line.split("==")[0]) for line in lines(ROOT / f"requirements/{name}.txt")}
    missing = {
        f"{package}: {text}"
        for package in pinned
        for text in importlib.metadata.requires(package) or ()
        if _applies(required := Requirement(text)) and canonicalize_name(required.name) not in pinned
    }
    assert missing == set()


def _applies(required: Requirement) -> bool:
    return required.marker is None or required.marker.evaluate({"extra": ""})


@pytest.mark.parametrize(
    ("here", "expected"),
    [
        ({}, {"SAM_CLI_TELEMETRY": "0"}),
        ({"SAM_CLI_TELEMETRY": "1"}, {"SAM_CLI_TELEMETRY": "1"}),
        ({"AWS_REGION": ""}, {"AWS_REGION": "", "SAM_CLI_TELEMETRY": "0"}),
        (
            {"AWS_REGION": "eu-central-1", "AWS_DEFAULT_REGION": "us-east-1"},
            {"AWS_REGION": "eu-central-1", "AWS_DEFAULT_REGION": "eu-central-1", "SAM_CLI_TELEMETRY": "0"},
        ),
    ],
    ids=["nothing set", "telemetry wanted", "no region", "region"],
)
def test_sam_as_printed_sends_no_telemetry_and_works_in_the_region_of_the_shell(
    here: dict[str, str], expected: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "environ", dict(here))
    for line in ROOT.joinpath("requirements/sam.pth").read_text("utf-8").splitlines():
        if line.startswith("import "):  # as Python's site reads such files
            exec(line)  # noqa: S102 - our own line
    assert os.environ == expected
