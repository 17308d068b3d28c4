"""Masks secrets in text that others wrote: registered secrets, a caller's own, and the shapes of all others.

What the service itself writes is not searched, so nothing that arrives can mask it (docs/decisions/021).
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from threading import Lock
from typing import Final
from urllib.parse import quote

from chat_lookup.entity import pseudonym

MASK: Final = "***"
SHORTEST_SECRET: Final = 16
"""Characters. The platform's shortest, a webhook's code, has as many (bitrix24.md 2.1); application tokens have 32.

A shorter one is refused where it enters: it could be a word, and a word cannot be masked in log lines.
"""
_KEPT: Final = 32
"""Secrets of one owner that stay registered at least: a grant's pairs of some ten hours."""
_SHORTEST_OWN: Final = 6
"""Characters of a caller's own text. A shorter one is no secret, and would make the line unreadable."""
_NONE: Final[Mapping[str, str]] = {}
_NEVER_ESCAPED: Final = re.compile(r"[A-Za-z0-9._~-]+")

# Patterns of secrets that may appear without being registered. Texts may be JSON, so a quote may be escaped.
_SLASH = r"(?:\\{0,4}/|%2F)"
"""PHP escapes it in JSON."""
_SHAPES: Final[tuple[tuple[tuple[str, ...], str, str | Callable[[re.Match[str]], str]], ...]] = (
    # An inbound webhook's code is a part of the path (bitrix24.md 2.1), ours under /rest as well.
    (("rest",), rf"(?i)({_SLASH}rest{_SLASH}(?:api{_SLASH})?\d+{_SLASH})[A-Za-z0-9_-]+", rf"\1{MASK}"),
    (("bearer",), r"(?i)(bearer\s+)[A-Za-z0-9._~+/=-]+", rf"\1{MASK}"),
    (("clk_",), r"clk_[A-Za-z0-9_-]{8,}", MASK),
    (
        ("token", "secret", "-key", "_key", "auth", "refresh", "session"),
        r"(?i)((?:access_token|refresh_token|application_token|client_secret|bot_?token|x-api-key|api_key|auth_id"
        r"|refresh_id|x-page-session|\bauth)(?:\\?[\"'])?\s*(?:=|:|%3D)\s*(?:\\?[\"'])?)[A-Za-z0-9._~+/=%-]{6,}",
        rf"\1{MASK}",
    ),
    # Mail addresses and telephone numbers in the text of a portal's error. An account's number in an ARN is none.
    (("@",), r"[^\s\"'<>@|:;,()]{1,64}@[^\s\"'<>@|:;,()]{1,190}", lambda found: pseudonym(found[0])),
    ((), r"(?<![\w.])\d{7,24}(?!\w|:[a-z])", lambda found: pseudonym(found[0])),
)
"""Case-folded words of which a matching text contains at least one; the pattern; and its replacement.

Most texts contain none of these words, and searching for words takes a fraction of the time. For the same reason a
pattern is compiled when it is first needed, by the cache of `re`: no cold start pays for all of them.
"""


class Redactor:
    """Replaces secrets in text. Exact secrets are registered where they are read or issued."""

    def __init__(self) -> None:
        self._owners: dict[str, dict[str, None]] = {}
        """By owner its secrets, the latest last."""
        self._index = _Index()
        self._lock = Lock()

    def register(self, secret: str, *, owner: str) -> None:
        """Mask this text from now on, plain or escaped. The latest of each owner are kept, whatever others register.

        For secrets that the service stores or was issued, never for what a caller sent: that is the caller's own.
        Fewer than `SHORTEST_SECRET` characters are not registered; they are refused where secrets enter.
        """
        if len(secret) < SHORTEST_SECRET:
            return
        with self._lock:
            secrets = self._owners.setdefault(owner, {})
            known = secret in secrets
            secrets.pop(secret, None)
            secrets[secret] = None
            if len(secrets) > 2 * _KEPT:
                self._owners[owner] = dict.fromkeys(list(secrets)[-_KEPT:])
                self._index = _Index(each for secrets in self._owners.values() for each in secrets)
            elif not known:
                self._index.add(secret)

    def clean(self, text: str, own: Mapping[str, str] = _NONE) -> str:
        """The same text with every known or recognisable secret masked.

        `own` are the forms of the invocation's own texts, each with its replacement.
        """
        if len(text) < _SHORTEST_OWN:
            return text
        for form in sorted(own, key=len, reverse=True):
            if form in text:
                text = text.replace(form, own[form])
        text = self._index.masked(text)
        folded = text.casefold()
        for words, shape, replacement in _SHAPES:
            if not words or any(word in folded for word in words):
                text = re.sub(shape, replacement, text)
        return text


class _Index:
    """Finds registered texts anywhere in another text, in a time that does not depend on their number.

    A text is found by its first characters, its head: one look-up for each position. Then each length that a
    registered text with this head has is compared, which for tokens is one.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._forms: set[str] = set()
        self._lengths: dict[str, tuple[int, ...]] = {}
        """By head, the longest first."""
        for secret in secrets:
            self.add(secret)

    def add(self, secret: str) -> None:
        for form in forms(secret):
            self._forms.add(form)
            head = form[:SHORTEST_SECRET]
            lengths = self._lengths.get(head, ())
            if len(form) not in lengths:
                self._lengths[head] = tuple(sorted((*lengths, len(form)), reverse=True))

    def masked(self, text: str) -> str:
        """The text with `MASK` in place of each part that registered texts cover, overlapping or not."""
        parts: list[str] = []
        begin, end, kept = -1, -1, 0
        for at, length in self._found(text):
            if at > end:
                parts += [text[kept:begin], MASK] if end >= 0 else []
                begin, kept = at, max(end, 0)
            end = max(end, at + length)
        return "".join((*parts, text[kept:begin], MASK, text[end:])) if end >= 0 else text

    def _found(self, text: str) -> Iterator[tuple[int, int]]:
        """Where registered texts begin, and their lengths."""
        if not self._lengths:
            return
        for at in range(len(text) - SHORTEST_SECRET + 1):
            for length in self._lengths.get(text[at : at + SHORTEST_SECRET], ()):
                if text[at : at + length] in self._forms:
                    yield at, length
                    break


def own_forms(text: str, replacement: str = MASK) -> dict[str, str]:
    """A caller's own text in every form that a line may contain, each with its replacement; none if it is short."""
    return dict.fromkeys(forms(text), replacement) if len(text) >= _SHORTEST_OWN else {}


def forms(secret: str) -> set[str]:
    """The forms of a secret in a text: plain, in a URL, in JSON."""
    if _NEVER_ESCAPED.fullmatch(secret):
        return {secret}
    in_json = (json.dumps(secret, ensure_ascii=each)[1:-1] for each in (True, False))
    return {secret, quote(secret, safe="", errors="replace"), *in_json}
