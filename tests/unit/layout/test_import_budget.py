"""A cold start pays for every module that is imported: what no handler needs is not imported by any (design 8)."""

import json
import os
import subprocess
import sys
from typing import Final

import pytest

from tests.support.repository import ROOT

HANDLERS: Final = sorted(path.parent.name for path in ROOT.glob("functions/*/app.py"))

NEVER: Final = frozenset(
    {
        "pydantic", "aws_xray_sdk", "boto3", "s3transfer", "requests", "moto", "werkzeug", "flask", "yaml",
        "cryptography", "asyncio",
    }
)  # fmt: skip
"""Packages for which no handler has a use, or that cost more than they are worth: boto3's resources above all."""

BOTOCORE_BEFORE_ITS_USE: Final = frozenset({"botocore", "botocore.exceptions", "botocore.vendored"})
"""Of botocore the names of its errors are needed to catch them. Its clients are made where they are needed."""

MOST_MODULES: Final = 380
"""Some 310 as measured, 180 of them Python's own. More than this is a decision, to be taken on purpose."""

SECRETS_AND_CALLS: Final = frozenset(
    f"chat_lookup.{name}"
    for name in (
        "serving", "vault", "tokens", "renewal", "applications", "calls",
        "bitrix24.client", "bitrix24.oauth", "bitrix24.wire", "bitrix24.transport",
    )
)  # fmt: skip
"""What reads a secret or calls a portal."""


def ours(*names: str) -> frozenset[str]:
    return frozenset(f"chat_lookup.{name}" for name in names)


RECEIVER: Final = ours("receiving", "event_queue", "origin", "decoding", "events_v1", "events_v2", "event_parts")
WORKER: Final = ours(
    "batches", "working", "working_parts", "answering", "bot_words", "commands", "hearing", "publishing", "saying",
    "warming", "people", "redrive",
)  # fmt: skip
OPERATOR: Final = ours(
    "installing", "installation", "uninstallation", "admin", "admin_applications", "admin_events", "admin_keys",
    "admin_portals", "admin_showing", "admin_webhooks", "bindings", "bots", "code_flow", "keepalive", "registering",
    "visits",
)  # fmt: skip
MANY: Final = ours("many", "rounds", "cache_pages", "allowance")
REST: Final = ours("rest_answers", "rest_batch", "rest_errors", "rest_forwarding", "rest_methods", "rest_requests")

OF_OTHERS: Final = {
    "lookup": RECEIVER | WORKER | OPERATOR | MANY | REST,
    "direct": RECEIVER | WORKER | OPERATOR | MANY | REST,
    "rest": RECEIVER | WORKER | OPERATOR | MANY,
    "install": RECEIVER | WORKER | MANY | REST,
    "events": WORKER | OPERATOR | MANY | REST | ours("lookup", "asking", "misses"),
    "worker": RECEIVER | OPERATOR | MANY | REST,
    "keepalive": RECEIVER | WORKER | MANY | REST,
    "admin": RECEIVER | WORKER | MANY | REST,
}
"""By function: what it may not have loaded by its first answer, because another function's work is done with it."""

IMPORT: Final = """
import importlib.util, json, sys
spec = importlib.util.spec_from_file_location("app", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
"""
BUILD: Final = """
from chat_lookup import bootstrap
bootstrap.services()
"""
SERVE_ONE_EVENT: Final = """
from types import SimpleNamespace
from chat_lookup import application_tokens, bootstrap, records
known = frozenset({application_tokens.hashed("appt0ken")})
item = records.to_item(records.Portal("0123", "acme.bitrix24.com", "arn", "v", application_tokens=known))
sent = []
bootstrap._dynamodb = lambda *_: SimpleNamespace(get_item=lambda **_: {"Item": item})
bootstrap._sqs = lambda *_: SimpleNamespace(send_message=lambda **given: sent.append(given))
body = "event=ONIMBOTDELETE&data[BOT_ID]=456&auth[member_id]=0123&auth[application_token]="
for token, status in (("appt0ken", 200), ("made-up", 403)):
    answer = module.handler({"routeKey": "POST /bitrix24/events", "body": body + token}, None)
    assert answer["statusCode"] == status, answer
assert len(sent) == 1
"""
TELL: Final = """
print(json.dumps(sorted(sys.modules)))
"""


def imported(handler: str, afterwards: str = "") -> set[str]:
    """The modules that a fresh interpreter holds after importing a handler, and doing something with it."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT / "layers/chat_lookup"),
        "PORTAL_TABLE": "PortalTable",
        "CACHE_TABLE": "CacheTable",
        "SECRET_PREFIX": "chat-lookup",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "unit",
        "AWS_SECRET_ACCESS_KEY": "unit",
    }
    run = subprocess.run(
        [sys.executable, "-c", IMPORT + afterwards + TELL, str(ROOT / "functions" / handler / "app.py")],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    # The last line: before it stands what the function logged.
    return set(json.loads(run.stdout.splitlines()[-1]))


def packages(modules: set[str]) -> set[str]:
    return {module.partition(".")[0] for module in modules}


def test_there_are_handlers_to_measure() -> None:
    assert {"lookup", "direct", "admin"} <= set(HANDLERS)


@pytest.mark.parametrize("handler", HANDLERS)
def test_a_handler_imports_nothing_that_it_has_no_use_for(handler: str) -> None:
    modules = imported(handler)
    assert packages(modules) & NEVER == set()
    assert len(modules) <= MOST_MODULES


def test_every_function_says_what_it_does_without_and_every_module_that_is_named_exists() -> None:
    assert sorted(OF_OTHERS) == HANDLERS
    package = ROOT / "layers/chat_lookup"
    named = frozenset().union(SECRETS_AND_CALLS, *OF_OTHERS.values())
    assert [name for name in named if not (package / name.replace(".", "/")).with_suffix(".py").is_file()] == []


@pytest.mark.parametrize("handler", HANDLERS)
def test_a_function_that_is_ready_has_loaded_nothing_that_others_work_with(handler: str) -> None:
    modules = imported(handler, SERVE_ONE_EVENT if handler == "events" else BUILD)
    assert modules & OF_OTHERS[handler] == set()
    assert packages(modules) & NEVER == set()


@pytest.mark.parametrize("handler", HANDLERS)
def test_of_botocore_a_bare_import_brings_the_errors_only(handler: str) -> None:
    botocore = {module for module in imported(handler) if module.partition(".")[0] == "botocore"}
    assert {each for each in botocore if not each.startswith("botocore.vendored.")} <= BOTOCORE_BEFORE_ITS_USE


def test_building_the_services_imports_no_more_than_botocore() -> None:
    assert packages(imported("lookup", BUILD)) & NEVER == set()


@pytest.mark.parametrize("afterwards", ["", SERVE_ONE_EVENT], ids=["imported", "called"])
def test_whatever_takes_events_in_can_read_no_secret_and_call_no_portal(afterwards: str) -> None:
    modules = imported("events", afterwards)
    assert modules & SECRETS_AND_CALLS == set()
    assert ("chat_lookup.events.receiver" in modules) == bool(afterwards)
    assert "urllib3" not in modules  # which AWS's own clients bring, and nothing of ours


def test_what_reads_secrets_and_calls_portals_is_named_as_it_is() -> None:
    assert imported("lookup", BUILD) >= SECRETS_AND_CALLS
