"""Bots and their commands: registered, changed and owned as the documents say (bitrix24.md 1.9 to 1.12)."""

import itertools
from typing import Any

import pytest

from tests.support.portals.portal_service import ApplicationProbe

HANDLER = "https://service.example/bitrix24/events"
_codes = itertools.count()


@pytest.fixture
def token(probe: ApplicationProbe) -> str:
    """An administrator's access token."""
    access_token: str = probe.grant()["access_token"]
    return access_token


def fields(code: str = "lookup_bot", **more: object) -> dict[str, Any]:
    return {"code": code, "properties": {"name": "Chat Lookup", "workPosition": "Finds chats"}, **more}


def in_webhook_mode(url: str = HANDLER) -> dict[str, str]:
    return {"eventMode": "webhook", "webhookUrl": url}


def test_bot_is_registered_with_its_own_user(probe: ApplicationProbe, token: str) -> None:
    result = probe.result_with(token, "imbot.v2.Bot.register", fields=fields())
    bot = result["bot"]
    assert (bot["code"], bot["type"], bot["eventMode"], bot["moduleId"]) == ("lookup_bot", "bot", "fetch", "rest")
    assert (bot["isHidden"], bot["isReactionsEnabled"], bot["countCommand"]) == (False, True, 0)
    assert not {"appId", "webhookUrl"} & bot.keys()
    assert [(user["id"], user["name"], user["type"]) for user in result["users"]] == [(bot["id"], "Chat Lookup", "bot")]
    assert probe.result_with(token, "im.user.get", ID=bot["id"])["bot"] is True


def test_registering_a_bot_again_changes_nothing_and_updating_does(probe: ApplicationProbe, token: str) -> None:
    bot = probe.result_with(token, "imbot.v2.Bot.register", fields=fields())["bot"]
    again = fields(**in_webhook_mode(), properties={"name": "Renamed"}, isHidden=True)
    result = probe.result_with(token, "imbot.v2.Bot.register", fields=again)
    assert (result["bot"], result["users"][0]["name"]) == (bot, "Chat Lookup")
    assert probe.bot(bot["id"])["handlers"] == {}
    result = probe.result_with(token, "imbot.v2.Bot.update", botId=bot["id"], fields=again)
    assert (result["bot"]["eventMode"], result["bot"]["isHidden"]) == ("webhook", True)
    assert (result["users"][0]["name"], result["users"][0]["workPosition"]) == ("Renamed", "Finds chats")
    assert len(probe.result_with(token, "imbot.v2.Bot.list")["bots"]) == 1


def test_webhook_mode_subscribes_to_all_eight_events_at_once(probe: ApplicationProbe, token: str) -> None:
    sent = fields(**in_webhook_mode())
    bot = probe.result_with(token, "imbot.v2.Bot.register", fields=sent)["bot"]
    handlers = probe.bot(bot["id"])["handlers"]
    assert len(handlers) == 8
    assert set(handlers.values()) == {HANDLER}
    assert "webhookUrl" not in probe.result_with(token, "imbot.v2.Bot.get", botId=bot["id"])["bot"]
    probe.result_with(token, "imbot.v2.Bot.update", botId=bot["id"], fields={"eventMode": "fetch"})
    assert probe.bot(bot["id"])["handlers"] == {}


def test_bot_stays_after_the_uninstall_but_its_subscriptions_do_not(probe: ApplicationProbe, token: str) -> None:
    sent = fields(**in_webhook_mode())
    bot = probe.result_with(token, "imbot.v2.Bot.register", fields=sent)["bot"]
    probe.tell("/uninstall", {})
    probe.tell("/install", {})
    token = probe.grant()["access_token"]
    again = probe.result_with(token, "imbot.v2.Bot.register", fields=sent)["bot"]
    assert again["id"] == bot["id"]
    assert probe.bot(bot["id"])["handlers"] == {}
    probe.result_with(token, "imbot.v2.Bot.update", botId=bot["id"], fields=in_webhook_mode())
    assert set(probe.bot(bot["id"])["handlers"].values()) == {HANDLER}


