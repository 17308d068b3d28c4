"""Control of the portal itself: its content and its behaviour."""

import secrets
from collections.abc import Collection
from dataclasses import asdict, replace
from typing import cast

from local.portal.behaviour.limits import Plan
from local.portal.behaviour.shape import Shape
from local.portal.content.chat import Chat
from local.portal.content.content import USER_KINDS, Bot, User, UserKind
from local.portal.control import fault_fields
from local.portal.control.fields import ControlError, Fields
from local.portal.control.routes import MovableClock, Query, Route
from local.portal.methods.bots_v2 import EVENTS, LONGEST_TOKEN
from local.portal.rest.dispatcher import Rest
from local.portal.state import State

_LONGEST_ENTITY = 10_000  # none is documented (bitrix24.md 8)
_MOST_ADVANCE_S = 10 * 365 * 86_400
_SHAPES = {
    "result": ("object", "int"),
    "bot_api": ("v2", "v1"),
    "frame": ("new", "old"),
    "bindings": ("vanish", "stay"),
    "auth_in_events": ("full", "brief"),
    "handler_id": ("always", "bound"),
    "same_pair": ("youngest", "oldest", "any"),
    "pair_case": ("exact", "ignored"),
}
_FLAGS = ("oauth_post", "entity_id_in_events", "refresh_in_events", "flat_commands")


class PortalControl:
    """`names` are the hosts in the portal's certificate, and so those that it can be renamed to."""

    def __init__(self, state: State, rest: Rest, clock: MovableClock, names: Collection[str]) -> None:
        self._state = state
        self._rest = rest
        self._clock = clock
        self._names = names

    def routes(self) -> tuple[Route, ...]:
        return (
            Route("POST", "/chats", self._add_chat),
            Route("POST", "/users", self._add_user),
            Route("POST", "/deactivate", self._deactivate),
            Route("POST", "/bots", self._add_bot),
            Route("POST", "/faults", self._faults),
            Route("POST", "/plan", self._plan),
            Route("POST", "/clock", self._advance),
            Route("POST", "/shape", self._shape),
            Route("POST", "/rename", self._rename),
            Route("POST", "/reset", self._reset),
        )

    def _add_chat(self, _: Query, body: object) -> object:
        fields, content = Fields(body), self._state.content
        owner = self._state.webhook.user_id
        chat_id = fields.whole("chat_id", 0) or content.free_id()
        members = frozenset(fields.wholes("members", [owner]))
        chat = Chat(
            id=chat_id,
            title=fields.text("title", f"Chat {chat_id}"),
            owner_id=owner if owner in members else min(members, default=owner),
            members=members,
            entity_type=fields.text("entity_type", longest=_LONGEST_ENTITY),
            entity_id=fields.text("entity_id", longest=_LONGEST_ENTITY),
            created_at=self._clock.now(),
        )
        fields.finish()
        content.put_chat(chat)
        return {"chat_id": chat.id}

    def _add_user(self, _: Query, body: object) -> object:
        """Adds a user of any kind, or changes one."""
        fields, content = Fields(body), self._state.content
        user = User(
            id=fields.whole("user_id", 0) or content.free_id(),
            name=fields.text("name", "User"),
            last_name=fields.text("last_name", ""),
            admin=fields.flag("admin", default=False),
            kind=cast(UserKind, fields.one_of("kind", USER_KINDS)) if fields.has("kind") else "employee",
        )
        fields.finish()
        content.add_user(user)
        return {"user_id": user.id}

    def _deactivate(self, _: Query, body: object) -> object:
        """Deactivates a user, and with it every token of that user; `active` reactivates both."""
        fields = Fields(body)
        user_id, active = fields.whole("user_id"), fields.flag("active", default=False)
        fields.finish()
        user = self._state.content.users.get(user_id)
        if user is None:
            raise ControlError(f"no such user; there are {', '.join(map(str, self._state.content.users))}")
        self._state.content.add_user(replace(user, active=active))
        return {"user_id": user_id, "active": active}

    def _add_bot(self, _: Query, body: object) -> object:
        """Adds a bot as a webhook registers one, with `webhook_url` one that receives its events there."""
        fields, content = Fields(body), self._state.content
        url = fields.address("webhook_url")
        bot = Bot(
            id=fields.whole("bot_id", 0) or content.free_id(),
            code=fields.text("code", "bot"),
            token=fields.text("bot_token", secrets.token_hex(16), shortest=1, longest=LONGEST_TOKEN),
            event_mode="webhook" if url else "fetch",
            handlers=dict.fromkeys(EVENTS, url) if url else {},
        )
        name = fields.text("name", "Bot")
        fields.finish()
        content.add_bot(bot, name)
        return {"bot_id": bot.id, "bot_token": bot.token, "application_token": bot.application_token}

    def _faults(self, _: Query, body: object) -> object:
        """Adds one fault or a list of faults; an empty list ends all faults."""
        items = body if isinstance(body, list) else [body]
        faults = [fault_fields.read_fault(item) for item in items]
        if not faults:
            self._state.faults.clear()
        self._state.faults.arm(faults)
        return {"added": len(faults)}

    def _plan(self, _: Query, body: object) -> object:
        fields, plan = Fields(body), self._state.plan
        changed = Plan(
            rate=fields.number("rate", plan.rate),
            burst=fields.number("burst", plan.burst, least=1),
            operating_limit=fields.number_or_null("operating_limit", plan.operating_limit),
            operating_cost_ms=fields.number("operating_cost_ms", plan.operating_cost_ms),
        )
        fields.finish()
        self._state.plan = changed
        return asdict(changed)

    def _advance(self, _: Query, body: object) -> object:
        fields = Fields(body)
        seconds = fields.number("advance_s", most=_MOST_ADVANCE_S)
        fields.finish()
        self._clock.advance(seconds)
        return {"now": self._clock.now()}

    def _shape(self, _: Query, body: object) -> object:
        """Changes the given fields only."""
        fields, shape = Fields(body), self._state.shape
        given = {name: fields.one_of(name, choices) for name, choices in _SHAPES.items() if fields.has(name)}
        flags = {name: fields.flag(name, default=getattr(shape, name)) for name in _FLAGS}
        fields.finish()
        self._state.shape = Shape(**{**asdict(shape), **given, **flags})
        return asdict(self._state.shape)

    def _rename(self, _: Query, body: object) -> object:
        fields = Fields(body)
        host = fields.one_of("host", tuple(self._names))
        fields.finish()
        self._state.identity.rename(host)
        return {"portal_url": self._state.identity.portal_url}

    def _reset(self, _: Query, body: object) -> object:
        Fields(body).finish()
        self._state.reset()
        self._rest.reset()
        self._clock.reset()
        return {}
