"""The policies of the template are what the functions need: checked with a year of one portal."""

import json
from pathlib import Path

import pytest

from layers.trim import Operations
from tests.support.module_process import run_module
from tests.support.repository import ROOT
from tests.template.file import FUNCTIONS, allowed_by, granted, policies_of

Grants = set[tuple[str, str]]


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the run of a year leaves what it recorded."""
    folder = tmp_path_factory.mktemp("policies")
    run_module("tests.template.policy_run", folder, folder / "asked.json")
    return folder


@pytest.fixture(scope="module")
def asked(year: Path) -> dict[str, Grants]:
    """The requests of each function to AWS."""
    found: dict[str, Grants] = {name: set() for name in FUNCTIONS}
    for function, store, action in json.loads((year / "asked.json").read_text()):
        found[function].add((store, action))
    return found


@pytest.mark.parametrize("function", FUNCTIONS)
def test_policies_allow_all_requests_of_the_function(asked: dict[str, Grants], function: str) -> None:
    assert asked[function]
    assert asked[function] <= granted(function)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_policies_allow_nothing_that_the_functions_never_request(asked: dict[str, Grants], function: str) -> None:
    # The functions of a shared policy need it together: the direct function looks up by entity only.
    for policy in policies_of(function):
        sharing = [name for name in FUNCTIONS if policy in policies_of(name)]
        assert allowed_by(policy) <= set().union(*(asked[name] for name in sharing))


def test_layer_keeps_exactly_the_operations_that_the_functions_request(year: Path) -> None:
    requested = {(service, name) for service, name in json.loads((year / "operations.json").read_text())}
    kept = Operations.read(ROOT / "layers/chat_lookup").services
    assert {(service, name) for service, names in kept.items() for name in names} == requested


def test_list_of_operations_was_made_for_the_pinned_version_of_botocore() -> None:
    pins = (ROOT / "layers/chat_lookup/requirements.txt").read_text().split()
    assert f"botocore=={Operations.read(ROOT / 'layers/chat_lookup').version}" in pins, (
        "the pin of botocore moved: run tests/unit/layers, then write its version into botocore-data.txt"
    )
