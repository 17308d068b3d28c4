"""Requests that a portal sends when the application is installed, opened, updated or removed (bitrix24.md 4)."""

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from chat_lookup.bitrix24.errors import BitrixError
from tests.support.fakes import MEMBER_ID, FakeBitrix24, Reply, Stores

DOMAIN = "acme.bitrix24.com"
SERVER_ENDPOINT = "https://oauth.bitrix.info/rest/"
APPLICATION_TOKEN = "appt0kenappt0kenappt0kenappt0ken"
OWN_HOST = "abc123.execute-api.eu-central-1.amazonaws.com"
OWN_ADDRESS = f"https://{OWN_HOST}"
SOURCE = "203.0.113.7"
FORM_TYPE = "application/x-www-form-urlencoded"

FRAME_QUERY = {"DOMAIN": DOMAIN, "PROTOCOL": "1", "LANG": "en", "APP_SID": "5552d735db7b7b4d5c16dd9c272bfe7d"}
FRAME_FORM = {
    "AUTH_ID": "offered-access-token",
    "AUTH_EXPIRES": "3600",
    "REFRESH_ID": "offered-refresh-token",
    "SERVER_ENDPOINT": SERVER_ENDPOINT,
    "APPLICATION_TOKEN": APPLICATION_TOKEN,
    "APPLICATION_SCOPE": "im,imbot",
    "member_id": MEMBER_ID,
    "status": "L",
    "PLACEMENT": "DEFAULT",
}
EVENT_AUTH = {
    "access_token": "offered-access-token",
    "expires_in": "3600",
    "scope": "im imbot",
    "domain": DOMAIN,
    "server_endpoint": SERVER_ENDPOINT,
    "status": "L",
    "client_endpoint": f"https://{DOMAIN}/rest/",
    "member_id": MEMBER_ID,
    "refresh_token": "offered-refresh-token",
    "application_token": APPLICATION_TOKEN,
}
UNINSTALL_AUTH = {
    name: EVENT_AUTH[name]
    for name in ("domain", "server_endpoint", "client_endpoint", "member_id", "application_token")
}

Changes = Mapping[str, str | None]


def changed(fields: Mapping[str, str], changes: Changes) -> dict[str, str]:
    """The fields with changes; None removes a field."""
    return {name: value for name, value in {**fields, **changes}.items() if value is not None}


def http(
    route: str,
    query: Mapping[str, str] | None = None,
    body: str = "",
    *,
    is_base64: bool = False,
    content_type: str = FORM_TYPE,
    headers: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The gateway's event for one request."""
    verb, _, path = route.partition(" ")
    return {
        "version": "2.0",
        "routeKey": route,
        "rawPath": path,
        "rawQueryString": urlencode(query or {}),
        "headers": {"content-type": content_type, **(headers or {})},
        "requestContext": {
            "domainName": OWN_HOST,
            "http": {"method": verb, "path": path, "sourceIp": SOURCE},
            "requestId": "request-1",
            "routeKey": route,
        },
        "body": base64.b64encode(body.encode()).decode() if is_base64 else body,
        "isBase64Encoded": is_base64,
    }


def frame(
    path: str = "install", *, query: Changes | None = None, form: Changes | None = None, is_base64: bool = False
) -> dict[str, Any]:
    """A user opens the installer (`install`) or the application (`app`) in its frame."""
    return http(
        f"POST /bitrix24/{path}",
        changed(FRAME_QUERY, query or {}),
        urlencode(changed(FRAME_FORM, form or {})),
        is_base64=is_base64,
    )


def event_body(name: str, auth: Mapping[str, str]) -> str:
    fields = {"event": name, "data[VERSION]": "1", "ts": "1771930000"}
    return urlencode(fields | {f"auth[{key}]": value for key, value in auth.items()})


def event(name: str, auth: Changes | None = None, *, is_base64: bool = False) -> dict[str, Any]:
    """An event of the application's life cycle, with the usual fields in `auth` unless changed."""
    usual = UNINSTALL_AUTH if name == "ONAPPUNINSTALL" else EVENT_AUTH
    return http("POST /bitrix24/install", body=event_body(name, changed(usual, auth or {})), is_base64=is_base64)


def refusing(code: str, status: int) -> Reply:
    """A portal's refusal of a call with an access token."""

    def refuse(_: Mapping[str, object]) -> object:
        raise BitrixError(code, status, description="description by the portal")

    return refuse


def answer_as_a_portal(bitrix24: FakeBitrix24, *, admin: bool = True) -> None:
    """Have every method that an installation calls answer as a current portal does."""
    for method, result in {
        "profile": {"ID": "1", "ADMIN": admin, "NAME": "Ada"},
        "scope": ["im", "imbot"],
        "method.get": {"isExisting": True, "isAvailable": True},
        "imbot.v2.Revision.get": {"rest": 36, "web": 130},
        "app.info": {"ID": 1, "LICENSE_FAMILY": "std", "INSTALLED": False},
        "imbot.v2.Bot.register": {"bot": {"id": 456, "code": "chat_lookup"}, "users": []},
        "imbot.v2.Bot.update": {"bot": {"id": 456}, "users": []},
        "imbot.v2.Command.register": {"command": {"id": 42, "botId": 456}},
        "imbot.v2.Command.update": {"command": {"id": 42, "botId": 456}},
        "event.get": [],
        "event.bind": True,
        "event.unbind": {"count": 1},
        "imbot.v2.Command.unregister": {"result": True},
        "imbot.v2.Bot.unregister": {"result": True},
    }.items():
        bitrix24.answers(method, result)


def secret_arns(stores: Stores, kind: str = "portal") -> set[str]:
    """The ARNs of all secrets of this kind."""
    pages = stores.secrets.get_paginator("list_secrets").paginate()
    return {secret["ARN"] for page in pages for secret in page["SecretList"] if f"/{kind}/" in secret["Name"]}
