"""The application's own events, bound to our address of installation: they vanish at each update (bitrix24.md 1.15)."""

from typing import Final

from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.calls.portal_calls import PortalCalls
from chat_lookup.clock import Deadline
from chat_lookup.portals.failures import passing
from chat_lookup.portals.portal import Portal

EVENTS: Final = ("ONAPPUNINSTALL", "ONAPPUPDATE", "ONAPPINSTALL")
_MOST_HANDLERS: Final = 1_000


class Bindings:
    """Binds what is not bound yet: a second time is an error without a code of its own (bitrix24.md 1.15)."""

    def __init__(self, calls: PortalCalls) -> None:
        self._calls = calls

    def bind(self, portal: Portal, handler: str, deadline: Deadline) -> bool:
        """Have each event sent to `handler`, and to no other address of ours; whether the portal agreed.

        Raises `BitrixError` where the portal does not answer, and as `calls` does.
        """
        bound = self._bound(portal, deadline)
        agreed = True
        for event in EVENTS:
            if (event, handler) not in bound:
                agreed &= self._agreed(portal, "event.bind", event, handler, deadline)
        for event, former in sorted(bound):
            if event in EVENTS and former != handler:
                # Who moved to a new address would else be called at the old one, too.
                self._agreed(portal, "event.unbind", event, former, deadline)
        return agreed

    def _bound(self, portal: Portal, deadline: Deadline) -> frozenset[tuple[str, str]]:
        """Each event with its handler, of this application alone (event-get.md)."""
        try:
            result = self._calls.call(portal, "event.get", {}, deadline).result
        except BitrixError as error:
            if passing(error):
                raise
            return frozenset()
        handlers = result[:_MOST_HANDLERS] if isinstance(result, list) else []
        return frozenset(
            (str(each.get("event")).upper(), str(each.get("handler")))
            for each in handlers
            if isinstance(each, dict) and str(each.get("offline") or 0) == "0"
        )

    def _agreed(self, portal: Portal, method: str, event: str, handler: str, deadline: Deadline) -> bool:
        try:
            result = self._calls.call(portal, method, {"event": event, "handler": handler}, deadline).result
        except BitrixError as error:
            if passing(error):
                raise
            return False
        return result is not False
