"""Calls to a portal as the service makes them, with the grant that opens it. Every call goes through here."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeVar

from chat_lookup.bitrix24.batch import BATCH, BatchAnswer, BatchOutcome
from chat_lookup.bitrix24.client import Answer, Command
from chat_lookup.bitrix24.error_table import PORTAL_RENAMED
from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.calls.closing import LOOK, Closing, Refused, heals_by_renewal, shuts_out, state_signalled_by
from chat_lookup.calls.executor import OWN_METHODS, Attempts
from chat_lookup.calls.gcra import Share
from chat_lookup.calls.requests import BatchRequest, OnSlot, Single
from chat_lookup.clock import Clock, Deadline
from chat_lookup.credentials.grants import Grant, Tokens
from chat_lookup.errors import ChatLookupError
from chat_lookup.portals.failures import answer
from chat_lookup.portals.portal import Portal, PortalKind, PortalState
from chat_lookup.portals.recovery import Recoveries
from chat_lookup.portals.store import Portals

Answered = TypeVar("Answered")

AFTER_RENEWAL: Final = 5.0
"""Seconds that a request that renewed the tokens has at least for its own call."""


_RESERVING: Final = 0.05
"""Seconds of a wait that are the reservation of the slot itself, in which a call reads nothing anew."""


class Opening:
    """The grant of one request: read anew after a wait, because other processes may have renewed it."""

    def __init__(self, tokens: Tokens, portal: Portal, grant: Grant, deadline: Deadline) -> None:
        self.portal = portal
        self.grant = grant
        self._tokens = tokens
        self._deadline = deadline

    @property
    def deadline(self) -> Deadline:
        """The caller's; the one request that renewed the grant may come later (docs/decisions/013)."""
        return self._deadline.at_least(AFTER_RENEWAL) if self.grant.late else self._deadline

    @property
    def seen(self) -> Portal:
        """The record with the version of the grant in use, to which the call's outcome applies."""
        return self.portal._replace(token_version=self.grant.version)

    def after(self, waited: float) -> Grant:
        """The grant for a request that waited so many seconds for its slot."""
        if waited > _RESERVING:
            self.grant = self._tokens.after_wait(self.portal, self.grant, self._deadline)
        return self.grant


Ask = Callable[[Opening], Answered]


