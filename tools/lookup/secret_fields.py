"""Secrets of a command: asked for at the terminal, or read from a file or standard input.

Never an option or a variable: command lines and environments of processes can be read by others, and shells keep them.
"""

import os
import stat
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

import click

from chat_lookup.admin.commands import Field
from tools.lookup.case import Refused

_STANDARD_INPUT: Final = "-"


def options_of(fields: Sequence[Field]) -> list[click.Parameter]:
    """The options by which the secrets of a command are given; none where it has none."""
    if not fields:
        return []
    names = ", ".join(
        f"{field.name} ({field.about}{'' if field.required else '; may be left out'})" for field in fields
    )
    file_help = f"reads a secret from a file that is readable by you alone, or from standard input (-): {names}. "
    ask_help = "asks for a secret that may be left out; required ones are asked for anyway"
    return [
        click.Option(["--secret-file", "secret_files"], multiple=True, metavar="FIELD=PATH", help=file_help),
        click.Option(
            ["--ask", "asked"],
            multiple=True,
            type=click.Choice([field.name for field in fields]),
            help=ask_help,
        ),
    ]


def given_secrets(fields: Sequence[Field], options: Mapping[str, Any], *, terminal: bool) -> dict[str, object]:
    """The secrets of a command by their names. Raises UsageError, Refused."""
    if not fields:
        return {}
    sources = _sources({field.name for field in fields}, options["secret_files"])
    asked = {field.name for field in fields if field.required} | {name.replace("-", "_") for name in options["asked"]}
    found: dict[str, object] = {}
    for field in fields:
        if field.name in sources:
            found[field.name] = _read(field.name, sources[field.name])
        elif field.name in asked:
            found[field.name] = _ask(field, terminal=terminal)
    return found


def _sources(names: set[str], given: Sequence[str]) -> dict[str, str]:
    sources = {name.replace("-", "_"): path for name, _, path in (each.partition("=") for each in given)}
    if len(sources) < len(given) or not sources.keys() <= names or "" in sources.values():
        raise click.UsageError(f"--secret-file FIELD=PATH, once for each; FIELD is one of {', '.join(sorted(names))}")
    if list(sources.values()).count(_STANDARD_INPUT) > 1:
        raise click.UsageError("standard input can be one secret only")
    return sources


def _ask(field: Field, *, terminal: bool) -> str:
    if not terminal:
        raise click.UsageError(
            f"{field.name}: there is no terminal to ask at; --secret-file {field.name}=PATH, or - for standard input"
        )
    return str(click.prompt(f"{field.name}: {field.about}", hide_input=True, err=True)).strip()


def _read(name: str, path: str) -> str:
    try:
        text = sys.stdin.read() if path == _STANDARD_INPUT else _private(path)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not text"
        raise Refused(f"{name}: {path} cannot be read: {reason}") from None
    if not text.strip():
        raise Refused(f"{name}: {path} is empty")
    return text.strip()


def _private(path: str) -> str:
    """The text of a file. Its permissions are those of the file that was opened, whatever the path means by then."""
    with open(path, encoding="utf-8") as file:  # noqa: PTH123 - the descriptor is looked at
        if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & (stat.S_IRWXG | stat.S_IRWXO):
            raise Refused(f"{path} can be read by other users, and it has a secret: chmod 600 {path}")
        return file.read()
