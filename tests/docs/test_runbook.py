"""The commands of the runbook work as printed, and what it names exists."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from chat_lookup.admin.commands import COMMANDS
from chat_lookup.bitrix24.errors import METRIC_CODES, ErrorClass
from chat_lookup.entity import EntityRef
from chat_lookup.errors import InvalidRequest
from chat_lookup.observability.metrics import METRICS
from chat_lookup.portals.portal import PortalState
from tests.support.aws_commands import Odd, blocks, inline, read, recorded
from tests.support.page_anchors import anchors
from tests.support.portals.unknown_portal import Stage
from tests.support.repository import ROOT
from tests.template.file import FUNCTIONS, RESOURCES, TEMPLATE
from tests.unit.tools.lookup.command_line import CommandLine, MadeUpTarget
from tools.stack import REMEDIES

RUNBOOK: Final = (ROOT / "docs/runbook.md").read_text("utf-8")
PAGES: Final = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
SCRIPTS: Final = [*blocks(RUNBOOK, "sh"), *inline(RUNBOOK)]
SET_UP: Final = SCRIPTS[0] + "TABLE=PortalTable BACKUP=arn:aws:dynamodb:eu-central-1:123456789012:table/it/backup/1\n"
"""What the reader has: the function of the first block, and the results of earlier steps."""
HEADINGS: Final = (
    "Portal over its limits", "Portal blocked or deleted", "Portal must re-authorise", "Token answer lost",
    "Portal unreachable", "The portal refuses what we ask", "Installation refused", "Dead letters",
    "Events not published", "Events not arriving", "Too many events", "Answers unsent",
    "Errors, throttles and time-outs", "Keepalive missed",
    "Rollback", "Kill switch", "Key leaked", "Client secret rotated", "Change of address", "Portal data removal",
    "Restoring the tables", "Removing the stack", "Personal data",
)  # fmt: skip


def words_of(script: str, folder: Path) -> list[list[str]]:
    return recorded(SET_UP + script, folder)


def invocations() -> list[tuple[str, str]]:
    """Return each function that the runbook invokes itself, with its event."""
    printed = RUNBOOK.replace("\\\n", " ")
    return re.findall(r"aws lambda invoke --function-name \"\$\(resource (\w+)\)\" [^\n]*?--payload '([^']+)'", printed)


def operators_commands() -> list[str]:
    """Return the commands of `./lookup` in the runbook."""
    return re.findall(r"^ *\./lookup (admin .+)$", RUNBOOK, re.MULTILINE)


def links() -> Iterator[tuple[Path, str]]:
    for page in PAGES:
        for link in re.findall(r"\]\(([^):]+)\)", page.read_text("utf-8")):
            yield page, link


def test_runbook_has_a_section_for_every_alarm_and_procedure() -> None:
    assert re.findall(r"^## (.+)$", RUNBOOK, re.MULTILINE) == list(HEADINGS)


def test_table_of_the_first_five_minutes_has_every_alarm_with_the_section_that_its_description_names() -> None:
    rows = re.findall(r"^\| (now|today|this week) \| (.+?) \| \[.+?\]\(#(.+?)\) \|$", RUNBOOK, re.MULTILINE)
    listed = [(name, section) for _, names, section in rows for name in re.findall(r"`(.+?)`", names)]
    described = [
        (str(alarm["Properties"]["AlarmName"]).split("_", 1)[1].rstrip("'}"), section)
        for alarm in RESOURCES.values()
        if alarm["Type"] == "AWS::CloudWatch::Alarm"
        for section in re.findall(r"docs/runbook\.md#([\w-]+)", str(alarm["Properties"]["AlarmDescription"]))
    ]
    assert sorted(listed) == sorted(described)


def test_hash_of_an_entity_id_in_log_lines_is_computed_as_the_runbook_says() -> None:
    (entity_id, printed) = re.findall(r"`printf %s '([^']+)' \| sha256sum \| cut -c1-16` prints `(\w+)`", RUNBOOK)[0]
    (searched,) = re.findall(r'filter entity_id = "(.+?)"', RUNBOOK)
    assert searched == f"sha256:{printed}" == EntityRef("LINES", entity_id).loggable_id


# --- commands of the AWS CLI, of make and of the shell --------------------------------------------------------------


@pytest.mark.parametrize("script", SCRIPTS[1:], ids=[script.strip().splitlines()[0][:60] for script in SCRIPTS[1:]])
def test_every_command_is_valid(script: str, tmp_path: Path) -> None:
    commands = words_of(script, tmp_path)
    assert commands
    for program, *words in commands:
        if program == "aws":
            read(words)
        elif program == "make":
            assert re.search(rf"^{words[0]}:", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE), words
        elif program == "lookup":
            assert words[-2:] == ["--env", "prod"], words
        else:
            assert program == "curl"


@pytest.mark.parametrize(
    "odd",
    [
        "aws lambdas list-functions",
        "aws lambda list-aliasses",
        "aws lambda update-alias --function-name x --name live --version 4",
        "aws lambda update-alias --function-name x --function-version 4",
        "aws lambda put-function-concurrency --function-name x --reserved-concurrent-executions -1",
        "aws dynamodb wait table-is-there --table-name some-table",
        "aws dynamodb list-backups --backup-type ALLES",
        "aws dynamodb update-continuous-backups --table-name t --point-in-time-recovery-specification Enabled=true",
        "aws secretsmanager list-secrets --query 'SecretList['",
        "aws sqs purge-queue --queue-url",
        "for each in $(aws sqs list-queues",
    ],
)
def test_invalid_command_is_detected(odd: str, tmp_path: Path) -> None:
    with pytest.raises((Odd, ValueError)):
        read(words_of(odd, tmp_path)[0][1:])


def test_every_resource_in_a_command_is_in_the_stack(tmp_path: Path) -> None:
    resources = {
        words[words.index("--logical-resource-id") + 1]
        for script in SCRIPTS[1:]
        for words in words_of(script, tmp_path)
        if "--logical-resource-id" in words
    }
    sources = {f"{name}{source}" for name, each in FUNCTIONS.items() for source in each.get("Events", {})}
    assert resources >= {f"{name}" for name in FUNCTIONS}
    assert resources - RESOURCES.keys() - sources == set()


def test_rollback_uses_the_alias_of_callers() -> None:
    (alias,) = set(re.findall(r"--name (\w+)", RUNBOOK))
    assert TEMPLATE["Globals"]["Function"]["AutoPublishAlias"] == alias


# --- commands of the service, run ----------------------------------------------------------------------------------


@pytest.fixture
def installed(stage: Stage) -> Stage:
    """A portal with the application installed."""
    assert stage.contact().status == 200
    return stage


def adapted(event: dict[str, Any], stage: Stage) -> dict[str, Any]:
    """Return the event with this portal, key and application instead of those of the runbook and the samples."""
    service = stage.service
    here: dict[str, Any] = {
        "portal": stage.portal.domain,
        "public_url": service.stack.addresses.api_https_url,
        "webhook_url": stage.portal.webhook_url,
        "domain": "acme.bitrix24.com",
        "key_id": service.admin("keys.create", portal=stage.portal.member_id, label="leaked")["key_id"],
    }
    if event.get("command") == "apps.rotate_secret":
        here["client_id"] = stage.card.client_id
    if event.get("command") == "apps.remove":
        here["client_id"] = "local.former"
        made = {"kind": "local", "domain": here["domain"], "client_secret": "a-secret-of-the-former"}
        service.admin("apps.add", client_id=here["client_id"], **made)
    return {name: here.get(name, value) for name, value in event.items()}


@pytest.mark.parametrize(("function", "event"), dict.fromkeys(invocations()))
def test_every_invocation_works_as_printed(installed: Stage, function: str, event: str) -> None:
    assert isinstance(installed.service.stack.backend.functions.invoke(function, json.loads(event)), dict)


@pytest.mark.parametrize("command", dict.fromkeys(operators_commands()))
def test_every_command_of_operators_works_as_printed(
    installed: Stage,
    command: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    words = command.split()
    contract = COMMANDS[words[1]]
    required = [field.name for field in contract.fields if field.required and field.secret]
    words += [word for name in required for word in ("--secret-file", f"{name}=-")]
    words += ["--yes"] if contract.warning else []
    invoke = installed.service.stack.backend.functions.invoke
    target = MadeUpTarget(lambda function, event: dict(invoke(function, adapted(event, installed))))  # type: ignore[call-overload]
    lookup = CommandLine(capsys, monkeypatch, target, {"XDG_CONFIG_HOME": str(tmp_path)})

    result = lookup(*words, stdin=installed.card.client_secret)

    assert (result.status, lookup.asked) == (0, ["prod"]), result.err


def test_recreated_local_application_replaces_the_former_one(stage: Stage) -> None:
    (script,) = [script for script in SCRIPTS if "apps.remove" in script]
    commands = re.findall(r"lookup admin ([a-z._]+)", script)
    assert commands == ["portal.forget", "apps.remove", "apps.add"]
    made = {"kind": "local", "domain": "acme.bitrix24.com", "client_secret": "a-secret-of-the-former"}
    stage.service.admin("apps.add", client_id="local.former", **made)
    with pytest.raises(InvalidRequest, match=r"local\.former; see apps\.remove"):
        stage.service.admin("apps.add", client_id="local.new", **made)

    stage.service.admin("apps.remove", client_id="local.former")

    assert stage.service.admin("apps.add", client_id="local.new", **made)["client_id"] == "local.new"


def test_restored_older_table_is_reconciled_with_newer_tokens(installed: Stage) -> None:
    key, before = installed.key(), installed.record()
    assert before is not None
    installed.tell("/expire_tokens", {})
    assert installed.look_up(key, fresh="true").json["source"] == "portal"
    newer = installed.record()
    assert newer is not None
    assert newer["token_version"] != before["token_version"]
    installed.dynamodb.put_item(TableName="PortalTable", Item=dict(before))
    installed.service.cold_start()

    answer = installed.service.admin("portals.reconcile")

    assert answer["moved"] >= 1  # tests before this one may have left other records older than their secrets
    moved = installed.record()
    assert moved is not None
    assert moved["token_version"] == newer["token_version"]
    installed.tell("/expire_tokens", {})
    assert installed.look_up(key, fresh="true").json["source"] == "portal"


# --- names in the pages -----------------------------------------------------------------------------------------------


def test_every_link_between_the_pages_has_a_target() -> None:
    dead = []
    for page, link in links():
        path, _, anchor = link.partition("#")
        target = page if not path else page.parent / path
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            dead.append(f"{page.name}: {link}")
    assert dead == []


def test_every_saved_query_in_the_runbook_is_in_the_template() -> None:
    saved = {
        each["Properties"]["Name"]["Fn::Sub"].rpartition("/")[2]
        for each in RESOURCES.values()
        if each["Type"] == "AWS::Logs::QueryDefinition"
    }
    assert saved
    assert set(re.findall(r"`(by-[a-z-]+|slowest-[a-z-]+)`", RUNBOOK)) == saved


def test_every_metric_parameter_and_resource_in_the_runbook_exists() -> None:
    filters = (each["Properties"] for each in RESOURCES.values() if each["Type"] == "AWS::Logs::MetricFilter")
    metrics = {*METRICS, *(each["MetricTransformations"][0]["MetricName"] for each in filters)}
    named = set(re.findall(r"`([A-Z][a-z]+(?:[A-Z][a-z]+)+)(?:=\w+)?`", RUNBOOK))
    assert len(named) > 10
    assert named - metrics - TEMPLATE["Parameters"].keys() - RESOURCES.keys() == set()


def test_every_code_and_state_in_the_runbook_exists() -> None:
    codes = set(re.findall(r"`([A-Z]+(?:_[A-Z0-9]+)+)`", RUNBOOK))
    assert len(codes) > 10
    assert codes <= METRIC_CODES | REMEDIES.keys()
    table = RUNBOOK.split("| `state` |")[1].split("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)`", table, re.MULTILINE)) == {state.value for state in PortalState}
    assert set(re.findall(r"class `(\w+)`", RUNBOOK)) <= {each.value for each in ErrorClass}
