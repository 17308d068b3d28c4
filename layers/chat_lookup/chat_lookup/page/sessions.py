"""The sessions of the page: who was proved to look at it, signed, so that nothing of them is stored.

They are sent in the header `X-Page-Session`. A cookie would be a third party's in the portal's frame, and need not
come back (bitrix24.md 10.5).
"""

import base64
import hashlib
import hmac
import json
import re
from typing import Final, NamedTuple

from chat_lookup.clock import CLOCKS_APART, DAY, Clock
from chat_lookup.errors import PageSessionRejected
from chat_lookup.page.page_key import PageKey
from chat_lookup.portals.portal import Portal

LIVES: Final = 600
"""Seconds of a session."""
RENEWABLE: Final = DAY
"""Seconds after its end in which its user's fresh token may renew a session: for a page that was left open."""
_VERSION: Final = 2
_PURPOSE: Final = b"page-session "
"""Is before what is signed: no text that the key signs for another purpose can be a session."""
_FORM: Final = r"([A-Za-z0-9_-]{1,800})\.([A-Za-z0-9_-]{43})"


class Session(NamedTuple):
    """A user of a portal. `is_administrator` is what the portal replied when the session was made; whether it is still
    so is asked at each request that needs it."""

    member_id: str
    user_id: str
    is_administrator: bool
    ends_at: int
    generation: int
    """That of the portal's record: a later installation begins no session of an earlier one again."""


class Sessions:
    """Signs sessions and reads them."""

    def __init__(self, key: PageKey, clock: Clock) -> None:
        self._key = key
        self._clock = clock

    def begin(self, portal: Portal, user_id: str, *, is_administrator: bool) -> str:
        """A session from now on. The portal has just confirmed the user."""
        fields = {
            "v": _VERSION,
            "member_id": portal.member_id,
            "generation": portal.generation,
            "user_id": user_id,
            "admin": is_administrator,
            "exp": int(self._clock.now()) + LIVES,
        }
        content = _encoded(json.dumps(fields, separators=(",", ":")).encode())
        return f"{content}.{self._signature(content)}"

    def read(self, text: str | None) -> Session:
        """A session that has not ended. Raises `PageSessionRejected`."""
        session = self._signed(text)
        # The clock of the process that made it may be ahead of ours.
        if not 0 < session.ends_at - self._clock.now() <= LIVES + CLOCKS_APART:
            raise PageSessionRejected
        return session

    def read_for_renewal(self, text: str | None) -> Session:
        """The same of one that may have ended within a day: who renews it is proved again."""
        session = self._signed(text)
        if not -RENEWABLE < session.ends_at - self._clock.now() <= LIVES + CLOCKS_APART:
            raise PageSessionRejected
        return session

    def _signed(self, text: str | None) -> Session:
        parts = re.fullmatch(_FORM, text or "")
        if parts is None or not hmac.compare_digest(self._signature(parts[1]), parts[2]):
            raise PageSessionRejected
        fields = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        if fields["v"] != _VERSION:
            raise PageSessionRejected
        return Session(fields["member_id"], fields["user_id"], fields["admin"], fields["exp"], fields["generation"])

    def _signature(self, content: str) -> str:
        return _encoded(hmac.new(self._key.read(), _PURPOSE + content.encode(), hashlib.sha256).digest())


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
