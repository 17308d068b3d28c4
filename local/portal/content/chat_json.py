"""Chats and times as the portal writes them: fields and order of the documents' samples."""

from collections.abc import Mapping
from datetime import UTC, datetime

from local.portal.content.chat import COLOURS, PINK, Chat

COLOUR = COLOURS[PINK]
_RESTRICTED = ("avatar", "rename", "extend", "call", "mute", "leave", "leave_owner", "send", "user_list")
_NOT_IN_CRM = frozenset({"avatar", "rename", "leave_owner"})  # what the page's sample of a CRM chat does not allow
_PERMISSIONS: Mapping[str, str] = {
    "manage_users_add": "member",
    "manage_users_delete": "manager",
    "manage_ui": "member",
    "manage_settings": "owner",
    "manage_messages": "member",
    "can_post": "member",
}


def moment(at: float) -> str:
    """Unix time as ISO 8601 with an offset."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def time(start: float, finish: float, billed_s: float = 0.0) -> dict[str, object]:
    """The `time` of an answer (bitrix24.md 2.5). Time that is billed and not spent is included."""
    finish = max(finish, start + billed_s)
    return {
        "start": start,
        "finish": finish,
        "duration": finish - start,
        "processing": billed_s,
        "date_start": moment(start),
        "date_finish": moment(finish),
    }


def dialog(chat: Chat, dialog_id: str, user_id: int) -> dict[str, object]:
    """The flat object of `*.dialog.get` (bitrix24.md 1.4, 1.5), as `user_id` sees it."""
    return {
        "id": chat.id,
        "parent_chat_id": 0,
        "parent_message_id": 0,
        "name": chat.title,
        "description": chat.description,
        "owner": chat.owner_id,
        "extranet": False,
        "avatar": "",
        "color": COLOURS[chat.colour],
        "type": chat.type,
        "counter": 0,
        "user_counter": len(chat.members),
        "message_count": 0,
        "unread_id": 0,
        "restrictions": _restrictions(chat),
        "last_message_id": 0,
        "last_id": 0,
        "marked_id": 0,
        "disk_folder_id": 0,
        "entity_type": chat.entity_type,
        "entity_id": chat.entity_id,
        "entity_data_1": chat.entity_data_1,
        "entity_data_2": chat.entity_data_2,
        "entity_data_3": chat.entity_data_3,
        "mute_list": [],
        "date_create": moment(chat.created_at),
        "message_type": chat.message_type,
        "public": "",
        "role": _role(chat, user_id),
        "entity_link": _entity_link(chat),
        "text_field_enabled": True,
        "background_id": None,
        "permissions": dict(_PERMISSIONS),
        "is_new": False,
        "readed_list": [],
        "manager_list": _managers(chat),
        "last_message_views": {"message_id": 0, "first_viewers": [], "count_of_viewers": 0},
        "dialog_id": dialog_id,
    }


def chat_v2(chat: Chat, bot_id: int) -> dict[str, object]:
    """The chat of `imbot.v2` (bitrix24.md 1.3), as the bot sees it."""
    return {
        "id": chat.id,
        "dialogId": chat.dialog_id(bot_id),
        "name": chat.title,
        "description": chat.description,
        "type": chat.type,
        "messageType": chat.message_type,
        "owner": chat.owner_id,
        "color": COLOURS[chat.colour],
        "avatar": "",
        "extranet": False,
        "containsCollaber": False,
        "entityType": chat.entity_type,
        "entityId": chat.entity_id,
        "entityData1": chat.entity_data_1,
        "entityData2": chat.entity_data_2,
        "entityData3": chat.entity_data_3,
        "entityLink": _entity_link(chat) if chat.entity_type else {},
        "diskFolderId": 0,
        "role": _role(chat, bot_id),
        "permissions": {_camel(name): role for name, role in _PERMISSIONS.items()},
        "muteList": [],
        "parentChatId": None,
        "parentMessageId": None,
        "isNew": False,
        "textFieldEnabled": "Y",
        "backgroundId": None,
        "dateCreate": moment(chat.created_at),
        "lastMessageId": 0,
        "lastMessageViews": "{}",
        "lastId": 0,
        "managerList": _managers(chat),
        "markedId": None,
        "messageCount": 0,
        "public": "",
        "unreadId": None,
        "userCounter": len(chat.members),
    }


def _role(chat: Chat, user_id: int) -> str:
    if user_id not in chat.members:
        return "none"
    return "owner" if user_id == chat.owner_id else "member"


def _managers(chat: Chat) -> list[int]:
    """A line that no operator has yet has no owner."""
    return [chat.owner_id] if chat.owner_id else []


def _restrictions(chat: Chat) -> dict[str, object]:
    """What members may do; a chat of the CRM has a path besides (im-dialog-get.md)."""
    in_crm = chat.type == "crm"
    allowed: dict[str, object] = {name: not (in_crm and name in _NOT_IN_CRM) for name in _RESTRICTED}
    return {**allowed, "path": "", "path_title": ""} if in_crm else allowed


def _entity_link(chat: Chat) -> dict[str, str]:
    if chat.entity_type == "CRM":
        kind, _, item = chat.entity_id.partition("|")
        return {"type": kind, "url": f"/crm/{kind.lower()}/details/{item}/", "id": chat.entity_id}
    return {"type": chat.entity_type, "url": "", "id": chat.entity_id}


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(part.title() for part in others)
