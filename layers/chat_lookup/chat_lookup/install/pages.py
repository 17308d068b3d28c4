"""The pages of the service in a browser: sentences, the installer's steps, and the call that ends an installation."""

import hashlib
import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from chat_lookup.config import VENDORS_SCRIPT
from chat_lookup.errors import ChatLookupError, InstallationRefused, StoreUnavailable
from chat_lookup.http.responses import Response, error_response, html_response, json_response, retry_header
from chat_lookup.install.offers import Step
from chat_lookup.install.page_texts import page_text, refusal_text
from chat_lookup.languages import Language

_FINISH: Final = "BX24.init(function(){BX24.installFinish();});"
"""The portal delivers no event before this call (bitrix24.md 4.2). A constant: it contains nothing of a request."""
_ASSETS: Final = Path(__file__).with_name("assets")
_STYLE: Final = (_ASSETS / "installer.css").read_text("utf-8")
_INSTALLER: Final = (_ASSETS / "installer.js").read_text("utf-8")


class Surroundings(NamedTuple):
    """What is around a page in the portal: the script by which it talks with the portal, and where a local portal
    shows its pages, which may frame ours then; empty in production."""

    script: str = VENDORS_SCRIPT
    local_page: str = ""

    def policy(self, inline: str = "", *, asks: bool = False) -> str:
        """The policy of a page with this inline script, or without any; with `asks` the script may call the service."""
        parts, own = urlsplit(self.script), "'self'" if asks else "'none'"
        return "; ".join(
            (
                "default-src 'none'",
                f"script-src {parts.scheme}://{parts.netloc} {_hash(inline)}" if inline else "script-src 'none'",
                f"style-src {_hash(_STYLE)}",
                f"connect-src {own}",
                f"form-action {own}",
                "base-uri 'none'",
                # The page is shown in a frame of the portal, whose address is not known beforehand.
                " ".join(filter(None, ("frame-ancestors https:", self.local_page))),
            )
        )


_PRODUCTION: Final = Surroundings()


def page(
    language: Language, keys: Sequence[str], around: Surroundings = _PRODUCTION, *, finish: bool = False
) -> Response:
    """A page of the sentences that `keys` name in `page_texts`; with `finish` it ends the portal's installation."""
    return _html(200, language, [page_text(key, language) for key in keys], around, script=_FINISH if finish else "")


SHOWN: Final[Mapping[Step, tuple[str, ...]]] = {
    Step.CONNECT: ("proved", "stored"),
    Step.BOT: ("bot",),
    Step.EVENTS: ("events",),
}
"""What each step shows on the installer's page."""
_BUTTONS: Final = ("finish", "again", "open")
_OF_SCRIPT: Final = (
    "installing", "waiting", "working", "done", "missing", "failed", "finishing", "with-remarks", "no-library",
    "no-answer",
)  # fmt: skip


def installer(language: Language, posted: Mapping[str, str], around: Surroundings) -> Response:
    """The installer's page, which asks for each step by its script, with what the portal posted. Nothing of that is
    proved here, and nothing is called before the page asks."""
    given = {
        "steps": [{"step": step, "shown": shown} for step, shown in SHOWN.items()],
        "texts": {key: page_text(key, language) for key in _OF_SCRIPT},
        "posted": posted,
    }
    # JSON in HTML: no text of a request may end the element.
    data = json.dumps(given, ensure_ascii=True).replace("<", "\\u003c")
    waiting = escape(page_text("waiting", language))
    steps = "".join(
        f'<li data-step="{name}" data-state="waiting"><span>{escape(page_text(f"step-{name}", language))}</span>'
        f'<span class="state">{waiting}</span><p class="what"></p></li>'
        for shown in SHOWN.values()
        for name in shown
    )
    buttons = "".join(
        f'<button type="button" data-test="{name}"{" class=primary" if name == "finish" else ""} hidden>'
        f"{escape(page_text(name, language))}</button>"
        for name in _BUTTONS
    )
    more = (
        f'<ol data-test="steps" aria-live="polite">{steps}</ol><p data-test="status" role="status"></p>{buttons}'
        f'<script type="application/json" id="installation">{data}</script>'
    )
    return _html(200, language, [], around, script=_INSTALLER, more=more)


def taken(language: Language, remarks: Sequence[str]) -> Response:
    """A step that was done, with a sentence for each remark."""
    return json_response(200, {"sentences": [page_text(remark, language) for remark in remarks]})


def step_failure(language: Language, step: Step, request_id: str, error: ChatLookupError) -> Response:
    """A step that failed: a problem, with the line of the page that shows it, and what to do."""
    # What is refused, or what the portal does not answer, is the proof's; our own store comes after it.
    shown = SHOWN[step][-1 if isinstance(error, StoreUnavailable) else 0]
    response = error_response(error, request_id)
    problem = json.loads(response["body"])
    return response | {"body": json.dumps(problem | {"failed": shown, "sentences": [_sentence(language, error)]})}


def failure(language: Language, error: ChatLookupError) -> Response:
    """A page of the failure, and what to do about it. It never finishes an installation."""
    response = _html(error.status, language, [_sentence(language, error)])
    response["headers"] |= retry_header(error.retry_after)
    return response


def _sentence(language: Language, error: ChatLookupError) -> str:
    if isinstance(error, InstallationRefused):
        return refusal_text(error, language)
    return page_text(error.cause or error.code, language)


def link(language: Language, url: str, domain: str) -> Response:
    """A page with a link, for the user to judge and to click: `url` leads to a domain that anyone can have named."""
    anchor = f'<p><a href="{escape(url)}" rel="noreferrer">{escape(domain)}</a></p>'
    return _html(200, language, [page_text("link-to-portal", language)], more=anchor)


def _html(
    status: int,
    language: Language,
    sentences: Sequence[str],
    around: Surroundings = _PRODUCTION,
    *,
    script: str = "",
    more: str = "",
) -> Response:
    """`more` is HTML of our own."""
    paragraphs = "".join(f"<p>{escape(sentence)}</p>" for sentence in sentences) + more
    title = escape(page_text("title", language))
    asks = script == _INSTALLER
    scripts = f'<script src="{escape(around.script)}"></script><script>{script}</script>' if script else ""
    html = (
        f'<!DOCTYPE html><html lang="{language.value}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title>'
        f"<style>{_STYLE}</style></head><body><main><h1>{title}</h1>{paragraphs}</main>{scripts}</body></html>"
    )
    # The installer's form has to name its origin, to our own address: servers of a local run refuse `null`.
    return html_response(status, html, around.policy(script, asks=asks), "same-origin" if asks else "no-referrer")


def _hash(inline: str) -> str:
    """A source expression that allows exactly this inline text."""
    return f"'sha256-{b64encode(hashlib.sha256(inline.encode()).digest()).decode()}'"
