"""`./lookup setup`: every step fails once and is interrupted once, and the next run goes on from there.

AWS's answers are recorded ones; the service behind them is the whole one on this machine, so that portal, key and check
are really added, made and tried.
"""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import click
import pytest
from botocore.exceptions import ClientError

from tests.local.command_target import reached
from tests.support.deployed_stack import ABSENT, STACK, environment
from tests.support.portals.unknown_portal import Stage
from tests.support.repository import ROOT
from tests.support.service import Service
from tools.environment import Clients, Environment
from tools.lookup.app import DONE, REFUSED
from tools.lookup.case import Case, Refused
from tools.lookup.key_file import default
from tools.lookup.target import Target
from tools.setup.command import command, run
from tools.setup.progress import ANSWERS, Progress
from tools.setup.steps import OPTION_OF, STEPS, Ports, price
from tools.smoke import smoke

KIND: Final = "or by an application?"
SECRET: Final = re.compile(r"/rest/1/[a-z0-9]+/|clk_[A-Za-z0-9_-]{20,}")


class Account:
    """Recorded answers of AWS for one environment: a new account, until `make deploy` has made the stack."""

    def __init__(self, outputs: Mapping[str, str]) -> None:
        self.deployed = False
        self.concurrency = 1000
        self._outputs = outputs

    def opened(self, environ: Mapping[str, str]) -> tuple[Environment, Clients]:
        return environment(name=environ["ENV"]), lambda _: self

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        return lambda **_: self._answer(operation)

    def _answer(self, operation: str) -> dict[str, Any]:
        if operation == "describe_stacks":
            if not self.deployed:
                code, message = ABSENT
                raise ClientError({"Error": {"Code": code, "Message": message}}, "DescribeStacks")
            outputs = [{"OutputKey": name, "OutputValue": value} for name, value in self._outputs.items()]
            return {"Stacks": [{"StackName": STACK, "StackStatus": "CREATE_COMPLETE", "Outputs": outputs}]}
        limit = {"ConcurrentExecutions": self.concurrency, "UnreservedConcurrentExecutions": self.concurrency}
        recorded: dict[str, dict[str, Any]] = {
            "get_caller_identity": {"Account": "123456789012", "Arn": "arn:aws:iam::123456789012:user/operator"},
            "get_account_settings": {"AccountLimit": limit},
            "describe_event_bus": {"Name": "default"},
        }
        return recorded[operation]


Answer = str | BaseException | Callable[[], str]


class Terminal:
    """What the operator types: an answer for each question, by words of it; an exception is raised, and a function
    called, which does what the operator does before the answer."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, answers: dict[str, Answer]) -> None:
        self.answers = answers
        self.asked: list[str] = []
        monkeypatch.setattr("sys.stdin.isatty", lambda: True)
        monkeypatch.setattr("click.termui.visible_prompt_func", self._typed)
        monkeypatch.setattr("click.termui.hidden_prompt_func", self._typed)

    def _typed(self, question: str = "") -> str:
        self.asked.append(question)
        (answer,) = [answer for word, answer in self.answers.items() if word in question]
        if isinstance(answer, BaseException):
            raise answer
        return answer() if callable(answer) else answer


class Scene(NamedTuple):
    """An operator at a terminal, an account, and the service that is deployed into it."""

    service: Service
    account: Account
    terminal: Terminal
    environ: dict[str, str]
    ports: dict[str, Any]

    def set_up(self, **given: Any) -> int:
        """One run; returns what `./lookup` would end with."""
        case = Case(self.environ, lambda *_: self._target())
        case.choose("staging")
        try:
            ports = {"account": self.account.opened, "make": self._deploy, "can_build": lambda: True, **self.ports}
            run(case, Ports(**ports), **given)
        except (Refused, click.Abort):
            return REFUSED
        return DONE

    def _deploy(self, words: list[str], _: Mapping[str, str]) -> int:
        assert words == ["deploy", "ENV=staging", "YES=1"]
        self.account.deployed = True
        return 0

    def _target(self) -> Target:
        return reached(self.service.stack.backend.aws.endpoint_url)


@pytest.fixture
def scene(service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """The service without a portal, and an operator who has the portal's webhook."""
    service.without_portals()
    url = service.portal.webhook_url
    terminal = Terminal(monkeypatch, {"Deploy": "y", KIND: "webhook", "webhook_url:": url, "A label": "shop"})
    environ = {"XDG_CONFIG_HOME": str(tmp_path / "config"), "XDG_STATE_HOME": str(tmp_path / "state")}
    return Scene(service, Account({"ApiUrl": service.stack.addresses.api_url}), terminal, environ, {})


