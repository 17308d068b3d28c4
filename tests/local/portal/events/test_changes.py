"""Events of what changes later: edits, deletions, reactions, links with a context, and the bot's own end."""

from typing import Any

import pytest

from tests.local.portal.events.test_outgoing import (
    ALWAYS,
    CHAT_V2,
    FLAGS,
    MESSAGE_V2,
    TOKENS,
    USER,
    WITH_REFRESH,
    mention,
    only,
)
from tests.support.portals.portal_bots import PATH, BotProbe

CHANGED = {
    *("ID", "CHAT_ID", "AUTHOR_ID", "MESSAGE", "MESSAGE_TYPE", "CHAT_AUTHOR_ID", "CHAT_ENTITY_ID"),
    *("CHAT_ENTITY_DATA_1", "CHAT_ENTITY_DATA_2", "CHAT_ENTITY_DATA_3", "DIALOG_ID", "MESSAGE_ID", "CHAT_TYPE"),
    "LANGUAGE",
}
OF_EDIT = {"CHAT_USER_COUNT", "PLATFORM_CONTEXT"}
OF_MENTION = {"MENTIONED_LIST", "MESSAGE_ORIGINAL", "TO_USER_ID"}
OF_PERSON = {"FROM_USER_ID", "TO_USER_ID"}


@pytest.fixture
def v1_bound(v1: BotProbe) -> BotProbe:
    """A bot of v1 with handlers for edits and deletions, which only an update can bind."""
    handlers = {f"EVENT_MESSAGE_{name}": v1.service.url + PATH for name in ("UPDATE", "DELETE")}
    v1.result("imbot.update", BOT_ID=v1.bot_id, FIELDS=handlers)
    return v1


def written(probe: BotProbe, text: str, chat_id: int | None = None) -> int:
    """The id of a message whose own event was received."""
    message_id: int = probe.say(text, chat_id)["message_id"]
    only(probe)
    return message_id


def change(probe: BotProbe, path: str, **body: object) -> dict[str, Any]:
    """The only event that a change caused."""
    reply = probe.tell(path, body)
    assert [each["status"] for each in reply["sent"]] == [200]
    return only(probe)


def test_v2_edit_has_the_fields_of_a_message_and_the_new_text(v2: BotProbe) -> None:
    chat_id = v2.chat_with_bot()
    message_id = written(v2, mention(v2), chat_id)
    event = change(v2, "/edit", message_id=message_id, text=mention(v2, "now?"))
    assert event["event"] == "ONIMBOTV2MESSAGEUPDATE"
    data = event["data"]
    assert data.keys() == {"bot", "message", "chat", "user", "language"}
    assert data["message"].keys() == MESSAGE_V2 | {"forward"}
    assert (data["message"]["id"], data["message"]["text"]) == (str(message_id), mention(v2, "now?"))
    assert (data["chat"]["entityId"], data["user"]["id"]) == ("DEAL|500", "1")


def test_v2_deletion_has_the_messages_id_and_no_message(v2: BotProbe) -> None:
    message_id = written(v2, mention(v2), v2.chat_with_bot())
    event = change(v2, "/delete", message_id=message_id)
    assert event["event"] == "ONIMBOTV2MESSAGEDELETE"
    assert event["data"].keys() == {"bot", "messageId", "chat", "user", "language"}
    assert event["data"]["messageId"] == str(message_id)
    assert event["data"]["chat"].keys() >= CHAT_V2
    assert v2.refused("/delete", {"message_id": message_id}) == "there is no such message"


def test_v2_reaction_to_the_bots_message_is_sent_to_it(v2: BotProbe) -> None:
    sent = v2.result("imbot.v2.Chat.Message.send", botId=v2.bot_id, dialogId="1", fields={"message": "Hello"})
    event = change(v2, "/react", message_id=sent["id"], reaction="like")
    assert event["event"] == "ONIMBOTV2REACTIONCHANGE"
    data = event["data"]
    assert data.keys() == {"bot", "reaction", "action", "message", "chat", "user", "language"}
    assert (data["reaction"], data["action"], data["message"]["authorId"]) == ("like", "add", str(v2.bot_id))
    assert data["user"]["id"] == "1"
    taken = change(v2, "/react", message_id=sent["id"], reaction="like", action="delete")
    assert taken["data"]["action"] == "delete"


