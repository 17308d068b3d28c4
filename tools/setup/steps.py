"""The steps of `./lookup setup`. Each looks at the service first and does nothing if it is done already, so a second
run, or one after an interruption, goes on from where the first one ended."""

import re
import shutil
import subprocess  # for commands of its own wording only  # nosec B404
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import click

from chat_lookup.admin.commands import COMMANDS
from chat_lookup.portals.portal import PortalState
from tools import smoke
from tools.doctor.machine import python_of_functions
from tools.environment import ROOT, Clients, Environment, opened
from tools.lookup.case import Case, Refused
from tools.lookup.key_file import default, making_a_key
from tools.lookup.output import printable
from tools.lookup.secret_fields import given_secrets
from tools.lookup.target import account_errors
from tools.preflight import checked
from tools.setup.progress import Progress
from tools.stack import ABSENT, DEPLOYED, StackState, state_of

WEBHOOK: Final = "webhook"
APPLICATION: Final = "application"
SCOPES: Final = "im, imbot, imopenlines, crm, task"
CARD: Final = """The application's card (Applications > Developer resources > Ready-made scenarios > Other > Local one):
  Your handler path          {url}/bitrix24/app
  Initial installation path  {url}/bitrix24/install
  Uses API only              off
  Scopes                     {scopes}"""
_COSTS: Final = ROOT / "docs/costs.md"
_KEY_OPTIONS: Final[Mapping[str, Any]] = {"key_file": None, "show": False, "yes": False}
"""A key that is in the file already is replaced only if the operator agrees."""


def _made(words: list[str], environ: Mapping[str, str]) -> int:
    """Runs a verb of `make`; returns its exit status."""
    command = [shutil.which("make") or "make", "--no-print-directory", "-C", str(ROOT), *words]
    return subprocess.run(command, env=dict(environ), check=False).returncode  # noqa: S603 - our words


def _can_build() -> bool:
    """Whether this machine has the Python of the functions."""
    return python_of_functions(ROOT) is not None


OPTION_OF: Final[Mapping[str, str]] = {
    "kind": "--by",
    "domain": "--domain",
    "client_id": "--client-id",
    "label": "--label",
}
"""The option that gives an answer, by the answer's name (progress.ANSWERS)."""


class Ports(NamedTuple):
    """What a test replaces: the account, `make`, the requests of the smoke test, and this machine."""

    account: Callable[[Mapping[str, str]], tuple[Environment, Clients]] = opened
    make: Callable[[list[str], Mapping[str, str]], int] = _made
    tries: Callable[[smoke.Target, Callable[[str], None]], bool] = smoke.smoke
    can_build: Callable[[], bool] = _can_build


@dataclass
class Setup:
    """One run for one environment. `progress` has the answers of a former run."""

    case: Case
    ports: Ports
    progress: Progress
    given: Mapping[str, Any] = field(default_factory=dict)
    """Options of the command line, by their names; None where one was not given."""

    def show(self, text: str) -> None:
        click.echo(text)

    def confirmed(self, question: str) -> bool:
        return bool(self.given.get("yes")) or click.confirm(question, default=True)

    def answer(self, name: str, question: str, kind: click.ParamType[Any] | None = None) -> str:
        """An option, an answer of a former run, or one that is asked for now, which is kept."""
        given, before = self.given.get(name), self.progress.answers.get(name)
        if before and not given:
            self.show(f"As answered before: {OPTION_OF[name]} {printable(before)} (another value changes it)")
        known = given or before
        value = str(known or click.prompt(question, type=kind or click.STRING)).strip()
        if value != self.progress.answers.get(name):
            self.progress.keep(name, value)
        return value

    def secrets(self, command: str) -> dict[str, object]:
        """The required secrets of a command, asked for without an echo, or from files."""
        fields = [each for each in COMMANDS[command].fields if each.secret and each.required]
        given = {"secret_files": self.given.get("secret_files") or (), "asked": ()}
        return given_secrets(fields, given, terminal=sys.stdin.isatty())

    @property
    def in_aws(self) -> bool:
        return self.case.env != "local"

    def account(self) -> tuple[Environment, Clients]:
        """Raises ToolError, and botocore's exceptions."""
        return self.ports.account({**self.case.environ, "ENV": self.case.env})

    def state(self) -> tuple[Environment, StackState]:
        """The stack as it is now. Raises Refused."""
        with account_errors():
            environment, clients = self.account()
            return environment, state_of(clients("cloudformation"), environment.stack)

    def url(self) -> str:
        """The address of the service, as portals reach it."""
        if not self.in_aws:
            return str(self.case.target.facts["api_https_url"])
        _, state = self.state()
        return str(state.outputs["ApiUrl"]).removesuffix("/")


