"""Calls to a portal as the service makes them, with the grant that opens it. Every call goes through here."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final, TypeVar

from chat_lookup.bitrix24.batch import BATCH, Outcome
from chat_lookup.bitrix24.client import Answer, Command
from chat_lookup.bitrix24.errors import BitrixError, ErrorClass
from chat_lookup.calls.executor import Attempts
from chat_lookup.calls.gcra import Share
from chat_lookup.calls.requests import Batch, OnSlot, Single
from chat_lookup.clock import Clock, Deadline
from chat_lookup.credentials.grants import Grant, Tokens
from chat_lookup.errors import ChatLookupError
from chat_lookup.portals.portal import Portal, PortalKind, PortalState
from chat_lookup.portals.store import Portals

Answered = TypeVar("Answered")

_RENAMED: Final = "PORTAL_RENAMED"
_UNPAID: Final = "PAYMENT_REQUIRED"
UNPAID_FOR: Final = 3600.0
REFUSED_FOR: Final = 60.0


class PortalCalls:
    """Calls to portals: within their pace, and not at all while they admit nothing (design 5, Pace)."""

    def __init__(self, tokens: Tokens, portals: Portals, attempts: Attempts, clock: Clock) -> None:
        self._tokens = tokens
        self._portals = portals
        self._attempts = attempts
        self._clock = clock

    def call(
        self,
        portal: Portal,
        method: str,
        params: Mapping[str, object],
        deadline: Deadline,
        *,
        share: Share = Share.INTERACTIVE,
        on_slot: OnSlot | None = None,
    ) -> Answer:
        """Ask the portal, when its pace allows; once more if its tokens had to be renewed for that.

        `on_slot` is told, before each wait, when the slot is (Unix seconds). Raises `BitrixError` for what the portal
        answered or failed to, OPERATION_TIME_LIMIT also without asking while that is known; `PortalBusy` when no slot
        lies before the deadline, `PortalBlocked` or `PortalUnavailable` while the portal is not called at all; and
        what `Tokens.grant` and `Tokens.renewed` raise.
        """
        request = Single(Command(method, params))
        self._raise_if_stopped(portal, method)
        return self._granted(
            portal, deadline, lambda grant, seen: self._attempts.make(request, grant, seen, deadline, share, on_slot)
        )

    def batch(
        self,
        portal: Portal,
        commands: Sequence[Command],
        deadline: Deadline,
        *,
        share: Share = Share.INTERACTIVE,
        on_slot: OnSlot | None = None,
    ) -> tuple[Outcome, ...]:
        """Up to fifty calls in one request, which is one unit of the pace. What became of each, in their order.

        Those whose method is stopped are answered without being asked, and those that were refused for the token are
        asked again after its renewal, in a request of their own. Raises what `call` raises for a batch that failed as a
        whole, and `ValueError` for commands that `bitrix24.batch.encoded` refuses.
        """
        self._raise_if_stopped(portal, BATCH)
        stopped = {method: self._attempts.stopped(portal, method) for method in {each.method for each in commands}}
        outcomes: dict[int, Outcome] = {
            place: stopped[command.method] for place, command in enumerate(commands) if stopped[command.method]
        }

        def ask(grant: Grant, seen: Portal) -> None:
            asked = [place for place in range(len(commands)) if not _settled(outcomes, place)]
            request = Batch(tuple(commands[place] for place in asked))
            answered = self._attempts.make(request, grant, seen, deadline, share, on_slot)
            outcomes.update(zip(asked, answered.outcomes, strict=True))
            refusal = next((each for each in answered.outcomes if isinstance(each, BitrixError) and _lasts(each)), None)
            if refusal is not None:
                # As if the whole batch had been refused: the tokens are renewed, or the portal is marked.
                raise refusal

        if len(outcomes) < len(commands):
            try:
                self._granted(portal, deadline, ask)
            except (BitrixError, ChatLookupError):
                if len(outcomes) < len(commands):
                    raise
        return tuple(outcomes[place] for place in range(len(commands)))

    def call_with(
        self, grant: Grant, portal: Portal, method: str, params: Mapping[str, object], deadline: Deadline
    ) -> Answer:
        """One call with a grant at hand: for a portal whose secret is not kept yet, or with a user's own token.

        Raises as `call`. Its failure says nothing about the portal's own grant, and is not tried again.
        """
        return self._attempts.once(Single(Command(method, params)), grant, portal, deadline)

    def _raise_if_stopped(self, portal: Portal, method: str) -> None:
        stopped = self._attempts.stopped(portal, method)
        if stopped is not None:
            raise stopped

    def _granted(self, portal: Portal, deadline: Deadline, ask: Callable[[Grant, Portal], Answered]) -> Answered:
        """Ask with what opens the portal now, and with what opens it next if that was refused; mark what lasts."""
        portal = self._portals.probed(portal)
        grant = self._tokens.grant(portal, deadline)
        seen = replace(portal, token_version=grant.version)
        try:
            answer = ask(grant, seen)
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
            return ask(newer, seen)
        except BitrixError as error:
            self._close(seen, error)
            raise

    def _close(self, portal: Portal, error: BitrixError) -> None:
        """Mark the portal where an error says that nothing will be admitted until its state changes."""
        if error.error_class is ErrorClass.REAUTHORISE:
            self._portals.close(portal, PortalState.REAUTHORISE, error.code)
        elif error.metric_code == _UNPAID:
            self._portals.close(portal, PortalState.UNPAID, error.code, retry_at=self._clock.now() + UNPAID_FOR)
        elif _heals_by_renewal(error) and portal.kind is PortalKind.OAUTH:
            # The renewal did not help. The vendor threatens to block who refreshes at every call (bitrix24.md 3.4).
            self._portals.close(portal, PortalState.REFUSED, error.code, retry_at=self._clock.now() + REFUSED_FOR)
        elif error.metric_code == _RENAMED:
            self._portals.close(portal, PortalState.RENAMED, "")


def _heals_by_renewal(error: BitrixError) -> bool:
    """Expired and unknown tokens; and a renamed portal, whose new address comes with a new pair (bitrix24.md 2.4)."""
    return error.error_class is ErrorClass.REFRESH or error.metric_code == _RENAMED


def _lasts(error: BitrixError) -> bool:
    """Whether an error says something of our grant, whatever was asked with it."""
    return _heals_by_renewal(error) or error.error_class is ErrorClass.REAUTHORISE or error.metric_code == _UNPAID


def _settled(outcomes: Mapping[int, Outcome], place: int) -> bool:
    outcome = outcomes.get(place)
    return place in outcomes and not (isinstance(outcome, BitrixError) and _heals_by_renewal(outcome))
