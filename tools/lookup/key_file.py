"""Where the key is kept that `keys.create` makes: a file of the operator's own, and the terminal only if asked."""

import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import click

from tools.lookup.case import Case, Refused

_FOLDER: Final = "bitrix24-chat-lookup"

OPTIONS: Final[list[click.Parameter]] = [
    click.Option(["--show"], is_flag=True, help="prints the key, too"),
    click.Option(["--key-file"], metavar="PATH", help=f"keeps it there; else in ~/.config/{_FOLDER}/<env>.key"),
    click.Option(["--yes"], is_flag=True, help="replaces a key that is in that file"),
]


def making_a_key(case: Case, make: Callable[[], dict[str, Any]], options: Mapping[str, Any]) -> dict[str, Any]:
    """The answer of `make` with the key's file in place of the key, or beside it. Raises Refused.

    The file is made before the key: one that cannot be kept is not made.
    """
    path = Path(options["key_file"]) if options["key_file"] else default(case.env, case.environ)
    if path.exists() and not options["yes"]:
        _confirm(path)
    with _draft(path) as keep:
        answer = make()
        keep(answer["key"])
    shown = answer if options["show"] else {name: value for name, value in answer.items() if name != "key"}
    return {**shown, "key_file": str(path)}


def default(env: str, environ: Mapping[str, str]) -> Path:
    config = environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(config).expanduser() / _FOLDER / f"{env}.key"


def _confirm(path: Path) -> None:
    if not sys.stdin.isatty():
        raise Refused(f"{path} has a key already. --yes replaces it, --key-file PATH keeps the new one elsewhere")
    click.confirm(f"{path} has a key already. Replace it?", abort=True, err=True)


@contextmanager
def _draft(path: Path) -> Iterator[Callable[[str], None]]:
    """Gives a function that puts a key into the file in one step, readable by its owner only."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise Refused(f"{path} cannot be written: {error.strerror}; --key-file PATH keeps the key elsewhere") from None

    only_copy = False

    def keep(key: str) -> None:
        nonlocal only_copy
        file.write(f"{key}\n")
        file.flush()
        os.fsync(file.fileno())
        try:
            Path(draft).replace(path)
        except OSError as error:
            only_copy = True
            raise Refused(f"{path} cannot be replaced: {error.strerror}. The new key is in {draft}") from None

    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        try:
            yield keep
        finally:
            if not only_copy:
                with suppress(FileNotFoundError):
                    Path(draft).unlink()
