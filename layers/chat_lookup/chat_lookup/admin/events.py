"""Operators' command about events: events.redrive."""

from chat_lookup.admin.dead_letters import LIMIT, MOST, Redrive
from chat_lookup.clock import Deadline
from chat_lookup.http.json_fields import Fields


class AdminEvents:
    """The command by its name."""

    def __init__(self, redrive: Redrive) -> None:
        self._redrive_letters = redrive
        self.commands = {
            "events.redrive": self._redrive,
        }

    def _redrive(self, fields: Fields, deadline: Deadline) -> dict[str, object]:
        """Send dead letters back into the queue, after what made them fail was mended."""
        limit = fields.optional_whole("limit", most=MOST) or LIMIT
        fields.nothing_else()
        return self._redrive_letters.run(limit, deadline)
