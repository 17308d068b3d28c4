"""The pages of the service in a browser: sentences, and the one step that finishes an installation."""

import hashlib
import math
from base64 import b64encode
from collections.abc import Sequence
from html import escape
from typing import Final

from chat_lookup.errors import ChatLookupError, InstallationRefused
from chat_lookup.http.responses import Response
from chat_lookup.install.page_texts import page_text, refusal_text
from chat_lookup.languages import Language

_VENDOR: Final = "https://api.bitrix24.com"
_LIBRARY: Final = f"{_VENDOR}/api/v1/"
_FINISH: Final = "BX24.init(function(){BX24.installFinish();});"
"""The portal delivers no event before this call (bitrix24.md 4.2). A constant: it contains nothing of a request."""
_STYLE: Final = "body{font:16px/1.5 sans-serif;max-width:40em;margin:3em auto;padding:0 1em;color:#333}"


def page(language: Language, keys: Sequence[str], *, finish: bool = False, status: int = 200) -> Response:
    """A page of the sentences that `keys` name in `page_texts`; with `finish` it ends the portal's installation."""
    return _html(status, language, [page_text(key, language) for key in keys], finish=finish)


def failure(language: Language, error: ChatLookupError) -> Response:
    """A page of the failure, and what to do about it. It never finishes an installation."""
    if isinstance(error, InstallationRefused):
        text = refusal_text(error, language)
    else:
        text = page_text(error.cause or error.code, language)
    response = _html(error.status, language, [text], finish=False)
    if error.retry_after is not None:
        response["headers"]["retry-after"] = str(max(1, math.ceil(error.retry_after)))
    return response


def link(language: Language, url: str, domain: str) -> Response:
    """A page with a link, for the user to judge and to click: `url` leads to a domain that anyone can have named."""
    anchor = f'<p><a href="{escape(url)}" rel="noreferrer">{escape(domain)}</a></p>'
    return _html(200, language, [page_text("link-to-portal", language)], finish=False, more=anchor)


def redirect(url: str) -> Response:
    """Redirect a browser. `url` is ours, or was checked."""
    return {"statusCode": 302, "headers": {"location": url, "cache-control": "no-store"}, "body": ""}


def _html(status: int, language: Language, sentences: Sequence[str], *, finish: bool, more: str = "") -> Response:
    """`more` is HTML of our own."""
    paragraphs = "".join(f"<p>{escape(sentence)}</p>" for sentence in sentences) + more
    title = escape(page_text("title", language))
    script = f'<script src="{_LIBRARY}"></script><script>{_FINISH}</script>' if finish else ""
    return {
        "statusCode": status,
        "headers": {
            "content-type": "text/html; charset=utf-8",
            "cache-control": "no-store",
            "content-security-policy": _POLICY,
            "referrer-policy": "no-referrer",
            "x-content-type-options": "nosniff",
        },
        "body": (
            f'<!DOCTYPE html><html lang="{language.value}"><head><meta charset="utf-8"><title>{title}</title>'
            f"<style>{_STYLE}</style></head><body><h1>{title}</h1>{paragraphs}{script}</body></html>"
        ),
    }


def _hash(inline: str) -> str:
    """A source expression that allows exactly this inline text."""
    return f"'sha256-{b64encode(hashlib.sha256(inline.encode()).digest()).decode()}'"


_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        f"script-src {_VENDOR} {_hash(_FINISH)}",
        f"style-src {_hash(_STYLE)}",
        "base-uri 'none'",
        "form-action 'none'",
        # The page is shown in a frame of the portal, whose address is not known beforehand.
        "frame-ancestors https:",
    )
)
