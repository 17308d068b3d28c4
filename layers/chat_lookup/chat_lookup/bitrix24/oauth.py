"""The authorisation server: a token pair for a refresh token or for a code (bitrix24.md 3.2 to 3.6)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Final
from urllib.parse import quote_plus, urlencode

from chat_lookup.bitrix24.endpoints import (
    DEFAULT_SERVER,
    SERVERS,
    is_server,
    is_token,
    portal_endpoint,
    server_in,
)
from chat_lookup.bitrix24.error_table import ADDRESS_REFUSED, EMPTY, HTTP_4XX, NOT_JSON, OTHER, PROTOCOL
from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.bitrix24.http import Wire
from chat_lookup.bitrix24.responses import Reply, read_object
from chat_lookup.clock import DAY, Clock, Deadline

METHOD: Final = "oauth/token"
"""The method name of a request for a pair in errors and metrics."""
_SENDABLE: Final = r"(?! )[ -~]{1,4096}(?<! )"
"""What the server issued is stored and sent back unchanged."""
_MEMBER_ID: Final = r"[A-Za-z0-9_-]{1,64}"
_NUMBER: Final = r"[0-9]{1,15}"
LIFETIME: Final = 3600.0
"""Seconds that an access token is valid where the reply does not contain it (bitrix24.md 3.4)."""
_LONGEST_LIFE: Final = DAY
"""An hour is documented; a longer lifetime than a day, from a wrong clock or unit, is cut to a day."""
_STATUS: Final = r"[A-Za-z]{1,8}"
_SCOPE: Final = r"[A-Za-z0-9_.:-]{1,64}"
_MOST_SCOPES: Final = 200


@dataclass(frozen=True, slots=True)
class TokenPair:
    """Access to one portal for one user, and the single-use token that renews it.

    `expires_at` is Unix time by our clock; `client_endpoint` is `https://{host}/rest/`; `server` is the `host[:port]`
    to renew at; `user_id` is the user with these permissions; `status` is the application's letter (bitrix24.md 3.1).
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


def pair_from(
    answer: Mapping[str, object],
    server: str,
    asked_at: float,
    local_hosts: frozenset[str],
    portals: frozenset[str] = frozenset(),
    servers: frozenset[str] = frozenset(),
) -> TokenPair | BitrixError:
    """A portal's first pair, in a reply of `server` to a request at `asked_at` (Unix time by our clock).

    `local_hosts` may be servers and portals, `portals` and `servers` only one of them, whatever their names and ports.

    Returns an error if a field is missing or malformed: PROTOCOL, or ADDRESS_REFUSED for the portal's
    address. `domain` is not read: here it names the authorisation server (bitrix24.md 3.5).
    """
    access_token, refresh_token = _token(answer.get("access_token")), _token(answer.get("refresh_token"))
    member_id = _matching(_MEMBER_ID, answer.get("member_id"))
    client_endpoint = answer.get("client_endpoint")
    if not (access_token and refresh_token and member_id and isinstance(client_endpoint, str)):
        return BitrixError(PROTOCOL, 200, method=METHOD, description="a field is missing or malformed")
    endpoint = _portal_endpoint(client_endpoint, local_hosts | portals)
    if endpoint is None:
        return BitrixError(ADDRESS_REFUSED, 200, method=METHOD, description="not the address of a portal")
    return TokenPair(
        access_token=access_token,
        refresh_token=refresh_token,
        expires_at=_expiry(answer, asked_at),
        member_id=member_id,
        client_endpoint=endpoint,
        server=_server(answer, server, local_hosts | servers),
        user_id=_number(answer.get("user_id")),
        scopes=_scopes(answer.get("scope")),
        status=_matching(_STATUS, answer.get("status")) or "",
    )


