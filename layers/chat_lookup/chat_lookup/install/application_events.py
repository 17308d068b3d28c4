"""Events of the application itself, which are bound to our address of installation (bitrix24.md 4.4 to 4.7)."""

from collections.abc import Callable, Mapping

from chat_lookup.clock import Deadline
from chat_lookup.errors import InstallationRefused
from chat_lookup.install.installation import Installation
from chat_lookup.install.offers import ApplicationEvent, Offer, offer_of_event
from chat_lookup.install.uninstallation import Uninstallation
from chat_lookup.observability.telemetry import Telemetry

_Handler = Callable[[Offer, str, str, Deadline], None]
"""Receives the offer, our own address, the address that the event came from, and the deadline."""


class ApplicationEvents:
    """Receives application events. An event has no effect before it is proved."""

    def __init__(
        self,
        installation: Installation,
        uninstallation: Uninstallation,
        telemetry: Telemetry,
        *,
        portal_hosts: frozenset[str],
    ) -> None:
        self._installation = installation
        self._uninstallation = uninstallation
        self._telemetry = telemetry
        self._portal_hosts = portal_hosts
        self._handlers: Mapping[str, _Handler] = {
            "ONAPPINSTALL": self._install,
            "ONAPPUPDATE": self._install,
            "ONAPPUNINSTALL": self._uninstall,
        }

    def handle(self, event: ApplicationEvent, public_url: str, source: str, deadline: Deadline) -> None:
        """Handle an event, if it is proved; unknown events are ignored, and counted.

        Raises as `Installation.install` and `Uninstallation.uninstall` do.
        """
        handler = self._handlers.get(event.name)
        if handler is None:
            self._reject("unknown_event")
            return
        self._telemetry.note(event=event.name)
        try:
            handler(offer_of_event(event, self._portal_hosts), public_url, source, deadline)
        except InstallationRefused as error:
            self._reject(error.reason)
            raise

    def _install(self, offer: Offer, public_url: str, source: str, deadline: Deadline) -> None:
        self._installation.install(offer, public_url, source, deadline)

    def _uninstall(self, offer: Offer, _: str, __: str, deadline: Deadline) -> None:
        if not self._uninstallation.uninstall(offer, deadline):
            self._reject("late")

    def _reject(self, reason: str) -> None:
        self._telemetry.count("EventsRejected", reason=reason)
