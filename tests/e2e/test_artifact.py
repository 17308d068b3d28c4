"""The output of plain `sam build`: usable bytecode, the stamp of the layer, and reproducible bytes."""

import hashlib
import io
import os
import shutil
import sys
import zipfile
from pathlib import Path

import pytest

from layers.stamp import settings_stamp, stamp
from layers.trim import SHARED, Operations
from tests.e2e.conftest import Build
from tests.support.processes import programs
from tests.support.repository import ROOT
from tests.template.file import FUNCTIONS

NESTED = "MonitoringApplication/template.yaml"
MOST_BYTES = 3_600_000
"""Limit of the zipped layer, 0.63 of what it was before its data and modules were cut: more slows down cold starts."""
UNCHECKED_HASH = 0b01
"""Flags of a .pyc that names its source by hash and is never compared with it (PEP 552)."""


def contents(folder: Path) -> dict[str, tuple[str, str]]:
    """Return hash and mode of every file."""
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


def test_each_function_folder_has_its_handler_and_the_stamps(artifact: Path, source: Path) -> None:
    for function in FUNCTIONS:
        assert (artifact / function / "app.py").is_file()
        assert (artifact / function / "layer-stamp").read_text() == stamp(source / "layers") + "\n"
        assert (artifact / function / "settings-stamp").read_text() == settings_stamp(source) + "\n"


@pytest.mark.parametrize(
    ("folder", "place"), [("ChatLookupLayer", "/opt"), *((name, "/var/task") for name in FUNCTIONS)]
)
def test_every_module_has_unchecked_bytecode_with_its_path_in_lambda(artifact: Path, folder: str, place: str) -> None:
    modules = sorted((artifact / folder).rglob("*.py"))
    assert modules
    for module in modules:
        bytecode = (module.parent / "__pycache__" / f"{module.stem}.cpython-313.pyc").read_bytes()
        assert int.from_bytes(bytecode[4:8], "little") == UNCHECKED_HASH, module
        assert f"{place}/{module.relative_to(artifact / folder).as_posix()}".encode() in bytecode, module


def test_import_reads_the_bytecode_and_no_source(layer: Path, tmp_path: Path) -> None:
    copied = shutil.copytree(layer / "python", tmp_path / "python")
    for source in (copied / "chat_lookup").rglob("*.py"):
        source.write_text("raise SystemExit('compiled again')\n")
    python = programs.run([ROOT / "layers/find-python", "3.13"], timeout=60)
    done = programs.run(
        [python.stdout.strip(), "-c", "from chat_lookup.bootstrap import process; print(process.layer())"],
        env={"PYTHONPATH": str(copied), "PYTHONDONTWRITEBYTECODE": "1"}, cwd=tmp_path, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout.strip()) == (0, "unbuilt"), done.stderr


def test_layer_has_no_binaries_and_stays_small(layer: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert not [path for path in layer.rglob("*") if path.suffix in {".so", ".pyd", ".dylib"}]
    size = zipped_size(layer)
    with capsys.disabled():
        sys.stdout.write(f"\nlayer, zipped: {size / 1e6:.1f} MB\n")
    assert size < MOST_BYTES


def test_layer_has_no_scripts_and_no_records_of_the_build_machine(layer: Path, source: Path) -> None:
    names = {path.name for path in layer.rglob("*")}
    assert not names & {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "bin"}
    assert "METADATA" in names
    data = {path.name for path in (layer / "python/botocore/data").iterdir()}
    assert data == SHARED | Operations.read(source / "layers/chat_lookup").services.keys()


def cloned_by_another_user(source: Path, folder: Path) -> Path:
    """Copy the sources as in an old clone of another user with a private umask."""
    shutil.copytree(source, folder)
    for path in folder.rglob("*"):
        path.chmod(path.stat().st_mode & ~0o077)
        os.utime(path, (1_000_000_000, 1_000_000_000))
    return folder


def test_builds_of_two_users_are_identical_and_leave_the_sources_unchanged(
    artifact: Path, source: Path, build: Build, tmp_path: Path
) -> None:
    elsewhere = cloned_by_another_user(source, tmp_path / "deeper" / "clone")
    before = contents(elsewhere)
    again = contents(
        build(
            elsewhere, tmp_path / "build", umask=0o077, PYTHONHASHSEED="77", LC_ALL="C.UTF-8", TZ="Asia/Tokyo"
        )
    )  # fmt: skip
    first = contents(artifact)
    for built in (first, again):
        built.pop("template.yaml")  # it contains folders relative to the sources
        built[NESTED] = (built[NESTED][0], "")  # SAM copies it with the umask, and uploads its text
    assert again == first
    assert contents(elsewhere) == before


def test_one_changed_byte_of_the_layer_changes_only_the_stamp_of_every_function(
    artifact: Path, source: Path, build: Build, tmp_path: Path
) -> None:
    # SAM names its uploads by paths and contents, and a new name makes a new version.
    changed = shutil.copytree(source, tmp_path / "clone")
    with (changed / "layers/chat_lookup/chat_lookup/errors.py").open("a") as module:
        module.write("\n")
    again = build(changed, tmp_path / "build")
    for function in FUNCTIONS:
        differing = dict(contents(again / function).items() ^ contents(artifact / function).items())
        assert differing.keys() == {"layer-stamp"}, function
