"""A portal in this process, new for each call, with all that the scenes need: nothing that one call changes is seen by
another."""

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal, NoReturn, TypeAlias

from local.portal.content.chat import Chat
from local.portal.content.content import Binding, Bot, Command, User
from local.portal.content.demo import ADMIN, demo_content
from local.portal.content.messages import ChatMessage
from local.portal.control.overview import Overview
from local.portal.events.caused import Caused
from local.portal.events.courier import Courier
from local.portal.events.http_delivery import Delivery
from local.portal.events.outbox import Outbox
from local.portal.methods.bots_v2 import EVENTS
from local.portal.oauth.identity import Identity
from local.portal.oauth.webhook import Webhook
from local.portal.protocol import php, rest_wire
from local.portal.rest.dispatcher import Rest
from local.portal.state import State
from tests.local.platform.snapshots import snapshot
from tests.support.fakes import ManualClock

Door: TypeAlias = Literal["webhook", "application"]
Prepare: TypeAlias = Callable[[State], None]
Params: TypeAlias = Mapping[str, Any]

JSON: Final = "application/json"
CODE: Final = "0123456789abcdef"
TOKEN: Final = "own-token"
CLIENT: Final = "local.0123456789abcd.01234567"
FOREIGN: Final = "local.foreign.00000001"
HANDLER: Final = "https://service.example.com/events"
MEMBER_ID: Final = "0" * 32
ALL_SCOPES: Final = frozenset(
    ["bizproc", "crm", "im", "imbot", "imopenlines", "placement", "task", "tasks", "user", "user_basic", "user_brief"]
)

NO_DELIVERY: Final = Delivery(Path("no authority"))

BOT, OLD_BOT, FOREIGN_BOT = 39, 41, 45
"""The caller's bots, of v2 and of v1, and one of another application."""
COMMAND, OTHER_COMMAND, OLD_COMMAND, FOREIGN_COMMAND = 51, 52, 53, 54
MESSAGE: Final = 61
"""A message in `CHAT` with a command of each of the caller's bots."""
CHAT, CHAT_WITHOUT_BOTS, CHAT_WITHOUT_CALLER = 1437, 10, 2001


@dataclass(frozen=True, slots=True)
class Answer:
    """`body` is decoded; `code` is that of an error, else empty."""

    status: int
    body: Any
    code: str

    @property
    def result(self) -> Any:
        return self.body.get("result")


@dataclass(frozen=True, slots=True)
class Caller:
    """How a portal is asked. Without `scopes` all that there are."""

    door: Door = "webhook"
    user_id: int = ADMIN.id
    scopes: frozenset[str] | None = None
    prepare: Prepare | None = field(default=None, compare=False)

    def ask(self, method: str, params: Params) -> Answer:
        """Calls a method with a JSON body."""
        stage = _Stage(self)
        body = json.dumps({**params, **stage.credential}).encode()
        return stage.over_the_wire(method, body, JSON)

    def twice(self, method: str, body: bytes, content_type: str) -> tuple[Answer, Answer]:
        """The answer to a body as it is, to which the credential is added, and that to a usual call of the same portal
        after it, which reads back what is stored."""
        stage = _Stage(self)
        answer = stage.over_the_wire(method, stage.with_credential(body, content_type), content_type)
        return answer, stage.read_back()

    def outcome(self, method: str, params: Params) -> object:
        """All that comes of a call: its answer, but for the time, and what the portal stores then."""
        stage = _Stage(self)
        answer = stage.over_the_wire(method, json.dumps({**params, **stage.credential}).encode(), JSON)
        members = {name: value for name, value in answer.body.items() if name != "time"}
        return answer.code, members, snapshot(stage.state.content)

    def ask_by_form(self, method: str, params: Params) -> Answer:
        """Calls a method with a form; its values are texts."""
        stage = _Stage(self)
        form = php.encode(php.flat({**params, **stage.credential}))
        return stage.over_the_wire(method, form.encode(), "application/x-www-form-urlencoded")

    def ask_in_batch(self, method: str, params: Params) -> Answer:
        """Calls a method as the one command of a batch; the answer is that of the command."""
        stage = _Stage(self)
        command = method + "?" + php.encode(php.flat(params))
        body = json.dumps({"cmd": {"it": command}, **stage.credential}).encode()
        answer = stage.over_the_wire("batch", body, JSON)
        if answer.code:
            return answer
        errors = php.entries(answer.result["result_error"])
        if "it" in errors:
            return Answer(0, errors["it"], errors["it"]["error"])  # type: ignore[index]  # an error is an object
        results, times = (answer.result[name] for name in ("result", "result_time"))
        return Answer(200, {"result": results["it"], "time": times["it"]}, "")

    def ask_rest_3(self, method: str, params: Params) -> Answer:
        """Calls a method of REST 3, which has no schemas."""
        stage = _Stage(self)
        body = json.dumps({**params, **stage.credential}).encode()
        return stage.over_the_wire(method, body, JSON, "api")

    def ask_with(self, method: str, params: Params) -> Answer:
        """Calls a method with these very objects, so that reads of them can be recorded."""
        stage = _Stage(self)
        request = rest_wire.RestRequest(
            method, *stage.address, params={**params, **stage.credential}, host="127.0.0.1:443", uri="/"
        )
        return stage.answer(request)


