"""`./lookup admin COMMAND`: every command of AdminFunction, its options made from the table of commands."""

import sys
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import click

from chat_lookup.admin.commands import COMMANDS, CommandContract, Field, Kind
from tools.lookup.case import Case, EnvironmentCommand, Refused, options
from tools.lookup.key_file import OPTIONS as KEY_OPTIONS
from tools.lookup.key_file import making_a_key
from tools.lookup.output import print_answer
from tools.lookup.secret_fields import given_secrets, options_of

_MAKES_A_KEY: Final = "keys.create"


class Words(click.ParamType[tuple[str, ...]]):
    """Words of a list, with commas between; the option can be repeated, too."""

    name = "words"

    def __init__(self, choices: Sequence[str]) -> None:
        self._choices = choices

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        del param, ctx
        return f"{'|'.join(self._choices) or 'WORD'}[,...]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        words = tuple(filter(None, (each.strip() for each in value.split(","))))
        if not words or (self._choices and not set(words) <= set(self._choices)):
            self.fail(f"{value!r} is not {self.get_metavar(param, ctx) if param and ctx else 'admitted'}", param, ctx)
        return words


class AdminCommand(EnvironmentCommand):
    """One command of the table."""

    def __init__(self, name: str, contract: CommandContract) -> None:
        secret = [field for field in contract.fields if field.secret]
        plain = [field for field in contract.fields if not field.secret]
        params: list[click.Parameter] = [*map(_option, plain), *options_of(secret)]
        if contract.warning:
            params.append(click.Option(["--yes"], is_flag=True, help="does not ask before"))
        if name == _MAKES_A_KEY:
            params += KEY_OPTIONS
        super().__init__(
            name,
            params=params,
            callback=click.pass_obj(self.run),
            help=f"{contract.about}\n\n{contract.warning}",
            short_help=contract.about,
        )
        self._command = name
        self._contract = contract
        self._plain, self._secret = plain, secret

    def run(self, case: Case, **given: Any) -> None:
        """Raises Refused."""
        plain = {field.name: given[field.name] for field in self._plain}
        fields = {name: _as_json(value) for name, value in plain.items() if value not in (None, ())}
        fields |= given_secrets(self._secret, given, terminal=sys.stdin.isatty())
        if self._contract.warning and not given["yes"]:
            confirm(f"{self._command} in {case.env}. {self._contract.warning}")
        run = partial(case.command, self._command, **fields)
        answer = making_a_key(case, run, given) if self._command == _MAKES_A_KEY else run()
        print_answer(answer, as_json=case.as_json)


def confirm(question: str) -> None:
    """Ask at the terminal; raises Refused where there is none, Abort where the operator declines."""
    if not sys.stdin.isatty():
        raise Refused(f"{question} There is no terminal to confirm it at: --yes does")
    click.confirm(f"{question} Go on?", abort=True, err=True)


def _option(field: Field) -> click.Option:
    flag = f"--{field.name.replace('_', '-')}"
    words = f"{field.about}.{f' Default: {field.default}.' if field.default else ''}"
    if field.kind is Kind.FLAG:
        # Neither was chosen: then it is not sent.
        return click.Option([f"{flag}/--no{flag[1:]}", field.name], default=None, help=words)
    several = field.kind is Kind.TEXTS
    return click.Option([flag, field.name], type=_type(field), multiple=several, required=field.required, help=words)


def _type(field: Field) -> click.ParamType[Any]:
    match field.kind:
        case Kind.TEXTS:
            return Words(field.choices)
        case Kind.NUMBER:
            return click.FloatRange(field.least, field.most)
        case Kind.WHOLE:
            return click.IntRange(1, int(field.most) or None)
        case _:
            return click.Choice(field.choices) if field.choices else click.STRING


def _as_json(value: object) -> object:
    """The words of an option that may be repeated are one list."""
    return [word for words in value for word in words] if isinstance(value, tuple) else value


command = click.Group(
    "admin",
    params=options(required=False),
    commands={name: AdminCommand(name, contract) for name, contract in COMMANDS.items()},
    help="Operators' commands. docs/admin.md has each with its fields, and the event of a direct invocation.",
)
