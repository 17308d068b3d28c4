"""One call to a portal as the service makes it: grant, pace, deadline, call, count. Every call goes through here."""

import logging
from collections.abc import Mapping
from typing import Final

from chat_lookup.bitrix24.client import Answer, Bitrix24Client
from chat_lookup.bitrix24.errors import BitrixError, ErrorClass
from chat_lookup.clock import Clock, Deadline
from chat_lookup.errors import (
    ChatLookupError,
    ChatNotAccessible,
    ChatNotFound,
    PortalBlocked,
    PortalBusy,
    PortalMisconfigured,
    PortalNotInstalled,
    PortalReauthorise,
    PortalRefused,
    PortalUnavailable,
)
from chat_lookup.limiter import Limiter, Pace, Share
from chat_lookup.portals import Portal
from chat_lookup.telemetry import Telemetry
from chat_lookup.tokens import Grant, Tokens

_WHAT_THE_CALLER_GETS: Final[Mapping[ErrorClass, type[ChatLookupError]]] = {
    ErrorClass.RETRY: PortalUnavailable,
    ErrorClass.LIMIT: PortalBusy,
    ErrorClass.REFRESH: PortalReauthorise,
    ErrorClass.REAUTHORISE: PortalReauthorise,
    ErrorClass.PORTAL: PortalBlocked,
    ErrorClass.UNINSTALLED: PortalNotInstalled,
    ErrorClass.OBJECT: ChatNotAccessible,
    ErrorClass.CONFIG: PortalMisconfigured,
    ErrorClass.CALLER: PortalRefused,
    ErrorClass.NOT_FOUND: ChatNotFound,
}
"""Design 6: what the caller gets follows from the class."""

_RETRY_AFTER: Final[Mapping[ErrorClass, float]] = {
    ErrorClass.RETRY: 5,
    # A full bucket of 50 drains in 25 s (bitrix24.md 6.1).
    ErrorClass.LIMIT: 25,
    ErrorClass.PORTAL: 300,
    ErrorClass.REFRESH: 300,
    ErrorClass.REAUTHORISE: 300,
}
"""Seconds after which asking again is of use, where the portal does not say."""


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


_WHAT_HAPPENED: Final[Mapping[str, str]] = {
    "TRANSPORT": "The connection to the portal failed",
    "TIMEOUT": "The portal did not answer in time",
    "NOT_JSON": "What answered at the portal's address did not speak JSON",
    "PROTOCOL": "The portal's answer could not be understood",
    "PORTAL_RENAMED": "The portal answers with a redirect: it has a new address, which must be given to the service",
    "ADDRESS_REFUSED": "The portal's host has no address that may be called",
    "HTTP_4XX": "The portal refused without naming an error",
    "HTTP_5XX": "The portal failed without naming an error",
}
"""Failures that are named by us: the portal said no code, so none is passed on as its own."""


def for_caller(error: BitrixError, now: float) -> ChatLookupError:
    """The error that a caller sees for what a portal did: by class, with the portal's code and never its text."""
    kind = _WHAT_THE_CALLER_GETS[error.error_class]
    retry_after = _RETRY_AFTER.get(error.error_class)
    if error.reset_at is not None and error.reset_at > now:
        retry_after = error.reset_at - now
    if error.code in _WHAT_HAPPENED:
        return kind(_WHAT_HAPPENED[error.code], retry_after=retry_after)
    return kind(portal_error=error.code, retry_after=retry_after)
