"""Each finding of `./lookup doctor` about a stack, a run or this machine: made true, seen, mended, and gone.

A stack is recorded answers of AWS, checked against the models of its services, before an address that answers; a run is
its run.json; the machine is real files and ports in a folder of the test.
"""

import json
import socket
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pytest
from botocore.stub import ANY

from layers.stamp import stamp
from local.net.http_server import HttpServer
from tests.support.deployed_stack import MOMENT, STACK, environment, expect_no_stack, expect_stack
from tests.support.stubbed_clients import StubbedClients
from tools.container_engine import engine
from tools.doctor import machine, service
from tools.doctor.findings import REMEDIES, Code
from tools.environment import ROOT, ToolError
from tools.lookup import doctor
from tools.lookup.app import main
from tools.lookup.case import Refused
from tools.python_environment import Wanted

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

STAMP: Final = stamp()
ALARM: Final = {
    "AlarmName": f"{STACK}_dead-letters", "StateValue": "ALARM", "StateUpdatedTimestamp": MOMENT,
    "AlarmDescription": "Events were given up. First: read why. Runbook: docs/runbook.md#dead-letters",
}  # fmt: skip
CODES: Final = [
    {"field": "portal_error", "value": "TIMEOUT"}, {"field": "portal", "value": "0123"},
    {"field": "times", "value": "3"}, {"field": "last", "value": "2026-11-29 12:00:00.000"},
]  # fmt: skip


