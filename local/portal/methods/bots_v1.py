"""Methods that register bots and commands, v1, deprecated (bitrix24.md 1.9, 1.11)."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from local.portal.content.content import Bot, Command
from local.portal.methods.bot_ownership import named_bot_v1, own_bots, owns, token_v1
from local.portal.methods.call import Call, Method
from local.portal.protocol import handler_urls, php
from local.portal.protocol.errors import Refused

# Field of a registration: the event that its address receives.
_HANDLERS: Mapping[str, str] = {
    "EVENT_MESSAGE_ADD": "ONIMBOTMESSAGEADD",
    "EVENT_MESSAGE_UPDATE": "ONIMBOTMESSAGEUPDATE",
    "EVENT_MESSAGE_DELETE": "ONIMBOTMESSAGEDELETE",
    "EVENT_WELCOME_MESSAGE": "ONIMBOTJOINCHAT",
    "EVENT_BOT_DELETE": "ONIMBOTDELETE",
}
_NEEDED = ("EVENT_MESSAGE_ADD", "EVENT_WELCOME_MESSAGE", "EVENT_BOT_DELETE")
_IGNORED = ("EVENT_MESSAGE_UPDATE", "EVENT_MESSAGE_DELETE")  # at register, for bots of type B and H
_COMMAND_EVENT = "ONIMCOMMANDADD"
_TYPES: Mapping[str, str] = {"B": "bot", "H": "bot", "O": "openline", "S": "supervisor"}
_MOST_BOTS = 5


def register(call: Call) -> object:
    """The id of a new bot, or of the caller's bot with that code, which stays unchanged."""
    token, code = token_v1(call), call.text("CODE")
    if not code:
        raise Refused("CODE_ERROR")
    known = next((bot for bot in call.content.bots.values() if bot.code == code), None)
    if known:
        if owns(call.grant, known, token):
            return known.id
        raise Refused("WRONG_REQUEST", 400, "Bot can't be created")
    kind = call.text("TYPE") or "B"
    openline = kind == "O" or call.text("OPENLINE") == "Y"
    addresses = _addresses(call.params)
    if missing := next((name for name in _NEEDED if name not in addresses), None):
        raise Refused(f"{missing}_ERROR")
    if kind in ("B", "H") and not openline:
        addresses = {name: url for name, url in addresses.items() if name not in _IGNORED}
    name, last_name, position = _properties(call.array("PROPERTIES"))
    if not (name or last_name):
        raise Refused("NAME_ERROR")
    if sum(1 for _ in own_bots(call, token)) >= _MOST_BOTS:
        raise Refused("MAX_COUNT_ERROR")
    bot = Bot(
        id=call.content.free_id(),
        code=code,
        token="" if call.grant.client_id else token,
        client_id=call.grant.client_id,
        api="v1",
        type=_TYPES.get(kind, "bot"),
        event_mode="webhook",
        handlers={_HANDLERS[name]: url for name, url in addresses.items()},
        openline=openline,
    )
    call.content.add_bot(bot, name, last_name, position)
    return bot.id


def update(call: Call) -> object:
    """Changes code, addresses and profile."""
    bot, fields = named_bot_v1(call), call.array("FIELDS")
    addresses, code = _addresses(fields), php.text(fields.get("CODE"))
    properties = php.entries(fields.get("PROPERTIES"))
    if {"NAME", "LAST_NAME"} <= properties.keys() and not any(_properties(properties)[:2]):
        raise Refused("NAME_ERROR")
    if not (addresses or code or properties):
        raise Refused("WRONG_REQUEST", 400, "Update fields can't be empty")
    handlers = {_HANDLERS[name]: url for name, url in addresses.items()}
    user = call.content.users[bot.id]
    name, last_name, position = _properties(properties)
    call.content.add_bot(
        replace(bot, code=code or bot.code, handlers={**bot.handlers, **handlers}),
        name or user.name,
        last_name or user.last_name,
        position or user.work_position,
    )
    return True


def unregister(call: Call) -> object:
    bot = named_bot_v1(call)
    call.events.bot_removed(bot, call.grant)
    call.content.remove_bot(bot)
    return True


def listed(call: Call) -> object:
    """All bots of the portal by their ids (bitrix24.md 1.11); an empty list is PHP's empty array."""
    return php.as_json(
        {
            str(bot.id): {
                "ID": bot.id,
                "NAME": call.content.users[bot.id].full_name,
                "CODE": bot.code,
                "OPENLINE": "Y" if bot.openline else "N",
            }
            for bot in call.content.bots.values()
        }
    )


