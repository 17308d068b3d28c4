"""The way to play with the portal: JSON in and out, on an address of its own (design 3.6)."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Protocol, cast
from urllib.parse import parse_qsl

from chat_lookup.clock import Clock
from local.portal import fault_fields, wire
from local.portal.calling import Shape
from local.portal.content import Bot, Chat
from local.portal.fields import ControlError, Fields, read_json
from local.portal.limits import Plan
from local.portal.rest import Rest
from local.portal.system import SCOPES

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

_LONGEST_ENTITY = 10_000  # nobody documents one (bitrix24.md 8)
_LONGEST_BOT_TOKEN = 40  # bitrix24.md 1.10
_MOST_ADVANCE_S = 10 * 365 * 86_400


class MovableClock(Clock, Protocol):
    """A clock that can be put forward and back to the real time."""

    def advance(self, seconds: float) -> None: ...

    def reset(self) -> None: ...


class Control:
    """A WSGI application. Each route's handler takes the query and the body and gives the answer, under the lock."""

    def __init__(self, rest: Rest, clock: MovableClock) -> None:
        self._rest = rest
        self._clock = clock
        self._routes: Mapping[str, Mapping[str, Callable[[Mapping[str, str], object], object]]] = {
            "/chats": {"POST": self._add_chat},
            "/calls": {"GET": self._calls},
            "/faults": {"POST": self._faults},
            "/plan": {"POST": self._plan},
            "/clock": {"POST": self._advance},
            "/shape": {"POST": self._shape},
            "/scopes": {"POST": self._scopes},
            "/bots": {"POST": self._add_bot},
            "/reset": {"POST": self._reset},
        }

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> "Iterable[bytes]":
        try:
            status, answer = 200, self._answer(environ)
        except ControlError as error:
            status, answer = error.status, {"error": str(error)}
        start_response(wire.status_line(status), [("Content-Type", wire.JSON_TYPE)])
        return [wire.encode(answer)]

    def _answer(self, environ: "WSGIEnvironment") -> object:
        path, verb = environ["PATH_INFO"], environ["REQUEST_METHOD"]
        verbs = self._routes.get(path)
        if verbs is None:
            raise ControlError(f"no such route; there are {', '.join(self._routes)}", 404)
        if verb not in verbs:
            raise ControlError(f"{path} answers {', '.join(verbs)} only", 405)
        query = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
        body = read_json(environ["wsgi.input"].read())
        with self._rest.lock:
            return verbs[verb](query, body)

    def _add_chat(self, _: Mapping[str, str], body: object) -> object:
        fields, content = Fields(body), self._rest.content
        owner = self._rest.webhook.user_id
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

    def _add_bot(self, _: Mapping[str, str], body: object) -> object:
        fields, content = Fields(body), self._rest.content
        bot = Bot(
            id=fields.whole("bot_id", 0) or content.free_id(),
            code=fields.text("code", "bot"),
            token=fields.text("bot_token", secrets.token_hex(16), shortest=1, longest=_LONGEST_BOT_TOKEN),
        )
        name = fields.text("name", "Bot")
        fields.finish()
        content.add_bot(bot, name)
        return {"bot_id": bot.id, "bot_token": bot.token}

    def _calls(self, query: Mapping[str, str], _: object) -> object:
        if unknown := query.keys() - {"method"}:
            raise ControlError(f"unknown in the query: {', '.join(sorted(unknown))}; known is method")
        known_secrets = (self._rest.webhook.code, *(bot.token for bot in self._rest.content.bots.values()))
        return self._rest.calls.listed(known_secrets, query.get("method"))

    def _faults(self, _: Mapping[str, str], body: object) -> object:
        """One fault or a list of them joins those in force; an empty list ends them all."""
        items = body if isinstance(body, list) else [body]
        faults = [fault_fields.read_fault(item) for item in items]
        if not faults:
            self._rest.faults.clear()
        self._rest.faults.arm(faults)
        return {"added": len(faults)}

    def _plan(self, _: Mapping[str, str], body: object) -> object:
        fields, plan = Fields(body), self._rest.plan
        told = Plan(
            rate=fields.number("rate", plan.rate),
            burst=fields.number("burst", plan.burst, least=1),
            operating_limit=fields.number_or_null("operating_limit", plan.operating_limit),
            operating_cost_ms=fields.number("operating_cost_ms", plan.operating_cost_ms),
        )
        fields.finish()
        self._rest.plan = told
        return asdict(told)

    def _advance(self, _: Mapping[str, str], body: object) -> object:
        fields = Fields(body)
        seconds = fields.number("advance_s", most=_MOST_ADVANCE_S)
        fields.finish()
        self._clock.advance(seconds)
        return {"now": self._clock.now()}

    def _shape(self, _: Mapping[str, str], body: object) -> object:
        fields = Fields(body)
        shape = fields.one_of("result", ("object", "int"))
        fields.finish()
        self._rest.result_shape = cast(Shape, shape)
        return {"result": shape}

    def _scopes(self, _: Mapping[str, str], body: object) -> object:
        fields = Fields(body)
        scopes = frozenset(fields.texts("scopes", SCOPES))
        fields.finish()
        self._rest.webhook = replace(self._rest.webhook, scopes=scopes)
        return {"scopes": sorted(scopes)}

    def _reset(self, _: Mapping[str, str], body: object) -> object:
        Fields(body).finish()
        self._rest.reset()
        self._clock.reset()
        return {}
