"""Every operators' command by `./lookup --env local`, and by the event that `sam remote invoke` would send."""

import io
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from chat_lookup.admin.commands import COMMANDS, Kind
from tests.local.command_target import reached
from tests.support.portals.unknown_portal import Stage
from tests.support.repository import ROOT
from tests.support.service import Service
from tools.lookup.app import main
from tools.lookup.case import Refused
from tools.lookup.reference import samples
from tools.lookup.target import found

FORMER: Final = {"client_id": "local.former", "client_secret": "a-secret-of-the-former"}


def with_an_application(service: Service, *_: object) -> dict[str, Any]:
    service.admin("apps.add", kind="local", domain="acme.bitrix24.com", **FORMER)
    return {"client_id": FORMER["client_id"]}


def with_a_key(service: Service, *_: object) -> dict[str, Any]:
    return {"key_id": service.admin("keys.create", label="made")["key_id"]}


def with_a_second_portal(service: Service, *_: object) -> dict[str, Any]:
    added = service.admin("portal.add_webhook", webhook_url=service.portal.webhook_url)
    return {"portal": added["member_id"]}


def with_an_installed_portal(_: Service, stage: Callable[[], Stage]) -> dict[str, Any]:
    installed = stage()
    assert installed.contact().status == 200
    return {"portal": installed.portal.domain}


def nothing(*_: object) -> dict[str, Any]:
    return {}


ARRANGED: Final[Mapping[str, Callable[[Service, Callable[[], Stage]], dict[str, Any]]]] = {
    "apps.add": lambda *_: {**FORMER, "kind": "local", "domain": "acme.bitrix24.com"},
    "apps.list": nothing,
    "apps.remove": with_an_application,
    "apps.rotate_secret": lambda service, *_: {**with_an_application(service), "client_secret": "a-secret-that-is-new"},
    "apps.set": lambda service, *_: {**with_an_application(service), "domain": "globex.bitrix24.com"},
    "cache.purge": nothing,
    "doctor": nothing,
    "events.redrive": lambda *_: {"limit": 10},
    "keys.create": lambda *_: {"label": "shop", "scopes": ["lookup", "details"], "expires_in_days": 90},
    "keys.list": nothing,
    "keys.restore": with_a_key,
    "keys.revoke": with_a_key,
    "portal.add_webhook": lambda service, *_: {"webhook_url": service.portal.webhook_url},
    "portal.forget": with_a_second_portal,
    "portal.rebind": with_an_installed_portal,
    "portal.set": lambda *_: {"rate": 2, "default": True},
    "portal.start": nothing,
    "portal.stop": nothing,
    "portals": nothing,
    "portals.reconcile": nothing,
}
"""By command: what has to be there before it, and the fields of its event."""


def invoked(service: Service, event: Mapping[str, Any]) -> tuple[bool, Any]:
    """Whether AdminFunction succeeded, and its answer, by the request that `sam remote invoke` sends."""
    client = reached(service.stack.backend.aws.endpoint_url).clients("lambda")
    answer = client.invoke(FunctionName="AdminFunction", Qualifier="live", Payload=json.dumps(event))
    return "FunctionError" not in answer, json.loads(answer["Payload"].read())