@dataclass
class Scene:
    """A healthy stack, run and machine; each case changes one thing."""

    folder: Path
    url: str = ""
    layer: str = STAMP
    status: str = "UPDATE_COMPLETE"
    deployed: dict[str, str] = field(default_factory=dict)
    overrides: dict[str, str] = field(default_factory=dict)
    alarms: list[dict[str, Any]] = field(default_factory=list)
    denied: bool = False
    concurrency: int = 1000
    secrets: int = 1
    stack: bool = True
    session: ToolError | None = None
    registered: str = ""
    refused: Refused | None = None
    taken: socket.socket | None = None
    port: str = "0"
    clients: StubbedClients = field(default_factory=StubbedClients)

    def __post_init__(self) -> None:
        self.facts = {"api_url": "", "aws_endpoint_url": "http://127.0.0.1:9"}
        self.run_json.parent.mkdir()
        self.run_json.touch()
        (self.run_json.parent / "log.jsonl").touch()

    @property
    def run_json(self) -> Path:
        return self.folder / "state/run.json"

    def opened(self, *_: object, **__: object) -> Any:
        if self.session:
            raise self.session
        self.expect()
        defaults = dict.fromkeys((*self.deployed, *self.overrides), "") | {
            "EventBus": "default",
            "WorkerConcurrency": "2",
        }
        return environment(overrides=self.overrides, defaults=defaults), self.clients

    def expect(self) -> None:
        """What AWS answers to a report about this stack."""
        clients, parameters = self.clients, {"EventBus": "default", **self.deployed}
        if not self.stack:
            expect_no_stack(clients)
            return
        expect_stack(
            clients, self.status,
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
            Outputs=[{"OutputKey": "ApiUrl", "OutputValue": self.url}],
        )  # fmt: skip
        rings = {"AlarmNamePrefix": f"{STACK}_", "StateValue": "ALARM"}
        if self.denied:
            clients.refuse("cloudwatch", "describe_alarms", "AccessDenied", **rings)
        else:
            clients.expect("cloudwatch", "describe_alarms", {"MetricAlarms": self.alarms}, **rings)
        limit = {"ConcurrentExecutions": self.concurrency, "UnreservedConcurrentExecutions": self.concurrency}
        clients.expect("lambda", "get_account_settings", {"AccountLimit": limit})
        if "AlarmTopic" in parameters:
            policy = {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sns:Publish"}]}
            topic = {"Attributes": {"Policy": json.dumps(policy)}}
            clients.expect("sns", "get_topic_attributes", topic, TopicArn=parameters["AlarmTopic"])
        if parameters["EventBus"]:
            clients.expect("events", "describe_event_bus", {"Name": "default"}, Name="default")
        if self.refused:
            return
        listed = [{"Name": f"{STACK}/portal/{number}"} for number in range(self.secrets)]
        named = [{"Key": "name", "Values": [f"{STACK}/portal/"]}]
        clients.expect("secretsmanager", "list_secrets", {"SecretList": listed}, Filters=named)
        clients.expect(
            "logs", "start_query", {"queryId": "q"}, logGroupNames=ANY, startTime=ANY, endTime=ANY, queryString=ANY
        )
        clients.expect("logs", "get_query_results", {"status": "Running"}, queryId="q")
        clients.expect("logs", "get_query_results", {"status": "Complete", "results": [CODES]}, queryId="q")

    def invoke(self, _: str, event: Any) -> dict[str, Any]:
        if self.refused:
            raise self.refused
        if event["command"] == "doctor":
            return {"findings": []}
        of_it = {"member_id": "0123", "domain": "acme.bitrix24.com", "kind": "oauth", "state": "active"}
        return {"portals": [{**of_it, "public_url": self.registered or self.url}]}

    def find(self, env: str, _: object) -> Any:
        if env == "local" and not self.run_json.exists():
            raise Refused("No run is ready", "NoRun")
        self.facts["api_url"] = self.url
        return self


Change = Callable[[Scene], object]


class Case(NamedTuple):
    """`make` changes the healthy scene, `mend` changes it back; `words` are in the detail."""

    code: Code
    env: str
    make: Change
    mend: Change
    words: str


def setting(**changes: Any) -> Change:
    def change(scene: Scene) -> None:
        for name, value in changes.items():
            setattr(scene, name, value)

    return change


def half_made(scene: Scene) -> None:
    (scene.folder / ".venv-sam/bin").mkdir(parents=True)
    (scene.folder / ".venv-sam/bin/python").symlink_to("/no/such/python3.13")


def made_anew(scene: Scene) -> None:
    wanted = Wanted(scene.folder / ".venv-sam", ())
    (wanted.folder / "bin/python").unlink()
    (wanted.folder / "bin/python").symlink_to(sys.executable)
    wanted.ready.write_text(wanted.place() + wanted.content())


def no_interpreter(scene: Scene) -> None:
    finds = scene.folder / "layers/find-python"
    finds.write_text("#!/bin/sh\nexit 1\n")


def interpreter(scene: Scene) -> None:
    (scene.folder / "layers").mkdir(exist_ok=True)
    finds = scene.folder / "layers/find-python"
    finds.write_text(f"#!/bin/sh\necho {sys.executable}\n")
    finds.chmod(0o755)


def take_a_port(scene: Scene) -> None:
    scene.run_json.unlink()
    scene.taken = socket.create_server(("127.0.0.1", 0))
    scene.port = str(scene.taken.getsockname()[1])


def give_it_back(scene: Scene) -> None:
    assert scene.taken
    scene.taken.close()
    scene.run_json.touch()


DENIED: Final = Refused("User is not authorized to perform lambda:InvokeFunction", "AccessDeniedException")
CASES: Final = (
    Case(
        Code.ENVIRONMENT_UNREAD, "staging", setting(session=ToolError("No region")), setting(session=None),
        "No region",
    ),
    Case(Code.STACK_ABSENT, "staging", setting(stack=False), setting(stack=True), "no stack chat-lookup-staging"),
    Case(
        Code.STACK_FAILED, "staging", setting(status="UPDATE_ROLLBACK_COMPLETE"), setting(status="UPDATE_COMPLETE"),
        "is UPDATE_ROLLBACK_COMPLETE",
    ),
    Case(
        Code.RUN_ABSENT, "local", lambda scene: scene.run_json.unlink(), lambda scene: scene.run_json.touch(), "No run"
    ),
    Case(
        Code.RUN_DEAD, "local", setting(refused=Refused("Nothing answers", "NotReached")), setting(refused=None),
        "Nothing answers",
    ),
    Case(Code.PORT_BUSY, "local", take_a_port, give_it_back, "(API_PORT) is taken by "),
    Case(
        Code.HEALTH_FAILED, "staging", setting(layer="!"), setting(layer=STAMP), "/health: that is not this service"
    ),
    Case(Code.FUNCTION_FAILED, "staging", setting(refused=DENIED), setting(refused=None), "InvokeFunction"),
    Case(Code.ALARM, "staging", setting(alarms=[ALARM]), setting(alarms=[]), f"{STACK}_dead-letters, since 2026-11-29"),
    Case(Code.VERSION_DIFFERS, "staging", setting(layer="a" * 64), setting(layer=STAMP), "runs layer aaaaaaaaaaaa"),
    Case(Code.VERSION_DIFFERS, "local", setting(layer="a" * 64), setting(layer=STAMP), "runs layer aaaaaaaaaaaa"),
    Case(
        Code.ADDRESS_CHANGED, "staging", setting(registered="https://old.example.com"), setting(registered=""),
        "registered at https://old.example.com",
    ),
    Case(Code.ACCOUNT, "staging", setting(concurrency=10), setting(concurrency=1000), "10 concurrent executions"),
    Case(
        Code.PARAMETERS_DIFFER, "staging", setting(deployed={"LogLevel": "INFO"}, overrides={"LogLevel": "DEBUG"}),
        setting(deployed={}, overrides={}), "LogLevel is INFO, DEBUG in samconfig.toml",
    ),
    *(
        Case(Code.PARAMETERS_CONTRADICT, "staging", setting(deployed=deployed), setting(deployed={}), words)
        for deployed, words in (
            ({"PrivatePortals": "portal.lan:443"}, "SubnetIds"),
            ({"PublishText": "true", "EventBus": ""}, "no EventBus"),
            ({"LocalHosts": "127.0.0.1:3010"}, "LocalHosts is 127.0.0.1:3010"),
            ({"AlarmTopic": "arn:aws:sns:eu-central-1:123456789012:alarms", "Monitoring": "none"}, "no alarm rings"),
        )
    ),
    Case(Code.SECRETS_LEFT, "staging", setting(secrets=3), setting(secrets=1), "3 secrets of portals for 1 installed"),
    Case(Code.NOT_CHECKED, "staging", setting(denied=True), setting(denied=False), "cloudwatch:DescribeAlarms failed"),
    Case(Code.PYTHON_MISSING, "staging", no_interpreter, interpreter, "no Python 3.13"),
    Case(Code.ENVIRONMENT_BROKEN, "local", half_made, made_anew, ".venv-sam is not whole"),
)  # fmt: skip


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    scene = Scene(tmp_path)
    interpreter(scene)

    def serve(_: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "application/json")])
        healthy = {"status": "ok", "layer": scene.layer}
        return [json.dumps({} if scene.layer == "!" else healthy).encode()]

    server = HttpServer(serve)
    server.start()
    scene.url = server.url()
    monkeypatch.setattr(doctor, "opened", scene.opened)
    monkeypatch.setattr(doctor, "ROOT", tmp_path)
    monkeypatch.setattr(service, "stamp", lambda: STAMP)
    yield scene
    server.stop()
    scene.clients.end()


