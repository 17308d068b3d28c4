"""Operators' commands about API keys: keys.create, keys.list, keys.revoke, keys.restore."""

from chat_lookup.admin.views import key_shown
from chat_lookup.clock import DAY, Clock, Deadline
from chat_lookup.http.json_fields import Fields
from chat_lookup.observability.telemetry import Telemetry
from chat_lookup.portals.api_keys import Keys
from chat_lookup.portals.store import Portals


class AdminKeys:
    """The commands by their names."""

    def __init__(self, portals: Portals, keys: Keys, telemetry: Telemetry, clock: Clock) -> None:
        self._portals = portals
        self._keys = keys
        self._telemetry = telemetry
        self._clock = clock
        self.commands = {
            "keys.create": self._create,
            "keys.list": self._list,
            "keys.revoke": self._revoke,
            "keys.restore": self._restore,
        }

    def _create(self, fields: Fields, _: Deadline) -> dict[str, object]:
        portal = self._portals.named(fields.optional_text("portal"))
        label = fields.text("label")
        scopes = fields.optional_texts("scopes") or ["lookup"]
        passthrough = fields.optional_texts("passthrough") or []
        days = fields.optional_number("expires_in_days")
        expires_at = None if days is None else self._clock.now() + days * DAY
        key, kept = self._keys.create(portal.member_id, label, scopes, expires_at, passthrough=passthrough)
        self._telemetry.hide(key)
        return {"key": key, **key_shown(kept, portal, self._clock.now())}

    def _list(self, fields: Fields, _: Deadline) -> dict[str, object]:
        portal = self._portals.named(fields.optional_text("portal"))
        now = self._clock.now()
        return {"keys": [key_shown(key, portal, now) for key in self._keys.of(portal.member_id)]}

    def _revoke(self, fields: Fields, _: Deadline) -> dict[str, object]:
        portal = self._portals.named(fields.optional_text("portal"))
        key_id = fields.text("key_id")
        revoked = self._keys.revoke(portal.member_id, key_id)
        return {"revoked": key_shown(revoked, portal, self._clock.now())}

    def _restore(self, fields: Fields, _: Deadline) -> dict[str, object]:
        """Make the keys that an uninstallation suspended valid again: all of a portal, or one."""
        portal = self._portals.named(fields.optional_text("portal"))
        key_id = fields.optional_text("key_id")
        restored = self._keys.restore(portal, key_id)
        return {"restored": [key_shown(key, portal, self._clock.now()) for key in restored]}