def sample(name: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((ROOT / samples()[name]).read_text("utf-8"))
    return event


def placeholders(event: Mapping[str, Any]) -> set[str]:
    return {field for field, value in event.items() if value == f"<{field}>"}


class Called:
    """`./lookup`, with the run that the service is."""

    def __init__(
        self,
        service: Service,
        folder: Path,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        self._environ = {"XDG_CONFIG_HOME": str(folder / "config")}
        self._url = service.stack.backend.aws.endpoint_url
        self._capsys = capsys
        self._monkeypatch = monkeypatch

    def __call__(self, *words: str, stdin: str = "") -> tuple[int, str, str]:
        self._monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        self._capsys.readouterr()
        status = main([*words, "--env", "local"], self._environ, lambda _, __: reached(self._url))
        return status, *self._capsys.readouterr()

    def command(self, name: str, fields: Mapping[str, Any]) -> Any:
        """The answer of an operators' command."""
        words, stdin = ["admin", name, "--json"], ""
        for field in COMMANDS[name].fields:
            if field.name not in fields:
                continue
            value, option = fields[field.name], f"--{field.name.replace('_', '-')}"
            if field.secret:
                words += ["--secret-file", f"{field.name}=-"]
                stdin = value
            elif field.kind is Kind.FLAG:
                words += [option]
            else:
                words += [option, ",".join(value) if isinstance(value, list) else str(value)]
        words += ["--yes"] if COMMANDS[name].warning else []
        status, output, errors = self(*words, stdin=stdin)
        assert status == 0, errors
        (line,) = output.splitlines()
        return json.loads(line)


@pytest.fixture
def lookup(
    service: Service, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Called:
    return Called(service, tmp_path, capsys, monkeypatch)


def test_walk_has_every_command() -> None:
    assert ARRANGED.keys() == COMMANDS.keys()


@pytest.mark.parametrize("name", ARRANGED)
def test_command_is_answered_alike_by_the_command_line_and_by_its_sample(
    service: Service, lookup: Called, name: str, request: pytest.FixtureRequest
) -> None:
    def stage() -> Stage:
        found: Stage = request.getfixturevalue("stage")
        return found

    by_words = lookup.command(name, ARRANGED[name](service, stage))
    # A stage has restored tables of its own, with its application.
    (stage().service if name == "portal.rebind" else service).restore_tables()
    service.cold_start()
    event = sample(name)
    own = {
        "portal": service.member_id,
        "public_url": service.stack.addresses.api_https_url,
        **ARRANGED[name](service, stage),
    }
    succeeded, by_event = invoked(service, event | {field: own[field] for field in placeholders(event)})
    assert succeeded, by_event
    made = {"key", "key_file"} if name == "keys.create" else set()
    assert by_words.keys() - made == by_event.keys() - made


@pytest.mark.parametrize("name", [name for name in COMMANDS if placeholders(sample(name))])
def test_sample_that_was_not_filled_in_is_refused_by_its_placeholder(service: Service, name: str) -> None:
    succeeded, answer = invoked(service, sample(name))
    assert not succeeded
    assert (answer["errorType"], "placeholder" in answer["errorMessage"]) == ("InvalidRequest", True)


def test_key_of_the_command_line_opens_the_portal(service: Service, lookup: Called) -> None:
    made = lookup.command("keys.create", {"label": "shop"})
    key = Path(made["key_file"]).read_text().strip()
    assert service.get("/v1/chats?entity_type=CRM&entity_id=DEAL%7C1663", {"X-Api-Key": key}).json["chat_id"] == 1437


@pytest.mark.parametrize("name", COMMANDS)
def test_refusal_by_an_event_is_one_line_without_a_trace_of_the_program(service: Service, name: str) -> None:
    required = {field.name: field.example for field in COMMANDS[name].fields if field.required and not field.secret}
    secrets = {
        field.name: "a-secret-of-an-example" for field in COMMANDS[name].fields if field.required and field.secret
    }
    succeeded, answer = invoked(service, {"command": name, "nmae": 1, **required, **secrets})
    assert not succeeded
    assert answer["errorType"] == "InvalidRequest"
    assert answer["errorMessage"].startswith("nmae is an unknown field; ")
    assert "\n" not in answer["errorMessage"]
    assert len(answer["stackTrace"]) <= 2  # the function's own frame, and the one that raises


@pytest.mark.parametrize(
    "words",
    [
        ["keys.revoke"],
        ["nope"],
        ["keys.create", "--scopes", "bad"],
        ["portal.set", "--rate", "x"],
        ["portals", "--no-such-option"],
    ],
    ids=str,
)
def test_wrong_use_is_status_2_and_for_programs_one_json_object(lookup: Called, words: list[str]) -> None:
    status, output, errors = lookup("admin", *words, "--json")
    assert (status, list(json.loads(output)["error"])) == (2, ["type", "detail"])
    assert json.loads(output)["error"]["detail"].splitlines()[0] in errors
    assert lookup("admin", *words)[:2] == (2, "")


def test_refusal_by_the_command_line_is_one_line_and_status_1(lookup: Called) -> None:
    status, output, errors = lookup("admin", "keys.create", "--label", "x" * 101)
    assert (status, output, errors.count("\n")) == (1, "", 1)
    assert errors.startswith("InvalidRequest: label ")


def test_answers_for_people_are_tables(lookup: Called) -> None:
    for words in (("admin", "portals"), ("admin", "keys.list"), ("admin", "apps.list"), ("chats", "CRM", "DEAL|1663")):
        status, output, _ = lookup(*words)
        assert status == 0
        assert "─" in output or output.endswith(": none\n"), output


def test_chat_of_a_pair_and_of_a_file_are_those_of_the_api(lookup: Called, tmp_path: Path) -> None:
    status, output, _ = lookup("chats", "CRM", "DEAL|1663", "--json")
    assert (status, json.loads(output)["chat_id"]) == (0, 1437)
    (tmp_path / "pairs.csv").write_text("CRM,DEAL|1663\nCRM,DEAL|1\nCRM,\n")
    status, output, errors = lookup("chats", "--file", str(tmp_path / "pairs.csv"))
    assert [line.split(",")[2] for line in output.splitlines()[1:]] == ["1437", "", ""]
    assert [line.split(",")[6] for line in output.splitlines()[1:]] == ["", "chat-not-found", "invalid-request"]
    assert (status, "1 with errors" in errors) == (1, True)


@pytest.mark.parametrize("proxy", [None, "http://127.0.0.1:2"])
def test_run_that_was_killed_is_refused_with_the_remedy_and_no_proxy_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, proxy: str | None
) -> None:
    (tmp_path / "run.json").write_text('{"aws_endpoint_url": "http://127.0.0.1:1"}')
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        if proxy:
            monkeypatch.setenv(name, proxy)
    with pytest.raises(Refused, match="is its `make run` over") as raised:
        found("local", {"STATE_DIR": str(tmp_path)}).invoke("AdminFunction", {"command": "portals"})
    assert raised.value.kind == "NotReached"
