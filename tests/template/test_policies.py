"""The policies of the template are what the functions need: checked with a year of one portal."""

import json
from pathlib import Path

import pytest

from layers.trim import Operations
from tests.support.processes.module import run_module
from tests.support.repository import ROOT
from tests.template.file import FUNCTIONS, allows, asked_by_code, statements_of
from tests.template.policy_table import NEVER_ASKED, by_statement, grants, used
from tests.template.recorder import Call, read

pytestmark = pytest.mark.timeout(700)
"""The year has waits of its own, for the queue."""

LOOKING_UP = ("LookupFunction", "RestFunction", "DirectFunction", "WorkerFunction")


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the run of a year leaves what it recorded."""
    folder = tmp_path_factory.mktemp("policies")
    run_module("tests.template.policy_run", folder, folder / "calls.json", timeout=600)
    return folder


@pytest.fixture(scope="module")
def calls(year: Path) -> set[Call]:
    """The requests of all functions to AWS."""
    return read(year / "calls.json")


def may(function: str, store: str, action: str, row: str) -> bool:
    statements = filter(asked_by_code, statements_of(function))
    return any(allows(each, store, f"dynamodb:{action}", row) for each in statements)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_policies_allow_all_requests_of_the_function_with_their_rows(calls: set[Call], function: str) -> None:
    assert any(call.function == function for call in calls)
    assert by_statement(calls).get((function, ""), set()) == set()


def test_policies_allow_nothing_that_no_function_requests_but_what_is_explained(calls: set[Call]) -> None:
    assert set(grants()) - used(calls) == NEVER_ASKED.keys()


@pytest.mark.parametrize("function", [*LOOKING_UP, "EventsFunction", "InstallFunction", "KeepaliveFunction"])
@pytest.mark.parametrize("action", ["PutItem", "UpdateItem", "DeleteItem"])
def test_function_that_reads_what_strangers_send_may_write_no_api_key(function: str, action: str) -> None:
    assert not may(function, "PortalTable", action, "KEY#0123456789abcdef")


@pytest.mark.parametrize("function", LOOKING_UP)
@pytest.mark.parametrize(
    "row", ["KEY#0123456789abcdef", "APP#local.1", "APPDOMAIN#acme.bitrix24.com", "MARKET", "DEFAULT"]
)
def test_function_that_looks_up_writes_records_of_portals_and_their_domains_only(function: str, row: str) -> None:
    assert not any(may(function, "PortalTable", each, row) for each in ("PutItem", "UpdateItem", "DeleteItem"))
    assert may(function, "PortalTable", "UpdateItem", "PORTAL#acme")


def test_only_functions_that_take_api_keys_may_read_them() -> None:
    reading = {each for each in FUNCTIONS if may(each, "PortalTable", "GetItem", "KEY#0123456789abcdef")}
    assert reading == {"LookupFunction", "RestFunction", "AdminFunction"}


def test_layer_keeps_exactly_the_operations_that_the_functions_request(year: Path) -> None:
    requested = {(service, name) for service, name in json.loads((year / "operations.json").read_text())}
    kept = Operations.read(ROOT / "layers/chat_lookup").services
    assert {(service, name) for service, names in kept.items() for name in names} == requested


def test_list_of_operations_was_made_for_the_pinned_version_of_botocore() -> None:
    pins = (ROOT / "layers/chat_lookup/requirements.txt").read_text().split()
    assert f"botocore=={Operations.read(ROOT / 'layers/chat_lookup').version}" in pins, (
        "the pin of botocore moved: run tests/unit/layers, then write its version into botocore-data.txt"
    )
