"""What plain `sam build` leaves for upload: bytecode that is used, the layer's stamp, the same bytes each time."""

import hashlib
import io
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from layers.stamp import settings_stamp, stamp
from tests.e2e.conftest import Build
from tests.support.repository import ROOT
from tests.template.file import FUNCTIONS

MOST_BYTES = 15_000_000
"""Of the zipped layer; more would cost cold starts."""
UNCHECKED_HASH = 0b01
"""Flags of a .pyc that names its source by hash and is never compared with it (PEP 552)."""


def contents(folder: Path) -> dict[str, tuple[str, str]]:
    """Of every file its content's hash and its mode."""
    return {
        path.relative_to(folder).as_posix(): (hashlib.sha256(path.read_bytes()).hexdigest(), oct(path.stat().st_mode))
        for path in folder.rglob("*")
        if path.is_file()
    }


def zipped_size(folder: Path) -> int:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, path.relative_to(folder))
    return len(packed.getvalue())


@pytest.fixture
def layer(artifact: Path) -> Path:
    return artifact / "ChatLookupLayer"


def test_each_function_folder_holds_its_handler_and_the_stamps(artifact: Path, source: Path) -> None:
    for function in FUNCTIONS:
        assert (artifact / function / "app.py").is_file()
        assert (artifact / function / "layer-stamp").read_text() == stamp(source / "layers") + "\n"
        assert (artifact / function / "settings-stamp").read_text() == settings_stamp(source) + "\n"


@pytest.mark.parametrize(
    ("folder", "place"), [("ChatLookupLayer", "/opt"), *((name, "/var/task") for name in FUNCTIONS)]
)
def test_every_module_has_bytecode_that_is_never_checked_and_names_its_place_in_the_cloud(
    artifact: Path, folder: str, place: str
) -> None:
    modules = sorted((artifact / folder).rglob("*.py"))
    assert modules
    for module in modules:
        bytecode = (module.parent / "__pycache__" / f"{module.stem}.cpython-313.pyc").read_bytes()
        assert int.from_bytes(bytecode[4:8], "little") == UNCHECKED_HASH, module
        assert f"{place}/{module.relative_to(artifact / folder).as_posix()}".encode() in bytecode, module


def test_an_import_reads_the_bytecode_and_no_source(layer: Path, tmp_path: Path) -> None:
    copied = shutil.copytree(layer / "python", tmp_path / "python")
    for source in (copied / "chat_lookup").rglob("*.py"):
        source.write_text("raise SystemExit('compiled again')\n")
    python = subprocess.run([ROOT / "layers/find-python", "3.13"], capture_output=True, text=True, check=True)
    done = subprocess.run(
        [python.stdout.strip(), "-c", "from chat_lookup.bootstrap import process; print(process.layer())"],
        env={"PYTHONPATH": str(copied), "PYTHONDONTWRITEBYTECODE": "1"}, cwd=tmp_path,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout.strip()) == (0, "unbuilt"), done.stderr


def test_the_layer_serves_both_architectures_and_stays_small(layer: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert not [path for path in layer.rglob("*") if path.suffix in {".so", ".pyd", ".dylib"}]
    size = zipped_size(layer)
    with capsys.disabled():
        sys.stdout.write(f"\nlayer, zipped: {size / 1e6:.1f} MB\n")
    assert size < MOST_BYTES


def test_scripts_and_notes_about_the_building_machine_stay_out(layer: Path, source: Path) -> None:
    names = {path.name for path in layer.rglob("*")}
    assert not names & {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "bin"}
    assert "METADATA" in names
    kept = (source / "layers/chat_lookup/botocore-data.txt").read_text().splitlines()
    data = {path.name for path in (layer / "python/botocore/data").iterdir()}
    assert data == {line for line in kept if not line.startswith("#")}


def cloned_by_somebody_else(source: Path, folder: Path) -> Path:
    """The sources as they lie with somebody who shares no file with anyone, and cloned them long ago."""
    shutil.copytree(source, folder)
    for path in folder.rglob("*"):
        path.chmod(path.stat().st_mode & ~0o077)
        os.utime(path, (1_000_000_000, 1_000_000_000))
    return folder


def test_two_people_build_the_same_and_leave_no_trace_in_the_sources(
    artifact: Path, source: Path, build: Build, tmp_path: Path
) -> None:
    elsewhere = cloned_by_somebody_else(source, tmp_path / "deeper" / "clone")
    before = contents(elsewhere)
    again = contents(
        build(
            elsewhere, tmp_path / "build", umask=0o077, PYTHONHASHSEED="77", LC_ALL="C.UTF-8", TZ="Asia/Tokyo"
        )
    )  # fmt: skip
    first = contents(artifact)
    for built in (first, again):
        built.pop("template.yaml")  # it names folders relative to the sources
    assert again == first
    assert contents(elsewhere) == before


def test_a_layer_that_changes_by_one_byte_changes_every_function_by_its_stamp_alone(
    artifact: Path, source: Path, build: Build, tmp_path: Path
) -> None:
    # SAM names what it uploads by paths and contents, and a new name makes a new version.
    changed = shutil.copytree(source, tmp_path / "clone")
    with (changed / "layers/chat_lookup/chat_lookup/errors.py").open("a") as module:
        module.write("\n")
    again = build(changed, tmp_path / "build")
    for function in FUNCTIONS:
        differing = dict(contents(again / function).items() ^ contents(artifact / function).items())
        assert differing.keys() == {"layer-stamp"}, function
