"""`./lookup doctor`: what is wrong with the service in an environment, and with this machine; 1 where anything is."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import click
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.text import Text

from chat_lookup.clock import SystemClock
from tools.doctor import history, machine, service, stack
from tools.doctor.findings import Code, Finding, finding
from tools.environment import ROOT, ToolError, opened
from tools.findings import StackCase
from tools.lookup.case import Case, EnvironmentCommand, Refused
from tools.lookup.output import print_answer, printable
from tools.lookup.target import state_dir
from tools.stack import ABSENT, state_of


@dataclass
class Report:
    """Findings, what the log of the last day has, and facts about this machine."""

    findings: list[Finding] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)
    machine: dict[str, Any] = field(default_factory=dict)

    def shown(self) -> dict[str, Any]:
        return {
            "findings": [each.shown() for each in self.findings],
            "errors_of_24_hours": self.errors,
            "machine": self.machine,
        }


def run(case: Case, portal: str | None) -> None:
    """Examine, print, and set the exit status. Raises Refused for a portal that is not stored."""
    report = Report()
    (_of_run if case.env == "local" else _of_stack)(case, portal, report)
    report.findings += machine.environments(ROOT)
    report.machine = machine.facts(case.environ, ROOT)
    if case.env != "local" and report.machine["python_of_functions"] is None:
        words = "This machine has no Python 3.13: the functions cannot be built here"
        report.findings.append(finding(Code.PYTHON_MISSING, words))
    if case.as_json:
        print_answer(report.shown(), as_json=True)
    else:
        _print(report)
    case.status = 1 if report.findings else 0


def _of_run(case: Case, portal: str | None, report: Report) -> None:
    try:
        facts = case.target.facts
    except Refused as error:
        report.findings += [finding(Code.RUN_ABSENT, error.detail), *machine.ports(case.environ)]
        return
    report.findings += service.report(case, portal)
    if all(each.code != Code.RUN_DEAD for each in report.findings):
        report.findings += service.answers(facts["api_url"], case.env)
        log = state_dir(case.environ) / "log.jsonl"
        _history(report, portal, partial(service.portals, case), partial(history.of_run, log))


def _of_stack(case: Case, portal: str | None, report: Report) -> None:
    try:
        environment, clients = opened({**case.environ, "ENV": case.env})
        examined = StackCase(environment, clients, state_of(clients("cloudformation"), environment.stack))
    except (ToolError, BotoCoreError, ClientError) as error:
        report.findings.append(finding(Code.ENVIRONMENT_UNREAD, f"{case.env} cannot be read: {error}"))
        return
    report.findings += stack.findings(examined)
    if examined.state.status == ABSENT:
        return
    if url := examined.state.outputs.get("ApiUrl"):
        report.findings += service.answers(url, case.env)
    report.findings += service.report(case, portal)
    try:
        portals = service.portals(case)
    except Refused:
        return  # the same failure as of the report
    reported = {each.portal for each in report.findings if each.code == Code.ADDRESS_CHANGED}
    chosen = [each for each in portals if portal in (None, each["domain"], each["member_id"])]
    report.findings += (each for each in stack.addresses(examined, chosen) if each.portal not in reported)
    report.findings += stack.guarded("the secrets of portals", stack.secrets(examined, portals))
    read = partial(history.of_stack, clients("logs"), environment.stack, sleep=case.sleep)
    _history(report, portal, lambda: portals, read)


def _history(
    report: Report,
    portal: str | None,
    portals: Callable[[], Sequence[Mapping[str, Any]]],
    read: Callable[[float], Sequence[history.Seen]],
) -> None:
    """The codes of the last day, each with its portal's domain. They are over: none of them is a finding."""
    try:
        seen = read(SystemClock().now())
        domains = {each["member_id"]: each["domain"] for each in portals()}
    except (OSError, BotoCoreError, ClientError, history.UnfinishedError, Refused) as error:
        report.findings.append(stack.unread("the log of the last 24 hours", error))
        return
    for each in seen:
        named = {each.portal, domains.get(each.portal, each.portal)}
        if portal is None or portal in named:
            report.errors.append({**each._asdict(), "portal": domains.get(each.portal, each.portal)})


def _print(report: Report) -> None:
    console = Console(soft_wrap=True, highlight=False)
    for line in _lines(report):
        console.print(line)
    if report.errors:
        print_answer({"errors": report.errors}, as_json=False)


def _lines(report: Report) -> Iterator[Text]:
    for each in report.findings:
        yield Text.assemble((printable(each.code), "bold red"), printable(f" {each.portal}" if each.portal else ""))
        yield Text(printable(f"  {each.detail}"))
        yield Text(printable(f"  Do: {each.remedy}"), "green")
    count = len(report.findings)
    yield Text("Nothing is wrong." if not count else f"{count} finding{'s' * (count > 1)}.", "bold")
    facts = report.machine
    here = [
        f"Python 3.13 at {facts['python_of_functions']}" if facts["python_of_functions"] else "no Python 3.13",
        f"SAM {facts['sam']}" if facts["sam"] else "SAM not set up yet (make build does)",
        machine.shown_engine(facts["container_engine"]),
    ]
    yield Text(printable(f"This machine: {', '.join(here)}."))
    if report.errors:
        yield Text("Error codes of the last 24 hours (docs/runbook.md has what each means):")


command = EnvironmentCommand(
    "doctor",
    params=[click.Option(["--portal"], metavar="PORTAL", help="one portal, by its domain or member id; else all")],
    callback=click.pass_obj(run),
    help="What is wrong, and what mends it: portals, queues, the stack or the run, this machine. Changes nothing. "
    "docs/doctor.md has each finding.",
)
