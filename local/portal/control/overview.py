"""What is set in the portal, what is in it, and what it received: every GET of the control changes nothing."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Final

from chat_lookup.clock import Clock
from local.portal.behaviour.faults import Fault
from local.portal.content.chat import Chat
from local.portal.content.content import Bot, Command, User
from local.portal.control.fields import ControlError
from local.portal.control.routes import Query, Route
from local.portal.state import State

_NUMBER: Final = re.compile(r"0{0,9}[1-9][0-9]{0,14}")


class Overview:
    """Each answer can be read beside the body of the POST to the same path: its fields have the same names."""

    def __init__(self, state: State, clock: Clock) -> None:
        self._state = state
        self._clock = clock

    def routes(self) -> tuple[Route, ...]:
        return (
            Route("GET", "/chats", self._chats),
            Route("GET", "/users", self._users),
            Route("GET", "/bots", self._bots),
            Route("GET", "/calls", self._calls),
            Route("GET", "/faults", self._faults),
            Route("GET", "/plan", self._plan),
            Route("GET", "/clock", self._now),
            Route("GET", "/shape", self._shape),
        )

    def _chats(self, query: Query, _: object) -> object:
        _admit(query)
        return [_chat(chat) for chat in self._state.content.chats.values()]

    def _users(self, query: Query, _: object) -> object:
        _admit(query)
        return [_user(user) for user in self._state.content.users.values()]

    def _bots(self, query: Query, _: object) -> object:
        _admit(query)
        content = self._state.content
        return [_bot(bot, content.users[bot.id], content.commands_of(bot)) for bot in content.bots.values()]

    def _calls(self, query: Query, _: object) -> object:
        _admit(query, "method", "last")
        last = query.get("last", "")
        if last and not _NUMBER.fullmatch(last):
            raise ControlError('"last" must be a positive whole number')
        return self._state.calls.listed(self._state.secrets(), query.get("method"), int(last) if last else None)

    def _faults(self, query: Query, _: object) -> object:
        """The faults in the order in which they are tried; `applied` is how often each was."""
        _admit(query)
        return [{**_fault(fault), "applied": applied} for fault, applied in self._state.faults.armed()]

    def _plan(self, query: Query, _: object) -> object:
        _admit(query)
        return asdict(self._state.plan)

    def _now(self, query: Query, _: object) -> object:
        _admit(query)
        return {"now": self._clock.now()}

    def _shape(self, query: Query, _: object) -> object:
        _admit(query)
        return asdict(self._state.shape)


def _admit(query: Query, *names: str) -> None:
    if unknown := query.keys() - {*names}:
        raise ControlError(
            f"unknown in the query: {', '.join(sorted(unknown))}; known is {', '.join(names) or 'nothing'}"
        )


def _chat(chat: Chat) -> dict[str, object]:
    return {
        "chat_id": chat.id,
        "title": chat.title,
        "entity_type": chat.entity_type,
        "entity_id": chat.entity_id,
        "members": sorted(chat.members),
        "owner_id": chat.owner_id,
        "type": chat.type,
    }


def _user(user: User) -> dict[str, object]:
    return {
        "user_id": user.id,
        "name": user.name,
        "last_name": user.last_name,
        "admin": user.admin,
        "active": user.active,
        "kind": user.kind,
    }


def _bot(bot: Bot, user: User, commands: list[Command]) -> dict[str, object]:
    """Without its token, which is a secret."""
    return {
        "bot_id": bot.id,
        "code": bot.code,
        "name": user.full_name,
        "client_id": bot.client_id,
        "api": bot.api,
        "type": bot.type,
        "event_mode": bot.event_mode,
        "handlers": dict(bot.handlers),
        "commands": [
            {"command_id": each.id, "command": each.name, "common": each.common, "hidden": each.hidden}
            for each in commands
        ],
    }


def _fault(fault: Fault) -> Mapping[str, object]:
    """The fields that differ from those of a fault that does nothing."""
    usual = asdict(Fault(fault.method, seed="0"))
    given = {name: value for name, value in asdict(fault).items() if value != usual[name]}
    # As in the request: objects for pairs, and the seed as it was given.
    as_sent: dict[str, object] = {name: dict(given[name]) for name in ("headers", "fields") if name in given}
    if "seed" in given:
        as_sent["seed"] = json.loads(fault.seed)
    return {"method": fault.method, **given, **as_sent}
