"""docs/admin.md is what the table of commands makes, and links the sample of each."""

from chat_lookup.admin.commands import COMMANDS
from tests.support.repository import ROOT
from tools.lookup import reference


def test_page_of_operators_commands_is_made_from_the_table() -> None:
    remedy = "write it anew: PYTHONPATH=layers/chat_lookup .venv/bin/python -m tools.lookup.reference"
    assert reference.PAGE.read_text("utf-8") == reference.document(), remedy


def test_every_command_has_one_sample_that_exists() -> None:
    samples = reference.samples()
    assert samples.keys() == COMMANDS.keys()
    assert all((ROOT / path).is_file() for path in samples.values())