def refuses_the_account(scene: Scene) -> Callable[[], None]:
    scene.account.concurrency = 1
    return lambda: setattr(scene.account, "concurrency", 1000)


def fails_to_deploy(scene: Scene) -> Callable[[], None]:
    scene.ports["make"] = lambda *_: 1
    return scene.ports.clear


def mistypes_the_webhook(scene: Scene) -> Callable[[], None]:
    right = scene.terminal.answers["webhook_url:"]
    scene.terminal.answers["webhook_url:"] = f"{str(right)[:-3]}00/"
    return lambda: scene.terminal.answers.update({"webhook_url:": right})


def has_no_folder_for_the_key(scene: Scene) -> Callable[[], None]:
    folder = Path(scene.environ["XDG_CONFIG_HOME"])
    folder.write_text("a file in the place of the folder")
    return folder.unlink


def has_a_portal_that_is_down(scene: Scene) -> Callable[[], None]:
    def down(target: Any, show: Callable[[str], None]) -> bool:
        scene.service.control("/faults", {"method": "*", "status": 502})
        return smoke(target, show)

    scene.ports["tries"] = down

    def up() -> None:
        scene.service.control("/faults", [])
        scene.ports.clear()

    return up


FAILURES: Final[Mapping[str, Callable[[Scene], Callable[[], None]]]] = {
    "account": refuses_the_account,
    "deployment": fails_to_deploy,
    "portal": mistypes_the_webhook,
    "key": has_no_folder_for_the_key,
    "check": has_a_portal_that_is_down,
}
"""By step: makes it fail, and returns what mends that."""


def interrupted(scene: Scene, step: str) -> Callable[[], None]:
    """Ctrl-C while the step asks, waits or works."""

    def stop(*_: object) -> Any:
        raise KeyboardInterrupt

    port = {"account": "account", "deployment": "make", "check": "tries"}.get(step)
    if port:
        scene.ports[port] = stop
        return scene.ports.clear
    question = {"portal": "webhook_url:", "key": "A label"}[step]
    answer = scene.terminal.answers[question]
    scene.terminal.answers[question] = KeyboardInterrupt()
    return lambda: scene.terminal.answers.update({question: answer})


def finished(scene: Scene) -> None:
    """A portal, a key that is admitted, and nothing secret outside the key's file."""
    assert [each["domain"] for each in scene.service.admin("portals")["portals"]]
    key = default("staging", scene.environ)
    assert key.stat().st_mode & 0o077 == 0
    sent = {"X-Api-Key": key.read_text("utf-8").strip()}
    assert scene.service.get("/v1/chats?entity_type=CRM&entity_id=DEAL%7C1663", headers=sent).status == 200
    assert not Progress.of("staging", scene.environ).path.exists()


