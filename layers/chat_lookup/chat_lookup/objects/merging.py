"""Makes one answer of an object's own list and those of its contacts and company. Pure functions."""

from collections.abc import Mapping
from typing import Final

from chat_lookup.errors import ObjectNotFound
from chat_lookup.objects.model import (
    ChatList,
    Held,
    ListedChat,
    ObjectChats,
    ObjectOptions,
    ObjectPart,
    PartState,
)
from chat_lookup.objects.plan import is_refusal
from chat_lookup.objects.portal_objects import PortalObject

STALE: Final = "stale"


def merged(asked: PortalObject, lists: Mapping[PortalObject, Held], options: ObjectOptions, now: float) -> ObjectChats:
    """The answer: the object's discussion, its open lines as the portal orders them, then those of its relatives.

    A chat that several of them have is listed once, with the first. The answer is as old as its oldest list.
    Raises `ObjectNotFound`, or the error of the object's own part where no part has an answer.
    """
    own = lists[asked]
    if own.list.missing:
        raise ObjectNotFound
    relatives = own.list.relatives if options.relatives else ()
    of_all = {each: lists[each] for each in (asked, *relatives) if each in lists}
    if not any(each.answered for each in of_all.values()) and own.refusal is not None:
        raise own.refusal
    shown = {each: _shown(held.list, options) for each, held in of_all.items()}
    chats: dict[int, ListedChat] = {}
    for each, listed in shown.items():
        for chat in _chats(each, listed):
            chats.setdefault(chat.chat_id, chat)
    parts = [_part(each, shown[each], held) for each, held in of_all.items()]
    if options.relatives and own.list.item in (PartState.REFUSED, PartState.NOT_GRANTED):
        parts[0] = parts[0]._replace(relatives=own.list.item)
    oldest = min(of_all.values(), key=lambda each: (each.source != STALE, each.asked_at))
    return ObjectChats(
        asked,
        tuple(chats.values()),
        tuple(parts),
        truncated=(options.relatives and own.list.more) or any(each.list.more_lines for each in of_all.values()),
        source=oldest.source,
        age_seconds=max(0, int(now - min(each.asked_at for each in of_all.values()))),
    )


def _shown(listed: ChatList, options: ObjectOptions) -> ChatList:
    """The list without the lines that the caller does not want."""
    if options.closed or listed.open_lines is not PartState.FOUND:
        return listed
    lines = tuple(line for line in listed.lines if line.active)
    return listed._replace(lines=lines, open_lines=PartState.FOUND if lines else PartState.NONE)


def _chats(each: PortalObject, listed: ChatList) -> list[ListedChat]:
    discussion = [ListedChat(chat_id, each.name) for chat_id in listed.chats]
    return [*discussion, *(ListedChat(line.chat_id, each.name, line) for line in listed.lines)]


def _part(each: PortalObject, listed: ChatList, held: Held) -> ObjectPart:
    failed = held.failure if held.failure is not None and not is_refusal(held.failure) else None
    return ObjectPart(each.name, listed.discussion, listed.open_lines, problem=failed)
