"""Anchors in pages of the documentation."""

import re
from pathlib import Path


def anchors(page: Path) -> set[str]:
    """The anchors of a page's sections."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
