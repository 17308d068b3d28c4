"""What each command gets: the environment that was chosen, its functions, and how its answer is shown."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from tools.lookup.target import Target

ENVIRONMENTS: Final = ("dev", "staging", "prod", "local")
VARIABLE: Final = "CHAT_LOOKUP_ENV"


class Refused(Exception):
    """The command was refused or failed: one line, with what to do. `kind` is the error's name in JSON.

    `retry_after` are the seconds after which it may be repeated, where that is known.
    """

    def __init__(self, detail: str, kind: str = "Refused", retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.kind = kind
        self.retry_after = retry_after


@dataclass
class Case:
    """One call of `./lookup`. Nothing has a default environment: a command must not reach one by mistake."""

    environ: Mapping[str, str]
    find: "Callable[[str, Mapping[str, str]], Target] | None" = None
    """Finds an environment; a test gives its own."""
    sleep: Callable[[float], None] = time.sleep
    as_json: bool = False
    status: int = 0
    """The exit status of a command that ends without an error."""
    _env: str = field(default="", repr=False)

    def choose(self, env: str | None) -> None:
        """Takes the option of a command; one behind the command wins over one before it."""
        self._env = env or self._env

    @property
    def env(self) -> str:
        """The chosen environment. Raises UsageError."""
        env = self._env or self.environ.get(VARIABLE, "")
        if env not in ENVIRONMENTS:
            raise click.UsageError(f"Which environment? --env {'|'.join(ENVIRONMENTS)}, or {VARIABLE}")
        return env

    @cached_property
    def target(self) -> "Target":
        """The functions of the chosen environment. Raises Refused where it does not run."""
        from tools.lookup.target import found  # noqa: PLC0415 - AWS's client takes a while, and help needs none

        return (self.find or found)(self.env, self.environ)

    def command(self, name: str, /, **fields: object) -> dict[str, Any]:
        """The answer to an operators' command. Raises Refused."""
        return self.target.invoke("AdminFunction", {"command": name, **fields})

    def look_up(self, event: object) -> dict[str, Any]:
        """The answer to one look-up, or to many. Raises Refused."""
        return self.target.invoke("DirectFunction", event)


class EnvironmentCommand(click.Command):
    """A command with `--env` and `--json`. Its callback gets the Case first (`@click.pass_obj`)."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params += options(required=True)


def options(*, required: bool) -> list[click.Parameter]:
    """`--env` and `--json`. Eager: without an environment nothing else is asked of the operator, and nothing is wrong
    but that."""

    def choose(ctx: click.Context, _: click.Parameter, env: str | None) -> None:
        ctx.obj.choose(env)
        if required and not ctx.resilient_parsing:
            ctx.obj.env  # noqa: B018 - raises

    def as_json(ctx: click.Context, _: click.Parameter, chosen: bool) -> None:
        ctx.obj.as_json |= chosen

    words = f"the environment; or {VARIABLE}; there is no default"
    kind = click.Choice(ENVIRONMENTS)
    return [
        click.Option(["--env"], type=kind, help=words, callback=choose, is_eager=True, expose_value=False),
        click.Option(
            ["--json"], is_flag=True, help="one JSON object, for programs", callback=as_json, expose_value=False
        ),
    ]