def test_reaction_to_a_users_message_or_to_a_bot_without_reactions_is_sent_to_no_bot(v2: BotProbe) -> None:
    own = written(v2, "Hi")
    assert v2.tell("/react", {"message_id": own, "reaction": "like"})["sent"] == []
    sent = v2.result("imbot.v2.Chat.Message.send", botId=v2.bot_id, dialogId="1", fields={"message": "Hello"})
    v2.result("imbot.v2.Bot.update", botId=v2.bot_id, fields={"isReactionsEnabled": False})
    assert v2.tell("/react", {"message_id": sent["id"], "reaction": "like"})["sent"] == []
    assert v2.refused("/react", {"message_id": sent["id"], "reaction": "like", "user_id": 2}) == (
        "this user is not in the chat"
    )


def test_v2_link_with_a_context_is_sent_with_the_links_data(v2: BotProbe) -> None:
    context = {"entityId": 164, "entityType": "task", "source": "link"}
    event = change(v2, "/open", context=context, user_id=2)
    assert event["event"] == "ONIMBOTV2CONTEXTGET"
    data = event["data"]
    assert data.keys() == {"bot", "dialogId", "context", "chat", "user", "language"}
    assert data["context"] == {"entityId": "164", "entityType": "task", "source": "link"}
    assert (data["dialogId"], data["chat"]["type"], data["chat"]["entityId"]) == ("2", "private", "")


def test_v1_edit_in_a_group_has_the_documented_fields_and_no_user(v1_bound: BotProbe) -> None:
    v1 = v1_bound
    message_id = written(v1, mention(v1), v1.chat_with_bot())
    event = change(v1, "/edit", message_id=message_id, text=mention(v1, "now?"))
    assert event["event"] == "ONIMBOTMESSAGEUPDATE"
    assert event["auth"].keys() == WITH_REFRESH
    assert event["data"].keys() == {"BOT", "PARAMS"}
    params = event["data"]["PARAMS"]
    assert params.keys() == CHANGED | OF_EDIT | OF_MENTION | {"CHAT_ENTITY_TYPE"}
    assert (params["ID"], params["MESSAGE_ID"]) == (str(message_id),) * 2
    assert (params["MESSAGE"], params["MESSAGE_ORIGINAL"]) == (", now?", mention(v1, "now?"))
    assert (params["CHAT_ENTITY_TYPE"], params["CHAT_ENTITY_ID"]) == ("CRM", "DEAL|500")


def test_v1_edit_in_a_personal_chat_has_the_chats_id_and_no_entity_type(v1_bound: BotProbe) -> None:
    reply = v1_bound.say("Hi")
    only(v1_bound)
    data = change(v1_bound, "/edit", message_id=reply["message_id"], text="Hello")["data"]
    assert data["PARAMS"].keys() == CHANGED | OF_EDIT | OF_PERSON
    assert (data["PARAMS"]["CHAT_ID"], data["PARAMS"]["DIALOG_ID"]) == (str(reply["chat_id"]), "1")
    assert data["USER"].keys() == USER | FLAGS | {"WORK_POSITION"}


def test_v1_deletion_has_a_notice_in_the_place_of_the_text(v1_bound: BotProbe) -> None:
    v1 = v1_bound
    group = change(v1, "/delete", message_id=written(v1, mention(v1, "secret"), v1.chat_with_bot()))
    assert group["event"] == "ONIMBOTMESSAGEDELETE"
    assert group["data"]["PARAMS"].keys() == CHANGED | {"CHAT_ENTITY_TYPE"}
    assert group["data"]["PARAMS"]["MESSAGE"].endswith("has been deleted")
    assert "secret" not in str(group)
    personal = change(v1, "/delete", message_id=written(v1, "Hi"))
    assert personal["data"]["PARAMS"].keys() == CHANGED | OF_PERSON
    assert personal["data"].keys() == {"BOT", "PARAMS", "USER"}