class PortalCalls:
    """Calls portals: within their pace, and not at all while they accept no calls (design 5, Pace)."""

    def __init__(
        self, tokens: Tokens, portals: Portals, attempts: Attempts, recoveries: Recoveries, clock: Clock
    ) -> None:
        self._tokens = tokens
        self._portals = portals
        self._attempts = attempts
        self._closing = Closing(portals.states, attempts, recoveries)
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
        teaches: bool = True,
    ) -> Answer:
        """Call the portal, when its pace allows; once more if its tokens had to be renewed.

        `on_slot` receives, before each wait, the moment of the slot (Unix seconds). With `teaches` the call is the
        service's own, and its outcome may close the portal or open it; else it is a caller's, and teaches limits only.

        Raises `BitrixError` for the portal's errors and failures, OPERATION_TIME_LIMIT also without a call while it is
        known; `PortalBusy` when no slot lies before the deadline, `PortalBlocked` or `PortalUnavailable` while the
        portal is not called at all; and what `Tokens.grant` and `Tokens.renewed` raise.
        """
        teaches = teaches and method.casefold() in OWN_METHODS
        request = Single(Command(method, params), teaches)
        self._raise_if_stopped(portal, method)
        return self._granted(
            portal,
            deadline,
            lambda opening: self._attempts.make(
                request, opening.after, opening.portal, opening.deadline, share, on_slot
            ),
            method,
            teaches=teaches,
        )

    def batch(
        self,
        portal: Portal,
        commands: Sequence[Command],
        deadline: Deadline,
        *,
        share: Share = Share.INTERACTIVE,
        on_slot: OnSlot | None = None,
        teaches: bool = True,
    ) -> tuple[BatchOutcome, ...]:
        """Up to fifty calls in one request, which is one unit of the pace. Returns the outcomes, in order.

        Calls of a stopped method are answered without a request, and calls refused for the token are repeated after its
        renewal, in a request of their own. Raises what `call` raises for a batch that failed as a whole, and
        `ValueError` for commands that `bitrix24.batch.encoded` refuses.
        """
        teaches = teaches and all(command.method.casefold() in OWN_METHODS for command in commands)
        self._raise_if_stopped(portal, BATCH)
        stopped = {method: self._attempts.stopped(portal, method) for method in {each.method for each in commands}}
        outcomes: dict[int, BatchOutcome] = {
            place: stopped[command.method] for place, command in enumerate(commands) if stopped[command.method]
        }

        def ask(opening: Opening) -> None:
            asked = [place for place in range(len(commands)) if not _settled(outcomes, place)]
            request = BatchRequest(tuple(commands[place] for place in asked), teaches)
            answered = self._attempts.make(request, opening.after, opening.portal, opening.deadline, share, on_slot)
            outcomes.update(zip(asked, answered.outcomes, strict=True))
            for place, outcome in zip(asked, answered.outcomes, strict=True):
                if isinstance(outcome, BitrixError) and _lasts(commands[place].method, outcome):
                    # As for a refused batch: the tokens are renewed, or the portal is closed.
                    raise outcome

        if len(outcomes) < len(commands):
            try:
                self._granted(portal, deadline, ask, BATCH, teaches=teaches)
            except (BitrixError, ChatLookupError):
                if len(outcomes) < len(commands):
                    raise
        return tuple(outcomes[place] for place in range(len(commands)))

    def call_with(
        self, grant: Grant, portal: Portal, method: str, params: Mapping[str, object], deadline: Deadline
    ) -> Answer:
        """One call with a grant at hand: for a portal whose secret is not stored yet, or with a user's own token.

        Raises as `call`. Its failure does not concern the portal's own grant, and is not retried.
        """
        return self._attempts.once(Single(Command(method, params)), grant, portal, deadline)

    def batch_with(
        self, grant: Grant, portal: Portal, commands: tuple[Command, ...], deadline: Deadline
    ) -> tuple[BatchOutcome, ...]:
        """The same with up to fifty calls in one request. Returns the outcomes, in order."""
        return self._attempts.once(BatchRequest(commands), grant, portal, deadline).outcomes

    def inspect(self, portal: Portal, commands: tuple[Command, ...], deadline: Deadline) -> BatchAnswer:
        """Up to fifty calls in one request with the portal's own grant, of which nothing is learned but the pace.

        For reports: the outcome neither closes the portal nor opens it, and a refused token is not renewed. One that
        has expired is, as for any call. Raises as `call_with`, and what `Tokens.grant` raises.
        """
        grant = self._tokens.grant(portal, deadline)
        return self._attempts.once(BatchRequest(commands), grant, portal, deadline)

    def _raise_if_stopped(self, portal: Portal, method: str) -> None:
        stopped = self._attempts.stopped(portal, method)
        if stopped is not None:
            raise stopped

    def _granted(
        self, portal: Portal, deadline: Deadline, ask: Ask[Answered], method: str, *, teaches: bool
    ) -> Answered:
        """Call with the current grant; a closed portal is looked at first, if that is due."""
        if portal.state is PortalState.STOPPED:
            raise answer(portal.state, portal.state_code)
        if self._portals.states.due(portal) or (not teaches and self._attempts.is_shut(portal)):
            portal = self._looked_at(portal, deadline)
        return self._asked(portal, deadline, ask, method, teaches=teaches)

    def _looked_at(self, portal: Portal, deadline: Deadline) -> Portal:
        """The record of a portal that is open again, as found by this process or another one.

        One call looks at a time. Raises the error of the portal's state where that is unchanged.
        """
        closed = self._portals.states.probed(portal)
        if closed.state is PortalState.ACTIVE and portal.state is not PortalState.ACTIVE:
            return closed
        look = Single(Command(LOOK, {}))
        try:
            self._asked(
                closed,
                deadline,
                lambda opening: self._attempts.make(
                    look, opening.after, opening.portal, opening.deadline, Share.INTERACTIVE, None
                ),
                LOOK,
                teaches=True,
            )
        except BitrixError:
            if closed.state is PortalState.ACTIVE:
                raise
            current = self._portals.read(closed.member_id)
            if current is None or current.state is not PortalState.ACTIVE:
                raise answer(closed.state, closed.state_code, closed.retry_at - self._clock.now()) from None
        return self._portals.get(closed.member_id)

    def _asked(self, portal: Portal, deadline: Deadline, ask: Ask[Answered], method: str, *, teaches: bool) -> Answered:
        """Call with the current grant, and with a renewed one if it is refused; a lasting error closes the portal."""
        opening = Opening(self._tokens, portal, self._tokens.grant(portal, deadline), deadline)
        try:
            answered = ask(opening)
        except BitrixError as error:
            met, grant = opening.seen, opening.grant
            found = met if grant.version == portal.token_version else met._replace(state=PortalState.ACTIVE)
            refused = Refused(found, grant, method, error, teaches)
        else:
            if teaches:
                self._closing.answered(opening.seen)
            return answered
        newer = self._newer(refused, deadline)
        if newer is None:
            self._closing.refused(refused, deadline)
            raise refused.error
        return self._asked_again(refused, newer, deadline, ask, portal)

    def _newer(self, refused: Refused, deadline: Deadline) -> Grant | None:
        """The grant to try after a refused one. None if there is no other, or the portal may not be renewed now."""
        portal, grant = refused.portal, refused.grant
        if grant.expires_at is None or not heals_by_renewal(refused.error):
            return None
        if not refused.teaches and not self._closing.confirmed(refused, deadline):
            return None
        if not self._portals.states.may_renew(portal, grant.version):
            return None
        return self._tokens.renewed(portal, grant.version, deadline)

    def _asked_again(
        self, refused: Refused, newer: Grant, deadline: Deadline, ask: Ask[Answered], portal: Portal
    ) -> Answered:
        """Call once more with a renewed grant: a renewal makes the portal's record active."""
        opening = Opening(self._tokens, refused.portal._replace(state=PortalState.ACTIVE), newer, deadline)
        try:
            if refused.error.metric_code == PORTAL_RENAMED and newer.endpoint.host == refused.grant.endpoint.host:
                # The authorisation server names no other address, and redirects are not followed (bitrix24.md 2.4).
                raise refused.error
            answered = ask(opening)
        except BitrixError as error:
            self._closing.refused(refused._replace(portal=opening.seen, grant=opening.grant, error=error), deadline)
            raise
        if refused.teaches:
            self._closing.answered(portal._replace(token_version=newer.version))
        return answered


def _lasts(method: str, error: BitrixError) -> bool:
    """Whether an error concerns our grant or the whole portal, whatever method was called."""
    return (
        heals_by_renewal(error) or state_signalled_by(error, PortalKind.OAUTH) is not None or shuts_out(method, error)
    )


def _settled(outcomes: Mapping[int, BatchOutcome], place: int) -> bool:
    outcome = outcomes.get(place)
    return place in outcomes and not (isinstance(outcome, BitrixError) and heals_by_renewal(outcome))