def register_command(call: Call) -> object:
    """The id of a new command, or of the bot's command with that name, which stays unchanged."""
    bot, name, url = named_bot_v1(call), call.text("COMMAND").removeprefix("/"), call.text("EVENT_COMMAND_ADD")
    if not name:
        raise Refused("COMMAND_ERROR")
    if not url:
        raise Refused("EVENT_COMMAND_ADD_ERROR")
    _check("EVENT_COMMAND_ADD", url)
    known = next((command for command in call.content.commands_of(bot) if command.name == name), None)
    if known:
        return known.id
    command = _with_texts(Command(call.content.next_number(), bot.id, name, {}, {}), call.params)
    if not command.titles:
        raise Refused("LANG_ERROR")
    call.content.commands[command.id] = command
    call.content.bots[bot.id] = replace(bot, handlers={**bot.handlers, _COMMAND_EVENT: url})
    return command.id


def update_command(call: Call) -> object:
    """Changes name, address and texts."""
    command, fields = _own_command(call), call.array("FIELDS")
    bot = call.content.bots[command.bot_id]
    if not fields:
        raise Refused("WRONG_REQUEST", 400, "Update fields can't be empty")
    name, url = php.text(fields.get("COMMAND")).removeprefix("/"), php.text(fields.get("EVENT_COMMAND_ADD"))
    if url:
        _check("EVENT_COMMAND_ADD", url)
        call.content.bots[bot.id] = replace(bot, handlers={**bot.handlers, _COMMAND_EVENT: url})
    call.content.commands[command.id] = _with_texts(replace(command, name=name or command.name), fields)
    return True


def unregister_command(call: Call) -> object:
    del call.content.commands[_own_command(call).id]
    return True


def _own_command(call: Call) -> Command:
    """The command with this id, of a bot of the caller's."""
    token, command_id = token_v1(call), call.text("COMMAND_ID")
    command = next((each for each in call.content.commands.values() if str(each.id) == command_id), None)
    if command is None:
        raise Refused("COMMAND_ID_ERROR")
    if not owns(call.grant, call.content.bots[command.bot_id], token):
        raise Refused("APP_ID_ERROR", 403, "Command was installed by another rest application")
    return command


def _addresses(fields: Mapping[str, object]) -> dict[str, str]:
    """The given addresses by their fields; `EVENT_HANDLER` is the default of all of them."""
    folded = {name.upper(): php.text(value) for name, value in fields.items()}
    common = folded.get("EVENT_HANDLER", "")
    found = {name: folded.get(name) or common for name in _HANDLERS}
    for name, url in found.items():
        if url:
            _check(name, url)
    return {name: url for name, url in found.items() if url}


def _check(field: str, url: str) -> None:
    if handler_urls.fault_of(url):
        raise Refused(f"{field}_ERROR", 400, "Wrong handler URL")


def _properties(properties: Mapping[str, object]) -> tuple[str, str, str]:
    name, last_name, position = (php.text(properties.get(key)) for key in ("NAME", "LAST_NAME", "WORK_POSITION"))
    return name, last_name, position


def _with_texts(command: Command, fields: Mapping[str, object]) -> Command:
    """The command with the texts and flags that are given."""
    folded = {name.upper(): value for name, value in fields.items()}
    languages = [php.entries(each) for each in php.entries(folded.get("LANG")).values()]
    texts = {php.text(each.get("LANGUAGE_ID")): each for each in languages}
    return replace(
        command,
        titles={**command.titles, **{code: php.text(each.get("TITLE")) for code, each in texts.items()}},
        hints={**command.hints, **{code: php.text(each.get("PARAMS")) for code, each in texts.items()}},
        common=php.is_true(folded.get("COMMON", command.common)),
        hidden=php.is_true(folded.get("HIDDEN", command.hidden)),
        extranet=php.is_true(folded.get("EXTRANET_SUPPORT", command.extranet)),
    )


_ROWS: tuple[tuple[str, Callable[[Call], object]], ...] = (
    ("imbot.register", register),
    ("imbot.update", update),
    ("imbot.unregister", unregister),
    ("imbot.bot.list", listed),
    ("imbot.command.register", register_command),
    ("imbot.command.update", update_command),
    ("imbot.command.unregister", unregister_command),
)
METHODS = tuple(Method(name, "imbot", run) for name, run in _ROWS)
