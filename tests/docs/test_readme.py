"""The commands of the README work as printed, and the tables of the documents agree with the product."""

import json
import re
import tomllib
from collections.abc import Iterator

import pytest
import yaml

from chat_lookup import VERSION, errors
from chat_lookup.errors import ChatLookupError
from chat_lookup.observability import metrics
from tests.support.processes import programs
from tests.support.processes.run import Running, staying
from tests.support.repository import ROOT

README = (ROOT / "README.md").read_text("utf-8")
API = (ROOT / "docs/api.md").read_text("utf-8")
OPERATIONS = (ROOT / "docs/operations.md").read_text("utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text("utf-8")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """`make run`, with other ports and another folder than in the README."""
    with staying(tmp_path_factory.mktemp("readme")) as running:
        yield running


def commands(section: str) -> list[str]:
    text = README.split(f"\n## {section}\n")[1].split("\n## ")[0]
    return re.findall(r"```sh\n(.*?)```", text, re.DOTALL)


def run_command(run: Running, command: str) -> str:
    here = command.replace("http://127.0.0.1:3000", run.facts["api_url"])
    here = here.replace(".local/run.json", str(run.state_dir / "run.json"))
    done = programs.run(["bash", "-euc", here], cwd=ROOT, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_first_curl_line_gets_the_printed_answer(run: Running) -> None:
    answer = json.loads(run_command(run, commands("See it run")[1]))
    printed = json.loads(re.findall(r"```json\n(.*?)```", README, re.DOTALL)[0])
    assert answer | {"age_seconds": 0} == printed | {"age_seconds": 0}


def test_printed_error_is_that_of_a_pair_without_chat(run: Running) -> None:
    printed = json.loads(re.findall(r"```json\n(.*?)```", README, re.DOTALL)[1])
    assert run.get("/v1/chats?entity_type=CRM&entity_id=DEAL%7C404") | {"request_id": ""} == printed | {
        "request_id": ""
    }


def test_rest_curl_line_is_answered_in_the_platforms_format(run: Running) -> None:
    (command,) = commands("Put it before an SDK")
    answer = json.loads(run_command(run, command))
    assert answer["result"] == {"ID": 1437}
    assert answer["time"]["finish"] >= answer["time"]["start"]


def test_commands_for_the_local_portal_work_as_printed(run: Running) -> None:
    printed = run_command(run, commands("See it run")[2])
    assert "chat_id" in printed
    assert "CRM DEAL|1663: chat 1437" in printed
    assert run.get("/v1/chats?entity_type=TASKS_TASK&entity_id=8293")["source"] == "cache"
    assert '"error":"ACCESS_ERROR","times":1,"applied":0' in printed.replace(", ", ",").replace(": ", ":")
    # No fault is left behind.
    found = run.get("/v1/chats?entity_type=ORDER&entity_id=2026-0815")
    assert found["source"] == "portal"


def test_every_problem_of_callers_is_explained() -> None:
    kinds = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, ChatLookupError)]
    unexplained = {each.code for each in kinds if f"`{each.code}`" not in API} - {
        # Faults of the service, or shown as text on a page of the installation.
        "internal-error",
        "service-misconfigured",
        "route-not-found",
        "method-not-allowed",
        *(each.code for each in kinds if each.__name__.startswith(("Installation", "TooMany"))),
    }
    assert unexplained == set()


def test_every_metric_is_listed() -> None:
    assert [name for name in metrics.METRICS if f"`{name}`" not in OPERATIONS] == []


def test_every_linked_file_exists() -> None:
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([a-zA-Z][^)]*)\)", README)]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_make_verb_is_explained() -> None:
    verbs = re.findall(r"^([a-z0-9-]+):.*## ", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert [verb for verb in verbs if f"make {verb}" not in CONTRIBUTING and verb not in ("help", "clean")] == []


def test_idle_prices_are_those_that_were_counted() -> None:
    costs = (ROOT / "docs/costs.md").read_text("utf-8")
    full, basic, none = re.findall(
        r"^\| together \|  \| ([\d.]+) \|  \| ([\d.]+) \|  \| ([\d.]+) \|$", costs, re.MULTILINE
    )[0]
    texts = (README, (ROOT / "docs/deploying.md").read_text("utf-8"))
    printed = [
        re.findall(r"\d+\.\d\d", re.findall(r"An idle stack costs [^(,]*(?:, or [^(]*)?", text)[0]) for text in texts
    ]
    assert printed == [[none, full], [none, full]], basic


def test_readme_stays_short() -> None:
    assert len(README.splitlines()) < 160


def test_every_command_of_operators_is_listed() -> None:
    named = {json.loads(path.read_text("utf-8"))["command"] for path in (ROOT / "events").glob("admin-*.json")}
    assert named
    assert [command for command in sorted(named) if f"`{command}`" not in OPERATIONS] == []


def test_template_parameters_in_the_documents_exist() -> None:
    declared = set(re.findall(r"^  ([A-Z][A-Za-z]+):$", (ROOT / "template.yaml").read_text("utf-8"), re.MULTILINE))
    tables = "".join((ROOT / "docs" / name).read_text("utf-8") for name in ("deploying.md", "operations.md"))
    named = set(re.findall(r"`([A-Z][a-z]+(?:[A-Z][a-z]*)*)(?:=[^`]*)?`", tables))
    no_parameters = {"ApiUrl", "DomainTarget", "ChatLookup", "EventsUnserved", *metrics.METRICS}
    assert {"PublicUrl", "InstallMembers", "Architecture"} <= named
    assert named - no_parameters - declared == set()


def test_contract_is_valid_yaml() -> None:
    assert yaml.safe_load((ROOT / "docs/openapi.yaml").read_text("utf-8"))["openapi"] == "3.1.0"


def test_contract_package_and_service_have_one_version() -> None:
    contract = yaml.safe_load((ROOT / "docs/openapi.yaml").read_text("utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert contract["info"]["version"] == project["project"]["version"] == VERSION
