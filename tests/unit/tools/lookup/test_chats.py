"""`./lookup chats`: one pair, or a file of pairs, of which every one is answered once in the output."""

import csv
import fcntl
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.tools.lookup.command_line import CommandLine
from tools.lookup import job
from tools.lookup.case import Refused

PAIRS = [("CRM", f"DEAL|{n}") for n in range(1, 7)] + [("ORDER", 'a "quoted", one'), ("ORDER", "a\u2028b\x85c\x0bd")]
PREFIX = "urn:bitrix24-chat-lookup:problem:"
"""Some characters end a line for Python, and none in a file."""

HEADING = "entity_type,entity_id,chat_id,dialog_id,source,age_seconds,error,detail"


def found(lookup: dict[str, str], **more: object) -> dict[str, Any]:
    number = len(lookup["entity_id"])
    return {**lookup, "chat_id": number, "dialog_id": f"chat{number}", "source": "cache", "age_seconds": 0, **more}


def problem(lookup: dict[str, str], code: str, status: int, **more: object) -> dict[str, Any]:
    return {**lookup, "chat_id": None, "problem": {"type": PREFIX + code, "status": status, "detail": "why", **more}}


def answer_all(_: str, event: dict[str, Any]) -> dict[str, Any]:
    return {"results": [found(each) for each in event["lookups"]]}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "pairs.csv"
    rows = [f'{kind},"{name.replace(chr(34), chr(34) * 2)}"\n' for kind, name in PAIRS]
    path.write_text("entity_type,entity_id\n" + "".join(rows), "utf-8")
    return path


