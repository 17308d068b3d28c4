"""`make deploy`, `make preflight` and `make prune` as operators run them, against moto's CloudFormation."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.make_verb import make
from tests.support.moto_server import moto_server

REGION = "eu-central-1"
# In place of `sam`, which would build for a minute: notes its arguments, and makes the change set of a small template.
SAM = """#!{python}
import os, sys
from pathlib import Path
from botocore.session import Session

here = Path(__file__).parent
with (here / "calls").open("a") as calls:
    print(*sys.argv[1:], os.environ.get("AWS_DEFAULT_REGION"), file=calls)
if sys.argv[1] == "deploy" and (here / "template.json").exists():
    Session().create_client("cloudformation").create_change_set(
        StackName="chat-lookup-" + sys.argv[3], ChangeSetName="samcli-deploy1", ChangeSetType="CREATE",
        TemplateBody=(here / "template.json").read_text())
"""
TEMPLATE = '{"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}'


@pytest.fixture(scope="module")
def account() -> Iterator[str]:
    """The address of an empty account."""
    with moto_server() as address:
        yield address


@pytest.fixture
def sam(tmp_path: Path) -> Path:
    script = tmp_path / "sam"
    script.write_text(SAM.format(python=sys.executable))
    script.chmod(0o700)
    (tmp_path / "template.json").write_text(TEMPLATE)
    return script


def run(verb: str, sam: Path, account: str, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    keys = {"AWS_ACCESS_KEY_ID": "access", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_CONFIG_FILE": "/nowhere"}
    settings = {"AWS_ENDPOINT_URL": account, "AWS_REGION": REGION, **keys, **environ}
    return make("--old-file=/nowhere/bin/.ready", verb, f"SAM={sam}", "SAM_VENV=/nowhere", *words, **settings)


@pytest.mark.parametrize("verb", ["deploy", "preflight", "prune"])
@pytest.mark.parametrize("words", [(), ("ENV=",), ("ENV=production",), ("ENV=dev prod",), ("ENV=dev;true",)])
def test_verb_without_a_known_environment_ends_before_anything_runs(verb: str, words: tuple[str, ...]) -> None:
    done = make(verb, *words, "SAM=false", "SAM_VENV=/nowhere")

    assert done.returncode != 0
    assert f"make {verb} ENV=dev|staging|prod" in done.stderr
    assert done.stdout == ""


def test_invocation_without_a_local_run_ends_before_the_build(tmp_path: Path) -> None:
    done = make("invoke", f"STATE_DIR={tmp_path}", "SAM=false", "SAM_VENV=/nowhere")

    assert done.returncode != 0
    assert done.stderr.startswith("Start the stores first: make run")
    assert done.stdout == ""


def test_deployment_checks_builds_and_executes_the_change_set_of_sam(sam: Path, account: str) -> None:
    done = run("deploy", sam, account, "ENV=dev")

    assert done.returncode == 0, done.stdout + done.stderr
    build, deploy = (sam.parent / "calls").read_text().splitlines()
    assert build.startswith("build --config-env dev ")
    assert deploy == f"deploy --config-env dev --no-execute-changeset --no-fail-on-empty-changeset {REGION}"
    assert f"chat-lookup-dev in {REGION}, account 123456789012" in done.stdout
    assert "CREATE_COMPLETE" in done.stdout
    assert "make smoke URL=" in done.stdout

    (sam.parent / "template.json").unlink()
    again = run("deploy", sam, account, "ENV=dev")
    assert again.returncode == 0, again.stderr
    assert "chat-lookup-dev has no changes." in again.stdout
    pruned = run("prune", sam, account, "ENV=dev")
    assert (pruned.returncode, pruned.stdout) == (0, "0 versions deleted\n"), pruned.stderr


def test_deployment_that_asks_is_not_executed_without_a_terminal_but_with_yes(sam: Path, account: str) -> None:
    refused = run("deploy", sam, account, "ENV=prod")
    assert refused.returncode != 0
    assert "Not confirmed: nothing is deployed. Then: make deploy ENV=prod, or with YES=1" in refused.stderr
    assert "make smoke" not in refused.stdout

    assert "CREATE_COMPLETE" in run("deploy", sam, account, "ENV=staging", "YES=1").stdout


def test_missing_region_and_missing_credentials_are_reported_before_the_build(sam: Path, account: str) -> None:
    nowhere = run("deploy", sam, account, "ENV=prod", AWS_REGION="")
    unsigned = run("deploy", sam, account, "ENV=prod", AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")

    assert nowhere.returncode != 0
    assert "No region: set AWS_REGION" in nowhere.stderr
    assert unsigned.returncode != 0
    assert "Unable to locate credentials" in unsigned.stderr
    assert "make preflight ENV=prod" in unsigned.stderr
    assert not (sam.parent / "calls").exists()
