"""Commands of make check what they need before they set up an environment or build, and `make help` describes them."""

import re
import shutil
from pathlib import Path

import pytest

from local.run import DEFAULTS
from tests.support.make_verb import make
from tests.support.repository import ROOT

MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
VERBS = re.findall(r"^([a-z0-9-]+):.*## ", MAKEFILE, re.MULTILINE)
UNUSED = ("VENV=/nowhere/.venv", "SAM_VENV=/nowhere/.venv-sam", "SAM=false")
"""Where no environment can be made."""


@pytest.fixture
def without_python(tmp_path: Path) -> dict[str, str]:
    """Variables of a shell that finds the programs that make itself uses, and no Python."""
    for name in ("bash", "dirname", "env", "make", "sh", "uname"):
        (tmp_path / name).symlink_to(str(shutil.which(name)))
    return {"PATH": str(tmp_path), "PYENV_ROOT": "/nowhere", "HOME": "/nowhere"}


@pytest.mark.parametrize(
    ("verb", "words"), [("build", ()), ("e2e", ()), ("bench", ("DYNAMODB_LOCAL_URL=x",)), ("deploy", ("ENV=dev",))]
)
def test_verb_that_builds_ends_without_the_functions_python_before_anything_else(
    verb: str, words: tuple[str, ...], without_python: dict[str, str]
) -> None:
    done = make(verb, *UNUSED, *words, **without_python)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(
        f"make {verb} needs Python 3.13, as the functions run on it; install it, then again\n"
    )


def test_invocation_without_a_container_engine_ends_before_the_build(tmp_path: Path) -> None:
    (tmp_path / "env.json").touch()
    done = make("invoke", *UNUSED, f"STATE_DIR={tmp_path}", DOCKER_HOST=f"unix://{tmp_path}/docker.sock")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("No container engine answers: start Docker (or Finch) first, then make invoke again")


def test_benchmark_with_an_unknown_option_ends_before_the_build() -> None:
    done = make("bench", *UNUSED, "ARGS=--quik")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("make bench ARGS=--quick, ARGS=--only=growth, or without ARGS\n")


@pytest.mark.parametrize("words", ["", "--quick", '--quick "--only=cold start" --only=growth'])
def test_benchmark_without_a_dynamodb_local_reports_first_what_is_left_out(words: str) -> None:
    done = make("bench", *UNUSED, f"ARGS={words}")

    assert done.stderr.startswith("Without DYNAMODB_LOCAL_URL only cold starts are measured")


def test_help_describes_each_verb_with_its_time_and_the_variables_of_make_run() -> None:
    lines = make("help").stdout.splitlines()

    described = {line.split()[1]: line for line in lines if line.startswith("  make ")}
    assert described.keys() == set(VERBS)
    without_time = {verb for verb, line in described.items() if not re.search(r"\[.*\d+ (s|min).*\]$", line)}
    assert without_time == {"help", "clean"}
    assert [name for name in DEFAULTS if not re.search(rf"\b{name}\b", "\n".join(lines))] == []
