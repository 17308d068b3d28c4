"""`./lookup objects`: one object, or a file of objects, of which every one is answered once in the output."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.tools.lookup.command_line import CommandLine

PREFIX = "urn:bitrix24-chat-lookup:problem:"
LINE = {"kind": "open_line", "of": "DEAL|1", "connector": "viber", "connector_title": "Viber"}
CHATS = [
    {"chat_id": 1437, "dialog_id": "chat1437", "kind": "discussion", "of": "DEAL|1"},
    {"chat_id": 1763, "dialog_id": "chat1763", **LINE, "active": True},
    {"chat_id": 1764, "dialog_id": "chat1764", **LINE, "active": False},
    {"chat_id": 1765, "dialog_id": "chat1765", **LINE, "active": False},
]
FOUND = {
    "entity_type": "CRM",
    "entity_id": "DEAL|1",
    "chats": CHATS,
    "parts": [{"of": "DEAL|1", "discussion": "found", "open_lines": "found"}],
    "truncated": False,
    "source": "portal",
    "age_seconds": 0,
}
GONE = {
    "entity_type": "CRM",
    "entity_id": "DEAL|2",
    "chats": None,
    "problem": {"type": PREFIX + "object-not-found", "status": 404, "detail": "why"},
}
LATE = {"type": PREFIX + "deadline", "status": 503, "detail": "late", "retry_after": 3}
OBJECTS = [("deal", "1"), ("DEAL", "2"), ("task", "8293")]


@pytest.fixture
def source(tmp_path: Path) -> str:
    path = tmp_path / "objects.csv"
    path.write_text("type,id\n" + "".join(f"{kind},{number}\n" for kind, number in OBJECTS))
    return str(path)


def answers(_: str, event: dict[str, Any]) -> dict[str, Any]:
    return {"results": [GONE if each["id"] == "2" else FOUND for each in event["objects"]]}


@pytest.mark.parametrize(
    ("words", "more"),
    [
        ((), {}),
        (("--no-relatives", "--no-closed"), {"relatives": False, "closed": False}),
        (("--fresh", "--portal", "acme.example"), {"fresh": True, "portal": "acme.example"}),
    ],
)
def test_one_object_is_asked_with_its_options(
    lookup: CommandLine, words: tuple[str, ...], more: dict[str, object]
) -> None:
    lookup.target.answer = lambda *_: FOUND
    result = lookup("objects", "deal", "1", *words, "--env", "dev", "--json")
    assert lookup.target.calls == [("DirectFunction", {"object": {"type": "deal", "id": "1"}, **more})]
    assert (result.status, json.loads(result.out)) == (0, FOUND)


def test_one_object_is_shown_to_people_as_tables(lookup: CommandLine) -> None:
    lookup.target.answer = lambda *_: {**FOUND, "truncated": True}
    result = lookup("objects", "deal", "1", "--env", "dev")
    for word in ("1437", "discussion", "1764", "Viber", "open_lines", "more contacts", "or open lines"):
        assert word in result.out
    lookup.target.answer = lambda *_: GONE
    assert "object-not-found" in lookup("objects", "deal", "2", "--env", "dev").out


@pytest.mark.parametrize(
    "words",
    [
        (), ("deal",), ("deal", "1", "--file", "x"), ("deal", "--file", "x"), ("deal", "1", "--output", "x"),
        ("deal", "1", "--format", "csv"),
    ],
)  # fmt: skip
def test_neither_an_object_nor_a_file_or_both_are_a_wrong_use(lookup: CommandLine, words: tuple[str, ...]) -> None:
    assert lookup("objects", *words, "--env", "dev").status == 2
    assert lookup.target.calls == []


def test_file_is_answered_in_its_order_with_the_ids_of_the_chats(lookup: CommandLine, source: str) -> None:
    lookup.target.answer = answers
    result = lookup("objects", "--file", source, "--env", "dev")
    rows = list(csv.reader(io.StringIO(result.out)))
    assert rows[0][:5] == ["type", "id", "discussion", "active_lines", "other_lines"]
    assert rows[1] == ["deal", "1", "1437", "1763", "1764 1765", "False", "portal", "0", "", ""]
    assert rows[2] == ["DEAL", "2", "", "", "", "", "", "", "object-not-found", "why"]
    assert (result.status, result.err) == (0, "3 of 3 objects answered, 0 with errors\n")


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl"])
def test_interrupted_job_goes_on_and_loses_nothing(
    lookup: CommandLine, source: str, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tools.lookup.objects._AT_ONCE", 2)
    lookup.target.answer = answers
    output = tmp_path / name
    words = ("objects", "--file", source, "--output", str(output), "--env", "dev")
    assert lookup(*words).status == 0
    whole = output.read_bytes()
    for cut in range(0, len(whole), 31):
        output.write_bytes(whole[:cut])
        assert lookup(*words).status == 0
        assert output.read_bytes() == whole
    if name == "out.jsonl":
        records = [json.loads(line) for line in whole.splitlines()]
        assert [(each["type"], each["id"]) for each in records] == OBJECTS
        assert records[0]["chats"] == CHATS


def test_object_with_a_part_that_was_late_is_asked_for_again(lookup: CommandLine, source: str) -> None:
    incomplete = {**FOUND, "parts": [*FOUND["parts"], {"of": "CONTACT|4", "problem": LATE}]}  # type: ignore[misc]

    def answer(function: str, event: dict[str, Any]) -> dict[str, Any]:
        if len(lookup.target.calls) == 1:
            return {"results": [incomplete, FOUND, FOUND]}
        return answers(function, event)

    lookup.target.answer = answer
    assert lookup("objects", "--file", source, "--env", "dev").status == 0
    assert lookup.slept == [3]
    assert lookup.target.calls[1][1]["objects"] == [{"type": "deal", "id": "1"}]


def test_object_with_a_part_that_stays_late_is_an_error_with_what_is_known_of_it(
    lookup: CommandLine, source: str
) -> None:
    late = {**FOUND, "parts": [{"of": "DEAL|1", "problem": LATE}]}
    lookup.target.answer = lambda _, event: {
        "results": [late if each["id"] == "1" else FOUND for each in event["objects"]]
    }
    result = lookup("objects", "--file", source, "--env", "dev")
    assert (result.status, len(lookup.slept)) == (1, 5)
    assert result.out.splitlines()[1] == "deal,1,1437,1763,1764 1765,False,portal,0,deadline,late"
