"""Whether an installer's page can end the installation, where no browser shows it (bitrix24.md 4.2, 10.5).

In a browser the page's message `setInstallFinish` decides (`local.portal.pages`). Without one no script runs: a page is
then taken to send it if it is a page at all, and loads the script without which it can send nothing.
"""

import re
from html.parser import HTMLParser
from http import HTTPStatus
from typing import Final

from local.portal.events.http_delivery import Answer

_LIBRARY: Final = re.compile(
    r"(?:https?:)?//(?:api\.bitrix24\.(?:com|tech)|(?:127\.0\.0\.1|localhost|\[::1\]):[0-9]+)/api/v1/?"
)
"""The vendor's script, or the stand-in for it that a local portal serves."""


def why_unfinished(answer: Answer) -> str:
    """Why this answer does not end the installation; empty if it does."""
    if answer.status is None:
        return "the service did not answer"
    if answer.status != HTTPStatus.OK:
        return f"the service answered {answer.status}"
    if not answer.content_type.lower().startswith("text/html"):
        return "the answer is not HTML"
    scripts = _Scripts()
    scripts.feed(answer.body)
    scripts.close()
    if not any(_LIBRARY.fullmatch(source) for source in scripts.sources):
        return "the page does not load the library that has BX24.installFinish()"
    return ""


class _Scripts(HTMLParser):
    """Collects the addresses of a page's scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.sources: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "script":
            self.sources += [value for name, value in attrs if name == "src" and value]