def _no_json(constant: str) -> NoReturn:
    """Python reads NaN and Infinity, other readers of JSON do not."""
    raise AssertionError(f"{constant} is no JSON")


class _Stage:
    """A portal as a caller meets it: its bots belong to the caller, whichever door that takes."""

    def __init__(self, caller: Caller) -> None:
        clock = ManualClock()
        content = demo_content(clock)
        scopes = ALL_SCOPES if caller.scopes is None else caller.scopes
        webhook = Webhook(caller.user_id, CODE, scopes)
        self.state = State(clock, Identity(MEMBER_ID, "127.0.0.1", 443), content, webhook)
        # Its thread is not started: what calls cause is written, and never sent.
        outbox = Outbox(NO_DELIVERY)
        self.rest = Rest(self.state, Caused(self.state, Courier(self.state, NO_DELIVERY), outbox))
        self.address = (str(caller.user_id), CODE) if caller.door == "webhook" else ("", "")
        self.credential = {} if caller.door == "webhook" else {"auth": self._installed(scopes, caller.user_id)}
        self._furnish(*((TOKEN, "") if caller.door == "webhook" else ("", CLIENT)))
        if caller.prepare:
            caller.prepare(self.state)

    def with_credential(self, body: bytes, content_type: str) -> bytes:
        """A body with the access token of an application's call in it, which has at least one other parameter."""
        token = self.credential.get("auth", "").encode()
        if not token:
            return body
        return b'{"auth":"' + token + b'",' + body[1:] if content_type == JSON else b"auth=" + token + b"&" + body

    def read_back(self) -> Answer:
        """The answer to a batch of methods that show what the portal stores; the control's lists are written, too."""
        clock = self.state.clock
        for route in Overview(self.state, clock).routes():
            rest_wire.encode(route.run({}, {}))
        shown = {
            "cmd": {"a": "profile", "b": f"im.dialog.get?DIALOG_ID=chat{CHAT}", "c": "user.get", "d": "imbot.bot.list"}
        }
        return self.over_the_wire("batch", json.dumps({**shown, **self.credential}).encode(), JSON)

    def over_the_wire(self, method: str, body: bytes, content_type: str, below: str = "") -> Answer:
        """The answer to a request as the server reads it; `below` is the folder of REST 3."""
        way = "/".join(part for part in (below, *self.address, method) if part)
        environ: Any = {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": f"/rest/{way}",
            "RAW_URI": f"/rest/{way}",
            "QUERY_STRING": "",
            "HTTP_HOST": "127.0.0.1:443",
            "CONTENT_TYPE": content_type,
            "wsgi.input": io.BytesIO(body),
        }
        request = rest_wire.read(environ)
        assert request is not None, way
        return self.answer(request)

    def answer(self, request: rest_wire.RestRequest) -> Answer:
        """The answer to a request that was read; the code of a failure is the exception's name."""
        try:
            reply = self.rest.answer(request)
        except Exception as error:  # noqa: BLE001 - the server answers 500, whatever it is
            return Answer(500, {}, type(error).__name__)
        return Answer(reply.status, json.loads(reply.body, parse_constant=_no_json), reply.error or "")

    def _installed(self, scopes: frozenset[str], user_id: int) -> str:
        """An access token of the user's, in an application that is installed."""
        application = self.state.applications.add(
            client_id=CLIENT, service_url="https://service.example.com", scopes=scopes
        )
        begun = self.state.installations.begin(application, ADMIN.id)
        self.state.installations.put(replace(begun, finished=True))
        return self.state.issue(self.state.context_of(CLIENT), user_id).access_token

    def _furnish(self, token: str, client_id: str) -> None:
        """Bots, their commands, chats with and without them, a message with commands, a handler."""
        content, now = self.state.content, self.state.clock.now()
        handlers = dict.fromkeys(EVENTS, HANDLER)
        own = Bot(BOT, "own_bot", token, client_id, event_mode="webhook", handlers=handlers)
        content.add_bot(own, "Own", "Bot", "Helper")
        old = replace(own, id=OLD_BOT, code="old_bot", api="v1", handlers={}, type="openline")
        content.add_bot(old, "Old", "Bot")
        content.add_bot(Bot(FOREIGN_BOT, "foreign_bot", client_id=FOREIGN), "Foreign", "Bot")
        for number, bot_id, name in (
            (COMMAND, BOT, "help"),
            (OTHER_COMMAND, BOT, "find"),
            (OLD_COMMAND, OLD_BOT, "echo"),
            (FOREIGN_COMMAND, FOREIGN_BOT, "other"),
        ):
            content.commands[number] = Command(number, bot_id, name, {"en": name}, {"en": "text"})
        chat = content.chats[CHAT]
        content.put_chat(replace(chat, members=chat.members | {BOT, OLD_BOT, FOREIGN_BOT}))
        content.put_chat(Chat(CHAT_WITHOUT_CALLER, "Others", 2, frozenset({2, 3}), created_at=now))
        commands = frozenset({COMMAND, OLD_COMMAND, FOREIGN_COMMAND})
        content.messages.put(ChatMessage(MESSAGE, now, CHAT, ADMIN.id, "/help /echo", commands=commands))
        event = "ONAPPUNINSTALL"
        content.bindings[CLIENT] = [
            Binding(1, event, HANDLER),
            Binding(2, event, HANDLER, auth_type=2),
            Binding(3, event, "", offline=True),
        ]
        content.add_user(User(7, "Inactive", "User", active=False))