def test_v1_bot_without_handlers_for_changes_gets_none(v1: BotProbe) -> None:
    message_id = written(v1, "Hi")
    assert v1.tell("/edit", {"message_id": message_id, "text": "Hello"})["sent"] == []
    assert v1.tell("/react", {"message_id": message_id, "reaction": "like"})["sent"] == []
    assert v1.tell("/open", {"context": {}})["sent"] == []
    assert v1.tell("/delete", {"message_id": message_id})["sent"] == []


def test_changes_in_a_group_are_sent_to_the_bots_that_the_text_names(v2: BotProbe) -> None:
    chat_id = v2.chat_with_bot()
    unheard = v2.say("status?", chat_id)["message_id"]
    assert v2.tell("/delete", {"message_id": unheard})["sent"] == []
    later = v2.say("status?", chat_id)["message_id"]
    assert change(v2, "/edit", message_id=later, text=mention(v2))["event"] == "ONIMBOTV2MESSAGEUPDATE"
    assert v2.tell("/edit", {"message_id": later, "text": "never mind"})["sent"] == []


@pytest.mark.parametrize("api", ["v1", "v2"])
def test_removed_bot_gets_one_last_event(bot_probe: BotProbe, api: str) -> None:
    bot_probe.with_bot(api)
    if api == "v1":
        bot_probe.result("imbot.unregister", BOT_ID=bot_probe.bot_id)
    else:
        bot_probe.result("imbot.v2.Bot.unregister", botId=bot_probe.bot_id)
    bot_probe.portal.settle()
    event = only(bot_probe)
    if api == "v1":
        assert (event["event"], event["auth"].keys()) == ("ONIMBOTDELETE", ALWAYS | TOKENS)
        assert event["data"] == {"BOT_ID": str(bot_probe.bot_id), "BOT_CODE": "lookup_v1"}
    else:
        assert (event["event"], event["auth"].keys()) == ("ONIMBOTV2DELETE", ALWAYS)
        assert event["data"].keys() == {"bot"}
        assert event["data"]["bot"].keys() == {"id", "code", "auth"}


def test_new_chat_with_the_bot_as_a_member_and_a_first_message_are_two_events(v2: BotProbe) -> None:
    params = {"USERS": [v2.bot_id], "ENTITY_TYPE": "ORDER", "ENTITY_ID": "77", "MESSAGE": mention(v2, "look")}
    chat_id = v2.result("im.chat.add", **params)
    v2.portal.settle()
    joined, spoken = v2.received_events()
    assert (joined["event"], spoken["event"]) == ("ONIMBOTV2JOINCHAT", "ONIMBOTV2MESSAGEADD")
    assert spoken["data"]["message"]["text"] == mention(v2, "look")
    for event in (joined, spoken):
        chat = event["data"]["chat"]
        assert (chat["id"], chat["entityType"], chat["entityId"]) == (str(chat_id), "ORDER", "77")


def test_bot_that_left_a_chat_is_no_member_and_gets_no_event_of_it(v2: BotProbe) -> None:
    chat_id = v2.chat_with_bot(members=(1, 2))
    assert v2.tell("/leave", {"chat_id": chat_id}) == {"chat_id": chat_id, "sent": []}
    assert v2.error("imbot.v2.Chat.get", botId=v2.bot_id, dialogId=f"chat{chat_id}") == (403, "ACCESS_DENIED")
    assert v2.say(mention(v2), chat_id)["sent"] == []
    assert v2.refused("/leave", {"chat_id": chat_id}) == "this user is not in the chat"
    v2.tell("/leave", {"chat_id": chat_id, "user_id": 2})
    assert v2.refused("/say", {"text": "Hi", "chat_id": chat_id, "user_id": 2}) == "this user is not in the chat"
