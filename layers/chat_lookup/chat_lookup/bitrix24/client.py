"""One call to a portal's REST API: JSON in, result or `BitrixError` out, inside the deadline (bitrix24.md 2)."""

import json
import re
from collections.abc import Mapping
from typing import Final

from chat_lookup.bitrix24.answer import Answer, OperatingTime, Reply, read_reply
from chat_lookup.bitrix24.endpoint import Endpoint
from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.bitrix24.wire import READ_SECONDS, USER_AGENT, Wire
from chat_lookup.clock import Clock, Deadline

__all__ = ["USER_AGENT", "Answer", "Bitrix24Client", "Endpoint", "OperatingTime"]

_METHOD: Final = re.compile(r"\w+(\.\w+)*", re.ASCII)


class Bitrix24Client:
    """Calls methods of portals over one pool of connections, which are kept alive between calls.

    `local_hosts`, `private_portals` and `ca_pem` are the wire's. `wire` is the pool, for the authorisation server to
    share. Safe to share between threads.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        local_hosts: frozenset[str] = frozenset(),
        private_portals: frozenset[str] = frozenset(),
        ca_pem: str = "",
        user_agent: str = USER_AGENT,
    ) -> None:
        self._clock = clock
        self.wire = Wire(
            clock, local_hosts=local_hosts, private_portals=private_portals, ca_pem=ca_pem, user_agent=user_agent
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

        The answer comes within the deadline and, once connected, within `read_seconds` (a batch may need 25: its
        commands run one after the other). Raises `BitrixError` for whatever is not a result, and `ValueError` for
        what is no method's name.
        """
        if not _METHOD.fullmatch(method):
            raise ValueError("not the name of a method")
        started = self._clock.now()
        reply = self._exchange(endpoint, method, params, deadline, read_seconds)
        elapsed = self._clock.now() - started
        outcome = read_reply(reply, endpoint, method, elapsed) if isinstance(reply, Reply) else reply
        if isinstance(outcome, BitrixError):
            # Raised here and not where it was found: nothing that quotes the URL is near, nor hangs on as its context.
            raise outcome
        return outcome

    def _exchange(
        self, endpoint: Endpoint, method: str, params: Mapping[str, object], deadline: Deadline, read_seconds: float
    ) -> Reply | BitrixError:
        """The portal's reply, or what kept it from coming."""
        if endpoint.auth is not None:
            # In the body it stays out of access logs (bitrix24.md 2.2).
            params = {**params, "auth": endpoint.auth}
        body = json.dumps(params, separators=(",", ":"))
        url = endpoint.base_url + method
        return self.wire.post(url, body, "application/json", method, deadline, read_seconds=read_seconds)
