"""Tokens and codes that the authorisation server has issued (bitrix24.md 3.3, 3.4)."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from local.portal.oauth.installations import Installation

ACCESS_S: Final = 3_600.0
REFRESH_S: Final = 180 * 86_400.0
CODE_S: Final = 30.0
_LONG_AGO: Final = 0.0  # a clock that is set back must not make an expired token valid


@dataclass(frozen=True, slots=True)
class Pair:
    """What one user granted one installation; both expiry times are Unix times."""

    client_id: str
    installation: int
    user_id: int
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_at: float
    refreshable_until: float


@dataclass(frozen=True, slots=True)
class Code:
    """An authorisation code: the right to one pair, for half a minute."""

    client_id: str
    installation: int
    user_id: int
    expires_at: float


class Tokens:
    """All tokens and codes that were issued. The caller must hold the portal's lock.

    A refresh token is valid for one use: this is not documented, but every client has to expect it (bitrix24.md 3.4).
    Its access token stays valid until it expires.
    """

    def __init__(self) -> None:
        self._by_access: dict[str, Pair] = {}
        self._by_refresh: dict[str, Pair] = {}
        self._codes: dict[str, Code] = {}
        self._in_events: dict[tuple[str, int, int], str] = {}
        self.issued: set[str] = set()
        """Every secret ever issued, so that the list of calls can mask it."""

    def issue(self, installation: Installation, user_id: int, now: float, lifetime: float) -> Pair:
        """A new pair for a user, as each opening of the application in a frame issues one."""
        return self._add(installation.client_id, installation.number, user_id, now, lifetime)

    def of_event(self, installation: Installation, user_id: int, now: float) -> Pair:
        """The pair that a user's events carry: the same one until half of its lifetime is over, as there may be
        thousands of events, or until it was renewed or expired."""
        key = (installation.client_id, installation.number, user_id)
        pair = self._by_refresh.get(self._in_events.get(key, ""))
        if pair is None or pair.expires_at < now + ACCESS_S / 2:
            pair = self.issue(installation, user_id, now, ACCESS_S)
            self._in_events[key] = pair.refresh_token
        return pair

    def of_access(self, access_token: str) -> Pair | None:
        """The pair of an access token, whether or not it has expired."""
        return self._by_access.get(access_token)

    def of_refresh(self, refresh_token: str, now: float) -> Pair | None:
        """The pair that a refresh token may renew; None if it was used, has expired or was never issued."""
        pair = self._by_refresh.get(refresh_token)
        return pair if pair and now < pair.refreshable_until else None

    def renew(self, former: Pair, now: float) -> Pair:
        """Replaces a pair by a new one; the former refresh token is invalid from now on."""
        del self._by_refresh[former.refresh_token]
        return self._add(former.client_id, former.installation, former.user_id, now)

    def new_code(self, installation: Installation, user_id: int, now: float) -> str:
        code = secrets.token_hex(16)
        self._codes[code] = Code(installation.client_id, installation.number, user_id, now + CODE_S)
        self.issued.add(code)
        return code

    def of_code(self, code: str, now: float) -> Code | None:
        """What a code grants; None if it was used, has expired or was never issued."""
        found = self._codes.get(code)
        return found if found and now < found.expires_at else None

    def exchange(self, code: str, now: float) -> Pair:
        """The pair for a code that `of_code` returned; the code cannot be used again."""
        found = self._codes.pop(code)
        return self._add(found.client_id, found.installation, found.user_id, now)

    def expire(self, matches: Callable[[Pair], bool], *, refresh: bool) -> int:
        """Expires the access tokens of matching pairs, with `refresh` their refresh tokens, too; returns the count."""
        found = [pair for pair in self._by_access.values() if matches(pair)]
        for pair in found:
            ended = replace(pair, expires_at=_LONG_AGO)
            if refresh:
                ended = replace(ended, refreshable_until=_LONG_AGO)
            self._by_access[pair.access_token] = ended
            if pair.refresh_token in self._by_refresh:
                self._by_refresh[pair.refresh_token] = ended
        return len(found)

    def _add(self, client_id: str, installation: int, user_id: int, now: float, lifetime: float = ACCESS_S) -> Pair:
        pair = Pair(
            client_id=client_id,
            installation=installation,
            user_id=user_id,
            access_token=secrets.token_hex(35),
            refresh_token=secrets.token_hex(35),
            expires_at=now + lifetime,
            refreshable_until=now + REFRESH_S,
        )
        self._by_access[pair.access_token] = self._by_refresh[pair.refresh_token] = pair
        self.issued |= {pair.access_token, pair.refresh_token}
        return pair
