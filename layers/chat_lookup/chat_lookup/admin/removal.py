"""Removes all stored data of one portal: its credentials first, its record last."""

from chat_lookup.cache.chat_cache import Cache
from chat_lookup.credentials.grants import Tokens
from chat_lookup.portals.api_keys import Keys
from chat_lookup.portals.portal import Portal
from chat_lookup.portals.store import Portals


class Forgetting:
    """Safe to repeat: data already removed is skipped."""

    def __init__(self, portals: Portals, keys: Keys, tokens: Tokens, cache: Cache) -> None:
        self._portals = portals
        self._keys = keys
        self._tokens = tokens
        self._cache = cache

    def forget(self, portal: Portal) -> dict[str, object]:
        """Remove a portal; returns the numbers of its keys and cached rows. Raises `StoreUnavailable`.

        After a failure in between the record remains, so that the command can name the portal again.
        """
        self._tokens.wipe(portal.secret_arn)
        keys = [self._keys.revoke(portal.member_id, key.key_id) for key in list(self._keys.of(portal.member_id))]
        rows = self._cache.forget_portal(portal.member_id)
        self._portals.delete(portal)
        return {"member_id": portal.member_id, "domain": portal.domain, "keys": len(keys), "rows": rows}
