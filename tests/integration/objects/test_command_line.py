"""`./lookup objects` at a run: of an object it prints what the API answers, of a file each object's chats."""

import csv
import json
from pathlib import Path

import pytest

from tests.support.portals.crm_objects import Asked, chats_of, due, objects_in
from tests.support.service import Service
from tools.lookup.app import main

pytestmark = pytest.mark.usefixtures("leaping_clock")


def at_the_run(service: Service, folder: Path, *words: str) -> int:
    """Run the command where the stack's run.json is."""
    (folder / "run.json").write_text(json.dumps({"aws_endpoint_url": service.stack.backend.aws.endpoint_url}))
    return main(["objects", *words, "--env", "local"], {"STATE_DIR": str(folder)})


def test_one_object_is_printed_as_the_api_answers_it(
    service: Service, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = chats_of(service, "deal", 1663).json
    capsys.readouterr()
    assert at_the_run(service, tmp_path, "deal", "1663", "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == expected | {"source": "cache", "age_seconds": printed["age_seconds"]}


def test_objects_of_a_file_are_written_with_their_chats(service: Service, tmp_path: Path) -> None:
    service.control("/plan", {"rate": 10_000, "burst": 10_000})
    known = objects_in(service.control, 950_000, ("deal", "task"))
    (tmp_path / "objects.csv").write_text("".join(f"{each.kind},{each.number}\n" for each in known))
    output = tmp_path / "chats.csv"
    assert at_the_run(service, tmp_path, "--file", str(tmp_path / "objects.csv"), "--output", str(output)) == 0
    rows = list(csv.DictReader(output.read_text().splitlines()))
    for each, row in zip(known, rows, strict=True):
        expected = due(each, Asked())
        chats = expected["chats"] if expected else []
        written = [row[name].split() for name in ("discussion", "active_lines", "other_lines")]
        assert [int(number) for number in written[0]] == [
            chat["chat_id"] for chat in chats if chat["kind"] == "discussion"
        ]
        assert [int(number) for number in written[1]] == [chat["chat_id"] for chat in chats if chat.get("active")]
        assert sum(map(len, written)) == len(chats)
        assert row["error"] == ("" if expected else "object-not-found")
