"""Operators' commands about portals: list, set, stop, start, rebind and forget them, and purge their cached answers.

Each works in every state of a portal: states restrict callers, not operators. The portal is named once there are two.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from chat_lookup.admin.views import portal_shown
from chat_lookup.clock import Clock, Deadline
from chat_lookup.config import is_public_url
from chat_lookup.errors import InvalidRequest
from chat_lookup.http.json_fields import Fields
from chat_lookup.portals.failures import answer
from chat_lookup.portals.portal import PortalKind, PortalState, ResultForm
from chat_lookup.portals.recovery import Recoveries
from chat_lookup.portals.store import Portals
from chat_lookup.portals.updates import PortalFacts

if TYPE_CHECKING:
    from chat_lookup.admin.removal import Forgetting
    from chat_lookup.install.installation import Installation

_OPERATOR: Final = "operator"


class AdminPortals:
    """The commands by their names. What installs and removes is built when a command needs it."""

    def __init__(
        self,
        portals: Portals,
        facts: PortalFacts,
        installation: "Callable[[], Installation]",
        forgetting: "Callable[[], Forgetting]",
        recoveries: Recoveries,
        clock: Clock,
    ) -> None:
        self._portals = portals
        self._facts = facts
        self._installation = installation
        self._forgetting = forgetting
        self._recoveries = recoveries
        self._clock = clock
        self.commands = {
            "portals": self._list,
            "portal.set": self._set,
            "portal.rebind": self._rebind,
            "portal.forget": self._forget,
            "portal.stop": self._stop,
            "portal.start": self._start,
            "cache.purge": self._purge,
        }

    def _list(self, _: Fields, __: Deadline) -> dict[str, object]:
        return {"portals": [portal_shown(portal, self._clock.now()) for portal in self._portals.all()]}

    def _set(self, fields: Fields, _: Deadline) -> dict[str, object]:
        """Set a portal's rate or the form of its results, which installations do not change, or the default portal."""
        portal = self._portals.named(fields.optional_text("portal"))
        rate = fields.optional_number("rate")
        burst = fields.optional_whole("burst")
        form = fields.optional_text("result_shape")
        default = fields.optional_flag("default")
        if rate is None and burst is None and form is None and not default:
            raise InvalidRequest("give at least one of rate, burst, result_shape, default")
        if rate is not None or burst is not None:
            portal = portal._replace(rate=rate or portal.rate, burst=burst or portal.burst, paced_by=_OPERATOR)
            self._facts.learn(portal, "rate", "burst", "paced_by")
        if form is not None:
            portal = portal._replace(result_form=ResultForm(form))
            self._facts.learn(portal, "result_form")
        if default:
            self._portals.make_default(portal.member_id)
        return portal_shown(portal, self._clock.now())

    def _rebind(self, fields: Fields, deadline: Deadline) -> dict[str, object]:
        """Register bot and events again, for example after a change of our own address."""
        portal = self._portals.named(fields.optional_text("portal"))
        public_url = (fields.optional_text("public_url") or portal.public_url).rstrip("/")
        if portal.kind is not PortalKind.OAUTH:
            raise InvalidRequest("portal: an inbound webhook can bind no events; install the application instead")
        if not is_public_url(public_url):
            raise InvalidRequest("public_url must be the service's own address: https://host, without a path")
        if portal.state is PortalState.UNINSTALLED:
            raise answer(portal.state, portal.state_code)
        if self._portals.states.waits(portal):
            # The operator need not wait until the portal is called next.
            portal = self._portals.states.start(portal)
        installed = self._installation().rebind(portal, public_url, deadline)
        remarks = [remark.value for remark in installed.remarks]
        return {**portal_shown(installed.portal, self._clock.now()), "remarks": remarks}

    def _forget(self, fields: Fields, deadline: Deadline) -> dict[str, object]:
        """Remove all stored data of a portal, and what is registered in it."""
        portal = self._portals.named(fields.optional_text("portal"))
        return self._forgetting().forget(portal, deadline)

    def _stop(self, fields: Fields, _: Deadline) -> dict[str, object]:
        """Stop all calls to a portal; its grant is still renewed, its events are received and published."""
        portal = self._portals.named(fields.optional_text("portal"))
        return portal_shown(self._portals.states.stop(portal), self._clock.now())

    def _start(self, fields: Fields, _: Deadline) -> dict[str, object]:
        """End a stop. If the portal is also closed, the next caller tests it, a renamed one for another week."""
        portal = self._portals.named(fields.optional_text("portal"))
        started = self._portals.states.start(portal)
        if portal.state is PortalState.STOPPED:
            self._recoveries.report(portal, PortalState.STOPPED, "")
        return portal_shown(started, self._clock.now())

    def _purge(self, fields: Fields, _: Deadline) -> dict[str, object]:
        portal = self._portals.named(fields.optional_text("portal"))
        return {"member_id": portal.member_id, "generation": self._portals.raise_generation(portal.member_id)}
