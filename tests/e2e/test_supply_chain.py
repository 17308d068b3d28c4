"""The layer consists of the pinned files, and the list of its parts is complete."""

import json
import re
import shutil
from pathlib import Path
from typing import Any, Final

import pytest

from tests.e2e.machine import missing
from tests.support.processes import programs
from tests.support.repository import ROOT
from tools.pins import HASHED, PINNED, normalized, pins

pytestmark = pytest.mark.timeout(600)

SUPPLY: Final = ROOT / ".venv-supply/bin/python"
BILL: Final = ROOT / ".aws-sam/sbom.cdx.json"
VALID: Final = """
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(sys.stdin.read())
sys.exit(0 if error is None else str(error))
"""


@pytest.fixture(scope="module")
def bills() -> list[str]:
    """The list of parts, written twice."""
    if not SUPPLY.exists():
        missing("there is no cyclonedx-py here; `make e2e` installs it")
    return [written(), written()]


def written() -> str:
    done = programs.run(["make", "sbom"], cwd=ROOT, timeout=300)
    assert done.returncode == 0, done.stderr
    return BILL.read_text("utf-8")


def test_bill_of_materials_is_valid_and_the_same_each_time(bills: list[str]) -> None:
    first, second = bills
    done = programs.run([SUPPLY, "-c", VALID], text=first, timeout=60)

    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(first)["specVersion"] == "1.6"
    assert "timestamp" not in first
    assert first == second


def test_bill_of_materials_lists_exactly_the_packages_of_the_layer_with_their_hashes(
    bills: list[str], artifact: Path
) -> None:
    parts = json.loads(bills[0])["components"]
    packages = {
        tuple(folder.name.removesuffix(".dist-info").rsplit("-", 1))
        for folder in (artifact / "ChatLookupLayer/python").glob("*.dist-info")
    }

    assert {(normalized(part["name"]), part["version"]) for part in parts} == {
        (normalized(name), version) for name, version in packages
    }
    assert sorted(hashes_in(parts)) == sorted(re.findall(r"sha256:([0-9a-f]{64})", HASHED.read_text("utf-8")))


def hashes_in(parts: list[dict[str, Any]]) -> list[str]:
    return [each["content"] for part in parts for link in part["externalReferences"] for each in link["hashes"]]


def test_file_with_another_hash_is_not_installed(source: Path, tmp_path: Path) -> None:
    layers = shutil.copytree(source / "layers", tmp_path / "layers")
    requirements = layers / "chat_lookup" / HASHED.name
    requirements.write_text(re.sub(r"sha256:[0-9a-f]{64}", "sha256:" + "0" * 64, requirements.read_text()))
    command = ["make", "--file", str(layers / "chat_lookup/Makefile"), "build-ChatLookupLayer"]
    done = programs.run([*command, f"ARTIFACTS_DIR={tmp_path / 'built'}"], timeout=300)

    assert done.returncode != 0
    assert "DO NOT MATCH THE HASHES" in done.stderr
    assert not (tmp_path / "built/python/boto3").exists()


def test_layer_consists_of_the_pinned_packages(artifact: Path) -> None:
    folders = (artifact / "ChatLookupLayer/python").glob("*.dist-info")
    installed = {folder.name.removesuffix(".dist-info").replace("-", "==") for folder in folders}

    assert {normalized(each) for each in installed} == {normalized(pin) for pin in pins(PINNED.read_text("utf-8"))}
