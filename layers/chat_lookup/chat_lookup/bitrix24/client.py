"""One request to a portal's REST API: JSON in, result or `BitrixError` out, inside the deadline (bitrix24.md 2)."""

import json
from collections.abc import Mapping, Sequence
from typing import Final

from chat_lookup.bitrix24.batch import BATCH, BatchAnswer, Command, encoded, read_batch
from chat_lookup.bitrix24.endpoints import Endpoint
from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.bitrix24.http import READ_SECONDS, Wire
from chat_lookup.bitrix24.responses import Answer, OperatingTime, Reply, read_reply
from chat_lookup.clock import Clock, Deadline

__all__ = ["Answer", "BatchAnswer", "Bitrix24Client", "Command", "Endpoint", "OperatingTime"]

BATCH_READ_SECONDS: Final = 25.0
"""The commands of a batch run one after the other, up to 60 s together (bitrix24.md 9, row 12)."""


class Bitrix24Client:
    """Calls methods of portals over one pool of connections, which are kept alive between calls.

    `local_hosts`, `private_portals`, `servers` and `ca_pem` are the wire's. `wire` is the pool, for the authorisation
    server to share. Safe to share between threads.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        local_hosts: frozenset[str] = frozenset(),
        private_portals: frozenset[str] = frozenset(),
        servers: frozenset[str] = frozenset(),
        ca_pem: str = "",
    ) -> None:
        self._clock = clock
        self.wire = Wire(
            clock,
            local_hosts=local_hosts,
            private_portals=private_portals,
            servers=servers,
            ca_pem=ca_pem,
        )

    def call(
        self,
        endpoint: Endpoint,
        method: str,
        params: Mapping[str, object],
        deadline: Deadline,
        *,
        read_seconds: float = READ_SECONDS,
    ) -> Answer:
        """Call a method once; nothing is repeated and no redirect is followed.

        The answer comes within the deadline and, once connected, within `read_seconds`. Raises `BitrixError` for
        anything but a result, and `ValueError` for an invalid method name.
        """
        command = Command(method, params)
        started = self._clock.now()
        reply = self._exchange(endpoint, command, deadline, read_seconds)
        elapsed = self._clock.now() - started
        outcome = read_reply(reply, endpoint, method, elapsed) if isinstance(reply, Reply) else reply
        if isinstance(outcome, BitrixError):
            # A mistyped address may have the code in its host.
            outcome.host = endpoint.redacted(outcome.host)
            # Raised here and not where it was found: no local variable here and no context of the error quotes the URL.
            raise outcome
        return outcome

    def batch(
        self,
        endpoint: Endpoint,
        commands: Sequence[Command],
        deadline: Deadline,
        *,
        read_seconds: float = BATCH_READ_SECONDS,
    ) -> BatchAnswer:
        """Call up to fifty methods in one request, once; the answer contains the outcome of each.

        Raises `BitrixError` for a batch that failed as a whole, and `ValueError`, before anything is sent, for commands
        that `encoded` refuses.
        """
        sent = encoded(commands)
        outcome = read_batch(self.call(endpoint, BATCH, sent, deadline, read_seconds=read_seconds), commands, endpoint)
        if isinstance(outcome, BitrixError):
            raise outcome
        return outcome

    def _exchange(
        self, endpoint: Endpoint, command: Command, deadline: Deadline, read_seconds: float
    ) -> Reply | BitrixError:
        """The portal's reply, or the error that prevented it."""
        params = command.params
        if endpoint.auth is not None:
            # In the body it stays out of access logs (bitrix24.md 2.2).
            params = {**params, "auth": endpoint.auth}
        body = json.dumps(params, separators=(",", ":"))
        url = endpoint.base_url + command.method
        return self.wire.post(url, body, "application/json", command.method, deadline, read_seconds=read_seconds)
