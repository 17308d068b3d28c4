"""What the authorisation server issues, read once and with bounds (bitrix24.md 3.3 to 3.5)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.bitrix24.hosts import portal_endpoint, server_in

METHOD: Final = "oauth/token"
"""How asking for a pair is called in errors and metrics."""

_TOKEN: Final = re.compile(r"[!-~]{1,1024}")
_MEMBER_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NUMBER: Final = re.compile(r"[0-9]{1,15}")
_LONGEST_LIFE: Final = 24 * 3600.0
"""An hour is documented; what a server's clock or units say beyond a day is not believed."""
_STATUS: Final = re.compile(r"[A-Za-z]{1,8}")
_SCOPE: Final = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_MOST_SCOPES: Final = 200


@dataclass(frozen=True, slots=True)
class TokenPair:
    """Access to one portal for one user, and the single-use token that renews it.

    `expires_at` is Unix time by our clock; `client_endpoint` is `https://{host}/rest/`; `server` is the `host[:port]`
    to renew at; `user_id` is whose permissions these are; `status` is the application's letter (bitrix24.md 3.1).
    """

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_at: float
    member_id: str
    client_endpoint: str
    server: str
    user_id: int | None
    scopes: frozenset[str]
    status: str


def is_token(text: str) -> bool:
    """Whether a text may be a token, a code or a key: printable ASCII without blanks, 1 to 1,024 characters."""
    return _TOKEN.fullmatch(text) is not None


def pair_from(
    answer: Mapping[str, object],
    server: str,
    asked_at: float,
    local_hosts: frozenset[str],
    portals: frozenset[str] = frozenset(),
) -> TokenPair | BitrixError:
    """The pair in an answer of `server` to what was asked at `asked_at` (Unix time by our clock).

    `local_hosts` may be servers and portals, `portals` only the latter, whatever their names and ports.

    An error instead if a field is missing or not what it should be: PROTOCOL, or ADDRESS_REFUSED for the portal's
    address. `domain` is not read: here it names the authorisation server (bitrix24.md 3.5).
    """
    access_token = _matching(_TOKEN, answer.get("access_token"))
    refresh_token = _matching(_TOKEN, answer.get("refresh_token"))
    member_id = _matching(_MEMBER_ID, answer.get("member_id"))
    expires_at = _expiry(answer, asked_at)
    client_endpoint = answer.get("client_endpoint")
    if not (access_token and refresh_token and member_id and expires_at and isinstance(client_endpoint, str)):
        return BitrixError("PROTOCOL", 200, method=METHOD, description="a field is missing or malformed")
    endpoint = portal_endpoint(client_endpoint, local_hosts | portals)
    if endpoint is None:
        return BitrixError("ADDRESS_REFUSED", 200, method=METHOD, description="not the address of a portal")
    named = answer.get("server_endpoint")
    return TokenPair(
        access_token=access_token,
        refresh_token=refresh_token,
        expires_at=expires_at,
        member_id=member_id,
        client_endpoint=endpoint,
        # A stray server (bitrix24.md 3.2) must not cost the pair: the one that just answered renews it, too.
        server=(server_in(named, local_hosts) if isinstance(named, str) else None) or server,
        user_id=_number(answer.get("user_id")),
        scopes=_scopes(answer.get("scope")),
        status=_matching(_STATUS, answer.get("status")) or "",
    )


def _expiry(answer: Mapping[str, object], asked_at: float) -> float | None:
    """From `expires_in`, because then one clock decides, ours; else from `expires`. Integers, or strings of digits."""
    lifetime = _number(answer.get("expires_in"))
    expires = asked_at + lifetime if lifetime else _number(answer.get("expires"))
    return min(float(expires), asked_at + _LONGEST_LIFE) if expires else None


def _number(value: object) -> int | None:
    """A positive whole number, also as a string of digits."""
    digits = _matching(_NUMBER, str(value) if type(value) is int else value)
    return int(digits or 0) or None


def _scopes(value: object) -> frozenset[str]:
    """Names between commas or blanks: both occur (bitrix24.md 3.5)."""
    names = re.split(r"[\s,]+", value, maxsplit=_MOST_SCOPES) if isinstance(value, str) else []
    return frozenset(name for name in names if _SCOPE.fullmatch(name))


def _matching(pattern: re.Pattern[str], value: object) -> str | None:
    return value if isinstance(value, str) and pattern.fullmatch(value) else None
