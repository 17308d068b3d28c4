"""Pages of the documentation, as far as others refer to them."""

import re
from pathlib import Path


def anchors(page: Path) -> set[str]:
    """The names under which a page's sections are linked."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
