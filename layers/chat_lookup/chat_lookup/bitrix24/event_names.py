"""The names of the platform's events (bitrix24.md 5): a closed set, which the metrics name as well."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class EventKind(StrEnum):
    """What happened, in either API. OTHER is an unknown event; it is processed all the same."""

    MESSAGE_ADD = "message_add"
    MESSAGE_UPDATE = "message_update"
    MESSAGE_DELETE = "message_delete"
    JOIN = "join"
    BOT_DELETE = "bot_delete"
    COMMAND = "command"
    REACTION = "reaction"
    CONTEXT = "context"
    APPLICATION = "application"
    OTHER = "other"


KINDS: Final[Mapping[str, EventKind]] = {
    "ONIMBOTMESSAGEADD": EventKind.MESSAGE_ADD,
    "ONIMBOTMESSAGEUPDATE": EventKind.MESSAGE_UPDATE,
    "ONIMBOTMESSAGEDELETE": EventKind.MESSAGE_DELETE,
    "ONIMBOTJOINCHAT": EventKind.JOIN,
    "ONIMBOTDELETE": EventKind.BOT_DELETE,
    "ONIMBOTCONTEXTGET": EventKind.CONTEXT,
    "ONIMCOMMANDADD": EventKind.COMMAND,
    "ONIMBOTV2MESSAGEADD": EventKind.MESSAGE_ADD,
    "ONIMBOTV2MESSAGEUPDATE": EventKind.MESSAGE_UPDATE,
    "ONIMBOTV2MESSAGEDELETE": EventKind.MESSAGE_DELETE,
    "ONIMBOTV2JOINCHAT": EventKind.JOIN,
    "ONIMBOTV2DELETE": EventKind.BOT_DELETE,
    "ONIMBOTV2COMMANDADD": EventKind.COMMAND,
    "ONIMBOTV2CONTEXTGET": EventKind.CONTEXT,
    "ONIMBOTV2REACTIONCHANGE": EventKind.REACTION,
    "ONAPPINSTALL": EventKind.APPLICATION,
    "ONAPPUPDATE": EventKind.APPLICATION,
    "ONAPPUNINSTALL": EventKind.APPLICATION,
}
"""Every event that is documented, by its name (bitrix24.md 5.5, 5.7, 4.4 to 4.7)."""
