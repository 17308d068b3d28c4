"""Operators' command about a restored table: portals.reconcile."""

from chat_lookup.admin.reconciliation import Restoring
from chat_lookup.clock import Deadline
from chat_lookup.http.json_fields import Fields


class AdminRestoring:
    """The command by its name."""

    def __init__(self, restoring: Restoring) -> None:
        self._restoring = restoring
        self.commands = {
            "portals.reconcile": self._reconcile,
        }

    def _reconcile(self, fields: Fields, deadline: Deadline) -> dict[str, object]:
        """Make records agree with their secrets again, after PortalTable was restored."""
        fields.nothing_else()
        return self._restoring.reconcile(deadline)
