"""`./lookup setup`: from an account, or a `make run`, to the first look-up, step by step."""

import sys
from typing import Any

import click

from tools.lookup.case import Case, EnvironmentCommand, Refused
from tools.lookup.output import printable
from tools.setup.progress import Progress
from tools.setup.steps import APPLICATION, STEPS, WEBHOOK, Ports, Setup, closing


def run(case: Case, ports: Ports, **given: Any) -> None:
    """Raises Refused for a step that could not be done, and Abort where the operator stops; both can be repeated."""
    setup = Setup(case, ports, Progress.of(case.env, case.environ), given)
    for number, (name, step) in enumerate(STEPS.items(), 1):
        setup.show(f"{number}/{len(STEPS)} {name}")
        try:
            setup.show(f"    {printable(step(setup))}")
        except (click.Abort, KeyboardInterrupt):
            setup.show(f"\nThe step {name} is not done: ./lookup setup --env {case.env} goes on from there.")
            raise click.Abort from None
    setup.show(closing(setup))
    setup.progress.forget()


@click.pass_obj
def _command(case: Case, /, **given: Any) -> None:
    if not sys.stdin.isatty() and not given["yes"]:
        raise Refused(
            "setup asks questions, and there is no terminal. Without one: make deploy, ./lookup admin "
            "portal.add_webhook or apps.add, keys.create, make smoke (docs/deploying.md); or --yes with all options"
        )
    run(case, Ports(), **given)


command = EnvironmentCommand(
    "setup",
    params=[
        click.Option(["--by", "kind"], type=click.Choice([WEBHOOK, APPLICATION]), help="how the portal is added"),
        click.Option(["--domain"], help="the portal's host, for an application"),
        click.Option(["--client-id"], help="the application's code, from its card"),
        click.Option(["--label"], help="what the first key is for"),
        click.Option(["--portal"], help="the portal of that key, where there are several"),
        click.Option(
            ["--secret-file", "secret_files"],
            multiple=True,
            metavar="FIELD=PATH",
            help="reads webhook_url or client_secret from a file that is readable by you alone, or from standard input",
        ),
        click.Option(["--yes"], is_flag=True, help="deploys without a question"),
    ],
    callback=_command,
    help="Deploys the service, adds a portal, makes the first key and tries all of it. What is done already is left as "
    "it is, so it can be interrupted and run again.",
)