def successor(
    former: TokenPair,
    answer: Mapping[str, object],
    server: str,
    asked_at: float,
    local_hosts: frozenset[str],
    portals: frozenset[str] = frozenset(),
    servers: frozenset[str] = frozenset(),
) -> TokenPair | BitrixError:
    """The pair that `former` was spent for; the rest as for `pair_from`.

    A field that is missing or malformed keeps the former pair's value, because the one token received must not be lost
    (bitrix24.md 3.4, 3.5). A pair without an access token is expired from the start. PROTOCOL only if neither token was
    received.
    """
    access_token, refresh_token = _token(answer.get("access_token")), _token(answer.get("refresh_token"))
    if not (access_token or refresh_token):
        return BitrixError(PROTOCOL, 200, method=METHOD, description="both tokens are missing or malformed")
    return TokenPair(
        access_token=access_token or former.access_token,
        refresh_token=refresh_token or former.refresh_token,
        expires_at=_expiry(answer, asked_at) if access_token else asked_at,
        member_id=_matching(_MEMBER_ID, answer.get("member_id")) or former.member_id,
        client_endpoint=_portal_endpoint(answer.get("client_endpoint"), local_hosts | portals)
        or former.client_endpoint,
        server=_server(answer, server, local_hosts | servers),
        user_id=_number(answer.get("user_id")) or former.user_id,
        scopes=_scopes(answer.get("scope")) or former.scopes,
        status=_matching(_STATUS, answer.get("status")) or former.status,
    )


def _server(answer: Mapping[str, object], asked: str, others: frozenset[str]) -> str:
    """An unknown server (bitrix24.md 3.2) must not cost the pair: the one that just replied renews it, too."""
    named = answer.get("server_endpoint")
    return (server_in(named, others) if isinstance(named, str) else None) or asked


def _token(value: object) -> str | None:
    """A token in a reply, without the white space around it: it is opaque, and stored in any form."""
    text = value.strip() if isinstance(value, str) else ""
    return text if re.fullmatch(_SENDABLE, text) else None


def _portal_endpoint(value: object, hosts: frozenset[str]) -> str | None:
    """The portal's address in its one form, where the reply has it without the last slash or with another scheme."""
    if not isinstance(value, str):
        return None
    scheme, mark, rest = value.strip().rpartition("://")
    is_plain = mark and scheme.lower() in ("http", "https")
    return portal_endpoint(f"https://{rest.rstrip('/')}/" if is_plain else value, hosts)


def _expiry(answer: Mapping[str, object], asked_at: float) -> float:
    """From `expires_in`, because then one clock decides, ours; else from `expires`; else an hour, as documented."""
    lifetime, expires = _number(answer.get("expires_in")), _number(answer.get("expires")) or 0
    at = asked_at + lifetime if lifetime else float(expires)
    return min(at if at > asked_at else asked_at + LIFETIME, asked_at + _LONGEST_LIFE)


def _number(value: object) -> int | None:
    """A positive whole number: an integer, a float without a fraction, or a string of digits (bitrix24.md 3.5)."""
    if type(value) is float and value.is_integer():
        value = int(value)
    digits = _matching(_NUMBER, str(value) if type(value) is int else value)
    return int(digits or 0) or None


def _scopes(value: object) -> frozenset[str]:
    """Names between commas or blanks: both occur (bitrix24.md 3.5)."""
    names = re.split(r"[\s,]+", value, maxsplit=_MOST_SCOPES) if isinstance(value, str) else []
    return frozenset(name for name in names if re.fullmatch(_SCOPE, name))


def _matching(pattern: str, value: object) -> str | None:
    return value if isinstance(value, str) and re.fullmatch(pattern, value) else None


__all__ = ["DEFAULT_SERVER", "METHOD", "SERVERS", "Application", "AuthorisationServer", "TokenPair"]

_GRANT_FIELDS: Final[Mapping[str, str]] = {"refresh_token": "refresh_token", "authorization_code": "code"}
"""The form field of each type of grant."""

_FORM_TYPE: Final = "application/x-www-form-urlencoded"
_POST_NOT_ADMITTED: Final = 405
_PERHAPS_NOT_ADMITTED: Final = frozenset({400, 404})
_INCONCLUSIVE: Final = frozenset({OTHER, EMPTY, HTTP_4XX, NOT_JSON, "invalid_request"})
"""Errors that may also mean that our form was never read; `invalid_request` means missing fields."""

_MASK: Final = "***"


@dataclass(frozen=True, slots=True)
class Application:
    """The keys of an application: `local.…` or `app.…` and its secret (bitrix24.md 3.1)."""

    client_id: str
    client_secret: str = field(repr=False)


