"""Calls about the portal, its users and tasks, and the events of an application."""

from dataclasses import replace
from typing import Final

from tests.local.platform.scene import WEBHOOK, Scene, otherwise, refused, usual
from tests.local.platform.stage import HANDLER, Caller

APPLICATION: Final = Caller("application")
EMPLOYEE: Final = Caller("application", user_id=2)
_ANOTHER: Final = "https://service.example.com/other"
_BIND: Final = {"event": "ONAPPUPDATE", "handler": HANDLER, "auth_type": 2, "event_type": "online"}
_UNBIND: Final = {"event": "ONAPPUNINSTALL", "handler": HANDLER, "auth_type": 0, "event_type": "online"}

SCENES: Final[tuple[Scene, ...]] = (
    usual("batch", cmd={"a": "im.chat.get?ENTITY_TYPE=CRM&ENTITY_ID=DEAL%7C1663"}, halt=False),
    otherwise("batch", cmd=["user.get", "im.chat.get", "batch?cmd[a]=profile"], halt=False),
    otherwise("batch", cmd={"a": "no.such.method", "b": "profile"}, halt=True),
    otherwise("batch", cmd=["profile"] * 51),
    usual("app.info", APPLICATION),
    refused("app.info", "ACCESS_DENIED"),
    usual("scope"),
    usual("scope", full=True),
    usual("server.time"),
    usual("method.get", name="im.chat.get"),
    usual("methods", scope="im"),
    usual("methods", replace(WEBHOOK, scopes=frozenset({"im"})), full=True),
    usual("feature.get", CODE="rest_auth_connector"),
    refused("feature.get", "CODE_EMPTY", CODE="0"),
    usual("profile"),
    usual("user.admin"),
    usual("user.current"),
    usual("user.get", FILTER={"ACTIVE": True}, sort="NAME", order="DESC", ADMIN_MODE=False),
    otherwise("user.get", FILTER={"NAME": "%o%"}, select=["ID", "NAME"]),
    otherwise("user.get", FILTER={"ACTIVE": True}, start=50),
    usual("user.get", FILTER={"!ACTIVE": False}),
    usual("im.user.get", ID=2, AVATAR_HR="Y"),
    refused("im.user.get", "USER_NOT_EXISTS", ID=404),
    refused("im.user.get", "ID_EMPTY", ID=0),
    usual("tasks.task.get", taskId=8293, select=["ID", "TITLE"]),
    otherwise("tasks.task.get", taskId=404),
    refused("tasks.task.get", "100"),
    refused("tasks.task.get", "0", taskId="eight"),
    usual("event.bind", APPLICATION, **_BIND),
    usual("event.bind", APPLICATION, event="ONAPPUPDATE", event_type="offline"),
    refused("event.bind", "ERROR_EVENT_NOT_FOUND", APPLICATION, **{**_BIND, "event": "ONNOTHING"}),
    refused("event.bind", "ACCESS_DENIED", EMPLOYEE, **{**_BIND, "auth_type": 3}),
    refused("event.bind", "ACCESS_DENIED", EMPLOYEE, **{**_BIND, "event_type": "offline"}),
    refused("event.bind", "ERROR_ARGUMENT", APPLICATION, **{**_BIND, "event_type": "later"}),
    refused("event.bind", "ERROR_WRONG_HANDLER_URL", APPLICATION, **{**_BIND, "handler": "http://localhost/"}),
    refused("event.bind", "ERROR_UNSUPPORTED_PROTOCOL", APPLICATION, **{**_BIND, "handler": "ftp://example.com/"}),
    refused("event.bind", "ERROR_CORE", APPLICATION, event="ONAPPUNINSTALL", handler=HANDLER),
    refused("event.bind", "WRONG_AUTH_TYPE", **_BIND),
    usual("event.get", APPLICATION),
    refused("event.get", "WRONG_AUTH_TYPE"),
    usual("events", APPLICATION),
    usual("events", APPLICATION, SCOPE="user"),
    usual("events", replace(APPLICATION, scopes=frozenset({"im"})), FULL=True),
    refused("events", "WRONG_AUTH_TYPE"),
    usual("event.test", APPLICATION, anything="x"),
    refused("event.test", "WRONG_AUTH_TYPE"),
    usual("event.unbind", APPLICATION, **_UNBIND),
    usual("event.unbind", APPLICATION, **{**_UNBIND, "handler": _ANOTHER}),
    usual("event.unbind", APPLICATION, event="ONAPPUNINSTALL", event_type="offline"),
    usual("event.unbind", EMPLOYEE, **_UNBIND),
    refused("event.unbind", "ACCESS_DENIED", EMPLOYEE, **{**_UNBIND, "auth_type": 3}),
    refused("event.unbind", "ACCESS_DENIED", EMPLOYEE, **{**_UNBIND, "event_type": "offline"}),
    refused("event.unbind", "WRONG_AUTH_TYPE", **_UNBIND),
)
