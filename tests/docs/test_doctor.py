"""docs/doctor.md is the reference of the doctor's findings: each code with its remedy, in the order of a report."""

import re

from chat_lookup.doctor.findings import REMEDIES, FindingCode
from tests.support.repository import ROOT
from tools.doctor.findings import REMEDIES as OF_TOOLS
from tools.doctor.findings import Code

ROW = re.compile(r"^\| `([a-z-]+)` \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)


def rows(heading: str) -> list[tuple[str, str]]:
    """Codes and remedies of the table below a heading."""
    _, _, section = (ROOT / "docs/doctor.md").read_text("utf-8").partition(f"\n## {heading}\n")
    return [(code, remedy) for code, _, remedy in ROW.findall(section.partition("\n## ")[0])]


def test_reference_has_each_finding_about_portals_with_its_remedy() -> None:
    assert rows("Portals and queues") == [(code.value, REMEDIES[code]) for code in FindingCode]


def test_reference_has_each_finding_of_the_command_line_with_its_remedy() -> None:
    assert rows("The stack, the run, this machine") == [(code.value, OF_TOOLS[code]) for code in Code]
