"""Masks secrets in every line that is written: exact known secrets, and patterns for the others."""

import json
import re
from collections import OrderedDict
from threading import Lock
from urllib.parse import quote

MASK = "***"
_MOST_FORMS = 4_000
_SHORTEST_SECRET = 6

# Patterns of secrets that may appear without being registered. Lines are JSON, so a quote may be escaped.
_SLASH = r"(?:\\{0,4}/|%2F)"
"""PHP escapes it in JSON."""
_SHAPES = (
    # An inbound webhook's code is a part of the path (bitrix24.md 2.1), ours under /rest as well.
    (
        ("rest",),
        re.compile(rf"(?i)({_SLASH}rest{_SLASH}(?:api{_SLASH})?\d+{_SLASH})[A-Za-z0-9_-]+"),
        rf"\1{MASK}",
    ),
    (("bearer",), re.compile(r"(?i)(bearer\s+)[A-Za-z0-9._~+/=-]+"), rf"\1{MASK}"),
    (("clk_",), re.compile(r"clk_[A-Za-z0-9_-]{8,}"), MASK),
    (
        ("token", "secret", "-key", "_key", "auth", "refresh"),
        re.compile(
            r"(?i)((?:access_token|refresh_token|application_token|client_secret|bot_?token|x-api-key|api_key|auth_id"
            r"|refresh_id|\bauth)(?:\\?[\"'])?\s*(?:=|:|%3D)\s*(?:\\?[\"'])?)[A-Za-z0-9._~+/=%-]{6,}"
        ),
        rf"\1{MASK}",
    ),
)
"""Case-folded words of which a matching text contains at least one; the pattern; and its replacement.

Most lines contain none of these words, and searching for words takes a fraction of the time.
"""


class Redactor:
    """Replaces secrets in text. Exact secrets are registered where they are read or received."""

    def __init__(self) -> None:
        self._secrets: OrderedDict[str, None] = OrderedDict()
        self._longest_first: list[str] | None = []
        """The same as `_secrets`, sorted; None while it has to be sorted again."""
        self._lock = Lock()

    def register(self, secret: str) -> None:
        """Mask this text from now on, plain or escaped. The latest thousand are kept; the patterns always apply."""
        if len(secret) < _SHORTEST_SECRET:
            return
        with self._lock:
            for form in _forms(secret):
                self._secrets[form] = None
                self._secrets.move_to_end(form)
            while len(self._secrets) > _MOST_FORMS:
                self._secrets.popitem(last=False)
            self._longest_first = None

    def clean(self, text: str) -> str:
        """The same text with every known or recognisable secret masked."""
        with self._lock:
            if self._longest_first is None:
                self._longest_first = sorted(self._secrets, key=len, reverse=True)
            secrets = self._longest_first
        for secret in secrets:
            if secret in text:
                text = text.replace(secret, MASK)
        folded = text.casefold()
        for words, shape, replacement in _SHAPES:
            if any(word in folded for word in words):
                text = shape.sub(replacement, text)
        return text


def _forms(secret: str) -> set[str]:
    """The forms of a secret in a line: plain, in a URL, in JSON."""
    in_json = (json.dumps(secret, ensure_ascii=each)[1:-1] for each in (True, False))
    return {secret, quote(secret, safe="", errors="replace"), *in_json}
