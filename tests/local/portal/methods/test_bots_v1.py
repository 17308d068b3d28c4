"""Bots of the deprecated first version (bitrix24.md 1.9, 1.11)."""

from typing import Any

import pytest

from tests.support.portals.portal_service import ApplicationProbe

HANDLER = "https://service.example/bitrix24/events"


@pytest.fixture
def token(probe: ApplicationProbe) -> str:
    """An administrator's access token."""
    access_token: str = probe.grant()["access_token"]
    return access_token


def v1(code: str = "lookup_v1", **more: object) -> dict[str, Any]:
    return {"CODE": code, "EVENT_HANDLER": HANDLER, "PROPERTIES": {"NAME": "Lookup"}, **more}


def test_v1_register_returns_a_number_and_changes_nothing_the_second_time(probe: ApplicationProbe, token: str) -> None:
    bot_id = probe.result_with(token, "imbot.register", **v1())
    assert probe.result_with(token, "imbot.register", **v1(EVENT_HANDLER="https://other.example/")) == bot_id
    bot = probe.bot(bot_id)
    assert (bot["api"], bot["name"]) == ("v1", "Lookup")
    assert bot["handlers"] == dict.fromkeys(("ONIMBOTMESSAGEADD", "ONIMBOTJOINCHAT", "ONIMBOTDELETE"), HANDLER)
    change = {"EVENT_HANDLER": "https://other.example/"}
    assert probe.result_with(token, "imbot.update", BOT_ID=bot_id, FIELDS=change) is True
    assert len(probe.bot(bot_id)["handlers"]) == 5
    listed = probe.result_with(token, "imbot.bot.list")
    assert listed[str(bot_id)] == {"ID": bot_id, "NAME": "Lookup", "CODE": "lookup_v1", "OPENLINE": "N"}


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"CODE": ""}, "CODE_ERROR"),
        ({"PROPERTIES": {}}, "NAME_ERROR"),
        ({"EVENT_HANDLER": ""}, "EVENT_MESSAGE_ADD_ERROR"),
        ({"EVENT_HANDLER": "", "EVENT_MESSAGE_ADD": HANDLER}, "EVENT_WELCOME_MESSAGE_ERROR"),
        ({"EVENT_BOT_DELETE": "nowhere"}, "EVENT_BOT_DELETE_ERROR"),
    ],
)
def test_v1_refuses_an_invalid_registration(
    probe: ApplicationProbe, token: str, change: dict[str, object], error: str
) -> None:
    assert probe.error_with(token, "imbot.register", **{**v1(), **change}) == (400, error)


def test_v1_allows_five_bots(probe: ApplicationProbe, token: str) -> None:
    for number in range(5):
        probe.result_with(token, "imbot.register", **v1(f"many_{number}"))
    assert probe.error_with(token, "imbot.register", **v1("one_more")) == (400, "MAX_COUNT_ERROR")


def test_v1_bot_can_be_changed_by_its_owner_only(probe: ApplicationProbe, token: str) -> None:
    foreign = probe.another_application()
    bot_id = probe.result_with(token, "imbot.register", **v1())
    change = {"BOT_ID": bot_id, "FIELDS": {"CODE": "mine"}}
    assert probe.error_with(foreign, "imbot.update", **change) == (403, "APP_ID_ERROR")
    assert probe.error_with(foreign, "imbot.register", **v1()) == (400, "WRONG_REQUEST")
    assert probe.error("imbot.update", **change) == (403, "ACCESS_DENIED")
    assert probe.error_with(token, "imbot.update", BOT_ID=99999) == (400, "BOT_ID_ERROR")
    assert probe.error_with(token, "imbot.update", BOT_ID=bot_id) == (400, "WRONG_REQUEST")
    nameless = {"PROPERTIES": {"NAME": "", "LAST_NAME": ""}}
    assert probe.error_with(token, "imbot.update", BOT_ID=bot_id, FIELDS=nameless) == (400, "NAME_ERROR")
    for method in ("imbot.update", "imbot.unregister", "imbot.command.register"):
        assert probe.error_with(token, method, FIELDS=change) == (400, "BOT_ID_ERROR"), method
    assert probe.result_with(token, "imbot.unregister", BOT_ID=bot_id) is True


def test_v1_registers_commands_with_their_own_address(probe: ApplicationProbe, token: str) -> None:
    bot_id = probe.result_with(token, "imbot.register", **v1())
    params = {
        "BOT_ID": bot_id,
        "COMMAND": "find",
        "EVENT_COMMAND_ADD": HANDLER,
        "LANG": [{"LANGUAGE_ID": "en", "TITLE": "Find", "PARAMS": "deal"}],
    }
    for missing, error in (
        ("COMMAND", "COMMAND_ERROR"),
        ("EVENT_COMMAND_ADD", "EVENT_COMMAND_ADD_ERROR"),
        ("LANG", "LANG_ERROR"),
    ):
        assert probe.error_with(token, "imbot.command.register", **{**params, missing: ""}) == (400, error)
    command_id = probe.result_with(token, "imbot.command.register", **params, COMMON="Y")
    assert probe.result_with(token, "imbot.command.register", **params) == command_id
    change = {"EVENT_COMMAND_ADD": "https://other.example/", "HIDDEN": "Y"}
    assert probe.result_with(token, "imbot.command.update", COMMAND_ID=command_id, FIELDS=change) is True
    bot = probe.bot(bot_id)
    assert bot["commands"] == [{"command_id": command_id, "command": "find", "common": True, "hidden": True}]
    assert bot["handlers"]["ONIMCOMMANDADD"] == "https://other.example/"
    assert probe.error_with(token, "imbot.command.update", COMMAND_ID=99999) == (400, "COMMAND_ID_ERROR")
    assert probe.result_with(token, "imbot.command.unregister", COMMAND_ID=command_id) is True
    assert probe.bot(bot_id)["commands"] == []
    assert probe.error_with(token, "imbot.command.unregister", COMMAND_ID=command_id) == (400, "COMMAND_ID_ERROR")
