"""Reconciles records that are older than their secrets, as after PortalTable was restored to an earlier moment.

A refresh token is good for one refresh (bitrix24.md 3.4): the pair that an older record points to is spent, while the
one that was saved last is valid.
"""

from typing import Final

from chat_lookup.clock import Clock, Deadline
from chat_lookup.credentials.grants import Grant, Tokens
from chat_lookup.credentials.token_pointer import Pointers
from chat_lookup.http.json_fields import Fields
from chat_lookup.portals.failures import ASKED_AGAIN
from chat_lookup.portals.portal import Portal, PortalState
from chat_lookup.portals.recovery import Recoveries
from chat_lookup.portals.store import Portals
from chat_lookup.portals.updates import PortalFacts

_LEAST_FOR_ONE: Final = 3.0


class Restoring:
    """The command by its name. Safe to repeat: a record that agrees with its secret is only read."""

    def __init__(
        self,
        portals: Portals,
        facts: PortalFacts,
        tokens: Tokens,
        pointers: Pointers,
        recoveries: Recoveries,
        clock: Clock,
    ) -> None:
        self._portals = portals
        self._facts = facts
        self._tokens = tokens
        self._pointers = pointers
        self._recoveries = recoveries
        self._clock = clock
        self.commands = {
            "portals.reconcile": self._reconcile,
        }

    def _reconcile(self, _: Fields, deadline: Deadline) -> dict[str, object]:
        """Make records agree with their secrets again, after PortalTable was restored."""
        return self.reconcile(deadline)

    def reconcile(self, deadline: Deadline) -> dict[str, object]:
        """Point each record at the newest version of its secret, while time is left. Raises `StoreUnavailable`.

        Returns how many agreed, were moved, and are left for another run; and which are lost: their secret is gone,
        because the portal was reinstalled, uninstalled or forgotten since. Those wait for an administrator's visit.
        """
        agreed, moved, left = 0, 0, 0
        lost: list[dict[str, str]] = []
        for portal in self._portals.all():
            if portal.state is PortalState.UNINSTALLED:
                continue
            if deadline.left() < _LEAST_FOR_ONE:
                left += 1
                continue
            newest = self._tokens.newest(portal)
            if newest is None:
                self._give_up(portal)
                lost.append({"member_id": portal.member_id, "domain": portal.domain, "kind": portal.kind.value})
            elif newest.version == portal.token_version:
                agreed += 1
            else:
                self._move(portal, newest)
                moved += 1
        return {"agreed": agreed, "moved": moved, "left": left, "lost": lost}

    def _move(self, portal: Portal, newest: Grant) -> None:
        host = newest.endpoint.host
        # When it was renewed is unknown: with the older moment the keepalive runs too early rather than too late.
        self._pointers.switch(
            portal.member_id, portal.token_version, newest.version, host, portal.refreshed_at, former=portal.domain
        )
        self._portals.forget(portal.member_id)
        if portal.state in ASKED_AGAIN:
            self._recoveries.report(portal, portal.state, portal.state_code)
        if host != portal.domain:
            self._portals.moved(portal._replace(domain=host))

    def _give_up(self, portal: Portal) -> None:
        # An unused generation: later ones than this record's were in use, and rows of theirs may be left.
        generation = int(self._clock.now() * 1000)
        waiting = portal._replace(state=PortalState.REAUTHORISE, state_code="", retry_at=0.0, generation=generation)
        self._facts.learn(waiting, "state", "state_code", "retry_at", "generation")