# --- the steps: each returns what is so at its end -------------------------------------------------------------------


def account(setup: Setup) -> str:
    """Credentials, region, quotas, domain, and the Python that builds the functions. Raises Refused."""
    if not setup.in_aws:
        return "a run on this machine needs none"
    if not setup.ports.can_build():
        raise Refused("Python 3.13 builds the functions, and this machine has none: install it, then run setup again")
    with account_errors():
        environment, clients = setup.account()
        refused = checked(environment, clients, setup.show)
    if refused:
        raise Refused("The account refuses what is named above. Mend that, then run setup again")
    return f"{environment.stack} in {environment.region}"


def deployment(setup: Setup) -> str:
    """Raises Refused where the deployment fails or is declined."""
    if not setup.in_aws:
        return "make run is the deployment"
    environment, state = setup.state()
    if state.status in DEPLOYED:
        return f"{environment.stack} is deployed; make deploy ENV={environment.name} brings a new version"
    if state.status == ABSENT:
        monitoring = environment.parameters({}).get("Monitoring", "full")
        setup.show(f"It costs {price(monitoring)} a month while nothing asks it (Monitoring={monitoring}).")
    if not setup.confirmed(f"Deploy {environment.stack} now? It takes about ten minutes."):
        raise Refused("Not confirmed: nothing is deployed. Run setup again when it may be")
    if setup.ports.make(["deploy", f"ENV={environment.name}", "YES=1"], setup.case.environ):
        raise Refused("The deployment failed, for the reason above. Remove it, then run setup again")
    return f"{environment.stack} is deployed"


def portal(setup: Setup) -> str:
    """A portal by its inbound webhook or by an application. Raises Refused."""
    if known := _installed(setup):
        return "the service knows " + ", ".join(f"{each['domain']} ({each['state']})" for each in known)
    kind = setup.answer(
        "kind", "A portal by its inbound webhook, or by an application?", click.Choice([WEBHOOK, APPLICATION])
    )
    return _by_webhook(setup) if kind == WEBHOOK else _by_application(setup)


def _installed(setup: Setup) -> list[dict[str, Any]]:
    """An uninstalled portal is kept as well, with its keys, but answers nothing before it is installed again."""
    return [each for each in setup.case.command("portals")["portals"] if each["state"] != PortalState.UNINSTALLED]


def _by_webhook(setup: Setup) -> str:
    setup.show(
        "In the portal: Applications > Developer resources > Ready-made scenarios > Other > Inbound webhook.\n"
        f"Give it the scopes {SCOPES}, and paste its URL here; it is not shown."
    )
    added = setup.case.command("portal.add_webhook", **setup.secrets("portal.add_webhook"))
    return f"the portal {added['member_id']} is added by its webhook"


def _by_application(setup: Setup) -> str:
    setup.show(CARD.format(url=setup.url(), scopes=SCOPES))
    domain = setup.answer("domain", "The portal's host, as acme.bitrix24.com")
    client_id = setup.answer("client_id", "The application's code (client_id), from its card")
    if client_id not in {each["client_id"] for each in setup.case.command("apps.list")["applications"]}:
        setup.case.command("apps.add", kind="local", domain=domain, client_id=client_id, **setup.secrets("apps.add"))
    setup.show(f"Now open the application in {domain}, as an administrator, and wait until its page confirms it.")
    while not (found := _installed(setup)):
        if not click.confirm("It is not installed yet. Look again?", default=True):
            raise Refused("The application is not installed yet. Run setup again when its page confirms it")
    return f"{found[0]['domain']} is installed"


