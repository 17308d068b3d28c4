"""b24pysdk reads every event that the portal sends, and calls the portal with the tokens of those that have some."""

from collections.abc import Callable, Iterator
from typing import Any, Final
from urllib.parse import parse_qsl

import pytest
from b24pysdk import BitrixApp, BitrixToken  # type: ignore[import-untyped]  # it has no py.typed
from b24pysdk.credentials import OAuthEventData  # type: ignore[import-untyped]  # as above

from tests.support.portals.portal_bots import PATH, BotProbe

CONVERSATION: Final = {
    "v2": {
        *("ONIMBOTV2MESSAGEADD", "ONIMBOTV2MESSAGEUPDATE", "ONIMBOTV2MESSAGEDELETE", "ONIMBOTV2JOINCHAT"),
        *("ONIMBOTV2COMMANDADD", "ONIMBOTV2REACTIONCHANGE", "ONIMBOTV2CONTEXTGET", "ONIMBOTV2DELETE"),
    },
    "v1": {
        *("ONIMBOTMESSAGEADD", "ONIMBOTMESSAGEUPDATE", "ONIMBOTMESSAGEDELETE", "ONIMBOTJOINCHAT"),
        *("ONIMCOMMANDADD", "ONIMBOTDELETE"),
    },
}
INSTALLATION: Final = {"ONAPPINSTALL", "ONAPPUPDATE", "ONAPPUNINSTALL", "ONAPPTEST"}


@pytest.fixture
def token_of(bot_probe: BotProbe, monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], Any]:
    """Returns the SDK's client with the tokens of an event."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bot_probe.portal.ca_file))

    def token(event: Any) -> Any:
        found = BitrixToken.from_oauth_event_data(event, BitrixApp(**bot_probe.keys()))
        found.domain = bot_probe.portal.domain  # of the address it takes the name only: portals have no port
        return found

    return token


def received(probe: BotProbe) -> Iterator[Any]:
    """The events that the application received, as the SDK reads them; it raises what it cannot read."""
    probe.portal.settle()
    for each in probe.service.received:
        yield OAuthEventData.from_dict(dict(parse_qsl(each.body, keep_blank_values=True)))
    probe.service.received.clear()


def converse(probe: BotProbe, api: str) -> None:
    """Let a user do all that causes events of a bot, and remove the bot."""
    if api == "v1":
        handlers = {f"EVENT_MESSAGE_{name}": probe.service.url + PATH for name in ("UPDATE", "DELETE")}
        probe.result("imbot.update", BOT_ID=probe.bot_id, FIELDS=handlers)
    probe.tell("/join", {})
    probe.say("/chatid")
    written = probe.say("Where is it?")["message_id"]
    probe.tell("/edit", {"message_id": written, "text": "Where is the chat?"})
    probe.tell("/delete", {"message_id": written})
    probe.tell("/open", {"context": {"entityId": 164}})
    if api == "v2":
        bot_id = {"botId": probe.bot_id}
        sent = probe.result("imbot.v2.Chat.Message.send", **bot_id, dialogId="1", fields={"message": "Here"})
        probe.tell("/react", {"message_id": sent["id"], "reaction": "like"})
        probe.result("imbot.v2.Bot.unregister", **bot_id)
    else:
        probe.result("imbot.unregister", BOT_ID=probe.bot_id)


@pytest.mark.parametrize("api", CONVERSATION)
def test_each_event_of_a_bot_is_read_and_its_tokens_open_the_portal(
    bot_probe: BotProbe, token_of: Callable[[Any], Any], api: str
) -> None:
    bot_probe.with_bot(api)
    converse(bot_probe, api)
    events = list(received(bot_probe))

    assert {event.event for event in events} == CONVERSATION[api]
    assert {event.auth.member_id for event in events} == {bot_probe.portal.member_id}
    for event in events:
        if not event.is_system:
            assert token_of(event).call_method("profile")["result"]["ID"] == str(event.auth.user_id), event.event


def test_each_event_of_an_installation_is_read_and_the_first_one_opens_the_portal(
    bot_probe: BotProbe, token_of: Callable[[Any], Any]
) -> None:
    bot_probe.afresh()
    bot_probe.tell("/install", {})
    (installed,) = received(bot_probe)
    token = token_of(installed)
    for event in ("ONAPPTEST", "ONAPPUPDATE", "ONAPPUNINSTALL"):
        token.call_method("event.bind", {"event": event, "handler": bot_probe.service.url + PATH})
    token.call_method("event.test", {"any": "thing"})
    bot_probe.tell("/shape", {"bindings": "stay"})
    bot_probe.tell("/update", {})
    bot_probe.tell("/uninstall", {})

    assert {installed.event, *(event.event for event in received(bot_probe))} == INSTALLATION