def looked_up(scene: Scene, env: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    """Exit status and answer of `./lookup doctor --json`. Every expected call to AWS was made."""
    ports = {"API_PORT": scene.port, "API_HTTPS_PORT": "0", "PORTAL_PORT": "0"}
    environ = {"STATE_DIR": str(scene.run_json.parent), **ports}
    capsys.readouterr()
    status = main(["doctor", "--env", env, "--json"], environ, scene.find, lambda _: None)
    return status, json.loads(capsys.readouterr().out)


def test_each_code_of_the_command_line_is_walked_and_has_a_remedy() -> None:
    assert {case.code for case in CASES} == set(Code) == REMEDIES.keys()


@pytest.mark.parametrize("env", ["staging", "local"])
def test_healthy_environment_has_no_findings(scene: Scene, capsys: pytest.CaptureFixture[str], env: str) -> None:
    status, answer = looked_up(scene, env, capsys)
    assert (status, answer["findings"]) == (0, [])
    codes = [{"portal": "acme.bitrix24.com", "code": "TIMEOUT", "times": 3, "last_at": "2026-11-29 12:00:00.000"}]
    assert answer["errors_of_24_hours"] == (codes if env == "staging" else [])
    assert answer["machine"]["python_of_functions"] == sys.executable


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.code}, {case.env}: {case.words}")
def test_finding_is_seen_with_its_remedy_and_gone_after_it_is_mended(
    scene: Scene, case: Case, capsys: pytest.CaptureFixture[str]
) -> None:
    case.make(scene)
    status, answer = looked_up(scene, case.env, capsys)
    assert status == 1
    (found,) = [each for each in answer["findings"] if each["code"] == case.code]
    assert case.words in found["detail"]
    assert found["remedy"]
    assert "{" not in found["remedy"]
    others = {each["code"] for each in answer["findings"]} - {case.code}
    assert others <= ({Code.RUN_ABSENT} if case.code is Code.PORT_BUSY else set())

    case.mend(scene)
    status, answer = looked_up(scene, case.env, capsys)
    assert (status, answer["findings"]) == (0, [])


