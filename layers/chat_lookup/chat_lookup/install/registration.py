"""Registers in a portal: the bot with its command, and the bindings of the application's events; and removes them."""

import hashlib
import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Final, NamedTuple

from chat_lookup.bitrix24.error_table import PROTOCOL
from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.bot.profile import CODE, COMMAND
from chat_lookup.calls.portal_calls import PortalCalls
from chat_lookup.clock import Deadline
from chat_lookup.errors import ChatLookupError
from chat_lookup.observability.telemetry import Telemetry
from chat_lookup.portals.failures import passing
from chat_lookup.portals.portal import Portal, PortalState

_DIGITS: Final = r"[0-9]{1,19}"
_NAME: Final = "Chat Lookup"
_TAKEN: Final = frozenset({"BOT_CODE_ALREADY_TAKEN", "WRONG_REQUEST"})
"""The codes of v2 and v1 for a bot code that another application uses."""
_POSITION: Final = "Finds the chat of a deal, a task, a group or an open line"
_TITLES: Final = {
    "en": "Find the chat of an object, by its link or its type and id",
    "de": "Den Chat eines Objekts finden, nach Link oder Typ und ID",
    "ru": "Найти чат объекта по ссылке или по типу и идентификатору",
}
_HINTS: Final = {"en": "link, or type and id", "de": "Link oder Typ und ID", "ru": "ссылка либо тип и идентификатор"}


class Bot(NamedTuple):
    """A registered bot: `api` is the family of methods that it was registered with, `v2` or `v1`."""

    api: str
    bot_id: int
    command_id: int


class Bots:
    """Registers the bot, each write once: a failed write is left to the next installation."""

    def __init__(self, calls: PortalCalls) -> None:
        self._calls = calls

    def register(self, portal: Portal, api: str, handler: str, deadline: Deadline) -> Bot:
        """Register a bot with `handler` for its events, and its command. Raises `BitrixError`, and as `calls` does."""

        def ask(method: str, params: Mapping[str, object]) -> object:
            return self._calls.call(portal, method, params, deadline).result

        register = _APIS[api]
        try:
            return register(ask, CODE, handler)
        except BitrixError as error:
            if error.metric_code not in _TAKEN:
                raise
        # A deleted application leaves its bot behind, and has other keys when it is added anew (bitrix24.md 3.1).
        return register(ask, f"{CODE}_{hashlib.sha256(portal.client_id.encode()).hexdigest()[:8]}", handler)

    def unregister_command(self, portal: Portal, deadline: Deadline) -> None:
        """Remove the bot's command. Raises as `register`."""
        if portal.bot_api == "v2":
            named = {"botId": portal.bot_id, "commandId": portal.command_id}
            self._calls.call(portal, "imbot.v2.Command.unregister", named, deadline)
        else:
            self._calls.call(portal, "imbot.command.unregister", {"COMMAND_ID": portal.command_id}, deadline)

    def unregister(self, portal: Portal, deadline: Deadline) -> None:
        """Remove the bot. Raises as `register`."""
        if portal.bot_api == "v2":
            self._calls.call(portal, "imbot.v2.Bot.unregister", {"botId": portal.bot_id}, deadline)
        else:
            self._calls.call(portal, "imbot.unregister", {"BOT_ID": portal.bot_id}, deadline)


_Ask = Callable[[str, Mapping[str, object]], object]


