"""Our bot in a portal, and its command. Registering one that is there changes nothing, hence updated each time.

(bitrix24.md 1.9, 1.10 and 9, rows 15 and 16.) The code makes it ours again after a re-installation.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.calls.portal_calls import PortalCalls
from chat_lookup.clock import Deadline
from chat_lookup.portals.portal import Portal

CODE: Final = "chat_lookup"
COMMAND: Final = "chatid"

_NAME: Final = "Chat Lookup"
_TAKEN: Final = frozenset({"BOT_CODE_ALREADY_TAKEN", "WRONG_REQUEST"})
"""How v2 and v1 say that a bot of another application has the code."""
_POSITION: Final = "Finds the chat of a deal, a task, a group or an open line"
_TITLES: Final = {
    "en": "Find the chat of an object, by its link or its type and id",
    "de": "Den Chat eines Objekts finden, nach Link oder Typ und ID",
    "ru": "Найти чат объекта по ссылке или по типу и идентификатору",
}
_HINTS: Final = {"en": "link, or type and id", "de": "Link oder Typ und ID", "ru": "ссылка либо тип и идентификатор"}


@dataclass(frozen=True, slots=True)
class Bot:
    """A registered bot: `api` is the family of methods that it was registered with, `v2` or `v1`."""

    api: str
    bot_id: int
    command_id: int


class Bots:
    """Registers the bot, each write once: what did not come through is left to the next installation."""

    def __init__(self, calls: PortalCalls) -> None:
        self._calls = calls

    def register(self, portal: Portal, api: str, handler: str, deadline: Deadline) -> Bot:
        """Have a bot that sends its events to `handler`, and its command. Raises `BitrixError`, and as `calls` does."""

        def ask(method: str, params: Mapping[str, object]) -> object:
            return self._calls.call(portal, method, params, deadline).result

        register = _APIS[api]
        try:
            return register(ask, CODE, handler)
        except BitrixError as error:
            if error.metric_code not in _TAKEN:
                raise
        # A deleted application leaves its bot behind, and who adds it anew gets other keys (bitrix24.md 3.1).
        return register(ask, f"{CODE}_{hashlib.sha256(portal.client_id.encode()).hexdigest()[:8]}", handler)


_Ask = Callable[[str, Mapping[str, object]], object]


def _register_v2(ask: _Ask, code: str, handler: str) -> Bot:
    fields = {
        "properties": {"name": _NAME, "workPosition": _POSITION},
        # Without being asked for, no event is sent at all (bitrix24.md 1.10).
        "eventMode": "webhook",
        "webhookUrl": handler,
    }
    method = "imbot.v2.Bot.register"
    bot_id = _inner_id(method, ask(method, {"fields": {"code": code, "type": "bot", **fields}}), "bot")
    ask("imbot.v2.Bot.update", {"botId": bot_id, "fields": fields})
    texts = {"title": _TITLES, "params": _HINTS}
    method = "imbot.v2.Command.register"
    command = {"command": COMMAND, "common": True, "hidden": False, "extranetSupport": False, **texts}
    command_id = _inner_id(method, ask(method, {"botId": bot_id, "fields": command}), "command")
    # The page of this method wants Y and N where the one above has true and false.
    changes = {"common": "Y", "hidden": "N", "extranetSupport": "N", **texts}
    ask("imbot.v2.Command.update", {"botId": bot_id, "commandId": command_id, "fields": changes})
    return Bot("v2", bot_id, command_id)


def _register_v1(ask: _Ask, code: str, handler: str) -> Bot:
    fields = {"EVENT_HANDLER": handler, "PROPERTIES": {"NAME": _NAME, "WORK_POSITION": _POSITION}}
    method = "imbot.register"
    bot_id = _id(method, ask(method, {"CODE": code, "TYPE": "B", "OPENLINE": "N", **fields}))
    # Registering ignores the handlers of changed and deleted messages (bitrix24.md 1.9).
    ask("imbot.update", {"BOT_ID": bot_id, "FIELDS": fields})
    languages = [
        {"LANGUAGE_ID": language, "TITLE": title, "PARAMS": _HINTS[language]} for language, title in _TITLES.items()
    ]
    command = {"COMMAND": COMMAND, "EVENT_COMMAND_ADD": handler, "HIDDEN": "N", "EXTRANET_SUPPORT": "N"}
    method = "imbot.command.register"
    registered = ask(method, {"BOT_ID": bot_id, "COMMON": "Y", "LANG": languages, **command})
    command_id = _id(method, registered)
    ask("imbot.command.update", {"COMMAND_ID": command_id, "FIELDS": {"LANG": languages, **command}})
    return Bot("v1", bot_id, command_id)


_APIS: Final[Mapping[str, Callable[[_Ask, str, str], Bot]]] = {"v2": _register_v2, "v1": _register_v1}


def _inner_id(method: str, result: object, name: str) -> int:
    """The id in a v2 result, `{"bot": {"id": 456, …}}`."""
    inner = result.get(name) if isinstance(result, dict) else None
    return _id(method, inner.get("id") if isinstance(inner, dict) else None)


def _id(method: str, value: object) -> int:
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        value = int(value)
    if type(value) is not int or value <= 0:
        raise BitrixError("PROTOCOL", 200, method=method, description="no id")
    return value
