"""One call to a portal as the service makes it: grant, pace, deadline, call, count. Every call goes through here."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from chat_lookup.bitrix24.client import Answer, Bitrix24Client
from chat_lookup.bitrix24.errors import BitrixError, ErrorClass
from chat_lookup.clock import Clock, Deadline
from chat_lookup.limiter import Limiter
from chat_lookup.pace import Pace, Share
from chat_lookup.portals import Portals
from chat_lookup.records import Portal, PortalKind, PortalState
from chat_lookup.telemetry import Telemetry
from chat_lookup.tokens import Grant, Tokens

_RENAMED: Final = "PORTAL_RENAMED"
_LEAST_FOR_A_CALL: Final = 1.0
"""Seconds that are left for a call when its slot comes: a slot at the very end would be wasted."""
_UNPAID: Final = "PAYMENT_REQUIRED"
_UNPAID_FOR: Final = 3600.0
_REFUSED_FOR: Final = 60.0


class PortalCalls:
    """Calls to portals within their pace."""

    def __init__(
        self,
        client: Bitrix24Client,
        tokens: Tokens,
        portals: Portals,
        limiter: Limiter,
        telemetry: Telemetry,
        clock: Clock,
    ) -> None:
        self._client = client
        self._tokens = tokens
        self._portals = portals
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
        """Ask the portal once, when its pace allows; a second time if its tokens had to be renewed for that.

        Raises `BitrixError` for what the portal answered or failed to, `PortalBusy` when no slot lies before the
        deadline (the portal is not called then), and what `Tokens.grant` and `Tokens.renewed` raise.
        """
        grant = self._tokens.grant(portal, deadline)
        seen = replace(portal, token_version=grant.version)
        try:
            answer = self.call_with(grant, seen, method, params, deadline, share=share)
        except BitrixError as error:
            if grant.expires_at is None or not _heals_by_renewal(error):
                self._close(seen, error)
                raise
            refused = error
        else:
            if portal.state is not PortalState.ACTIVE:
                self._portals.reopen(seen)
            return answer
        newer = self._tokens.renewed(portal, grant.version, deadline)
        seen = replace(portal, token_version=newer.version)
        if refused.metric_code == _RENAMED and newer.endpoint.host == grant.endpoint.host:
            # The authorisation server knows no other address: following the redirect is nobody's right (2.4).
            self._close(seen, refused)
            raise refused
        try:
            return self.call_with(newer, seen, method, params, deadline, share=share)
        except BitrixError as error:
            self._close(seen, error)
            raise

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
        sooner = Deadline(deadline.at - _LEAST_FOR_A_CALL, self._clock)
        waited = self._limiter.wait(portal.member_id, Pace(portal.rate, portal.burst), share, sooner)
        self._telemetry.count("LimiterWait", waited * 1000)
        self._telemetry.count("PortalCalls", method=method)
        if grant.bot_token and method.startswith("imbot.v2."):
            # A webhook proves its bot with the token given at registration (bitrix24.md 1.3).
            params = {**params, "botToken": grant.bot_token}
        started = self._clock.now()
        try:
            answer = self._client.call(grant.endpoint, method, params, deadline)
        except BitrixError as error:
            self._telemetry.portal_error(error)
            raise
        self._telemetry.count("PortalLatency", (self._clock.now() - started) * 1000)
        return answer

    def _close(self, portal: Portal, error: BitrixError) -> None:
        """Mark the portal where an error says that nothing will be admitted until its state changes."""
        if error.error_class is ErrorClass.REAUTHORISE:
            self._portals.close(portal, PortalState.REAUTHORISE, error.code)
        elif error.metric_code == _UNPAID:
            self._portals.close(portal, PortalState.UNPAID, error.code, retry_at=self._clock.now() + _UNPAID_FOR)
        elif _heals_by_renewal(error) and portal.kind is PortalKind.OAUTH:
            # The renewal did not help. The vendor threatens to block who refreshes at every call (bitrix24.md 3.4).
            self._portals.close(portal, PortalState.REFUSED, error.code, retry_at=self._clock.now() + _REFUSED_FOR)
        elif error.metric_code == _RENAMED:
            self._portals.close(portal, PortalState.RENAMED, "")


def _heals_by_renewal(error: BitrixError) -> bool:
    """Expired and unknown tokens; and a renamed portal, whose new address comes with a new pair (bitrix24.md 2.4)."""
    return error.error_class is ErrorClass.REFRESH or error.metric_code == _RENAMED
