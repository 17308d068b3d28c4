"""The command `make bench`: a missed figure is printed, and fails the command where that is asked for."""

import pytest

from benchmarks import __main__ as command
from benchmarks.cost import document
from benchmarks.results import Results
from benchmarks.timing import Figure

MISSED = Figure.paired("first answer", "the least function", "ms", [3.0], [1.0], 2.0)


@pytest.mark.parametrize(
    ("environ", "arguments", "status"),
    [
        ({}, [], 0),
        ({"STRICT": "0"}, [], 0),
        ({"STRICT": "1"}, [], 1),
        ({"STRICT": "1", "QUICK": "1"}, [], 0),
        ({"STRICT": "1"}, ["--quick"], 0),
        ({}, ["--unknown"], 2),
        ({}, ["--only=unknown"], 2),
    ],
)
def test_missed_figure_fails_the_command_only_where_strict_is_set(
    environ: dict[str, str],
    arguments: list[str],
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(command, "taken", lambda setting, _groups: Results([MISSED], {}, setting.quick))
    monkeypatch.setattr(command, "write", lambda *_: None)
    monkeypatch.setattr(document, "main", lambda: None)
    assert command.main(arguments, environ) == status
    assert ("MISSED" in capsys.readouterr().out) == (status != 2 and not arguments and "QUICK" not in environ)
