"""Removes credentials from a portal's events: by their names, and by their values in other fields.

Every bot's block repeats its tokens, some of them twice (bitrix24.md 5.4), and a verified event needs none of them.
Names are compared without case and underscores: the documents spell them in every way.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

from chat_lookup.http.php_forms import Form

MASK: Final = "***"

_SECRET_NAMES: Final = frozenset({"auth", "authid", "refreshid", "clientid", "sessid"})
_SECRET_ENDINGS: Final = ("token", "secret", "password")
_COMPANIONS: Final = frozenset({"expires", "expiresin", "authexpires"})
"""Not secret, but about a token: different when the same event is sent again."""
_SHORTEST_SECRET: Final = 6
"""A shorter text is a part of ordinary words."""
_NAMES_KEPT: Final = 1000
"""Cached names of fields: most events have nearly the same."""
_BETWEEN: Final = "\ud800"
"""Half of a surrogate pair: no decoded text contains it."""


def secrets_in(form: Form) -> frozenset[str]:
    """The values of all credentials, without those too short to differ from ordinary text.

    Only fields that are a credential by their own name: `auth` also contains the portal's domain, and so do links.
    """
    fields = _fields(form)
    # In one string: this runs before an event is proved, and each name alone takes three times as long.
    names = _folded(_BETWEEN.join(name for name, _ in fields)).split(_BETWEEN)
    secrets = (secret for name, (_, secret) in zip(names, fields, strict=False) if _is_of_secret(name))
    return frozenset(secret for secret in secrets if len(secret) >= _SHORTEST_SECRET)


def without_credentials(form: Form, secrets: Iterable[str]) -> Form:
    """The form without the fields of credentials and without `auth` blocks, `secrets` masked in the texts left."""
    stripped = _stripped(form)
    # In one string: the search in many short texts takes twenty times as long.
    masked = _BETWEEN.join(_texts(stripped))
    for secret in sorted(secrets, key=len, reverse=True):  # one may be a part of another
        masked = masked.replace(secret, MASK)
    return _refilled(stripped, iter(masked.split(_BETWEEN)))


def _fields(form: Form) -> list[tuple[str, str]]:
    """The last key of each text, with the text."""
    fields: list[tuple[str, str]] = []
    for name, value in form.items():
        if isinstance(value, dict):
            fields += _fields(value)
        else:
            fields.append((name, value))
    return fields


def _stripped(form: Form) -> Form:
    return {
        name: _stripped(value) if isinstance(value, dict) else value
        for name, value in form.items()
        if not _is_removed(name)
    }


def _texts(form: Form) -> Iterator[str]:
    for value in form.values():
        if isinstance(value, dict):
            yield from _texts(value)
        else:
            yield value


def _refilled(form: Form, texts: Iterator[str]) -> Form:
    """The same form with other texts, in the order of `_texts`."""
    return {name: _refilled(value, texts) if isinstance(value, dict) else next(texts) for name, value in form.items()}


@lru_cache(_NAMES_KEPT)
def _is_secret(name: str) -> bool:
    return _is_of_secret(_folded(name))


def _is_of_secret(folded: str) -> bool:
    return folded in _SECRET_NAMES or folded.endswith(_SECRET_ENDINGS)


@lru_cache(_NAMES_KEPT)
def _is_removed(name: str) -> bool:
    return _is_secret(name) or _folded(name) in _COMPANIONS


def _folded(name: str) -> str:
    return name.lower().replace("_", "")
