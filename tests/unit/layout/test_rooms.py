"""Arrows point one way (design 2): this walks the imports of everything that is deployed, and keeps it so."""

import ast
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests.support.repository import ROOT

PACKAGE = ROOT / "layers" / "chat_lookup"
HANDLERS = tuple(sorted((ROOT / "functions").glob("*/app.py")))

# From the ground up: a module may import what stands on its own rung or below. A new one has to be given its place.
RUNGS = (
    ("errors", "clock"),
    ("entity", "memory", "items", "redaction", "config", "words", "event_names", "events"),
    ("bitrix24", "records", "refusals", "application_tokens", "entity_text", "bot_words"),
    ("decoding", "events_v1", "events_v2", "event_parts"),
    (
        "telemetry",
        "failures",
        "closed",
        "default_portal",
        "portals",
        "portal_facts",
        "keys",
        "budget",
        "cache",
        "circuit",
        "leases",
        "limiter",
        "pace",
        "hearing",
        "operating",
        "retries",
    ),
    ("vault", "applications", "pairs", "pointer", "renewal", "renewal_world", "tokens"),
    ("origin", "event_queue", "receiving"),
    ("attempts", "calls", "inquiry", "asking", "misses", "lookup", "bots"),
    ("cache_pages", "allowance", "rounds", "many"),
    ("claims", "people", "saying", "commands", "answering", "warming", "publishing", "working"),
    ("parts", "offers", "strangers", "turns", "proof", "capabilities", "bindings", "registering"),
    ("installation", "uninstallation", "visits", "code_flow", "application_events"),
    ("keepalive", "forgetting", "restoring"),
    ("web", "fields", "questions", "answers", "edge", "pages", "batches"),
    ("rest_requests", "rest_errors", "rest_answers", "rest_batch", "rest_failures", "rest_forwarding", "rest_methods"),
    (
        "redrive",
        "admin_showing",
        "admin_keys",
        "admin_applications",
        "admin_portals",
        "admin_webhooks",
        "admin_events",
        "admin_restoring",
        "admin",
    ),
    ("installing", "working_parts"),
    ("serving",),
    ("bootstrap",),
)
RUNG_OF = {name: rung for rung, names in enumerate(RUNGS) for name in names}
AWS = frozenset({"boto3", "botocore", "aws_lambda_powertools"})
# Errors are translated where they enter, so whoever calls a client knows these; nobody else makes one.
AWS_ERRORS = "botocore.exceptions"


def module_files() -> dict[str, Path]:
    """Every module of the package by its dotted name."""
    return {
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"): path
        for path in (PACKAGE / "chat_lookup").rglob("*.py")
    }


MODULES = module_files()


def imports(path: Path) -> frozenset[str]:
    """What a file imports at run time, wherever the statement stands; modules of ours to their full name."""
    return frozenset(_imported(ast.parse(path.read_text("utf-8"))))


def _imported(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return
        case ast.Import():
            yield from (alias.name for alias in node.names)
        case ast.ImportFrom(module=str(module), level=0):
            full_names = {f"{module}.{alias.name}" for alias in node.names}
            yield from (full_names & MODULES.keys()) or {module}
        case ast.ImportFrom():
            pytest.fail("imports name the whole path, so that this test can follow them")
    for child in ast.iter_child_nodes(node):
        yield from _imported(child)


def room(module: str) -> str:
    """The first name below the package: `chat_lookup.bitrix24.client` is in `bitrix24`."""
    return module.split(".")[1]


def ours(path: Path) -> frozenset[str]:
    return frozenset(name for name in imports(path) if name in MODULES and name != "chat_lookup")


def foreign(path: Path) -> frozenset[str]:
    """What is neither Python's own nor the package's."""
    return frozenset(
        name for name in imports(path) if name.split(".")[0] not in {*sys.stdlib_module_names, "chat_lookup"}
    )


def test_an_import_counts_wherever_it_stands_unless_it_is_for_the_type_checker(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    import mypy_boto3_dynamodb\n"
        "def build():\n    from chat_lookup import bootstrap, edge\n    import boto3.session\n"
    )
    assert imports(path) == {"typing", "chat_lookup.bootstrap.process", "chat_lookup.http.entrypoint", "boto3.session"}


BELOW_THE_PACKAGE = sorted(MODULES.keys() - {"chat_lookup"})


@pytest.mark.parametrize("module", BELOW_THE_PACKAGE)
def test_a_module_imports_only_from_its_own_rung_and_below(module: str) -> None:
    assert room(module) in RUNG_OF, f"say in RUNGS where {room(module)} stands"
    above = {name for name in ours(MODULES[module]) if RUNG_OF[room(name)] > RUNG_OF[room(module)]}
    assert not above


def test_no_two_modules_import_each_other() -> None:
    graph = {module: ours(path) for module, path in MODULES.items()}
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


@pytest.mark.parametrize("module", sorted(name for name in BELOW_THE_PACKAGE if room(name) == "bitrix24"))
def test_the_platforms_client_knows_nothing_of_aws_or_of_the_service(module: str) -> None:
    path = MODULES[module]
    assert {room(name) for name in ours(path)} <= {"bitrix24", "entity", "errors", "clock"}
    assert {name.split(".")[0] for name in foreign(path)} <= {"urllib3"}


@pytest.mark.parametrize("module", BELOW_THE_PACKAGE)
def test_only_the_bootstrap_makes_aws_clients_and_reads_the_environment(module: str) -> None:
    path = MODULES[module]
    if module == "chat_lookup.bootstrap.process":
        assert any(name.startswith("botocore") for name in foreign(path))
        return
    clients = {name for name in foreign(path) if name.split(".")[0] in AWS - {"aws_lambda_powertools"}}
    assert clients <= {AWS_ERRORS}
    assert "os" not in imports(path)


@pytest.mark.parametrize("module", BELOW_THE_PACKAGE)
def test_only_telemetry_knows_powertools(module: str) -> None:
    knows = any(name.startswith("aws_lambda_powertools") for name in imports(MODULES[module]))
    assert knows == (module == "chat_lookup.observability.telemetry")


@pytest.mark.parametrize("path", HANDLERS, ids=lambda path: path.parent.name)
def test_a_handler_translates_and_leaves_the_rest_to_the_package(path: Path) -> None:
    assert not foreign(path), "a handler imports Python's own modules and the package only"
    assert "chat_lookup.bootstrap.process" in ours(path)
    stores = {name for name in ours(path) if room(name) in {"cache", "limiter", "tokens", "calls", "bitrix24"}}
    assert not stores, "a handler asks the use case, never what lies beneath"


def test_what_is_deployed_never_imports_the_local_run_or_the_tests() -> None:
    for path in (*MODULES.values(), *HANDLERS):
        assert not {name.split(".")[0] for name in imports(path)} & {"local", "tests", "layers"}, path
