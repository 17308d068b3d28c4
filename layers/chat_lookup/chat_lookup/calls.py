"""One call to a portal as the service makes it: grant, pace, deadline, call, count. Every call goes through here."""

import logging
from collections.abc import Mapping

from chat_lookup.bitrix24.client import Answer, Bitrix24Client
from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.clock import Clock, Deadline
from chat_lookup.limiter import Limiter, Pace, Share
from chat_lookup.records import Portal
from chat_lookup.telemetry import Telemetry
from chat_lookup.tokens import Grant, Tokens


class PortalCalls:
    """Calls to portals within their pace."""

    def __init__(
        self, client: Bitrix24Client, tokens: Tokens, limiter: Limiter, telemetry: Telemetry, clock: Clock
    ) -> None:
        self._client = client
        self._tokens = tokens
        self._limiter = limiter
        self._telemetry = telemetry
        self._clock = clock

    def call(
        self,
        portal: Portal,
        method: str,
        params: Mapping[str, object],
        deadline: Deadline,
        *,
        share: Share = Share.INTERACTIVE,
    ) -> Answer:
        """Ask the portal once, when its pace allows.

        Raises `BitrixError` for what the portal answered or failed to, `PortalBusy` when no slot lies before the
        deadline (the portal is not called then), and what `Tokens.grant` raises.
        """
        grant = self._tokens.grant(portal, deadline)
        return self.call_with(grant, portal, method, params, deadline, share=share)

    def call_with(
        self,
        grant: Grant,
        portal: Portal,
        method: str,
        params: Mapping[str, object],
        deadline: Deadline,
        *,
        share: Share = Share.INTERACTIVE,
    ) -> Answer:
        """The same with a grant at hand: for a portal whose secret is not kept yet."""
        waited = self._limiter.wait(portal.member_id, Pace(portal.rate, portal.burst), share, deadline)
        self._telemetry.count("LimiterWait", waited * 1000)
        self._telemetry.count("PortalCalls", method=method)
        if grant.bot_token and method.startswith("imbot.v2."):
            # A webhook proves its bot with the token given at registration (bitrix24.md 1.3).
            params = {**params, "botToken": grant.bot_token}
        started = self._clock.now()
        try:
            answer = self._client.call(grant.endpoint, method, params, deadline)
        except BitrixError as error:
            self.counted(error)
            raise
        self._telemetry.count("PortalLatency", (self._clock.now() - started) * 1000)
        return answer

    def counted(self, error: BitrixError) -> None:
        """Put a portal's error into the metric and on the invocation's line: its code as sent, and its text."""
        self._telemetry.count("PortalErrors", code=error.metric_code, **{"class": error.error_class.value})
        self._telemetry.note(
            level=logging.WARNING,
            portal_error=error.code,
            portal_error_class=error.error_class.value,
            portal_status=error.status,
            portal_said=error.description,
        )