def _register_v2(ask: _Ask, code: str, handler: str) -> Bot:
    fields = {
        "properties": {"name": _NAME, "workPosition": _POSITION},
        # Without this no event is sent at all (bitrix24.md 1.10).
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
    # The page of this method has Y and N where the one above has true and false.
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
    if isinstance(value, str) and re.fullmatch(_DIGITS, value):
        value = int(value)
    if type(value) is not int or not 0 < value < 2**63:
        raise BitrixError(PROTOCOL, 200, method=method, description="no id")
    return value


EVENTS: Final = ("ONAPPUNINSTALL", "ONAPPUPDATE", "ONAPPINSTALL")
_MOST_HANDLERS: Final = 1_000


class Bindings:
    """Binds events that are not bound yet: a second time is an error without a code of its own (bitrix24.md 1.15)."""

    def __init__(self, calls: PortalCalls) -> None:
        self._calls = calls

    def bind(self, portal: Portal, handler: str, deadline: Deadline) -> bool:
        """Bind each event to `handler`, and to no other address of ours; returns whether the portal accepted.

        Raises `BitrixError` where the portal does not reply, and as `calls` does.
        """
        bound = self._bound(portal, deadline)
        accepted = True
        for event in EVENTS:
            if (event, handler) not in bound:
                accepted &= self._accepted(portal, "event.bind", event, handler, deadline)
        for event, former in sorted(bound):
            if event in EVENTS and former != handler:
                # Else a service that moved would be called at its old address, too.
                self._accepted(portal, "event.unbind", event, former, deadline)
        return accepted

    def unbind(self, portal: Portal, deadline: Deadline) -> None:
        """Remove each binding of the application, whatever its address. Raises `BitrixError`, and as `calls` does."""
        for event, handler in sorted(self._read(portal, deadline)):
            self._calls.call(portal, "event.unbind", {"event": event, "handler": handler}, deadline)

    def _bound(self, portal: Portal, deadline: Deadline) -> frozenset[tuple[str, str]]:
        try:
            return self._read(portal, deadline)
        except BitrixError as error:
            if passing(error):
                raise
            return frozenset()

    def _read(self, portal: Portal, deadline: Deadline) -> frozenset[tuple[str, str]]:
        """Each event with its handler, of this application alone (event-get.md)."""
        result = self._calls.call(portal, "event.get", {}, deadline).result
        handlers = result[:_MOST_HANDLERS] if isinstance(result, list) else []
        return frozenset(
            (str(each.get("event")).upper(), str(each.get("handler")))
            for each in handlers
            if isinstance(each, dict) and str(each.get("offline") or 0) == "0"
        )

    def _accepted(self, portal: Portal, method: str, event: str, handler: str, deadline: Deadline) -> bool:
        try:
            result = self._calls.call(portal, method, {"event": event, "handler": handler}, deadline).result
        except BitrixError as error:
            if passing(error):
                raise
            return False
        return result is not False


INSTALL_PATH = "/bitrix24/install"
EVENTS_PATH = "/bitrix24/events"


class Remark(StrEnum):
    """Parts missing from an installation that works without them; each has its sentence in `page_texts`."""

    NO_CHAT_SCOPE = "no_chat_scope"
    NO_BOT_SCOPE = "no_bot_scope"
    BOT_REFUSED = "bot_refused"
    BINDINGS_REFUSED = "bindings_refused"


class Registered(NamedTuple):
    """A portal with its bot and command, to be written into its record, and remarks on what is missing."""

    portal: Portal
    remarks: tuple[Remark, ...]


class Unregistered(NamedTuple):
    """What was removed from a portal (`command`, `bot`, `events`), what may still be there, and why."""

    portal: Portal
    """The record without what was removed."""
    removed: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    why: str | None = None


class _Registration(NamedTuple):
    """One part of what is registered in a portal."""

    name: str
    remove: Callable[[Portal, Deadline], None]
    without: Mapping[str, Any]
    """The fields of the record once it is removed."""


_GONE: Final = frozenset({"BOT_NOT_FOUND", "BOT_ID_ERROR", "COMMAND_NOT_FOUND", "COMMAND_ID_ERROR"})
"""The codes of v2 and v1 for a bot or command that is not there."""
_UNINSTALLED: Final = "The application was uninstalled from this portal"


class Registering:
    """Registers everything anew at an address. Idempotent."""

    def __init__(self, bots: Bots, bindings: Bindings, telemetry: Telemetry) -> None:
        self._bots = bots
        self._bindings = bindings
        self._telemetry = telemetry

    def register_bot(self, portal: Portal, bot_api: str, deadline: Deadline) -> Registered:
        """Register the bot at the record's `public_url`; `bot_api` is empty where there can be no bot.

        Raises `BitrixError` where the portal does not reply, and as `PortalCalls.call` does. A refusal is only a
        remark: look-ups need no bot.
        """
        remarks = []
        if not (portal.grants("im") or portal.grants("imbot")):
            remarks.append(Remark.NO_CHAT_SCOPE)
        if not bot_api:
            remarks.append(Remark.NO_BOT_SCOPE)
            portal = portal._replace(bot_id=None, bot_api="", command_id=None)
        else:
            try:
                bot = self._bots.register(portal, bot_api, portal.public_url + EVENTS_PATH, deadline)
            except BitrixError as error:
                if passing(error):
                    raise
                remarks.append(Remark.BOT_REFUSED)
            else:
                portal = portal._replace(bot_id=bot.bot_id, bot_api=bot.api, command_id=bot.command_id)
        self._telemetry.note(bot_id=portal.bot_id)
        return Registered(portal, tuple(remarks))

    def bind(self, portal: Portal, deadline: Deadline) -> tuple[Remark, ...]:
        """Bind the application's events to the record's `public_url`. Raises as `register_bot`; remarks likewise."""
        bound = self._bindings.bind(portal, portal.public_url + INSTALL_PATH, deadline)
        return () if bound else (Remark.BINDINGS_REFUSED,)

    def unregister(self, portal: Portal, deadline: Deadline) -> Unregistered:
        """Remove command, bot and bindings from the portal, as far as it replies before the deadline.

        Idempotent. The portal's failure is in the result: nothing of ours depends on the removal.
        """
        done = Unregistered(portal)
        gone = portal.state is PortalState.UNINSTALLED
        for step in self._registered_in(portal):
            failure = _UNINSTALLED if gone else self._failure(step, portal, deadline)
            if failure is None:
                without = done.portal._replace(**step.without)
                done = done._replace(portal=without, removed=(*done.removed, step.name))
            else:
                done = done._replace(left=(*done.left, step.name), why=failure)
        self._telemetry.note(unregistered=list(done.removed), left_in_portal=list(done.left))
        return done

    def _registered_in(self, portal: Portal) -> list[_Registration]:
        """What the record holds is registered; a webhook's portal has nothing of ours."""
        steps = []
        if portal.bot_api and portal.bot_id is not None:
            if portal.command_id is not None:
                steps.append(_Registration("command", self._bots.unregister_command, {"command_id": None}))
            steps.append(_Registration("bot", self._bots.unregister, {"bot_id": None, "bot_api": ""}))
        if portal.public_url:
            steps.append(_Registration("events", self._bindings.unbind, {"public_url": ""}))
        return steps

    def _failure(self, step: _Registration, portal: Portal, deadline: Deadline) -> str | None:
        try:
            step.remove(portal, deadline)
        except BitrixError as error:
            return None if error.metric_code in _GONE else f"The portal refused or failed: {error.code}"
        except ChatLookupError as error:
            return error.detail
        return None
