"""Users of a portal who open the page inside it: each with a token, and with the chats that this user may see."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import unescape
from http import HTTPStatus
from typing import Any, Final

from chat_lookup.bitrix24.errors import BitrixError
from functions.install import app as install_app
from functions.page import app
from tests.support.fakes import FakeBitrix24, Stores, lambda_context
from tests.support.portals.crm_content import FakeCrm, FakeLine
from tests.support.portals.first_contact import Changes, frame, http

ADMINISTRATOR: Final = "admins-access-token"
EMPLOYEE: Final = "employees-access-token"
OUTSIDER: Final = "outsiders-access-token"
_OWN: Final = {"ID": "1", "ADMIN": True}
"""The profile of the installation's own user."""


@dataclass
class Visitors:
    """What the fake portal replies to each user's token. The installation's own tokens go on as before."""

    bitrix24: FakeBitrix24
    profiles: dict[str, dict[str, object]] = field(
        default_factory=lambda: {
            ADMINISTRATOR: {"ID": "1", "ADMIN": True, "NAME": "Ada"},
            EMPLOYEE: {"ID": "5", "ADMIN": False, "NAME": "Erik"},
            OUTSIDER: {"ID": "7", "ADMIN": False, "NAME": "Olga"},
        }
    )
    members: dict[str, set[int]] = field(
        default_factory=lambda: {ADMINISTRATOR: {1437, 1763}, EMPLOYEE: {1437, 1763}, OUTSIDER: set()}
    )
    titles: dict[int, str] = field(default_factory=lambda: {1437: "Deal tyres", 1763: "Client on Telegram"})

    def behind(self) -> None:
        self.bitrix24.answers_by("profile", self._profile)
        self.bitrix24.answers_by("im.dialog.get", self._dialog)
        self.bitrix24.answers("imbot.v2.Bot.list", {"bots": [{"id": 456, "eventMode": "webhook"}], "users": []})
        FakeCrm(
            {"DEAL|1663": 1437, "ORDER 2026-0815": 1437},
            {"CONTACT|42": [FakeLine(1763, active=True)]},
            {"DEAL|1663": [42]},
            gone={"DEAL|404"},
        ).behind(self.bitrix24)

    @property
    def _token(self) -> str:
        return self.bitrix24.calls[-1].endpoint.auth or ""

    def _profile(self, _: Mapping[str, object]) -> object:
        if not self._token.endswith("-access-token") or self._token == "offered-access-token":
            return _OWN
        if self._token not in self.profiles:
            raise BitrixError("expired_token", 401, method="profile")
        return self.profiles[self._token]

    def _dialog(self, params: Mapping[str, object]) -> object:
        chat_id = int(str(params["DIALOG_ID"]).removeprefix("chat"))
        if chat_id not in self.members.get(self._token, set()):
            raise BitrixError("ACCESS_ERROR", 403, method="im.dialog.get")
        title = self.titles.get(chat_id, f"Chat {chat_id}")
        return {"id": chat_id, "name": title, "type": "chat", "entity_type": "CRM", "entity_id": "DEAL|1663"}


def with_page_key(stores: Stores) -> str:
    """Make the secret that the template makes with the stack, and return its name."""
    return stores.secrets.create_secret(Name="unit/page-key", SecretString=json.dumps({"key": "k" * 64}))["Name"]


def visit(token: str = ADMINISTRATOR, form: Changes | None = None, query: Changes | None = None) -> dict[str, Any]:
    """Open the page in its frame."""
    return app.handler(frame("app", form={"AUTH_ID": token, **(form or {})}, query=query), lambda_context())


def followed(event: dict[str, Any]) -> dict[str, Any]:
    """The answer at the application's address to a browser, which follows a redirect to the installation."""
    answer = app.handler(event, lambda_context())
    if answer["statusCode"] != HTTPStatus.TEMPORARY_REDIRECT:
        return answer
    path, _, query = answer["headers"]["location"].partition("?")
    verb = event["requestContext"]["http"]["method"]
    return install_app.handler(
        event | {"routeKey": f"{verb} {path}", "rawPath": path, "rawQueryString": query}, lambda_context()
    )


def session_in(document: Mapping[str, Any]) -> str:
    found = re.search(r'data-session="([^"]+)"', document["body"])
    assert found is not None, unescape(document["body"])[:300]
    return found[1]


def ask(
    verb: str, path: str, body: object = None, *, session: str | None, token: str | None, query: str = ""
) -> dict[str, Any]:
    """A request of the page's script; None leaves the header out."""
    headers = {"x-page-session": session, "x-bitrix24-token": token}
    event = http(
        f"{verb} /v1/page/{{proxy+}}",
        body="" if body is None else json.dumps(body),
        content_type="application/json",
        headers={name: value for name, value in headers.items() if value is not None},
    )
    event |= {"pathParameters": {"proxy": path}, "rawPath": f"/v1/page/{path}", "rawQueryString": query}
    return app.handler(event, lambda_context())


def code(response: Mapping[str, Any]) -> str:
    """The status, and the code of a problem."""
    if response["statusCode"] == 200:
        return "200"
    return f"{response['statusCode']} {json.loads(response['body'])['type'].rpartition(':')[2]}"
