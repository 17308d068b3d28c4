"""`./lookup chats`: the chat of one pair, or of every pair of a file, asked of DirectFunction."""

from collections.abc import Sequence
from typing import Any, Final

import click

from tools.lookup.case import Case, EnvironmentCommand
from tools.lookup.job import Form, Item, Job
from tools.lookup.output import print_answer
from tools.lookup.pairs import Pair, check_one_or_file, common_fields, file_options, read, wants_json

_AT_ONCE: Final = 1_000
"""The pairs that one invocation takes."""
_COLUMNS: Final = ("chat_id", "dialog_id", "source", "age_seconds")


@click.command("chats", cls=EnvironmentCommand)
@click.argument("entity_type", metavar="[TYPE]", required=False)
@click.argument("entity_id", metavar="[ID]", required=False)
@file_options
@click.pass_obj
def command(case: Case, /, **given: Any) -> None:
    """Look up the chat of a pair, as CRM "DEAL|1663", or of every pair of a file.

    A file's answers are CSV or JSON lines in its order, each with its own error. The exit status is 1 if a pair could
    not be answered; that a pair has no chat is an answer.
    """
    pair, source = (given["entity_type"], given["entity_id"]), given["source"]
    check_one_or_file(pair, given)
    common = common_fields(given)
    if source is None:
        answer = case.look_up({"entity_type": pair[0], "entity_id": pair[1], **common})
        print_answer(answer, as_json=case.as_json)
        return

    def ask(piece: Sequence[Pair]) -> list[Item]:
        lookups = [each._asdict() for each in piece]
        results: list[Item] = case.look_up({"lookups": lookups, **common})["results"]
        return results

    job = Job(ask, Form(_COLUMNS, cells, wants_json(given, default=case.as_json)), _AT_ONCE, case.sleep)
    job.run(read(source), given["output"])
    case.status = 1 if job.errors else 0


def cells(item: Item) -> list[object]:
    """The values of an answer under the columns."""
    return [item.get(name) for name in _COLUMNS]
