"""The hashes of the layer's requirements, and the verdict of `make audit`."""

import hashlib
import json
import re
from pathlib import Path

import pytest

from tools.audit import CLEAN, UNKNOWN, VULNERABLE, judged
from tools.pins import HASHED, PINNED, downloaded, hashed, pins


def test_every_pin_of_the_layer_has_hashes_in_the_same_order() -> None:
    text = HASHED.read_text("utf-8")

    assert pins(text) == pins(PINNED.read_text("utf-8"))
    assert len(re.findall(r"^    --hash=sha256:[0-9a-f]{64}( \\)?$", text, re.MULTILINE)) >= len(pins(text))


def test_hashes_name_no_registry() -> None:
    assert not re.search(r"https?:|--index-url|--extra-index|--find-links", HASHED.read_text("utf-8"))


def test_build_of_the_layer_requires_the_hashes() -> None:
    (install,) = re.findall(r"-m pip install(?:.*\\\n)*.*", (HASHED.parent / "Makefile").read_text("utf-8"))
    assert f'--require-hashes --requirement "$(SOURCE){HASHED.name}"' in install


def test_hashes_are_those_of_the_downloaded_wheels_whatever_the_spelling_of_the_name(tmp_path: Path) -> None:
    for name in ("typing_extensions-4.16.0-py3-none-any.whl", "six-1.17.0-py2.py3-none-any.whl"):
        (tmp_path / name).write_bytes(name.encode())
    digest = hashlib.sha256(b"typing_extensions-4.16.0-py3-none-any.whl").hexdigest()

    text = hashed(["Typing.Extensions==4.16.0"], downloaded(tmp_path))
    assert text.splitlines()[1:] == ["Typing.Extensions==4.16.0 \\", f"    --hash=sha256:{digest}"]
    assert pins(text) == ["Typing.Extensions==4.16.0"]


def test_pin_without_a_wheel_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        hashed(["six==1.17.0"], downloaded(tmp_path))


SIX = {"name": "six", "version": "1.17.0", "vulns": []}
URLLIB3 = {"name": "urllib3", "version": "2.0.0", "vulns": [{"id": "PYSEC-2026-1", "fix_versions": ["2.0.7"]}]}
SKIPPED = {"name": "boto3", "skip_reason": "Dependency not found on PyPI"}


@pytest.mark.parametrize(
    ("packages", "status", "words"),
    [
        ([SIX], CLEAN, "1 packages, no known advisory"),
        ([SIX, URLLIB3], VULNERABLE, "urllib3 2.0.0: PYSEC-2026-1, fixed in 2.0.7"),
        ([SIX, SKIPPED], UNKNOWN, "No advisories can be had here for boto3"),
        ([SKIPPED, URLLIB3], VULNERABLE, "No advisories can be had here for boto3"),
    ],
)
def test_audit_of_packages_that_the_service_does_not_know_is_no_success(
    packages: list[dict[str, object]], status: int, words: str
) -> None:
    verdict = judged(json.dumps({"dependencies": packages, "fixes": []}), "")

    assert verdict.status == status
    assert words in verdict.lines


@pytest.mark.parametrize("output", ["", "Traceback", "[]", "{}"])
def test_audit_without_an_answer_reports_the_last_error(output: str) -> None:
    verdict = judged(output, "WARNING: something\nERROR: could not connect\n")

    assert verdict == (UNKNOWN, ["No advisories can be had here: ERROR: could not connect"])