def test_bot_of_another_application_can_be_read_in_brief_but_not_changed(probe: ApplicationProbe, token: str) -> None:
    foreign = probe.another_application()
    bot = probe.result_with(token, "imbot.v2.Bot.register", fields=fields())["bot"]
    assert probe.error_with(foreign, "imbot.v2.Bot.register", fields=fields()) == (400, "BOT_CODE_ALREADY_TAKEN")
    for method in ("Bot.update", "Bot.unregister", "Command.register", "Command.list", "Chat.get"):
        refused = probe.error_with(foreign, f"imbot.v2.{method}", botId=bot["id"], fields={})
        assert refused == (403, "BOT_OWNERSHIP_ERROR")
    seen = probe.result_with(foreign, "imbot.v2.Bot.get", code="lookup_bot")["bot"]
    assert seen["id"] == bot["id"]
    assert "eventMode" not in seen
    assert probe.result_with(foreign, "imbot.v2.Bot.list")["bots"] == []
    assert probe.error("imbot.v2.Bot.update", botId=bot["id"], botToken="guess") == (403, "BOT_OWNERSHIP_ERROR")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code": ""}, "BOT_CODE_REQUIRED"),
        ({"properties": {}}, "BOT_PROPERTIES_REQUIRED"),
        ({"type": "human"}, "BOT_INVALID_TYPE"),
        ({"eventMode": "push"}, "BOT_INVALID_EVENT_MODE"),
        ({"eventMode": "webhook"}, "BOT_WEBHOOK_URL_REQUIRED"),
        ({"eventMode": "webhook", "webhookUrl": "ftp://service.example/"}, "BOT_INVALID_CALLBACK"),
    ],
)
def test_invalid_registration_is_refused(
    probe: ApplicationProbe, token: str, changes: dict[str, object], error: str
) -> None:
    assert probe.error_with(token, "imbot.v2.Bot.register", fields={**fields(), **changes}) == (400, error)
    assert probe.result_with(token, "imbot.v2.Bot.list")["bots"] == []


@pytest.mark.parametrize(
    ("method", "params", "error"),
    [
        ("imbot.v2.Bot.update", {}, "BOT_ID_REQUIRED"),
        ("imbot.v2.Bot.update", {"botId": 99999}, "BOT_NOT_FOUND"),
        ("imbot.v2.Bot.get", {}, "PARAMS_REQUIRED"),
        ("imbot.v2.Bot.get", {"code": "unknown"}, "BOT_NOT_FOUND"),
        ("imbot.v2.Command.register", {"botId": 99999}, "BOT_NOT_FOUND"),
    ],
)
def test_missing_or_unknown_bot_is_refused(
    probe: ApplicationProbe, token: str, method: str, params: dict[str, object], error: str
) -> None:
    assert probe.error_with(token, method, **params) == (400, error)


def test_webhook_registers_with_a_token_that_later_calls_need(probe: ApplicationProbe) -> None:
    code = f"webhook_bot_{next(_codes)}"
    assert probe.error("imbot.v2.Bot.register", fields=fields(code)) == (400, "BOT_TOKEN_NOT_SPECIFIED")
    long = fields(code, botToken="x" * 41)
    assert probe.error("imbot.v2.Bot.register", fields=long) == (400, "BOT_TOKEN_INVALID_LENGTH")
    bot = probe.result("imbot.v2.Bot.register", fields=fields(code, botToken="mine"))["bot"]
    assert probe.result("imbot.v2.Bot.register", fields=fields(code), botToken="mine")["bot"] == bot
    assert probe.error("imbot.v2.Bot.unregister", botId=bot["id"]) == (400, "BOT_TOKEN_NOT_SPECIFIED")
    assert probe.result("imbot.v2.Bot.unregister", botId=bot["id"], botToken="mine") == {"result": True}


def test_bots_are_listed_in_pages_and_by_type(probe: ApplicationProbe, token: str) -> None:
    for number in range(3):
        kind = "supervisor" if number == 1 else "bot"
        probe.result_with(token, "imbot.v2.Bot.register", fields=fields(f"page_{number}", type=kind))
    page = probe.result_with(token, "imbot.v2.Bot.list", limit=2)
    assert ([bot["code"] for bot in page["bots"]], page["hasNextPage"]) == (["page_0", "page_1"], True)
    page = probe.result_with(token, "imbot.v2.Bot.list", limit=2, offset=2)
    assert ([bot["code"] for bot in page["bots"]], page["hasNextPage"]) == (["page_2"], False)
    found = probe.result_with(token, "imbot.v2.Bot.list", filter={"type": "supervisor"})
    assert [bot["code"] for bot in found["bots"]] == ["page_1"]


def test_unregistered_bot_is_removed_with_its_commands(probe: ApplicationProbe, token: str) -> None:
    bot = probe.result_with(token, "imbot.v2.Bot.register", fields=fields())["bot"]
    command = {"command": "find", "title": {"en": "Find"}}
    probe.result_with(token, "imbot.v2.Command.register", botId=bot["id"], fields=command)
    assert probe.result_with(token, "imbot.v2.Bot.unregister", botId=bot["id"]) == {"result": True}
    assert probe.error_with(token, "imbot.v2.Command.list", botId=bot["id"]) == (400, "BOT_NOT_FOUND")
    assert probe.result_with(token, "im.user.get", ID=bot["id"])["active"] is False