def test_every_step_has_a_failure() -> None:
    assert FAILURES.keys() == STEPS.keys()


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("how", ["fails", "is interrupted"])
def test_run_after_a_step_that_fails_or_is_interrupted_goes_on_and_does_nothing_twice(
    scene: Scene, step: str, how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    mend = FAILURES[step](scene) if how == "fails" else interrupted(scene, step)
    assert scene.set_up() == REFUSED
    output = capsys.readouterr().out
    before = list(STEPS)[: list(STEPS).index(step)]
    assert [name for name in STEPS if f" {name}\n" in output] == [*before, step]
    kept = Progress.of("staging", scene.environ).path
    if kept.exists():
        assert json.loads(kept.read_text()).keys() <= set(ANSWERS)
        assert kept.stat().st_mode & 0o077 == 0

    mend()
    scene.terminal.asked.clear()
    assert scene.set_up() == DONE
    output += capsys.readouterr().out
    finished(scene)
    assert not SECRET.search(output)
    # What was answered in a step that was done is not asked again.
    questions = {"deployment": "Deploy", "portal": KIND}
    assert [name for name in before if any(questions.get(name, "?!") in each for each in scene.terminal.asked)] == []


def test_answer_of_a_former_run_is_shown_with_the_option_that_changes_it(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    for option in command.params:
        if option.name in ANSWERS:
            assert option.opts == [OPTION_OF[option.name]]
    assert OPTION_OF.keys() == set(ANSWERS)
    Progress.of("staging", scene.environ).keep("label", "shpo")
    assert scene.set_up(label="shop") == DONE
    assert "shpo" not in capsys.readouterr().out
    assert [each["label"] for each in scene.service.admin("keys.list")["keys"]].count("shop") == 1


def test_answer_of_a_former_run_is_taken_and_named(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    Progress.of("staging", scene.environ).keep("label", "shop")
    assert scene.set_up() == DONE
    assert "As answered before: --label shop (another value changes it)" in capsys.readouterr().out


def test_second_run_finds_everything_done_and_asks_nothing(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    assert scene.set_up() == DONE
    first = capsys.readouterr().out
    assert f"Your handler path          {scene.service.stack.addresses.api_url}/bitrix24/app" in first
    assert f"Price: {price('full')} a month idle" in first
    keys = scene.service.admin("keys.list")["keys"]
    scene.terminal.asked.clear()
    assert scene.set_up() == DONE
    assert scene.terminal.asked == []
    assert scene.service.admin("keys.list")["keys"] == keys
    assert "is deployed; make deploy ENV=staging brings a new version" in capsys.readouterr().out


def test_machine_without_the_functions_python_is_refused_before_the_account_is_asked(scene: Scene) -> None:
    refused = scene._replace(ports={"can_build": lambda: False, "account": None})
    assert refused.set_up() == REFUSED
    assert (scene.terminal.asked, scene.account.deployed) == ([], False)


def test_nothing_is_deployed_without_a_confirmation(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    scene.terminal.answers["Deploy"] = "n"
    assert scene.set_up() == REFUSED
    assert not scene.account.deployed
    assert "It costs $" in capsys.readouterr().out


def with_an_application(scene: Scene, stage: Stage) -> None:
    """The operator adds the stage's application, and opens it in its portal when asked to."""

    def installed() -> str:
        assert stage.contact().status == 200
        return "y"

    scene.terminal.answers |= {
        KIND: "application",
        "The portal's host": stage.portal.domain,
        "(client_id)": stage.card.client_id,
        "client_secret:": stage.card.client_secret,
        "Look again?": installed,
    }


def test_application_is_added_by_its_card_and_waited_for(
    stage: Stage, scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    with_an_application(scene, stage)
    assert scene.set_up() == DONE
    finished(scene)
    output = capsys.readouterr().out
    assert f"{stage.portal.domain} is installed" in output
    assert stage.card.client_secret not in output


def test_portal_that_was_uninstalled_is_waited_for_again(stage: Stage, scene: Scene) -> None:
    with_an_application(scene, stage)
    assert scene.set_up() == DONE
    stage.set_state("uninstalled")
    scene.terminal.asked.clear()
    assert scene.set_up() == DONE
    assert any("Look again?" in question for question in scene.terminal.asked)
    assert stage.state == "active"


def with_two_portals(scene: Scene, stage: Stage) -> None:
    card = stage.card
    scene.service.admin("portal.add_webhook", webhook_url=scene.service.portal.webhook_url)
    scene.service.admin("apps.add", kind="market", client_id=card.client_id, client_secret=card.client_secret)
    assert stage.contact().status == 200


def test_of_several_portals_the_operator_names_that_of_the_key(stage: Stage, scene: Scene) -> None:
    with_two_portals(scene, stage)
    scene.terminal.answers["Which portal"] = scene.service.portal.domain
    assert scene.set_up() == DONE
    finished(scene)
    (made,) = scene.service.admin("keys.list", portal=scene.service.portal.domain)["keys"]
    assert made["label"] == "shop"


def test_only_portal_that_is_installed_gets_the_key_without_a_question(stage: Stage, scene: Scene) -> None:
    with_two_portals(scene, stage)
    stage.set_state("uninstalled")
    assert scene.set_up() == DONE
    finished(scene)
    (made,) = scene.service.admin("keys.list", portal=scene.service.portal.domain)["keys"]
    assert made["label"] == "shop"


@pytest.mark.parametrize("monitoring", ["full", "basic", "none"])
def test_printed_price_is_that_of_the_costs(monitoring: str) -> None:
    (first,) = re.findall(r"^An idle stack costs .*$", (ROOT / "docs/costs.md").read_text("utf-8"), re.MULTILINE)[:1]
    full, basic, none, *_ = re.findall(r"\$[0-9.]+[0-9]", first)
    assert price(monitoring) == {"full": full, "basic": basic, "none": none}[monitoring]