@pytest.mark.parametrize("env", ["staging", "local"])
def test_people_read_findings_with_what_to_do(scene: Scene, capsys: pytest.CaptureFixture[str], env: str) -> None:
    scene.layer = "a" * 64
    environ = {"STATE_DIR": str(scene.run_json.parent)}
    assert main(["doctor", "--env", env], environ, scene.find, lambda _: None) == 1
    printed = capsys.readouterr().out
    for words in ("version-differs", "  Do: ", "1 finding.", "This machine: Python 3.13 at"):
        assert words in printed
    assert ("TIMEOUT" in printed) == (env == "staging")


def test_portal_that_is_not_stored_is_refused_and_is_no_finding(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.refused = Refused("The application is not installed in this portal", "PortalNotInstalled")
    words = ["doctor", "--env", "local", "--portal", "unknown.bitrix24.com"]
    assert main(words, {"STATE_DIR": str(scene.run_json.parent)}, scene.find) == 1
    assert capsys.readouterr().err.startswith("PortalNotInstalled: ")


def test_every_environment_of_the_makefile_is_looked_at() -> None:
    lines = (ROOT / "Makefile").read_text("utf-8").splitlines()
    assert {line.partition(" := ")[2] for line in lines if "VENV := " in line} == machine.COMMANDS.keys()


def test_container_engine_is_a_fact_and_its_absence_no_finding(tmp_path: Path) -> None:
    address = f"unix://{tmp_path / 'docker.sock'}"
    assert engine({"DOCKER_HOST": address}) is None
    assert "no container engine answers" in machine.shown_engine(None)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "docker.sock"))
        server.listen()
        assert engine({"DOCKER_HOST": address}) == address
    assert machine.shown_engine(address) == f"a container engine at {address}"


def test_engine_is_the_first_that_accepts_a_connection(tmp_path: Path) -> None:
    docker, finch = (f"unix://{tmp_path / name}" for name in ("docker.sock", "finch.sock"))
    assert engine({"DOCKER_HOST": docker}, [finch]) is None
    with socket.socket(socket.AF_UNIX) as second:
        second.bind(str(tmp_path / "finch.sock"))
        second.listen()
        assert engine({"DOCKER_HOST": docker}, [finch]) == finch
        with socket.create_server(("127.0.0.1", 0)) as first:
            tcp = f"tcp://127.0.0.1:{first.getsockname()[1]}"
            assert engine({"DOCKER_HOST": tcp}, [finch]) == tcp
    assert engine({"DOCKER_HOST": docker}, [finch]) is None
