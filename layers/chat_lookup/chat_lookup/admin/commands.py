"""Operators' commands, by direct invocation only (design 3.5): the groups are asked for it one after the other."""

from collections.abc import Callable, Mapping

from chat_lookup.clock import Deadline
from chat_lookup.errors import InvalidRequest
from chat_lookup.http.json_fields import Fields
from chat_lookup.observability.telemetry import Telemetry

AdminCommand = Callable[[Fields, Deadline], dict[str, object]]
CommandGroup = Callable[[], Mapping[str, AdminCommand]]
"""The commands of one group by their names; called when one of them may be asked for."""


class Admin:
    """The commands of all groups: each takes fields and returns a JSON object; wrong fields raise `InvalidRequest`."""

    def __init__(self, telemetry: Telemetry, *groups: CommandGroup) -> None:
        self._telemetry = telemetry
        self._groups = groups

    def run(self, fields: Fields, deadline: Deadline) -> dict[str, object]:
        """Run the command that the fields name, with the other fields."""
        name = fields.text("command")
        for group in self._groups:
            command = group().get(name)
            if command is not None:
                self._telemetry.note(command=name)
                return command(fields, deadline)
        names = sorted(each for group in self._groups for each in group())
        raise InvalidRequest(f"command must be one of {', '.join(names)}")
