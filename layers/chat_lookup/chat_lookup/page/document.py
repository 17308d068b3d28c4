"""The HTML document of the page, and the policy that its browser keeps to.

The policy is strict: scripts and styles come from our own files and from the portal's library, nothing is inline,
and only the portal on record may frame the page (bitrix24.md 10.5).
"""

import json
from html import escape
from typing import Final
from urllib.parse import urlsplit

from chat_lookup.bot.entity_parser import READ
from chat_lookup.errors import ChatLookupError
from chat_lookup.http.responses import Response, html_response, retry_header
from chat_lookup.install.page_texts import page_text
from chat_lookup.languages import Language
from chat_lookup.page.assets import ADDRESSES
from chat_lookup.page.portal_keys import LONGEST_DAYS
from chat_lookup.page.texts import in_script, sentence
from chat_lookup.portals.portal import Portal, PortalState

NO_FRAME: Final = "'none'"
_FORBIDDEN: Final = 403
_UNAVAILABLE: Final = 503
_STATUS: Final = '<p class="status" role="status" data-test="status"></p>'
"""What came of a request, in the part of the page that made it."""
_KINDS: Final = ("deal", "lead", "contact", "company", "task", "group")
"""What a user picks, in words that `bot.entity_parser` reads."""


class Documents:
    """Writes the documents; `script` is the portal's library, `local_page` where a local portal shows its pages."""

    def __init__(self, script: str, local_page: str, *, keys: bool) -> None:
        self._script = script
        self._local_page = local_page
        self._keys = keys

    def application(self, language: Language, portal: Portal, session: str, *, administrator: bool) -> Response:
        """The page for a user who is proved. Of the form that was posted it has nothing, and no token."""
        body = _find(language) + (_administration(language, keys=self._keys) if administrator else "")
        texts = json.dumps(in_script(language), ensure_ascii=False).replace("<", "\\u003c")
        content = (
            f"<header><h1>{escape(sentence('title', language))}</h1></header><main>{body}</main>"
            f'<script type="application/json" id="texts">{texts}</script>'
            f'<script src="{escape(self._script)}"></script><script src="{ADDRESSES["page.js"]}"></script>'
        )
        attributes = f' data-session="{escape(session)}" data-portal="{escape(portal.domain)}"'
        return self._html(200, language, content, self._framed_by(portal), attributes)

    def unproved(self, language: Language) -> Response:
        """One sentence for whatever nothing proves, the same whether a portal is known or not."""
        return self._sentence(_FORBIDDEN, language, sentence("unproved", language), NO_FRAME)

    def closed(self, language: Language, portal: Portal, error: ChatLookupError | None) -> Response:
        """For a proved portal that cannot be asked now: why, by the failure or by its state."""
        key = error.cause or error.code if error else _STATES.get(portal.state, "portal-unavailable")
        status = error.status if error else _UNAVAILABLE
        response = self._sentence(status, language, page_text(key, language), self._framed_by(portal))
        response["headers"] |= retry_header(error.retry_after if error else None)
        return response

    def failure(self, language: Language, error: ChatLookupError) -> Response:
        """For a failure before anything is proved."""
        text = page_text(error.cause or error.code, language)
        response = self._sentence(error.status, language, text, NO_FRAME)
        response["headers"] |= retry_header(error.retry_after)
        return response

    def _framed_by(self, portal: Portal) -> str:
        return " ".join(filter(None, (f"https://{portal.domain}", self._local_page)))

    def _sentence(self, status: int, language: Language, text: str, ancestors: str) -> Response:
        title = escape(sentence("title", language))
        return self._html(status, language, f"<main><h1>{title}</h1><p>{escape(text)}</p></main>", ancestors)

    def _html(self, status: int, language: Language, content: str, ancestors: str, attributes: str = "") -> Response:
        html = (
            f'<!DOCTYPE html><html lang="{language.value}"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{escape(sentence('title', language))}</title>"
            f'<link rel="stylesheet" href="{ADDRESSES["page.css"]}"></head>'
            f"<body{attributes}>{content}</body></html>"
        )
        return html_response(status, html, self._policy(ancestors))

    def _policy(self, ancestors: str) -> str:
        library = urlsplit(self._script)
        return "; ".join(
            (
                "default-src 'none'",
                f"script-src 'self' {library.scheme}://{library.netloc}",
                "style-src 'self'",
                "connect-src 'self'",
                "base-uri 'none'",
                "form-action 'none'",
                f"frame-ancestors {ancestors}",
            )
        )


_STATES: Final = {
    PortalState.UNPAID: "unpaid",
    PortalState.MISCONFIGURED: "misconfigured",
    PortalState.STOPPED: "portal-stopped",
}


def _find(language: Language) -> str:
    def text(key: str) -> str:
        return escape(sentence(key, language))

    options = "".join(f'<option value="{kind}">{text(f"kind-{kind}")}</option>' for kind in _KINDS)
    return (
        f'<section aria-labelledby="find-title"><h2 id="find-title">{text("find-title")}</h2>'
        f'<form id="find"><label for="query">{text("query")}</label>'
        '<div class="row"><input id="query" data-test="query" type="text" autocomplete="off" '
        f'maxlength="{READ}" spellcheck="false" aria-describedby="query-hint">'
        f'<button class="primary" data-test="find" type="submit">{text("find")}</button></div>'
        f'<p class="hint" id="query-hint">{text("query-hint")}</p></form>'
        f'<form id="pick"><fieldset><legend>{text("pick")}</legend><div class="row">'
        f'<label for="kind" class="hidden">{text("kind")}</label><select id="kind" data-test="kind">{options}</select>'
        f'<label for="number" class="hidden">{text("number")}</label>'
        f'<input id="number" data-test="number" type="text" inputmode="numeric" maxlength="15" autocomplete="off" '
        f'placeholder="{text("number")}"><button data-test="pick" type="submit">{text("find")}</button>'
        f"</div></fieldset></form>{_STATUS}"
        '<div id="answer" data-test="answer"></div>'
        f'<nav id="recent" aria-label="{text("recent")}" hidden><h3>{text("recent")}</h3><ul></ul></nav></section>'
    )


def _administration(language: Language, *, keys: bool) -> str:
    def text(key: str) -> str:
        return escape(sentence(key, language))

    doctor = (
        f'<section aria-labelledby="doctor-title"><h2 id="doctor-title">{text("doctor-title")}</h2>'
        f'<p class="hint">{text("doctor-hint")}</p><button id="examine" data-test="examine" type="button">'
        f'{text("examine")}</button>{_STATUS}<div id="doctor" data-test="doctor" aria-live="polite"></div></section>'
    )
    if not keys:
        return doctor
    return (
        f'{doctor}<section aria-labelledby="keys-title"><h2 id="keys-title">{text("keys-title")}</h2>'
        f'<p class="hint">{text("keys-hint")}</p><form id="create"><div class="row">'
        f'<div class="field"><label for="label">{text("key-label")}</label>'
        '<input id="label" data-test="key-label" type="text" maxlength="100" required autocomplete="off"></div>'
        f'<div><label for="days">{text("key-days")}</label><input id="days" data-test="key-days" type="number" min="1" '
        f'max="{LONGEST_DAYS}" value="90" required></div></div>'
        '<label class="check"><input id="details" data-test="key-details" type="checkbox">'
        f"<span>{text('key-details')}</span></label>"
        f'<button class="primary" data-test="key-create" type="submit">{text("key-create")}</button></form>{_STATUS}'
        '<div id="made" aria-live="polite"></div><ul id="keys" data-test="keys"></ul></section>'
    )
