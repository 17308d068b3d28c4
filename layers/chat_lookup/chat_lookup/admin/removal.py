"""Removes one portal: what is registered in it, its credentials, keys and rows, and its record last."""

from typing import Final

from chat_lookup.cache.chat_cache import Cache
from chat_lookup.clock import Deadline
from chat_lookup.credentials.applications import ApplicationKind, Applications
from chat_lookup.credentials.grants import Tokens
from chat_lookup.errors import InstallationInProgress
from chat_lookup.install.install_lock import InstallLock
from chat_lookup.install.registration import Registering, Unregistered
from chat_lookup.portals.api_keys import Keys
from chat_lookup.portals.portal import Portal, PortalState
from chat_lookup.portals.store import Portals
from chat_lookup.portals.updates import PortalFacts

_ASKING: Final = 15.0
"""Seconds that the portal is asked for at most: AdminFunction has sixty, and the removal itself needs some."""
_REGISTERED: Final = ("command_id", "bot_id", "bot_api", "public_url")


class Forgetting:
    """Safe to repeat: what was removed already is skipped."""

    def __init__(
        self,
        portals: Portals,
        facts: PortalFacts,
        keys: Keys,
        tokens: Tokens,
        cache: Cache,
        applications: Applications,
        registering: Registering,
        lock: InstallLock,
    ) -> None:
        self._portals = portals
        self._facts = facts
        self._keys = keys
        self._tokens = tokens
        self._cache = cache
        self._applications = applications
        self._registering = registering
        self._lock = lock

    def forget(self, portal: Portal, deadline: Deadline) -> dict[str, object]:
        """Remove a portal; returns the numbers of its keys and cached answers, and what is left in the portal itself.

        The portal is asked first, while there is a grant; whatever it replies, the rest follows. After a failure in
        between the record remains, so that the command can name the portal again.
        Raises `InstallationInProgress`, `PortalNotInstalled`, `StoreUnavailable`.
        """
        with self._lock.hold(portal.member_id, deadline):
            found = self._unregistered(self._portals.named(portal.member_id), deadline)
            # The call may have renewed the tokens, and found the portal under another address.
            portal = self._portals.named(portal.member_id)
            # From here on no other process uses it, and a repetition does not ask it again.
            if portal.state is not PortalState.UNINSTALLED and not self._facts.uninstalled(portal):
                raise InstallationInProgress(retry_after=1)
            self._tokens.wipe(portal)
            self._move_application(portal)
            keys = [self._keys.revoke(portal.member_id, key.key_id) for key in list(self._keys.of(portal.member_id))]
            rows = self._cache.forget_portal(portal.member_id)
            self._portals.delete(portal)
        return {
            "member_id": portal.member_id,
            "domain": portal.domain,
            "keys": len(keys),
            "rows": rows,
            "unregistered": list(found.removed),
            "left_in_portal": list(found.left),
            "why_left": found.why,
        }

    def _unregistered(self, portal: Portal, deadline: Deadline) -> Unregistered:
        found = self._registering.unregister(portal, deadline.no_later_than(_ASKING))
        if found.removed:
            self._facts.learn(found.portal, *_REGISTERED)
        return found

    def _move_application(self, portal: Portal) -> None:
        """A renamed portal's local application is found by the portal's record, so far: it can be installed again."""
        record = self._applications.record(portal.client_id) if portal.client_id else None
        if record is not None and record.kind is ApplicationKind.LOCAL:
            self._applications.move(record, portal.domain)
