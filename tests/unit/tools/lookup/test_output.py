"""Whatever a portal or a function calls its things, the operator's terminal obeys none of it."""

import io
import json
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any, Final

import pytest
from rich.console import Console

from tests.unit.tools.lookup.command_line import CommandLine
from tools.doctor.findings import Finding
from tools.lookup import doctor, objects
from tools.lookup.case import Refused
from tools.lookup.output import print_answer, print_error, tables

HOSTILE: Final = "\x1b]0;title\x07\x1b[2J\x9b31m\x08\r\n\t\x7f\u202e\u2066\u200b\u2028\U000e0041[red]Telegram[/red]"
PLACES: Final[Mapping[str, Callable[[], None]]] = {
    "row": lambda: print_answer({"chats": [{"chat_id": 1, "title": HOSTILE}]}, as_json=False),
    "heading": lambda: print_answer({HOSTILE: [{HOSTILE: HOSTILE}]}, as_json=False),
    "empty list": lambda: print_answer({HOSTILE: []}, as_json=False),
    "fields": lambda: print_answer({HOSTILE: HOSTILE, "list": [HOSTILE], "record": {"name": HOSTILE}}, as_json=False),
    "JSON": lambda: print_answer({HOSTILE: HOSTILE}, as_json=True),
    "error": lambda: print_error(Refused(HOSTILE, HOSTILE), as_json=False),
    "error as JSON": lambda: print_error(Refused(HOSTILE, HOSTILE), as_json=True),
    "object": lambda: objects.show(
        {
            "chats": [{"chat_id": 1, "kind": "open_line", "of": "DEAL|1", "connector_title": HOSTILE, "active": True}],
            "parts": [{"of": "DEAL|1", "discussion": "none", "problem": {"detail": HOSTILE}}],
            "truncated": False,
        },
        as_json=False,
    ),
}


def obeyed(printed: str) -> list[str]:
    """The characters of a line that a terminal obeys, or that show a text as another one."""
    return [each for each in printed if each != "\n" and unicodedata.category(each) in ("Cc", "Cf", "Zl", "Zp")]


@pytest.mark.parametrize("place", PLACES)
def test_terminal_obeys_no_text_of_an_answer(place: str, capsys: pytest.CaptureFixture[str]) -> None:
    PLACES[place]()
    printed = capsys.readouterr()
    assert obeyed(printed.out + printed.err) == []
    assert "[red]Telegram[/red]" in (printed.out + printed.err).replace("\n", "")


def test_terminal_obeys_no_text_of_a_finding(capsys: pytest.CaptureFixture[str]) -> None:
    facts = {"python_of_functions": HOSTILE, "sam": HOSTILE, "container_engine": HOSTILE}
    finding = Finding(HOSTILE, HOSTILE, HOSTILE, HOSTILE)
    doctor._print(doctor.Report([finding], [{"portal": HOSTILE, "code": HOSTILE}], facts))
    printed = capsys.readouterr().out
    assert obeyed(printed) == []


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_terminal_obeys_no_answer_of_a_file(lookup: CommandLine, form: str) -> None:
    def answer(_: str, event: Any) -> dict[str, Any]:
        problem = {"type": f"urn:x:{HOSTILE}", "status": 400, "detail": HOSTILE}
        return {"results": [{"chat_id": None, "dialog_id": HOSTILE, "problem": problem} for _ in event["lookups"]]}

    lookup.target.answer = answer
    done = lookup("chats", "--file", "-", "--format", form, "--env", "dev", stdin="CRM,DEAL|1\n")
    assert obeyed(done.out + done.err) == []


def test_json_has_each_text_as_the_service_has_it(capsys: pytest.CaptureFixture[str]) -> None:
    text = f"Лид 😀 {HOSTILE}"
    print_answer({"title": text}, as_json=True)
    printed = capsys.readouterr().out
    assert json.loads(printed) == {"title": text}
    assert "Лид 😀" in printed


# -- what people read and copy ----------------------------------------------------------------------------------------

KEY: Final = {
    "key_id": "877217a385c7",
    "member_id": "f0e1d2c3b4a5968778695a4b3c2d1e0f",
    "label": "sample events",
    "state": "active",
    "scopes": ["details", "lookup", "rest"],
    "passthrough": [],
    "created_at": "2026-11-29T18:56:57+00:00",
    "expires_at": None,
}
PROBLEM: Final = {
    "type": "urn:bitrix24-chat-lookup:problem:portal-busy",
    "status": 429,
    "detail": "Too many requests wait for the portal",
}
ANSWERS: Final[Mapping[str, dict[str, Any]]] = {
    "keys": {"keys": [KEY, {**KEY, "key_id": "a45a94a6d90b"}]},
    "applications": {"apps": [{"client_id": "local.5e496a720119fc.75534207", "domain": "acme.bitrix24.com"}] * 2},
    "a pair without a chat": {"entity_type": "CRM", "entity_id": "DEAL|404", "chat_id": None, "problem": PROBLEM},
    "parts, the last one failed": {"parts": [{"of": "DEAL|1"}, {"of": "COMPANY|7", "problem": PROBLEM}]},
}


def values(answer: object) -> list[str]:
    """Each text and number of an answer."""
    match answer:
        case dict():
            return [text for each in answer.values() for text in values(each)]
        case list():
            return [text for each in answer for text in values(each)]
    return [] if answer is None else [str(answer)]


@pytest.mark.parametrize("width", [72, 80, 120, 200])
@pytest.mark.parametrize("name", ANSWERS)
def test_people_can_copy_each_value_of_an_answer_from_one_line(name: str, width: int) -> None:
    console = Console(width=width, file=io.StringIO())
    for table in tables(ANSWERS[name], console):
        console.print(table)
    printed = console.file.getvalue()  # type: ignore[attr-defined]
    assert [each for each in values(ANSWERS[name]) if each not in printed] == []
    assert '{"' not in printed, "a record within is no JSON for people"
    assert max(map(len, printed.splitlines())) <= width


def test_rows_stay_in_one_table_where_the_terminal_is_wide_enough() -> None:
    assert len(tables(ANSWERS["keys"], Console(width=200))) == 1
    assert len(tables(ANSWERS["keys"], Console(width=80))) == len(ANSWERS["keys"]["keys"])


def test_an_empty_list_is_named_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    print_answer({"restored": []}, as_json=False)
    assert capsys.readouterr().out == "restored: none\n"
