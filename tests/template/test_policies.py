"""The policies of the template are what the functions need: checked with a year of one portal."""

import json

import pytest

from tests.support.processes.module import run_module
from tests.template.file import FUNCTIONS, allowed_by, granted, policies_of

Grants = set[tuple[str, str]]


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Grants]:
    """The requests of each function to AWS."""
    folder = tmp_path_factory.mktemp("policies")
    run_module("tests.template.policy_run", folder, folder / "asked.json")
    found: dict[str, Grants] = {name: set() for name in FUNCTIONS}
    for function, store, action in json.loads((folder / "asked.json").read_text()):
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
