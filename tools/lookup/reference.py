"""Writes docs/admin.md from the table of commands and the samples: `python -m tools.lookup.reference`.

With the package on the path, as in the Makefile: PYTHONPATH=layers/chat_lookup.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from chat_lookup.admin.commands import COMMANDS, CommandContract, Field

ROOT: Final = Path(__file__).resolve().parents[2]
PAGE: Final = ROOT / "docs/admin.md"

_INTRODUCTION: Final = """\
# Operators' commands

Every command with its fields, made from the table by which the function itself checks them (`tools/lookup/reference.py`
writes this page).

```sh
./lookup admin COMMAND --env dev|staging|prod|local
```

`./lookup` makes its environment (`.venv-run`) at the first use. Nothing has a default environment: `--env`, or the
variable `CHAT_LOOKUP_ENV`. `local` is a running `make run`; the others are the stacks of samconfig.toml, always the
version that callers are served by; your AWS profile needs `cloudformation:DescribeStacks` and `lambda:InvokeFunction`.
`--json` prints one JSON object, `{"error": {"type", "detail"}}` for a refusal or a wrong use. The
exit status is 0 done, 1 refused or failed, 2 used wrongly. An option is a field's name with dashes; `./lookup admin
COMMAND --help` has them all.

**Secrets** are asked for without an echo, or read from a file that is readable by you alone (`--secret-file
client_secret=PATH`), or from standard input (`--secret-file client_secret=-`): never from an option or a variable.
`--ask FIELD` asks for one that may be left out. **A key** that `keys.create` makes is kept in
`~/.config/bitrix24-chat-lookup/<env>.key` (`XDG_CONFIG_HOME`; `--key-file`), readable by you alone, and printed only
with `--show`; a key that is there already is replaced only if that is confirmed. **What cannot be undone** is
confirmed at the terminal, or by `--yes`.

Without `./lookup`, a command is an event of AdminFunction, `{"command": …}` with its fields: the samples below have
one for each. A value in angle brackets is a placeholder, and refused as such. A copy goes to `.local/`, which git
ignores. `make build` and `make deploy` set AWS SAM up in `.venv-sam`:

```sh
.venv-sam/bin/sam remote invoke AdminFunction --config-env dev --parameter Qualifier=live --event-file .local/event.json
```

A refusal is a failed invocation (`FunctionError`): `errorType` is the error's name, `errorMessage` one line with the
field and what it takes, or what to do. `stackTrace` has the two frames that raise it, always the same.
"""

_LOOK_UPS: Final = """\
## Look-ups

No command of operators, but the same command line: it asks DirectFunction, with the rights of your AWS account in place
of a key.

```sh
./lookup chats CRM "DEAL|1663" --env prod
./lookup chats --file pairs.csv --output chats.csv --env prod
./lookup objects deal 1663 --env prod
```

`chats` finds the chat of a pair, `objects` lists every chat of an object; both take a file.

A file has two columns, type and id, with commas or semicolons between; `-` is standard input; a line of headings is
left out. The answers are in its order, as CSV, or as JSON lines with `--format jsonl`: each pair has one line, with its
chat or its error. In CSV a word that a spreadsheet would calculate (`=1+1`) has an apostrophe before it. 1,000 pairs
are asked at once, and what the portal's limits leave no room for is asked again after the wait that the service names.
A job that was interrupted goes on with the same command, after the last whole line of `--output`. An output belongs to
one environment and portal. The exit status is 1 if a pair has an error, in a former run, too; that it has no chat is
none. `--portal` names the portal, `--fresh` asks it whatever is cached.
"""


def document() -> str:
    """The whole page."""
    return "\n".join([_INTRODUCTION, *(_section(name, COMMANDS[name]) for name in COMMANDS), _LOOK_UPS])


def samples() -> dict[str, str]:
    """The sample of each command, as a path from the top."""
    paths = sorted((ROOT / "events").glob("admin-*.json"))
    return {json.loads(path.read_text("utf-8"))["command"]: f"events/{path.name}" for path in paths}


def _section(name: str, contract: CommandContract) -> str:
    return "\n".join([f"## {name}", "", *_lines(name, contract), ""])


def _lines(name: str, contract: CommandContract) -> Iterator[str]:
    sample = samples()[name]
    yield f"{contract.about} Sample: [{sample}](../{sample})."
    if contract.warning:
        yield f"\n**Is confirmed**: {contract.warning}"
    if contract.fields:
        yield "\n| Field | Takes | Without it | Is |\n|---|---|---|---|"
        yield from map(_row, contract.fields)


def _row(field: Field) -> str:
    takes = f"{'secret ' if field.secret else ''}{field.admitted}"
    without = "refused" if field.required else field.default or "nothing"
    example = "" if field.secret else f", such as `{json.dumps(field.example)}`"
    return f"| `{field.name}` | {takes} | {without} | {field.about}{example} |"


if __name__ == "__main__":
    PAGE.write_text(document(), "utf-8")
