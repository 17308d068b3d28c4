"""The commands of `./lookup`, and its exit status: 0 done, 1 refused or failed, 2 used wrongly.

A further command is a module with a `command`, and a row of COMMANDS: it is imported when it is called.
"""

import importlib
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import click

from tools.lookup.case import Case, Refused, options
from tools.lookup.output import print_error, print_misuse

if TYPE_CHECKING:
    from tools.lookup.target import Target

COMMANDS: Final[Mapping[str, tuple[str, str]]] = {
    "admin": ("tools.lookup.admin", "Operators' commands: portals, keys, applications (docs/admin.md)."),
    "chats": ("tools.lookup.chats", "The chat of one pair, or of every pair of a file."),
    "doctor": ("tools.lookup.doctor", "What is wrong with the service, and what mends it (docs/doctor.md)."),
    "objects": ("tools.lookup.objects", "Every chat of one object, or of every object of a file."),
    "setup": ("tools.setup.command", "From an account to the first look-up, step by step."),
}
"""By command: its module, and its line in `./lookup --help`."""

DONE, REFUSED, MISUSED = 0, 1, 2


class Commands(click.Group):
    """Imports a command when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in COMMANDS:
            return None
        found: click.Command = importlib.import_module(COMMANDS[cmd_name][0]).command
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


def main(
    arguments: Sequence[str],
    environ: Mapping[str, str],
    find: "Callable[[str, Mapping[str, str]], Target] | None" = None,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Run one command; returns the exit status. `find` takes the place of what finds an environment."""
    case = Case(environ, find, sleep)
    group = Commands(
        "lookup",
        params=options(required=False),
        help="Operates the service in one of its environments.",
        context_settings={"help_option_names": ["-h", "--help"], "token_normalize_func": dashed},
    )
    try:
        group.main(list(arguments), prog_name="./lookup", standalone_mode=False, obj=case)
    except click.UsageError as error:
        # The words may not have been read as far as `--json`.
        print_misuse(error, as_json="--json" in arguments)
        return MISUSED
    except Refused as error:
        print_error(error, as_json=case.as_json)
        return REFUSED
    except (click.Abort, KeyboardInterrupt):
        print("Stopped.", file=sys.stderr)
        return REFUSED
    return case.status


def dashed(word: str) -> str:
    """A field is an option by its name with dashes; with underscores, too."""
    return word.replace("_", "-")