def test_registering_a_command_again_changes_nothing_and_updating_does(probe: ApplicationProbe, token: str) -> None:
    bot = probe.result_with(token, "imbot.v2.Bot.register", fields=fields())["bot"]
    command_fields = {
        "command": "find",
        "title": {"en": "Find", "de": "Finden"},
        "params": {"en": "deal"},
        "common": True,
    }
    own = {"botId": bot["id"]}
    command = probe.result_with(token, "imbot.v2.Command.register", **own, fields=command_fields)["command"]
    assert command == {
        "id": command["id"],
        "botId": bot["id"],
        "command": "/find",
        "common": True,
        "hidden": False,
        "extranetSupport": False,
    }
    again = probe.result_with(token, "imbot.v2.Command.register", **own, fields={**command_fields, "common": "N"})
    assert again["command"] == command
    change = {"title": {"en": None, "de": "Suchen"}, "hidden": "Y"}
    updated = probe.result_with(token, "imbot.v2.Command.update", **own, commandId=command["id"], fields=change)
    assert updated["command"]["hidden"] is True
    listed = probe.result_with(token, "imbot.v2.Command.list", **own)["commands"]
    assert [(each["id"], each["title"], each["params"]) for each in listed] == [(command["id"], "Suchen", "deal")]
    assert probe.result_with(token, "imbot.v2.Bot.get", **own)["bot"]["countCommand"] == 1
    assert probe.bot(bot["id"])["commands"][0]["command"] == "find"
    assert probe.result_with(token, "imbot.v2.Command.unregister", **own, commandId=command["id"]) == {"result": True}
    assert probe.result_with(token, "imbot.v2.Command.list", **own)["commands"] == []


def test_flat_parameters_of_a_command_are_refused_unless_the_shape_still_takes_them(
    probe: ApplicationProbe, token: str
) -> None:
    bot = probe.result_with(token, "imbot.v2.Bot.register", fields=fields())["bot"]
    flat = {"botId": bot["id"], "command": "help", "title": {"en": "Help"}}
    assert probe.error_with(token, "imbot.v2.Command.register", **flat) == (400, "COMMAND_REQUIRED")
    probe.tell("/shape", {"flat_commands": True})
    assert probe.result_with(token, "imbot.v2.Command.register", **flat)["command"]["command"] == "/help"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({}, "COMMAND_REQUIRED"),
        ({"command": ["find"]}, "COMMAND_NAME_INVALID"),
        ({"command": "find"}, "COMMAND_TITLE_REQUIRED"),
    ],
)
def test_invalid_command_is_refused(
    probe: ApplicationProbe, token: str, changes: dict[str, object], error: str
) -> None:
    bot = probe.result_with(token, "imbot.v2.Bot.register", fields=fields())["bot"]
    assert probe.error_with(token, "imbot.v2.Command.register", botId=bot["id"], fields=changes) == (400, error)


def test_command_name_must_be_unique_per_bot(probe: ApplicationProbe, token: str) -> None:
    bot = probe.result_with(token, "imbot.v2.Bot.register", fields=fields())["bot"]
    own = {"botId": bot["id"]}
    ids = [
        probe.result_with(token, "imbot.v2.Command.register", **own, fields={"command": name, "hidden": True})
        for name in ("find", "help")
    ]
    change = {"commandId": ids[1]["command"]["id"], "fields": {"command": "find"}}
    assert probe.error_with(token, "imbot.v2.Command.update", **own, **change) == (400, "COMMAND_ALREADY_EXISTS")
    unknown = {"commandId": 99999, "fields": {"command": "x"}}
    assert probe.error_with(token, "imbot.v2.Command.update", **own, **unknown) == (400, "COMMAND_NOT_FOUND")


def test_older_portal_has_the_v1_methods_only(probe: ApplicationProbe, token: str) -> None:
    assert probe.result_with(token, "imbot.v2.Revision.get")["rest"] == 36
    probe.tell("/shape", {"bot_api": "v1"})
    for method in ("imbot.v2.Revision.get", "imbot.v2.Bot.register", "imbot.v2.Chat.get"):
        assert probe.error_with(token, method) == (404, "ERROR_METHOD_NOT_FOUND")
    asked = probe.result_with(token, "method.get", name="imbot.v2.bot.register")
    assert asked == {"isExisting": False, "isAvailable": False}
    asked = probe.result_with(token, "method.get", name="imbot.register")
    assert asked == {"isExisting": True, "isAvailable": True}


def test_bot_of_an_application_needs_no_token_to_read_its_chats(probe: ApplicationProbe, token: str) -> None:
    bot = probe.result_with(token, "imbot.v2.Bot.register", fields=fields())["bot"]
    chat_fields = {"entity_type": "CRM", "entity_id": "DEAL|9", "members": [1, bot["id"]]}
    chat_id = probe.tell("/chats", chat_fields)["chat_id"]
    chat = probe.result_with(token, "imbot.v2.Chat.get", botId=bot["id"], dialogId=f"chat{chat_id}")["chat"]
    assert (chat["id"], chat["entityId"]) == (chat_id, "DEAL|9")
    made = probe.result_with(token, "imbot.chat.add", ENTITY_TYPE="OPEN", ENTITY_ID="14")
    assert probe.result_with(token, "im.dialog.get", DIALOG_ID=f"chat{made}")["owner"] == bot["id"]
