"""API keys that administrators of a portal make on the page: few, for look-ups only, and for a year at most."""

from collections.abc import Mapping
from typing import Final

from chat_lookup.clock import DAY, Clock
from chat_lookup.errors import InvalidRequest, RouteNotFound
from chat_lookup.observability.telemetry import Telemetry
from chat_lookup.portals.api_keys import ApiKey, Keys
from chat_lookup.portals.portal import Portal

MOST_KEYS: Final = 5
LONGEST_DAYS: Final = 365


class PortalKeys:
    """The keys made on the page; an operator's keys of the same portal are neither shown nor revoked here.

    The caller was confirmed as an administrator (`Viewers.administrator`) before.
    """

    def __init__(self, keys: Keys, telemetry: Telemetry, clock: Clock, *, allowed: bool) -> None:
        self._keys = keys
        self._telemetry = telemetry
        self._clock = clock
        self._allowed = allowed

    def check_allowed(self) -> None:
        """Raises `RouteNotFound` where operators make all keys (the parameter PortalAdminKeys)."""
        if not self._allowed:
            raise RouteNotFound("In this service its operator makes the API keys (PortalAdminKeys)")

    def listed(self, portal: Portal) -> list[dict[str, object]]:
        """The keys without what would open anything."""
        made_here = (key for key in self._keys.of(portal.member_id) if key.place)
        return [self._shown(key, portal) for key in sorted(made_here, key=lambda key: key.created_at)]

    def create(self, portal: Portal, label: str, days: int, *, details: bool) -> dict[str, object]:
        """A new key, which is in this one answer and never again. Raises `InvalidRequest`."""
        if not 0 < days <= LONGEST_DAYS:
            raise InvalidRequest(f"days must be a whole number from 1 to {LONGEST_DAYS}")
        scopes = ["lookup", *(["details"] if details else [])]
        expires_at = self._clock.now() + days * DAY
        key, kept = self._keys.create(portal.member_id, label, scopes, expires_at, places=MOST_KEYS)
        self._telemetry.hide(key)
        self._telemetry.note(portal=portal.member_id, key_id=kept.key_id)
        return {"key": key, **self._shown(kept, portal)}

    def revoke(self, portal: Portal, key_id: str) -> Mapping[str, object]:
        """End a key; every process refuses it within 30 s. Raises `InvalidRequest` for any key not made here."""
        if not any(key.key_id == key_id and key.place for key in self._keys.of(portal.member_id)):
            raise InvalidRequest("No key that was made on this page has this key_id")
        self._telemetry.note(portal=portal.member_id, key_id=key_id)
        return self._shown(self._keys.revoke(portal.member_id, key_id), portal)

    def _shown(self, key: ApiKey, portal: Portal) -> dict[str, object]:
        return {
            "key_id": key.key_id,
            "label": key.label,
            "scopes": sorted(key.scopes),
            "created_at": int(key.created_at),
            "expires_at": None if key.expires_at is None else int(key.expires_at),
            "valid": not key.is_expired(self._clock.now()) and not key.is_suspended(portal),
        }
