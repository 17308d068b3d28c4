"""`./lookup objects`: every chat of one object, or of every object of a file, asked of DirectFunction."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import click

from tools.lookup.case import Case, EnvironmentCommand
from tools.lookup.job import Form, Item, Job
from tools.lookup.output import print_answer
from tools.lookup.pairs import Pair, check_one_or_file, common_fields, file_options, read, wants_json

_AT_ONCE: Final = 200
"""The objects that one invocation takes."""
_FACTS: Final = ("truncated", "source", "age_seconds")
_COLUMNS: Final = ("discussion", "active_lines", "other_lines", *_FACTS)


@click.command("objects", cls=EnvironmentCommand)
@click.argument("kind", metavar="[TYPE]", required=False)
@click.argument("number", metavar="[ID]", required=False)
@file_options
@click.option("--no-relatives", is_flag=True, help="without the chats of the object's contacts and company")
@click.option("--no-closed", is_flag=True, help="without conversations of open lines that are not active")
@click.pass_obj
def command(case: Case, /, **given: Any) -> None:
    """List the chats of an object, as deal 1663, or of every object of a file.

    TYPE is lead, deal, contact, company, quote, smart_invoice, dynamic_<number>, task or group. A file's answers are
    CSV, with the ids of the chats in it, or JSON lines, in its order, each with its own error. The exit status is 1 if
    an object could not be answered as a whole; that there is no such object is an answer.
    """
    asked, source = (given["kind"], given["number"]), given["source"]
    check_one_or_file(asked, given)
    common: dict[str, object] = {name: False for name in ("relatives", "closed") if given[f"no_{name}"]}
    common |= common_fields(given)
    if source is None:
        answer = case.look_up({"object": {"type": asked[0], "id": asked[1]}, **common})
        show(answer, as_json=case.as_json)
        return

    def ask(piece: Sequence[Pair]) -> list[Item]:
        objects = [{"type": each.entity_type, "id": each.entity_id} for each in piece]
        results: list[Item] = case.look_up({"objects": objects, **common})["results"]
        return [with_problem_of_a_part(each) for each in results]

    form = Form(_COLUMNS, cells, wants_json(given, default=case.as_json), ("type", "id"), "objects")
    job = Job(ask, form, _AT_ONCE, case.sleep)
    job.run(read(source), given["output"])
    case.status = 1 if job.errors else 0


def show(answer: Item, *, as_json: bool) -> None:
    """For people a table of the chats, and one of the parts of the answer."""
    if as_json or answer["chats"] is None:
        print_answer(answer, as_json=as_json)
        return
    names = ("chat_id", "kind", "of", "connector_title", "active")
    print_answer({"chats": [{name: each.get(name) for name in names} for each in answer["chats"]]}, as_json=False)
    print_answer({"parts": answer["parts"]}, as_json=False)
    if answer["truncated"]:
        print("There are more contacts, companies or open lines than are listed.")


def with_problem_of_a_part(item: Item) -> Item:
    """The answer with the first problem of its parts as its own: it is incomplete, and is asked for again."""
    problems = (part["problem"] for part in item.get("parts", ()) if "problem" in part)
    first = next(problems, None)
    return item if first is None else {**item, "problem": first}


def cells(item: Item) -> list[object]:
    """The values of an answer under the columns; ids of several chats with blanks between."""
    chats = item["chats"] or []
    lines = [each for each in chats if each["kind"] == "open_line"]
    return [
        _ids(each for each in chats if each["kind"] == "discussion"),
        _ids(each for each in lines if each["active"]),
        _ids(each for each in lines if not each["active"]),
        *(item.get(name, "") for name in _FACTS),
    ]


def _ids(chats: Iterable[Item]) -> str:
    return " ".join(str(each["chat_id"]) for each in chats)
