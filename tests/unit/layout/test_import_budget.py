"""Every imported module adds to a cold start: what no function needs is not imported by any (design 8)."""

import json
import os
import sys
from functools import cache
from typing import Final, NamedTuple

import pytest

from tests.support.processes import programs
from tests.support.repository import LAYER, PACKAGE, ROOT

HANDLERS: Final = sorted(path.parent.name for path in ROOT.glob("functions/*/app.py"))

NEVER: Final = frozenset(
    {
        "pydantic", "aws_xray_sdk", "boto3", "s3transfer", "requests", "moto", "werkzeug", "flask", "yaml",
        "cryptography", "asyncio",
    }
)  # fmt: skip
"""Packages that no function uses, or that cost more than they are worth: boto3's resources above all."""

BOTOCORE_BEFORE_ITS_USE: Final = frozenset({"botocore", "botocore.exceptions", "botocore.vendored"})
"""Of botocore the names of its errors are needed to catch them. Its clients are made where they are needed."""

MOST_MODULES: Final = 380
"""Some 310 as measured, 180 of them Python's own. More than this is a decision, to be taken on purpose."""

CALLS_PORTALS: Final = frozenset({"credentials", "calls", "bitrix24.client", "bitrix24.oauth", "bitrix24.http"})
"""The modules that read a secret or call a portal."""

BULK: Final = frozenset({"lookup.find_many", "lookup.batch_runner", "cache.bulk_cache", "calls.bulk_allowance"})
BOT: Final = frozenset({"bot.answerer", "bot.answer_claims", "bot.answer_sender", "bot.employees", "bot.texts"})
RECEIVES: Final = frozenset({"events.receiver", "events.decoder", "events.v1", "events.v2"})
QUEUES: Final = frozenset({"events.queue"})
WORKS: Final = frozenset({"events.worker", "events.cache_warming", "events.publisher", "events.sqs_batch"}) | BOT
INSTALLS: Final = frozenset({"install.installation", "install.registration", "install.offers", "install.code_flow"})

OF_OTHERS: Final = {
    "lookup": frozenset({"events", "bot", "install", "rest", "admin"}) | BULK,
    "direct": frozenset({"events", "bot", "install", "rest", "admin"}) | BULK,
    "rest": frozenset({"events", "bot", "install", "admin"}) | BULK,
    "install": RECEIVES | QUEUES | WORKS | BULK | {"rest", "admin", "credentials.keepalive"},
    "page": RECEIVES | QUEUES | WORKS | (INSTALLS - {"install.offers"}) | {"rest", "admin", "doctor"},
    "events": CALLS_PORTALS | WORKS | {"lookup", "install", "rest", "admin"},
    "worker": RECEIVES | INSTALLS | BULK | {"rest", "admin"},
    "keepalive": frozenset({"events", "bot", "install", "rest", "admin"}) | BULK,
    "admin": frozenset({"events", "bot", "install", "rest", "credentials.keepalive"}) | BULK,
}
"""By function: rooms and modules that it must not have loaded by its first answer, because only others use them."""

MOST_OF_OURS: Final = {
    "lookup": 68, "direct": 67, "rest": 77, "install": 84, "page": 103, "events": 38, "worker": 84, "keepalive": 64,
    "admin": 69,
}  # fmt: skip
"""By function: modules of the package, `__init__` aside, that are loaded when it is ready to serve."""

IMPORT: Final = """
import importlib.util, json, sys
spec = importlib.util.spec_from_file_location("app", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
of_the_import = sorted(sys.modules)
"""
BUILD: Final = """
from chat_lookup.bootstrap import process
process.services()
"""
REFUSE_A_COMMAND: Final = """
from chat_lookup.errors import InvalidRequest
from chat_lookup.http.json_fields import Fields
try:
    process.services().admin().run(Fields({"command": "portals", "unknown": 1}), None)
except InvalidRequest:
    pass
"""
READY: Final = {
    "rest": f"{BUILD}\nprocess.services().rest()\n",
    "install": f"{BUILD}\nprocess.services().install()\n",
    "page": f"{BUILD}\nprocess.services().page()\n",
    "worker": f"{BUILD}\nprocess.services().worker()\n",
    "keepalive": f"{BUILD}\nprocess.services().keepalive()\n",
    "admin": f"{BUILD}{REFUSE_A_COMMAND}",
}
SERVE_ONE_EVENT: Final = """
from types import SimpleNamespace
from chat_lookup.bootstrap import aws_clients
from chat_lookup.portals import application_tokens, portal
known = frozenset({application_tokens.hashed("appt0kenappt0ken")})
item = portal.to_item(portal.Portal("0123", "acme.bitrix24.com", "arn", "v", application_tokens=known))
sent = []
aws_clients.dynamodb = lambda *_: SimpleNamespace(get_item=lambda **_: {"Item": item})
aws_clients.sqs = lambda *_: SimpleNamespace(send_message=lambda **given: sent.append(given))
body = "event=ONIMBOTDELETE&data[BOT_ID]=456&auth[member_id]=0123&auth[application_token]="
for token, status in (("appt0kenappt0ken", 200), ("made-up", 403)):
    answer = module.handler({"routeKey": "POST /bitrix24/events", "body": body + token}, None)
    assert answer["statusCode"] == status, answer
assert len(sent) == 1
"""
PRINT_MODULES: Final = """
print(json.dumps([of_the_import, sorted(sys.modules)]))
"""


