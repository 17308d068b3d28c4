"""Methods that register a bot's slash commands, v2 (bitrix24.md 9, row 16)."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from local.portal.content.content import Bot, Command
from local.portal.methods.bot_ownership import bot_v2
from local.portal.methods.call import Call, Method
from local.portal.protocol import php
from local.portal.protocol.errors import Refused

_FLAGS: Mapping[str, str] = {"common": "common", "hidden": "hidden", "extranetSupport": "extranet"}
_LANGUAGE = "en"  # the portal's


def register(call: Call) -> object:
    """A new command, or the bot's command with that name: registering again changes nothing."""
    bot = bot_v2(call)
    fields = call.array("fields") or (dict(call.params) if call.shape.flat_commands else {})
    name = _name(fields, "COMMAND_REQUIRED")
    known = _by_name(call, bot, name)
    if known:
        return {"command": _shown(known)}
    command = _changed(Command(call.content.next_number(), bot.id, name, {}, {}), fields)
    if not (command.hidden or command.titles):
        raise Refused("COMMAND_TITLE_REQUIRED")
    call.content.commands[command.id] = command
    return {"command": _shown(command)}


def update(call: Call) -> object:
    """Changes what is given; a title that is null is removed."""
    bot = bot_v2(call)
    command, fields = _named(call, bot), call.array("fields")
    if "command" in fields:
        name = _name(fields, "COMMAND_NAME_EMPTY")
        known = _by_name(call, bot, name)
        if known and known.id != command.id:
            raise Refused("COMMAND_ALREADY_EXISTS")
        command = replace(command, name=name)
    command = call.content.commands[command.id] = _changed(command, fields)
    return {"command": _shown(command)}


def listed(call: Call) -> object:
    """The bot's commands, in the portal's language."""
    bot = bot_v2(call)
    return {
        "commands": [
            {
                **_shown(command),
                "title": _translated(command.titles),
                "params": _translated(command.hints),
                "category": call.content.users[bot.id].full_name,
                "context": "",
            }
            for command in call.content.commands_of(bot)
        ]
    }


def unregister(call: Call) -> object:
    del call.content.commands[_named(call, bot_v2(call)).id]
    return {"result": True}


def _name(fields: Mapping[str, object], empty: str) -> str:
    name = fields.get("command")
    if name is None or name == "":
        raise Refused(empty)
    if not isinstance(name, str):
        raise Refused("COMMAND_NAME_INVALID")
    return name.removeprefix("/")


def _named(call: Call, bot: Bot) -> Command:
    command_id = call.text("commandId")
    found = (each for each in call.content.commands_of(bot) if str(each.id) == command_id)
    command = next(found, None)
    if command is None:
        raise Refused("COMMAND_NOT_FOUND")
    return command


def _by_name(call: Call, bot: Bot, name: str) -> Command | None:
    return next((command for command in call.content.commands_of(bot) if command.name == name), None)


def _changed(command: Command, fields: Mapping[str, object]) -> Command:
    flags = {ours: php.is_true(fields[theirs]) for theirs, ours in _FLAGS.items() if theirs in fields}
    return replace(
        command,
        titles=_merged(command.titles, php.entries(fields.get("title"))),
        hints=_merged(command.hints, php.entries(fields.get("params"))),
        **flags,  # type: ignore[arg-type]  # flags only, by their names
    )


def _merged(known: Mapping[str, str], given: Mapping[str, object]) -> Mapping[str, str]:
    """Translations: given ones replace, null ones remove, all others stay (command-update.md)."""
    kept = {language: text for language, text in known.items() if language not in given}
    return kept | {language: php.text(text) for language, text in given.items() if text is not None}


def _translated(texts: Mapping[str, str]) -> str:
    return texts.get(_LANGUAGE) or next(iter(texts.values()), "")


def _shown(command: Command) -> dict[str, object]:
    return {
        "id": command.id,
        "botId": command.bot_id,
        "command": f"/{command.name}",
        "common": command.common,
        "hidden": command.hidden,
        "extranetSupport": command.extranet,
    }


_ROWS: tuple[tuple[str, Callable[[Call], object]], ...] = (
    ("imbot.v2.Command.register", register),
    ("imbot.v2.Command.update", update),
    ("imbot.v2.Command.list", listed),
    ("imbot.v2.Command.unregister", unregister),
)
METHODS = tuple(Method(name, "imbot", run) for name, run in _ROWS)