def key(setup: Setup) -> str:
    """An API key in a file of the operator's own. Raises Refused."""
    path = default(setup.case.env, setup.case.environ)
    if path.exists() and _is_admitted(setup):
        return f"the key in {path} is admitted"
    label = setup.answer("label", "What is the key for? A label, as shop")
    event = {"label": label, "scopes": ["lookup", "details"], "portal": _portal_of_key(setup)}
    made = making_a_key(setup.case, lambda: setup.case.command("keys.create", **event), _KEY_OPTIONS)
    return f"a key {made['key_id']} is in {made['key_file']}, readable by you alone"


def _portal_of_key(setup: Setup) -> str:
    first, *others = _installed(setup)
    if not others:
        return str(first["member_id"])
    domains = click.Choice([each["domain"] for each in (first, *others)])
    return str(setup.given.get("portal") or click.prompt("Which portal is the key of?", type=domains))


def check(setup: Setup) -> str:
    """Whether the service answers callers and portals. Raises Refused."""
    if not setup.ports.tries(_target(setup), setup.show):
        raise Refused("The service does not work yet: see above, and ./lookup doctor --env " + setup.case.env)
    return "the service answers callers and portals"


def _is_admitted(setup: Setup) -> bool:
    try:
        return smoke.is_admitted(_target(setup))
    except smoke.SmokeError as error:
        raise Refused(f"The service was not reached: {error}") from None


def _target(setup: Setup) -> smoke.Target:
    facts = setup.case.target.facts if not setup.in_aws else {}
    path = default(setup.case.env, setup.case.environ)
    settings = {"URL": setup.url(), "KEY": path.read_text("utf-8").strip(), "CA_FILE": str(facts.get("ca_file", ""))}
    try:
        # What is built here may be of another commit than what is deployed.
        return replace(smoke.read(settings), built=None)
    except smoke.SmokeError as error:
        raise Refused(str(error)) from None


STEPS: Final[Mapping[str, Callable[[Setup], str]]] = {
    "account": account,
    "deployment": deployment,
    "portal": portal,
    "key": key,
    "check": check,
}
"""In their order; the next one begins when the one before has returned."""


def closing(setup: Setup) -> str:
    """What the operator needs afterwards: the address, the card, the price, and what to do next."""
    url, env = setup.url(), setup.case.env
    lines = [f"\nReady: {url}", CARD.format(url=url, scopes=SCOPES)]
    if setup.in_aws:
        environment, state = setup.state()
        monitoring = environment.parameters(state.parameters).get("Monitoring", "full")
        lines.append(f"Price: {price(monitoring)} a month idle (Monitoring={monitoring}); docs/costs.md has the rest.")
    lines += [
        "Next:",
        f"  ./lookup chats CRM 'DEAL|1' --env {env}      a look-up",
        f"  ./lookup doctor --env {env}                  what is wrong, if anything is",
        "  docs/api.md                              calls from your code",
        "  docs/operations.md, docs/runbook.md      alarms, metrics, commands",
    ]
    return "\n".join(lines)


def price(monitoring: str, costs: Path = _COSTS) -> str:
    """What an idle stack costs a month, as docs/costs.md has it."""
    text = costs.read_text("utf-8")
    table = text[text.index("An idle stack costs, by `Monitoring`") :].splitlines()
    head, sums = (next(line for line in table if line.startswith(start)) for start in ("| every month", "| together"))
    prices = zip(re.findall(r"`(\w+)`", head), re.findall(r"[0-9.]+", sums), strict=True)
    return f"${dict(prices)[monitoring]}"
