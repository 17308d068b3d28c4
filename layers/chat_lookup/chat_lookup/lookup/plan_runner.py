"""Runs an inquiry about one pair or chat: each call in a request of its own, one after the other."""

from chat_lookup.bitrix24.client import Answer, Endpoint
from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.bitrix24.results import ChatDetails
from chat_lookup.calls.gcra import Share
from chat_lookup.calls.portal_calls import PortalCalls
from chat_lookup.calls.requests import OnSlot
from chat_lookup.clock import Deadline
from chat_lookup.credentials.grants import Grant
from chat_lookup.entity import EntityRef
from chat_lookup.lookup.model import ChatReply, Method
from chat_lookup.lookup.plan import Finding, Inquiries, Inquiry, Rights
from chat_lookup.observability.telemetry import Telemetry
from chat_lookup.portals.portal import Portal
from chat_lookup.portals.store import Portals


class Asking:
    """Calls a portal for a chat's id or its details, by the methods that it grants."""

    def __init__(self, calls: PortalCalls, portals: Portals, telemetry: Telemetry) -> None:
        self._calls = calls
        self._portals = portals
        self._inquiries = Inquiries(telemetry)

    def chat_id(
        self,
        portal: Portal,
        ref: EntityRef,
        deadline: Deadline,
        *,
        method: Method = Method.AUTO,
        bot_id: int | None,
        on_slot: OnSlot | None = None,
    ) -> ChatReply:
        """The chat of the pair. `on_slot` receives the moment of each call's slot.

        Raises `BitrixError`, and what `PortalCalls.call` raises.
        """
        rights = Rights(portal, self._portals)
        return self._run(rights, self._inquiries.chat(rights, ref, method, bot_id), deadline, on_slot)

    def in_background(self, portal: Portal, ref: EntityRef, deadline: Deadline) -> ChatReply:
        """The chat of the pair by one method, if a slot that bulk work may take is free at once.

        Raises as `chat_id`, `PortalBusy` where none is.
        """
        rights = Rights(portal, self._portals)
        return self._run(rights, self._inquiries.by_one_method(rights, ref), deadline, None, Share.BACKGROUND)

    def details(
        self, portal: Portal, chat_id: int, deadline: Deadline, *, bot_id: int | None
    ) -> tuple[ChatDetails, str]:
        """A chat's details, by the first method that returns them, and that method's name.

        Raises the last refusal, as `BitrixError`, if none does.
        """
        rights = Rights(portal, self._portals)
        return self._run(rights, self._inquiries.details(rights, chat_id, bot_id), deadline, None)

    def details_for(self, portal: Portal, chat_id: int, user_token: str, deadline: Deadline) -> ChatDetails:
        """A chat's details as one user of the portal sees them, called with that user's own token.

        `im.chat.get` checks no membership; `im.dialog.get` does (bitrix24.md 9, row 5). Raises `BitrixError`.
        """
        dialog = {"DIALOG_ID": f"chat{chat_id}"}
        answer = self._calls.call_with(_grant(portal, user_token), portal, "im.dialog.get", dialog, deadline)
        return self._inquiries.details_in(answer)

    def check_token(self, portal: Portal, user_token: str, deadline: Deadline) -> None:
        """Raises `BitrixError` for a token that the portal does not accept from its user."""
        self._calls.call_with(_grant(portal, user_token), portal, "profile", {}, deadline)

    def _run(
        self,
        rights: Rights,
        inquiry: Inquiry[Finding],
        deadline: Deadline,
        on_slot: OnSlot | None,
        share: Share = Share.INTERACTIVE,
    ) -> Finding:
        answer: Answer | BitrixError | None = None
        while True:
            try:
                # A generator accepts no value before its first `yield`.
                command = inquiry.send(answer) if answer is not None else next(inquiry)
            except StopIteration as end:
                finding: Finding = end.value
                return finding
            try:
                answer = self._calls.call(
                    rights.portal, command.method, command.params, deadline, share=share, on_slot=on_slot
                )
            except BitrixError as error:
                answer = error


def _grant(portal: Portal, user_token: str) -> Grant:
    return Grant(Endpoint(f"https://{portal.domain}/rest/", user_token), "")
