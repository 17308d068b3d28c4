"""Which calls list an object's own chats, all at once, and what their replies mean (bitrix24.md 10.1)."""

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Final, TypeAlias, TypeGuard

from chat_lookup.bitrix24.batch import Command
from chat_lookup.bitrix24.client import Answer
from chat_lookup.bitrix24.crm_results import CrmRelatives, LineChat, line_chats_from, relatives_from
from chat_lookup.bitrix24.errors import BitrixError, ErrorClass
from chat_lookup.entity import EntityRef
from chat_lookup.errors import ChatLookupError, ChatNotAccessible, ChatNotFound, PortalMisconfigured, PortalRefused
from chat_lookup.lookup.model import ChatReply
from chat_lookup.lookup.plan import NOT_GRANTED, Inquiries, Inquiry, Rights
from chat_lookup.objects.model import MOST_CONTACTS, MOST_LINES, ChatList, Line, PartState, Reading
from chat_lookup.objects.portal_objects import PortalObject

CRM_CHATS: Final = "imopenlines.crm.chat.get"
ITEM: Final = "crm.item.get"

ALL, ACTIVE, ITSELF, TASK = "all lines", "active lines", "the object itself", "task"
"""Names of the questions besides those for the discussion."""

_REFUSALS: Final = (ChatNotAccessible, PortalMisconfigured, PortalRefused)
"""Errors by which the portal, or its settings, decided: another call would be refused, too."""


class NoReply(Enum):
    """In the place of a reply."""

    LACKING = "lacking"
    """The portal does not grant what the question needs."""
    MISSING = "missing"
    """The portal has no such object."""


ListReply: TypeAlias = ChatReply | tuple[LineChat, ...] | CrmRelatives | NoReply
Replies: TypeAlias = Mapping[str, ListReply | ChatLookupError]


class ListInquiries:
    """Makes the inquiries for lists of chats. Each makes one call, or none where its scope is missing."""

    def __init__(self, inquiries: Inquiries) -> None:
        self._inquiries = inquiries

    def of(self, rights: Rights, asked: PortalObject, *, whole: bool) -> Iterator[tuple[str, Inquiry[ListReply]]]:
        """The inquiries about one object, by name; with `whole` also for its contacts and company."""
        for name in asked.names:
            yield _about(name), self._inquiries.by_one_method(rights, name)
        if asked.kind == "TASK" and rights.knows("task"):
            yield TASK, self._inquiries.task_itself(asked.ref)
        if asked.has_lines:
            yield ALL, self._lines(rights, asked, active_only="N")
            yield ACTIVE, self._lines(rights, asked, active_only="Y")
        if whole and asked.crm_type is not None:
            yield ITSELF, self._item(rights, asked)

    def _lines(self, rights: Rights, asked: PortalObject, *, active_only: str) -> Inquiry[ListReply]:
        if not rights.grants("imopenlines"):
            return NoReply.LACKING
        kind = asked.kind.lower()
        answer = yield Command(
            CRM_CHATS, {"CRM_ENTITY_TYPE": kind, "CRM_ENTITY": asked.number, "ACTIVE_ONLY": active_only}
        )
        if _lacks(rights, "imopenlines", answer):
            return NoReply.LACKING
        return self._inquiries.read(line_chats_from, _result(answer))

    def _item(self, rights: Rights, asked: PortalObject) -> Inquiry[ListReply]:
        if not rights.grants("crm"):
            return NoReply.LACKING
        answer = yield Command(ITEM, {"entityTypeId": asked.crm_type, "id": asked.number})
        if _lacks(rights, "crm", answer):
            return NoReply.LACKING
        if isinstance(answer, BitrixError) and answer.error_class is ErrorClass.NOT_FOUND:
            return NoReply.MISSING
        return self._inquiries.read(relatives_from, _result(answer))


def reading_of(asked: PortalObject, replies: Replies, asked_at: float) -> Reading:
    """The object's list in the replies to its inquiries, by their names."""
    about_chats = [replies[name] for name in (*map(_about, asked.names), TASK) if name in replies]
    chats = tuple(dict.fromkeys(each.chat_id for each in about_chats if isinstance(each, ChatReply) and each.chat_id))
    discussion = PartState.FOUND if chats else _state(about_chats)
    about_lines = [replies[name] for name in (ALL, ACTIVE) if name in replies]
    open_lines = _state(about_lines)
    lines = _lines_in(replies) if open_lines is PartState.NONE else ()
    if lines:
        open_lines = PartState.FOUND
    item = replies.get(ITSELF)
    contacts, companies = item if isinstance(item, CrmRelatives) else ((), ())
    contacts = tuple(each for each in contacts if PortalObject("CONTACT", each) != asked)
    companies = tuple(each for each in companies if PortalObject("COMPANY", each) != asked)
    missing = item is NoReply.MISSING
    unanswered = [] if chats else about_chats
    errors = [] if missing else [each for each in (*unanswered, *about_lines, item) if _is_error(each)]
    return Reading(
        ChatList(
            discussion=discussion,
            chats=chats,
            open_lines=open_lines,
            lines=lines[:MOST_LINES],
            item=PartState.FOUND if isinstance(item, CrmRelatives) else _state([item] if item else []),
            contacts=contacts[:MOST_CONTACTS],
            company=next(iter(companies), None),
            more=len(contacts) > MOST_CONTACTS or len(companies) > 1,
            more_lines=len(lines) > MOST_LINES,
            missing=missing,
        ),
        asked_at,
        answered=missing or _is_answer(discussion) or (asked.has_lines and _is_answer(open_lines)),
        failure=next((each for each in errors if not is_refusal(each)), None),
        refusal=next(iter(errors), None),
    )


def is_refusal(error: ChatLookupError) -> bool:
    """Whether the portal has decided; any other error passes, or is of the portal as a whole."""
    return isinstance(error, _REFUSALS)


def _is_answer(state: PartState) -> bool:
    return state in (PartState.FOUND, PartState.NONE)


def _state(replies: list[ListReply | ChatLookupError]) -> PartState:
    """The state of a part whose questions found nothing, by their replies."""
    if any(map(_is_error, replies)):
        return PartState.REFUSED
    return PartState.NOT_GRANTED if NoReply.LACKING in replies else PartState.NONE


def _is_error(reply: ListReply | ChatLookupError | None) -> TypeGuard[ChatLookupError]:
    return isinstance(reply, ChatLookupError) and not isinstance(reply, ChatNotFound)


def _about(name: EntityRef) -> str:
    return f"{name.entity_type} {name.entity_id}"


def _lines_in(replies: Replies) -> tuple[Line, ...]:
    """All lines, each with whether it is active; one that began between the two replies goes first, as the newest."""
    listed, active = (replies.get(name, ()) for name in (ALL, ACTIVE))
    if not isinstance(listed, tuple) or not isinstance(active, tuple):
        return ()
    now = {each.chat_id: each for each in active if isinstance(each, LineChat)}
    rows = {each.chat_id: each for each in listed if isinstance(each, LineChat)}
    begun = [each for each in now.values() if each.chat_id not in rows]
    return tuple(Line(*each, active=each.chat_id in now) for each in (*begun, *rows.values()))


def _lacks(rights: Rights, scope: str, answer: Answer | BitrixError) -> bool:
    """Whether the portal refused the call because it does not grant the scope, which is remembered."""
    if isinstance(answer, BitrixError) and answer.code.casefold() in NOT_GRANTED:
        rights.lacks(scope)
        return True
    return False


def _result(answer: Answer | BitrixError) -> object:
    if isinstance(answer, BitrixError):
        raise answer
    return answer.result