class Loaded(NamedTuple):
    """The modules of an interpreter that has imported a handler, and of the same when it is ready to serve."""

    imported: frozenset[str]
    ready: frozenset[str]


@cache
def loaded_by(handler: str) -> Loaded:
    """Start one interpreter for a handler: its import takes most of the time of these tests."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(LAYER),
        "PORTAL_TABLE": "PortalTable",
        "CACHE_TABLE": "CacheTable",
        "SECRET_PREFIX": "chat-lookup",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "unit",
        "AWS_SECRET_ACCESS_KEY": "unit",
    }
    afterwards = SERVE_ONE_EVENT if handler == "events" else READY.get(handler, BUILD)
    path = ROOT / "functions" / handler / "app.py"
    run = programs.run([sys.executable, "-c", IMPORT + afterwards + PRINT_MODULES, path], env=environment, timeout=100)
    assert run.returncode == 0, run.stderr
    # The last line: the lines before it are the log of the function.
    return Loaded(*map(frozenset, json.loads(run.stdout.splitlines()[-1])))


def packages(modules: frozenset[str]) -> set[str]:
    return {module.partition(".")[0] for module in modules}


def within(modules: frozenset[str], names: frozenset[str]) -> set[str]:
    """Those modules that belong to one of the named rooms and modules; a room's `__init__` alone costs nothing."""
    ours = {module.removeprefix("chat_lookup.") for module in modules if module.startswith("chat_lookup.")}
    return {module for module in ours if module in names - ROOMS or module.partition(".")[0] in names & ROOMS} - ROOMS


ROOMS: Final = frozenset(path.parent.name for path in PACKAGE.glob("*/__init__.py"))


def test_at_least_one_handler_exists() -> None:
    assert {"lookup", "direct", "admin"} <= set(HANDLERS)


@pytest.mark.parametrize("handler", HANDLERS)
def test_handler_imports_no_unused_package(handler: str) -> None:
    modules = loaded_by(handler).imported
    assert packages(modules) & NEVER == set()
    assert len(modules) <= MOST_MODULES


def test_every_function_has_its_row_and_every_named_room_and_module_exists() -> None:
    assert sorted(OF_OTHERS) == sorted(MOST_OF_OURS) == HANDLERS
    named = frozenset().union(CALLS_PORTALS, *OF_OTHERS.values())
    found = {name for name in named if (PACKAGE / name.replace(".", "/")).with_suffix(".py").is_file()} | ROOMS
    assert named - found == frozenset()


@pytest.mark.parametrize("handler", HANDLERS)
def test_ready_function_has_loaded_no_room_that_only_others_use(handler: str) -> None:
    modules = loaded_by(handler).ready
    assert within(modules, OF_OTHERS[handler]) == set()
    assert packages(modules) & NEVER == set()


@pytest.mark.parametrize("handler", HANDLERS)
def test_ready_function_has_loaded_no_more_modules_of_the_package_than_its_row_allows(handler: str) -> None:
    ours = {name for name in loaded_by(handler).ready if name.startswith("chat_lookup.")} - {
        f"chat_lookup.{each}" for each in ROOMS
    }
    assert len(ours) <= MOST_OF_OURS[handler], sorted(ours)


@pytest.mark.parametrize("handler", HANDLERS)
def test_import_of_a_handler_loads_only_the_errors_of_botocore(handler: str) -> None:
    botocore = {module for module in loaded_by(handler).imported if module.partition(".")[0] == "botocore"}
    assert {each for each in botocore if not each.startswith("botocore.vendored.")} <= BOTOCORE_BEFORE_ITS_USE


@pytest.mark.parametrize(("number", "serves"), [(0, False), (1, True)], ids=["imported", "called"])
def test_event_receiver_can_read_no_secret_and_call_no_portal(number: int, serves: bool) -> None:
    modules = loaded_by("events")[number]
    assert within(modules, CALLS_PORTALS) == set()
    assert ("chat_lookup.events.receiver" in modules) == serves
    assert "urllib3" not in modules  # AWS's own clients import it, our modules do not


def test_look_up_loads_the_modules_that_read_secrets_and_call_portals() -> None:
    modules = loaded_by("lookup").ready
    assert {name for name in CALLS_PORTALS if not within(modules, frozenset({name}))} == set()