class AuthorisationServer:
    """Asks for token pairs over the client's own pool of connections: `Bitrix24Client.wire`.

    The wire's `servers` are accepted beside the closed list. Safe to share between threads.
    """

    def __init__(self, clock: Clock, wire: Wire) -> None:
        self._clock = clock
        self._wire = wire

    def server_named(self, server_endpoint: str | None) -> str:
        """The `host[:port]` of a `server_endpoint`; the default where none is named.

        Raises `BitrixError` ADDRESS_REFUSED for an address that is not exactly one of a known server's.
        """
        if not server_endpoint:
            return DEFAULT_SERVER
        server = server_in(server_endpoint, self._wire.servers)
        if server is None:
            raise _unknown_server()
        return server

    def refresh(
        self,
        server: str,
        application: Application,
        refresh_token: str,
        deadline: Deadline,
        former: TokenPair | None = None,
    ) -> TokenPair:
        """A new pair for a refresh token, which is spent by it (bitrix24.md 3.4); `former` is the pair that it is in.

        Waits for the reply until the deadline: a pair may be issued as late as that.
        Raises `BitrixError` of the authorisation server's family, PROTOCOL if the reply is malformed.
        """
        outcome = self._ask(server, _Form(application, "refresh_token", refresh_token), deadline, former)
        del refresh_token, former  # a traceback that shows variables must not show these
        return _settled(outcome)

    def exchange(self, server: str, application: Application, code: str, deadline: Deadline) -> TokenPair:
        """The first pair, for a code that is valid for 30 s (bitrix24.md 3.3). Raises as `refresh` does."""
        outcome = self._ask(server, _Form(application, "authorization_code", code), deadline, None)
        del code  # as above
        return _settled(outcome)

    def _ask(self, server: str, form: "_Form", deadline: Deadline, former: TokenPair | None) -> TokenPair | BitrixError:
        if not is_server(server, self._wire.servers):
            return _unknown_server()
        if not (is_token(form.grant) if former is None else re.fullmatch(_SENDABLE, form.grant)):
            return BitrixError("invalid_grant", method=METHOD, description="cannot be one: not asked")
        if not (is_token(form.application.client_id) and is_token(form.application.client_secret)):
            return BitrixError("invalid_client", method=METHOD, description="cannot be keys: not asked")
        url = f"https://{server}/oauth/token/"
        asked_at = self._clock.now()
        reply = self._wire.post(url, form.encoded, _FORM_TYPE, METHOD, deadline, read_seconds=inf)
        answer = _read(reply, form)
        if isinstance(answer, BitrixError) and _may_refuse_post(answer):
            # The documented request (bitrix24.md 3.4) is the second choice: it puts secrets into a URL.
            asked_at = self._clock.now()
            answer = _read(self._wire.get(f"{url}?{form.encoded}", METHOD, deadline, read_seconds=inf), form)
        if isinstance(answer, BitrixError):
            return answer
        hosts = self._wire.local_hosts, self._wire.portals, self._wire.servers
        if former is not None:
            return successor(former, answer, server, asked_at, *hosts)
        return pair_from(answer, server, asked_at, *hosts)


@dataclass(frozen=True, slots=True)
class _Form:
    """The form that is sent; as `responses.CallTarget` it removes its secrets from errors."""

    application: Application
    grant_type: str
    grant: str = field(repr=False)

    @property
    def encoded(self) -> str:
        return urlencode(
            {
                "grant_type": self.grant_type,
                "client_id": self.application.client_id,
                "client_secret": self.application.client_secret,
                _GRANT_FIELDS[self.grant_type]: self.grant,
            }
        )

    @property
    def is_webhook(self) -> bool:
        return False

    def redacted(self, text: str) -> str:
        for secret in (self.application.client_secret, self.grant):
            text = text.replace(secret, _MASK).replace(quote_plus(secret), _MASK)
        return text


def _read(reply: Reply | BitrixError, form: _Form) -> dict[str, object] | BitrixError:
    return read_object(reply, form, METHOD) if isinstance(reply, Reply) else reply


def _may_refuse_post(error: BitrixError) -> bool:
    if error.status == _POST_NOT_ADMITTED:
        return True
    return error.status in _PERHAPS_NOT_ADMITTED and error.metric_code in _INCONCLUSIVE


def _settled(outcome: TokenPair | BitrixError) -> TokenPair:
    """Raises an error outside of the frames that hold tokens: its traceback and context contain none."""
    if isinstance(outcome, BitrixError):
        raise outcome
    return outcome


def _unknown_server() -> BitrixError:
    return BitrixError(ADDRESS_REFUSED, method=METHOD, description="not a known authorisation server")
