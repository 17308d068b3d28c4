"""Where events of bots are sent: bots of webhooks, new tokens, and applications with several bots (bitrix24.md 5.3)."""

from typing import Any

import pytest

from tests.local.portal.events.test_outgoing import ALWAYS
from tests.support.portals.portal_bots import PATH, BotProbe
from tests.support.portals.portal_service import RecordingService

TOKEN = "a-token-of-some-length"
REGISTER, UPDATE = "imbot.v2.Bot.register", "imbot.v2.Bot.update"


def webhooks_bot(probe: BotProbe, url: str, token: str = TOKEN, code: str = "by_webhook") -> int:
    """Register a bot by the webhook; return its id."""
    mode = {"eventMode": "webhook", "webhookUrl": url}
    fields = {"code": code, "properties": {"name": code}, "botToken": token, **mode}
    bot_id: int = super(BotProbe, probe).call(REGISTER, fields=fields)[1]["result"]["bot"]["id"]
    return bot_id


def by_webhook(probe: BotProbe, method: str, **params: object) -> Any:
    """The body of a call by the webhook."""
    return super(BotProbe, probe).call(method, **params)[1]


def received_by(probe: BotProbe, bot_id: int) -> list[dict[str, Any]]:
    probe.say("Hi", bot_id=bot_id)
    return probe.received_events()


@pytest.fixture
def lone(v2: BotProbe) -> BotProbe:
    """A portal whose webhook has no bots yet."""
    for bot in v2.ask("/bots"):
        if not bot["client_id"]:
            by_webhook(v2, "imbot.v2.Bot.unregister", botId=bot["bot_id"], botToken=TOKEN)
    v2.portal.settle()
    v2.service.received.clear()
    return v2


def test_bot_of_a_webhook_gets_events_with_an_application_token_of_its_own_and_no_tokens(lone: BotProbe) -> None:
    [event] = received_by(lone, webhooks_bot(lone, lone.service.url + PATH))
    assert event["auth"].keys() == ALWAYS
    assert event["auth"]["application_token"] == f"custom{TOKEN}"
    assert event["data"]["bot"]["auth"].keys() == ALWAYS


def test_bot_of_a_webhook_in_v1_gets_them_as_well(lone: BotProbe) -> None:
    handler = lone.service.url + PATH
    bot = {"CODE": "old", "CLIENT_ID": TOKEN, "EVENT_HANDLER": handler, "PROPERTIES": {"NAME": "Old"}}
    bot_id = by_webhook(lone, "imbot.register", **bot)["result"]
    [event] = received_by(lone, bot_id)
    assert (event["event"], event["auth"].keys()) == ("ONIMBOTMESSAGEADD", ALWAYS)
    assert event["data"]["BOT"][str(bot_id)].keys() == ALWAYS | {"AUTH", "BOT_ID", "BOT_CODE"}
    by_webhook(lone, "imbot.unregister", BOT_ID=bot_id, CLIENT_ID=TOKEN)


def test_bot_of_a_webhook_is_not_called_on_hosts_that_no_application_names(lone: BotProbe) -> None:
    assert received_by(lone, webhooks_bot(lone, "https://service.example/bitrix24/events")) == []


def test_new_token_replaces_the_former_one_and_changes_the_application_token(lone: BotProbe) -> None:
    bot_id = webhooks_bot(lone, lone.service.url + PATH)
    own = {"botId": bot_id, "botToken": TOKEN}
    assert by_webhook(lone, UPDATE, **own, fields={"botToken": "x" * 41})["error"] == "BOT_TOKEN_INVALID_LENGTH"
    assert by_webhook(lone, UPDATE, **own, fields={"botToken": "renewed"})["result"]["bot"]["id"] == bot_id
    assert by_webhook(lone, "imbot.v2.Command.list", **own)["error"] == "BOT_OWNERSHIP_ERROR"
    [event] = received_by(lone, bot_id)
    assert event["auth"]["application_token"] == "customrenewed"
    assert by_webhook(lone, UPDATE, botId=bot_id, botToken="renewed", fields={"botToken": TOKEN})["result"]


def test_token_of_another_bot_and_a_token_for_an_applications_bot_are_refused_alike(lone: BotProbe) -> None:
    first = webhooks_bot(lone, lone.service.url + PATH)
    second = webhooks_bot(lone, lone.service.url + PATH, token=TOKEN + "2", code="second")
    taken = {"botId": second, "botToken": TOKEN + "2", "fields": {"botToken": TOKEN}}
    assert by_webhook(lone, UPDATE, **taken)["error"] == "BOT_TOKEN_ROTATION_FAILED"
    by_webhook(lone, "imbot.v2.Bot.unregister", botId=second, botToken=TOKEN + "2")
    assert lone.error(UPDATE, botId=lone.bot_id, fields={"botToken": "new"}) == (400, "BOT_TOKEN_ROTATION_FAILED")
    lone.portal.settle()
    lone.service.received.clear()
    assert len(received_by(lone, first)) == 1


def test_new_address_of_an_applications_only_bot_ends_the_former_one(v2: BotProbe) -> None:
    v2.result(UPDATE, botId=v2.bot_id, fields={"webhookUrl": v2.service.url + "/other"})
    assert [each["url"] for each in v2.say("Hi")["sent"]] == [v2.service.url + "/other"]


def test_former_address_keeps_receiving_while_the_application_has_another_bot(v2: BotProbe) -> None:
    former, later = v2.service.url + PATH, v2.service.url + "/other"
    mode = {"eventMode": "webhook", "webhookUrl": former}
    second = v2.result(REGISTER, fields={"code": "second", "properties": {"name": "Second"}, **mode})["bot"]["id"]
    v2.result(UPDATE, botId=v2.bot_id, fields={"webhookUrl": later})
    for bot_id in (v2.bot_id, second):
        sent = v2.tell("/say", {"text": "Hi", "bot_id": bot_id})["sent"]
        assert [each["url"] for each in sent] == [former, later]
        assert {form["data"]["bot"]["id"] for form in v2.received_events()} == {str(bot_id)}
    v2.result("imbot.v2.Bot.unregister", botId=second)
    v2.result(UPDATE, botId=v2.bot_id, fields={"webhookUrl": later})
    assert [each["url"] for each in v2.say("Hi")["sent"]] == [later]


def test_events_reach_another_server_on_this_machine(lone: BotProbe) -> None:
    with RecordingService() as other:
        assert received_by(lone, webhooks_bot(lone, other.url + "/bot")) == []
        assert other.events() == ["ONIMBOTV2MESSAGEADD"]
