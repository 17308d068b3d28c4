"""Whether an installer's page ends the installation, as a browser that shows it would find (bitrix24.md 4.2)."""

import re
from html.parser import HTMLParser
from http import HTTPStatus
from typing import Final

from local.portal.events.http_delivery import Answer

_LIBRARY: Final = re.compile(r"(?:https?:)?//api\.bitrix24\.(?:com|tech)/api/v1/?")
_CALL: Final = re.compile(r"\bBX24\s*\.\s*installFinish\s*\(")


def why_unfinished(answer: Answer) -> str:
    """Why this answer does not end the installation; empty if it does.

    A script of the page has to contain the call, and the page has to load the vendor's library: without that, a
    browser finds no BX24, and the application stays uninstalled.
    """
    if answer.status is None:
        return "the service did not answer"
    if answer.status != HTTPStatus.OK:
        return f"the service answered {answer.status}"
    if not answer.content_type.lower().startswith("text/html"):
        return "the answer is not HTML"
    scripts = _Scripts()
    scripts.feed(answer.body)
    scripts.close()
    if not _CALL.search("\n".join(scripts.texts)):
        return "no script of the page calls BX24.installFinish()"
    if not any(_LIBRARY.fullmatch(source) for source in scripts.sources):
        return "the page does not load the library that has BX24.installFinish()"
    return ""


class _Scripts(HTMLParser):
    """Collects a page's scripts: addresses of some, texts of others."""

    def __init__(self) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.texts: list[str] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "script":
            self._inside = True
            self.sources += [value for name, value in attrs if name == "src" and value]

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.texts.append(data)
