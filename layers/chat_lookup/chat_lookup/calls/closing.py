"""What closes a portal, and what opens it: evidence about the portal, never one odd answer (design 10, Closing).

A first sign is the error of one of the service's own calls. The second is that of `profile`, called once by one
process; the others continue meanwhile. Methods that keys let pass give no sign.
"""

from contextlib import suppress
from typing import Final, NamedTuple

from chat_lookup.bitrix24.client import Command
from chat_lookup.bitrix24.error_table import EMPTY, HTTP_4XX, OTHER, PAYMENT_REQUIRED, PORTAL_RENAMED
from chat_lookup.bitrix24.errors import BitrixError, ErrorClass
from chat_lookup.calls.circuit_state import shuts
from chat_lookup.calls.executor import Attempts
from chat_lookup.calls.requests import Single
from chat_lookup.clock import Deadline
from chat_lookup.credentials.grants import Grant
from chat_lookup.errors import ChatLookupError
from chat_lookup.observability.aws_failures import FAILED
from chat_lookup.portals.portal import Portal, PortalKind, PortalState
from chat_lookup.portals.recovery import Recoveries
from chat_lookup.portals.states import States

LOOK: Final = "profile"
"""Allowed to every grant, at no cost for the portal (bitrix24.md 1.17); shows whether the portal accepts ours."""
_SECOND_LOOK: Final = "scope"
_ANSWERS: Final = frozenset({ErrorClass.OBJECT, ErrorClass.CALLER, ErrorClass.NOT_FOUND, ErrorClass.CONFIG})
_UNDOCUMENTED: Final = frozenset({OTHER, HTTP_4XX, EMPTY})


class Refused(NamedTuple):
    """A call that ended in an error: the error, the grant, and whether it may give a sign.

    `portal` is the record at the time of the call, with the version of the grant's secret: active, if the grant was
    renewed for the call.
    """

    portal: Portal
    grant: Grant
    method: str
    error: BitrixError
    teaches: bool = True


class Closing:
    """Closes and opens portals by the outcomes of calls."""

    def __init__(self, states: States, attempts: Attempts, recoveries: Recoveries) -> None:
        self._states = states
        self._attempts = attempts
        self._recoveries = recoveries

    def refused(self, refused: Refused, deadline: Deadline) -> None:
        """Close the portal, if the error is a sign that it accepts no calls and a second sign confirms that.

        A failing store is ignored, so that the caller gets the portal's error: the next call ends in the same.
        """
        if refused.teaches:
            with suppress(*FAILED):
                self._judge(refused, deadline)

    def _judge(self, refused: Refused, deadline: Deadline) -> None:
        portal, error = refused.portal, refused.error
        state = state_signalled_by(error, portal.kind)
        if portal.state is not PortalState.ACTIVE and _admits(error):
            self.answered(portal)
        elif state is not None:
            if state is not portal.state and self.confirmed(refused, deadline):
                self._states.close(portal, state, error.code if state is not PortalState.RENAMED else "")
        elif (
            shuts_out(refused.method, error)
            and not self._attempts.is_shut(portal)
            and self.confirmed(refused, deadline)
        ):
            self._attempts.shut(portal, error)

    def confirmed(self, refused: Refused, deadline: Deadline) -> bool:
        """Whether a second call, of another method and with the same grant, is refused in the same way.

        False, too, where another process makes or just made that call, and where there is no time left for it.
        """
        if not self._attempts.claim_sign(refused.portal):
            return False
        method = LOOK if refused.method != LOOK else _SECOND_LOOK
        try:
            self._attempts.once(Single(Command(method, {})), refused.grant, refused.portal, deadline)
        except BitrixError as second:
            return _alike(refused, method, second)
        except ChatLookupError:
            return False
        return False

    def answered(self, portal: Portal) -> None:
        """Open a closed portal that replies; `portal` is the record as it was closed."""
        if portal.state is PortalState.ACTIVE:
            return
        with suppress(*FAILED):
            if self._states.reopen(portal):
                self._recoveries.report(portal, portal.state, portal.state_code)


def heals_by_renewal(error: BitrixError) -> bool:
    """Expired and unknown tokens; and a renamed portal, whose new address comes with a new pair (bitrix24.md 2.4)."""
    return error.error_class is ErrorClass.REFRESH or error.metric_code == PORTAL_RENAMED


def state_signalled_by(error: BitrixError, kind: PortalKind) -> PortalState | None:
    """The state that an error is a sign of. Errors that a renewal heals are one if the renewal did not help."""
    if error.error_class is ErrorClass.REAUTHORISE:
        return PortalState.REAUTHORISE
    if error.metric_code == PAYMENT_REQUIRED and error.error_class is ErrorClass.PORTAL:
        return PortalState.UNPAID
    if heals_by_renewal(error) and kind is PortalKind.OAUTH:
        return PortalState.REFUSED
    return PortalState.RENAMED if error.metric_code == PORTAL_RENAMED else None


def shuts_out(method: str, error: BitrixError) -> bool:
    """Whether a portal's own code refuses all calls, which opens its circuit."""
    return error.error_class is ErrorClass.PORTAL and shuts(method, error)


def _admits(error: BitrixError) -> bool:
    """Whether the portal refused one call with a documented code, and so accepts the grant."""
    return error.error_class in _ANSWERS and error.status > 0 and error.metric_code not in _UNDOCUMENTED


def _alike(refused: Refused, method: str, second: BitrixError) -> bool:
    kind = refused.portal.kind
    state = state_signalled_by(refused.error, kind)
    return state_signalled_by(second, kind) is state if state is not None else shuts_out(method, second)
