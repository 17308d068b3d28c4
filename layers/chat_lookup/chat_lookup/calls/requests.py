"""The requests to a portal: one call, or several in one batch."""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple, Protocol, TypeVar

from chat_lookup.bitrix24.batch import BATCH, BatchOutcome
from chat_lookup.bitrix24.client import Answer, BatchAnswer, Bitrix24Client, Command
from chat_lookup.bitrix24.error_table import TIMEOUT
from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.clock import Deadline
from chat_lookup.credentials.grants import Grant

Answered = TypeVar("Answered")
OnSlot = Callable[[float], None]
"""Receives the moment of a slot, Unix seconds, when it is reserved."""
Opened = Callable[[float], Grant]
"""Returns the grant for a request, given the seconds that it waited for its slot."""


class PortalRequest(Protocol[Answered]):
    """One request. `name` is the dimension of its metrics, `methods` are those that it runs."""

    @property
    def name(self) -> str: ...

    @property
    def methods(self) -> tuple[str, ...]: ...

    @property
    def teaches(self) -> bool:
        """Whether the request is the service's own: the outcome of others teaches the portal's limits only."""
        ...

    def repeatable(self, error: BitrixError) -> bool:
        """Whether it may be sent again unchanged."""
        ...

    def send(self, client: Bitrix24Client, grant: Grant, deadline: Deadline) -> Answered: ...

    def outcomes(self, answered: Answered) -> Iterator[tuple[str, BatchOutcome]]:
        """The outcome of each method that ran, in order."""
        ...


class Single(NamedTuple):
    """One call."""

    command: Command
    teaches: bool = True

    @property
    def name(self) -> str:
        return self.command.method

    @property
    def methods(self) -> tuple[str, ...]:
        return (self.command.method,)

    def repeatable(self, _: BitrixError) -> bool:
        return True

    def send(self, client: Bitrix24Client, grant: Grant, deadline: Deadline) -> Answer:
        return client.call(grant.endpoint, self.command.method, _params(self.command, grant), deadline)

    def outcomes(self, answered: Answer) -> Iterator[tuple[str, BatchOutcome]]:
        yield self.command.method, answered


class BatchRequest(NamedTuple):
    """Up to fifty calls in one request."""

    commands: tuple[Command, ...]
    teaches: bool = True

    @property
    def name(self) -> str:
        return BATCH

    @property
    def methods(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(command.method for command in self.commands))

    def repeatable(self, error: BitrixError) -> bool:
        """Not after a timeout: the caller divides the batch into smaller ones (design 5, Many)."""
        return error.metric_code != TIMEOUT

    def send(self, client: Bitrix24Client, grant: Grant, deadline: Deadline) -> BatchAnswer:
        commands = [Command(command.method, _params(command, grant)) for command in self.commands]
        return client.batch(grant.endpoint, commands, deadline)

    def outcomes(self, answered: BatchAnswer) -> Iterator[tuple[str, BatchOutcome]]:
        yield from zip((command.method for command in self.commands), answered.outcomes, strict=True)
        # Some portals bill the batch itself (bitrix24.md 9, row 9).
        yield BATCH, Answer(None, answered.time, answered.elapsed)


def _params(command: Command, grant: Grant) -> Mapping[str, object]:
    """A webhook proves its bot with the token given at registration (bitrix24.md 1.3)."""
    if grant.bot_token and command.method.startswith("imbot.v2."):
        return {**command.params, "botToken": grant.bot_token}
    return command.params
