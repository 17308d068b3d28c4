"""Operators' commands, by direct invocation only (design 3.5): one table of all commands."""

from collections.abc import Callable, Mapping

from chat_lookup.clock import Deadline
from chat_lookup.errors import InvalidRequest
from chat_lookup.http.json_fields import Fields
from chat_lookup.observability.telemetry import Telemetry

AdminCommand = Callable[[Fields, Deadline], dict[str, object]]


class Admin:
    """The commands of all groups: each takes fields and returns a JSON object; wrong fields raise `InvalidRequest`."""

    def __init__(self, telemetry: Telemetry, *groups: Mapping[str, AdminCommand]) -> None:
        self._telemetry = telemetry
        self._commands: dict[str, AdminCommand] = {}
        for group in groups:
            self._commands |= group

    def run(self, fields: Fields, deadline: Deadline) -> dict[str, object]:
        """Run the command that the fields name, with the other fields."""
        name = fields.text("command")
        command = self._commands.get(name)
        if command is None:
            raise InvalidRequest(f"command must be one of {', '.join(sorted(self._commands))}")
        self._telemetry.note(command=name)
        return command(fields, deadline)
