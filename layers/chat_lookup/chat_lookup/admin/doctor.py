"""The operators' command doctor: what is wrong with one portal, or with all of them, and what mends it."""

from collections.abc import Iterator
from typing import Final

from chat_lookup.clock import Deadline
from chat_lookup.doctor.examination import Doctor
from chat_lookup.doctor.findings import Finding, FindingCode
from chat_lookup.doctor.queues import QueueDepths
from chat_lookup.http.json_fields import Fields
from chat_lookup.portals.portal import Portal
from chat_lookup.portals.store import Portals

_LEAST_FOR_ONE: Final = 10.0
"""Seconds that must be left for another portal."""


class AdminDoctor:
    """The command by its name. `own_address` is empty where each installation takes it from its request."""

    def __init__(self, portals: Portals, doctor: Doctor, queues: QueueDepths, own_address: str) -> None:
        self._portals = portals
        self._doctor = doctor
        self._queues = queues
        self._own_address = own_address
        self.commands = {
            "doctor": self._report,
        }

    def _report(self, fields: Fields, deadline: Deadline) -> dict[str, object]:
        """The findings about a portal, or about all of them, and about the queues. Changes nothing."""
        name = fields.optional_text("portal")
        portals = [self._portals.named(name)] if name else list(self._portals.all())
        found = [each for portal in portals for each in self._of(portal, deadline)]
        if not portals:
            found.append(Finding(FindingCode.NO_PORTAL, "No portal is stored").shown())
        return {"findings": [*found, *(each.shown() for each in self._queues.findings())]}

    def _of(self, portal: Portal, deadline: Deadline) -> Iterator[dict[str, object]]:
        """Each finding with its portal. Portals for which no time is left are named as well."""
        if deadline.left() < _LEAST_FOR_ONE:
            left = Finding(FindingCode.NOT_ASKED, "No time was left for this portal: name it in a report of its own")
            found = [left]
        else:
            found = self._doctor.examine(portal, self._own_address, deadline)
        for each in found:
            yield {"portal": portal.domain, **each.shown()}
