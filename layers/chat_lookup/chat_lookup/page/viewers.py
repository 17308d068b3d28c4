"""What the portal itself replies to a viewer's own token: who that is, and which chats this user may see.

A session and a form are claims. Everything that is shown to one user only, and everything that changes something, is
asked of the portal with the token that comes with the request (bitrix24.md 9, row 2).
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from chat_lookup.bitrix24.batch import BatchOutcome, Command
from chat_lookup.bitrix24.client import Answer, Endpoint
from chat_lookup.bitrix24.endpoints import is_token
from chat_lookup.bitrix24.errors import BitrixError, ErrorClass
from chat_lookup.bitrix24.results import ChatDetails, details_from
from chat_lookup.calls.portal_calls import PortalCalls
from chat_lookup.clock import Clock, Deadline
from chat_lookup.credentials.grants import Grant
from chat_lookup.errors import AdministratorRequired, CallerTokenRejected
from chat_lookup.portals.failures import for_token
from chat_lookup.portals.portal import Portal

MOST_CHATS: Final = 49
"""Chats of one view: with `profile` they fill a batch."""
_PROFILE: Final = Command("profile", {})
_NOT_SHOWN: Final = frozenset({ErrorClass.OBJECT, ErrorClass.NOT_FOUND})


class Viewer(NamedTuple):
    """A user of the portal, as the portal describes the owner of a token."""

    user_id: str
    is_administrator: bool


class Confirmed(NamedTuple):
    """The chats that the viewer may see, by id; `failed` means that some could not be asked for."""

    chats: dict[int, ChatDetails]
    failed: bool


class Viewers:
    """Asks portals with their users' tokens. Nothing of a reply is stored."""

    def __init__(self, calls: PortalCalls, clock: Clock) -> None:
        self._calls = calls
        self._clock = clock

    def who(self, portal: Portal, token: str | None, deadline: Deadline) -> Viewer:
        """The owner of a token. Raises `CallerTokenRejected`, and the portal's failure as an error of ours."""
        grant = _grant(portal, token)
        try:
            reply = self._calls.call_with(grant, portal, _PROFILE.method, _PROFILE.params, deadline)
        except BitrixError as error:
            raise for_token(error, self._clock.now()) from None
        return self._viewer(reply)

    def administrator(self, portal: Portal, user_id: str, token: str | None, deadline: Deadline) -> None:
        """Have the portal confirm that the token is this user's, and that the user is an administrator.

        Raises `AdministratorRequired`, and as `who`.
        """
        viewer = self.who(portal, token, deadline)
        _check_owner(viewer, user_id)
        if not viewer.is_administrator:
            raise AdministratorRequired

    def confirmed(
        self, portal: Portal, user_id: str, token: str | None, chat_ids: Sequence[int], deadline: Deadline
    ) -> Confirmed:
        """Those of up to 49 chats that the user sees now, by one request. Raises as `who`.

        `im.chat.get` checks no membership; `im.dialog.get` does (bitrix24.md 9, row 5).
        """
        dialogs = [Command("im.dialog.get", {"DIALOG_ID": f"chat{chat_id}"}) for chat_id in chat_ids[:MOST_CHATS]]
        try:
            outcomes = self._calls.batch_with(_grant(portal, token), portal, (_PROFILE, *dialogs), deadline)
        except BitrixError as error:
            raise for_token(error, self._clock.now()) from None
        _check_owner(self._viewer(outcomes[0]), user_id)
        chats, failed = {}, False
        for chat_id, outcome in zip(chat_ids, outcomes[1:], strict=False):
            details = _details(outcome)
            if details is not None and details.chat_id == chat_id:
                chats[chat_id] = details
            elif not (isinstance(outcome, BitrixError) and outcome.error_class in _NOT_SHOWN):
                failed = True
        return Confirmed(chats, failed)

    def _viewer(self, outcome: BatchOutcome) -> Viewer:
        if isinstance(outcome, BitrixError):
            raise for_token(outcome, self._clock.now())
        # An inactive user's profile is an empty list (bitrix24.md 1.17).
        profile = outcome.result if isinstance(outcome, Answer) and isinstance(outcome.result, dict) else {}
        user_id = str(profile.get("ID") or "")
        if not (user_id.isascii() and user_id.isdigit()):
            raise CallerTokenRejected
        return Viewer(user_id, profile.get("ADMIN") is True)


def _grant(portal: Portal, token: str | None) -> Grant:
    if token is None or not is_token(token):
        raise CallerTokenRejected("X-Bitrix24-Token must be the access token of the page's user")
    return Grant(Endpoint(f"https://{portal.domain}/rest/", token), "")


def _check_owner(viewer: Viewer, user_id: str) -> None:
    if viewer.user_id != user_id:
        raise CallerTokenRejected("The token belongs to another user than the session")


def _details(outcome: BatchOutcome) -> ChatDetails | None:
    try:
        return details_from(outcome.result) if isinstance(outcome, Answer) else None
    except BitrixError:
        return None