def pieces_of(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr("tools.lookup.chats._AT_ONCE", size)


def test_one_pair_is_asked_with_its_portal(lookup: CommandLine) -> None:
    lookup.target.answer = lambda _, event: found(event)
    words = ("chats", "CRM", "DEAL|1663", "--portal", "acme.example", "--fresh", "--env", "dev", "--json")
    result = lookup(*words)
    event = {"entity_type": "CRM", "entity_id": "DEAL|1663", "fresh": True, "portal": "acme.example"}
    assert lookup.target.calls == [("DirectFunction", event)]
    assert (result.status, json.loads(result.out)["chat_id"]) == (0, 9)


@pytest.mark.parametrize(
    "words", [(), ("CRM",), ("CRM", "DEAL|1", "--file", "x"), ("CRM", "--file", "x"), ("CRM", "1", "--output", "x")]
)
def test_neither_a_pair_nor_a_file_or_both_are_a_wrong_use(lookup: CommandLine, words: tuple[str, ...]) -> None:
    assert lookup("chats", *words, "--env", "dev").status == 2
    assert lookup.target.calls == []


def test_file_is_answered_in_its_order_and_in_pieces(
    lookup: CommandLine, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces_of(monkeypatch, 3)
    lookup.target.answer = answer_all
    result = lookup("chats", "--file", str(source), "--env", "dev")
    assert result.status == 0
    assert [len(event["lookups"]) for _, event in lookup.target.calls] == [3, 3, 2]
    lines = result.out.splitlines()
    assert lines[:2] == [HEADING, "CRM,DEAL|1,6,chat6,cache,0,,"]
    assert lines[7] == 'ORDER,"a ""quoted"", one",15,chat15,cache,0,,'
    assert result.err == "8 of 8 pairs answered, 0 with errors\n"


@pytest.mark.parametrize("words", [("--format", "jsonl"), ("--json",)])
def test_answers_can_be_json_lines(lookup: CommandLine, source: Path, words: tuple[str, ...]) -> None:
    lookup.target.answer = answer_all
    result = lookup("chats", "--file", str(source), "--env", "dev", *words)
    records = [json.loads(line) for line in result.out.split("\n")[:-1]]
    assert [(each["entity_type"], each["entity_id"]) for each in records] == PAIRS


@pytest.mark.parametrize(
    "text",
    ["CRM,DEAL|1\n", "\ufeffTYPE,ID\nCRM,DEAL|1\n", "type;id\r\nCRM;DEAL|1\r\n", "CRM , DEAL|1", "\nCRM,DEAL|1\n\n"],
)
def test_file_may_have_headings_a_mark_semicolons_and_empty_lines(
    lookup: CommandLine, tmp_path: Path, text: str
) -> None:
    lookup.target.answer = answer_all
    (tmp_path / "in.csv").write_text(text, newline="")
    assert lookup("chats", "--file", str(tmp_path / "in.csv"), "--env", "dev").status == 0
    assert lookup.target.calls[0][1]["lookups"] == [{"entity_type": "CRM", "entity_id": "DEAL|1"}]
    lookup.target.calls.clear()
    assert lookup("chats", "--file", "-", "--env", "dev", stdin=text.removeprefix("\ufeff")).status == 0
    assert len(lookup.target.calls[0][1]["lookups"]) == 1


@pytest.mark.parametrize(
    ("text", "line"), [("CRM,DEAL|1\nCRM\n", 2), ("x" * 200_000, 1), ("a,b,c\n", 1), ('CRM,"DEAL\n1"\n', 2)]
)
def test_line_that_is_no_pair_is_named_before_anything_is_asked(
    lookup: CommandLine, tmp_path: Path, text: str, line: int
) -> None:
    (tmp_path / "in.csv").write_text(text)
    result = lookup("chats", "--file", str(tmp_path / "in.csv"), "--env", "dev")
    assert (result.status, lookup.target.calls) == (1, [])
    assert f"in.csv, line {line} " in result.err


def test_errors_of_pairs_are_written_and_end_with_status_1(lookup: CommandLine, source: Path) -> None:
    kinds = {"DEAL|1": ("chat-not-found", 404), "DEAL|2": ("invalid-request", 400), "DEAL|3": ("portal-stopped", 503)}

    def answer(_: str, event: dict[str, Any]) -> dict[str, Any]:
        return {
            "results": [
                problem(each, *kinds[each["entity_id"]]) if each["entity_id"] in kinds else found(each)
                for each in event["lookups"]
            ]
        }

    lookup.target.answer = answer
    result = lookup("chats", "--file", str(source), "--env", "dev")
    assert result.status == 1
    assert result.out.splitlines()[1:4] == [
        "CRM,DEAL|1,,,,,chat-not-found,why",
        "CRM,DEAL|2,,,,,invalid-request,why",
        "CRM,DEAL|3,,,,,portal-stopped,why",
    ]
    assert "8 of 8 pairs answered, 2 with errors" in result.err


# -- Retry-After -------------------------------------------------------------------------------------------------------


def test_pairs_that_can_be_had_later_are_asked_again_after_the_longest_wait(lookup: CommandLine, source: Path) -> None:
    late = {"DEAL|2": 3, "DEAL|4": 7}

    def answer(_: str, event: dict[str, Any]) -> dict[str, Any]:
        first = len(lookup.target.calls) == 1
        return {
            "results": [
                problem(each, "deadline", 503, retry_after=late[each["entity_id"]])
                if first and each["entity_id"] in late
                else found(each)
                for each in event["lookups"]
            ]
        }

    lookup.target.answer = answer
    result = lookup("chats", "--file", str(source), "--env", "dev")
    assert (result.status, lookup.slept) == (0, [7])
    assert [each["entity_id"] for each in lookup.target.calls[1][1]["lookups"]] == ["DEAL|2", "DEAL|4"]
    assert [line.split(",")[1] for line in result.out.splitlines()[1:7]] == [name for _, name in PAIRS[:6]]


def test_refused_piece_is_repeated_after_the_wait_of_the_refusal(lookup: CommandLine, source: Path) -> None:
    def answer(function: str, event: dict[str, Any]) -> dict[str, Any]:
        if len(lookup.target.calls) < 3:
            raise Refused("Too many requests wait; try again in 4 s", "PortalBusy", 4.0)
        return answer_all(function, event)

    lookup.target.answer = answer
    assert lookup("chats", "--file", str(source), "--env", "dev").status == 0
    assert lookup.slept == [4, 4]


def test_one_pair_that_stays_busy_is_written_with_its_error_and_the_rest_is_answered(
    lookup: CommandLine, source: Path
) -> None:
    def answer(_: str, event: dict[str, Any]) -> dict[str, Any]:
        return {
            "results": [
                problem(each, "deadline", 503, retry_after=1) if each["entity_id"] == "DEAL|2" else found(each)
                for each in event["lookups"]
            ]
        }

    lookup.target.answer = answer
    result = lookup("chats", "--file", str(source), "--env", "dev")
    assert (result.status, len(lookup.slept)) == (1, 5)
    assert result.out.splitlines()[2] == "CRM,DEAL|2,,,,,deadline,why"


@pytest.mark.parametrize(("seconds", "waits"), [(2, 4), (3600, 0)])
def test_job_that_gets_no_answer_at_all_ends_and_can_go_on(
    lookup: CommandLine, source: Path, tmp_path: Path, seconds: int, waits: int
) -> None:
    lookup.target.answer = lambda _, event: {
        "results": [problem(each, "portal-blocked", 503, retry_after=seconds) for each in event["lookups"]]
    }
    words = ("chats", "--file", str(source), "--output", str(tmp_path / "out.csv"), "--env", "dev")
    result = lookup(*words)
    assert (result.status, len(lookup.slept)) == (1, waits)
    assert "0 of 8 pairs answered, 0 with errors; the same command goes on from there" in result.err
    lookup.target.answer = answer_all
    assert lookup(*words).status == 0
    assert (tmp_path / "out.csv").read_bytes().count(b"\n") == 9


# -- interruptions -----------------------------------------------------------------------------------------------------


FORMULAS = (
    "=1+1", "@SUM(A1)", "+1+cmd|' /C calc'!A0", "-1+1", "'=1+1", "''@x", '=HYPERLINK("//other.example","a")',
)  # fmt: skip
PLAIN = ("+15550100", "-5", "+1.5", "'quoted'", "'", "a=b", "DEAL|1", "CHAT:1@x")


def test_spreadsheet_calculates_no_word_of_an_output_and_its_job_goes_on(lookup: CommandLine, tmp_path: Path) -> None:
    """Ids may be text that clients wrote; numbers with a sign are as they were given."""
    lookup.target.answer = answer_all
    source, output = tmp_path / "pairs.csv", tmp_path / "out.csv"
    ids = [*FORMULAS, *PLAIN]
    with source.open("w", newline="") as file:
        csv.writer(file).writerows(("ORDER", each) for each in ids)
    words = ("chats", "--file", str(source), "--output", str(output), "--env", "dev")
    assert lookup(*words).status == 0
    with output.open(newline="") as file:
        written = [row["entity_id"] for row in csv.DictReader(file)]
    assert written == [*(f"'{each}" for each in FORMULAS), *PLAIN]
    assert [each["entity_id"] for each in lookup.target.calls[0][1]["lookups"]] == ids

    lines = output.read_bytes().splitlines(keepends=True)
    output.write_bytes(b"".join(lines[:5]))
    lookup.target.calls.clear()
    assert lookup(*words).status == 0
    assert [each["entity_id"] for each in lookup.target.calls[0][1]["lookups"]] == ids[4:]
    assert output.read_bytes() == b"".join(lines)


@given(st.text("'=@+-1.,a\t", max_size=6))
def test_cell_of_an_output_is_read_back_as_it_was_given(cell: str) -> None:
    assert job._given(job._no_formula(cell)) == cell
    assert not re.match(r"[=@\t]|[+-](?![0-9.,]*$)", job._no_formula(cell))


def test_text_of_an_error_is_in_the_line_of_its_pair(lookup: CommandLine, source: Path, tmp_path: Path) -> None:
    kind = {"type": f"{PREFIX}portal-refused", "status": 400, "detail": "one\r\ntwo"}
    lookup.target.answer = lambda _, event: {"results": [{**each, "problem": kind} for each in event["lookups"]]}
    words = ("chats", "--file", str(source), "--output", str(tmp_path / "o.csv"), "--env", "dev")
    assert lookup(*words).status == 1
    assert (tmp_path / "o.csv").read_bytes().count(b"\n") == len(PAIRS) + 1


@pytest.mark.parametrize("name", ["o.csv", "o.jsonl"])
def test_run_after_a_finished_one_asks_nothing_and_counts_the_errors_of_the_output(
    lookup: CommandLine, source: Path, tmp_path: Path, name: str
) -> None:
    kinds = {"DEAL|1": ("chat-not-found", 404), "DEAL|2": ("portal-refused", 400)}
    lookup.target.answer = lambda _, event: {
        "results": [
            problem(each, *kinds[each["entity_id"]]) if each["entity_id"] in kinds else found(each)
            for each in event["lookups"]
        ]
    }
    words = ("chats", "--file", str(source), "--output", str(tmp_path / name), "--env", "dev")
    assert lookup(*words).status == 1
    lookup.target.calls.clear()
    again = lookup(*words)
    assert (again.status, lookup.target.calls) == (1, [])
    assert again.err == "8 of 8 pairs answered (8 by a former run), 1 with errors\n"


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl"])
def test_job_interrupted_after_any_byte_goes_on_and_loses_nothing(
    lookup: CommandLine, source: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces_of(monkeypatch, 3)
    lookup.target.answer = answer_all
    output = tmp_path / name
    words = ("chats", "--file", str(source), "--output", str(output), "--env", "dev")
    assert lookup(*words).status == 0
    whole = output.read_bytes()
    for cut in range(0, len(whole), 7):
        output.write_bytes(whole[:cut])
        lookup.target.calls.clear()
        assert lookup(*words).status == 0
        assert output.read_bytes() == whole
        asked = sum(len(event["lookups"]) for _, event in lookup.target.calls)
        assert asked == len(PAIRS) - max(0, whole[:cut].count(b"\n") - (name == "out.csv"))


def test_stopped_job_reports_how_far_it_came(
    lookup: CommandLine, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces_of(monkeypatch, 3)

    def answer(function: str, event: dict[str, Any]) -> dict[str, Any]:
        if len(lookup.target.calls) == 2:
            raise KeyboardInterrupt
        return answer_all(function, event)

    lookup.target.answer = answer
    result = lookup("chats", "--file", str(source), "--output", str(tmp_path / "o.csv"), "--env", "dev")
    assert result.status == 1
    assert "3 of 8 pairs answered" in result.err
    assert len((tmp_path / "o.csv").read_text().splitlines()) == 4


def foreign() -> Iterator[str]:
    yield "entity_type,entity_id\nCRM,DEAL|1\n"
    yield f"{HEADING}\nCRM,DEAL|2,1,chat1,cache,0,,\n"
    yield "shopping list\n"
    yield f"{HEADING}\nCRM\n"


@pytest.mark.parametrize("content", list(foreign()))
def test_output_that_answers_other_pairs_is_never_written_to(
    lookup: CommandLine, source: Path, tmp_path: Path, content: str
) -> None:
    output = tmp_path / "o.csv"
    output.write_text(content)
    result = lookup("chats", "--file", str(source), "--output", str(output), "--env", "dev")
    assert (result.status, output.read_text(), lookup.target.calls) == (1, content, [])
    assert "choose another --output" in result.err


def test_second_job_for_an_output_is_refused_while_the_first_runs(
    lookup: CommandLine, source: Path, tmp_path: Path
) -> None:
    words = ("chats", "--file", str(source), "--output", str(tmp_path / "o.csv"), "--env", "dev")
    with (tmp_path / "o.csv").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        result = lookup(*words)
    assert (result.status, lookup.target.calls) == (1, [])
    assert "Another job writes to" in result.err


def test_output_that_cannot_be_written_is_refused_before_anything_is_asked(
    lookup: CommandLine, source: Path, tmp_path: Path
) -> None:
    result = lookup("chats", "--file", str(source), "--output", str(tmp_path / "none/o.csv"), "--env", "dev")
    assert (result.status, lookup.target.calls) == (1, [])
    assert "cannot be written: No such file or directory" in result.err
