"""Events of bots, field for field as the documents' samples show them (bitrix24.md 5.5, 5.7)."""

from typing import Any

import pytest

from local.portal.protocol.php import decode_query
from tests.support.portals.portal_bots import NAME, BotProbe

ALWAYS = {"domain", "server_endpoint", "client_endpoint", "member_id", "application_token"}
TOKENS = {"access_token", "expires", "expires_in", "scope", "status", "user_id"}
WITH_REFRESH = ALWAYS | TOKENS | {"refresh_token"}
BLOCK = WITH_REFRESH | {"client_id", "AUTH", "BOT_ID", "BOT_CODE"}

MESSAGE = {
    *("MESSAGE", "TEMPLATE_ID", "MESSAGE_TYPE", "FROM_USER_ID", "DIALOG_ID", "TO_CHAT_ID", "AUTHOR_ID", "SYSTEM"),
    *("PUSH", "PUSH_IMPORTANT", "RECENT_SKIP_AUTHOR", "CONVERT", "SKIP_COMMAND", "SKIP_COUNTER_INCREMENTS"),
    *("SILENT_CONNECTOR", "SKIP_CONNECTOR", "IMPORTANT_CONNECTOR", "NO_SESSION_OL", "FAKE_RELATION", "SKIP_URL_INDEX"),
    *("MESSAGE_ID", "CHAT_TYPE", "LANGUAGE"),
}
GROUP = {
    *("CHAT_ID", "CHAT_TITLE", "CHAT_AUTHOR_ID", "CHAT_AVATAR", "CHAT_COLOR", "CHAT_ENTITY_TYPE", "CHAT_ENTITY_ID"),
    *("CHAT_ENTITY_DATA_1", "CHAT_ENTITY_DATA_2", "CHAT_ENTITY_DATA_3", "CHAT_EXTRANET", "CHAT_PREV_MESSAGE_ID"),
    *("CHAT_CAN_POST", "RID", "IS_MANAGER"),
}
SPOKEN = {"COMMAND_CONTEXT", "CHAT_USER_COUNT", "PLATFORM_CONTEXT", "TO_USER_ID"}
USER = {"ID", "NAME", "FIRST_NAME", "LAST_NAME", "GENDER"}
FLAGS = {"IS_BOT", "IS_CONNECTOR", "IS_NETWORK", "IS_EXTRANET"}

MESSAGE_V2 = {"id", "chatId", "authorId", "date", "text", "isSystem", "uuid", "viewedByOthers"}
CHAT_V2 = {
    *("id", "dialogId", "type", "messageType", "name", "owner", "entityType", "entityData1", "entityData2"),
    *("entityData3", "parentChatId", "isNew", "backgroundId"),
}
USER_V2 = {
    *("id", "active", "name", "firstName", "lastName", "extranet", "bot", "connector", "idle", "lastActivityDate"),
    "type",
}


def only(probe: BotProbe) -> dict[str, Any]:
    """The only event that was received."""
    (event,) = probe.received_events()
    return event


def mention(probe: BotProbe, text: str = "status?") -> str:
    return f"[USER={probe.bot_id}]{NAME}[/USER], {text}"


def test_v1_group_message_has_the_documented_fields(v1: BotProbe) -> None:
    chat_id = v1.chat_with_bot(members=(1, 2))
    reply = v1.say(mention(v1), chat_id)
    request = v1.service.received[0]
    assert (request.verb, request.path) == ("POST", "/bitrix24/events")
    assert request.content_type == "application/x-www-form-urlencoded"
    event = only(v1)
    assert event.keys() == {"event", "event_handler_id", "data", "ts", "auth"}
    assert event["event"] == "ONIMBOTMESSAGEADD"
    data = event["data"]
    assert data.keys() == {"BOT", "PARAMS", "USER"}
    assert data["PARAMS"].keys() == MESSAGE | GROUP | SPOKEN | {"MENTIONED_LIST", "MESSAGE_ORIGINAL"}
    assert data["USER"].keys() == USER | FLAGS | {"WORK_POSITION"}
    params, bot_id = data["PARAMS"], str(v1.bot_id)
    assert (params["MESSAGE"], params["MESSAGE_ORIGINAL"]) == (", status?", mention(v1))
    assert (params["MENTIONED_LIST"], params["TO_USER_ID"]) == ({bot_id: bot_id}, bot_id)
    assert (params["CHAT_ID"], params["TO_CHAT_ID"], params["DIALOG_ID"]) == (*[str(chat_id)] * 2, f"chat{chat_id}")
    assert (params["CHAT_ENTITY_TYPE"], params["CHAT_ENTITY_ID"]) == ("CRM", "DEAL|500")
    assert (params["MESSAGE_ID"], params["MESSAGE_TYPE"], params["LANGUAGE"]) == (str(reply["message_id"]), "C", "en")


def test_v1_personal_message_has_the_users_id_as_dialog_id_and_no_chat_id(v1: BotProbe) -> None:
    reply = v1.say("Hi", user_id=2, language="de")
    data = only(v1)["data"]
    assert data["PARAMS"].keys() == MESSAGE | SPOKEN
    params = data["PARAMS"]
    assert (params["DIALOG_ID"], params["TO_CHAT_ID"], params["CHAT_TYPE"]) == ("2", str(reply["chat_id"]), "P")
    assert (params["MESSAGE"], params["LANGUAGE"], data["USER"]["NAME"]) == ("Hi", "de", "John Smith")


def test_v1_command_has_the_documented_fields(v1: BotProbe) -> None:
    reply = v1.say("/chatid DEAL|1663", 1437)  # the bot is not a member there
    event = only(v1)
    assert event["event"] == "ONIMCOMMANDADD"
    data, number = event["data"], str(v1.command_id)
    assert data.keys() == {"COMMAND", "PARAMS", "USER"}
    of_command = {"COMMAND", "COMMAND_ID", "COMMAND_PARAMS", "COMMAND_CONTEXT", "MESSAGE_ID"}
    command = data["COMMAND"][number]
    assert command.keys() == BLOCK | of_command
    assert (command["COMMAND"], command["COMMAND_PARAMS"]) == ("chatid", "DEAL|1663")
    assert (command["COMMAND_ID"], command["MESSAGE_ID"]) == (number, str(reply["message_id"]))
    added = {"SKIP_USER_CHECK", "RECENT_ADD", "CHAT_PARENT_ID", "CHAT_PARENT_MID"}
    assert data["PARAMS"].keys() == MESSAGE | GROUP | added
    assert data["PARAMS"]["MESSAGE"] == "/chatid DEAL|1663"
    assert data["USER"].keys() == USER


def test_v1_command_names_the_bots_in_the_chat(v1: BotProbe) -> None:
    v1.say("/chatid", v1.chat_with_bot())
    assert only(v1)["data"]["PARAMS"]["BOT_IN_CHAT"] == {str(v1.bot_id): str(v1.bot_id)}


def test_v1_join_has_the_chats_entity(v1: BotProbe) -> None:
    reply = v1.tell("/join", {"chat_id": 1437, "user_id": 2})
    assert (reply["chat_id"], reply["sent"][0]["event"], reply["sent"][0]["status"]) == (1437, "ONIMBOTJOINCHAT", 200)
    event = only(v1)
    params = event["data"]["PARAMS"]
    entity = {"CHAT_ENTITY_TYPE", "CHAT_ENTITY_ID"}
    there = {"CHAT_TYPE", "MESSAGE_TYPE", "BOT_ID", "USER_ID", "CHAT_ID", "CHAT_AUTHOR_ID", "ACCESS_HISTORY"}
    assert params.keys() == there | entity | {"DIALOG_ID", "LANGUAGE"}
    assert (params["CHAT_ENTITY_ID"], params["USER_ID"], params["BOT_ID"]) == ("DEAL|1663", "2", str(v1.bot_id))
    assert event["data"]["USER"].keys() == USER | {"WORK_POSITION"}
    assert event["auth"].keys() == ALWAYS | TOKENS  # without a refresh token


def test_v1_ordinary_group_is_a_thread_without_an_entity_id(v1: BotProbe) -> None:
    v1.tell("/join", {"chat_id": v1.result("im.chat.add", USERS=[2])})
    params = only(v1)["data"]["PARAMS"]
    assert (params["CHAT_ENTITY_TYPE"], params["CHAT_ENTITY_ID"]) == ("THREAD", "")


def test_v1_first_opening_of_the_personal_chat_is_a_join(v1: BotProbe) -> None:
    v1.tell("/join", {"user_id": 3})
    params = only(v1)["data"]["PARAMS"]
    assert params.keys() == {
        *("CHAT_TYPE", "MESSAGE_TYPE", "BOT_ID", "USER_ID", "TO_USER_ID", "FROM_USER_ID", "DIALOG_ID", "LANGUAGE")
    }
    assert (params["DIALOG_ID"], params["TO_USER_ID"], params["FROM_USER_ID"]) == ("3", "3", str(v1.bot_id))
    assert v1.tell("/join", {"user_id": 3})["sent"] == []


def test_v1_has_the_tokens_of_user_and_bot_as_in_the_samples(v1: BotProbe) -> None:
    v1.say("Hi", user_id=2)
    event = only(v1)
    auth, block = event["auth"], event["data"]["BOT"][str(v1.bot_id)]
    assert auth.keys() == WITH_REFRESH
    assert block.keys() == BLOCK
    assert block["AUTH"] == {name: block[name] for name in BLOCK - {"AUTH", "BOT_ID", "BOT_CODE"}}
    assert (auth["user_id"], block["user_id"], block["BOT_CODE"]) == ("2", str(v1.bot_id), "lookup_v1")
    assert v1.result_with(auth["access_token"], "profile")["ID"] == "2"
    assert v1.result_with(block["access_token"], "profile")["ID"] == str(v1.bot_id)
    assert v1.refresh(auth["refresh_token"])[0] == 200


@pytest.mark.parametrize("user_id", [5, 6, 744])
def test_v1_has_no_tokens_of_guests_bots_and_customers(v1: BotProbe, user_id: int) -> None:
    v1.say("Hi", user_id=user_id)
    assert only(v1)["auth"].keys() == ALWAYS


def test_tokens_in_events_are_reused_until_half_of_their_lifetime(v1: BotProbe) -> None:
    def tokens() -> tuple[str, str]:
        v1.say("Hi")
        event = only(v1)
        return event["auth"]["access_token"], event["data"]["BOT"][str(v1.bot_id)]["access_token"]

    first = tokens()
    assert tokens() == first
    v1.tell("/clock", {"advance_s": 1801})
    second = tokens()
    assert not set(first) & set(second)
    v1.tell("/expire_tokens", {"user_id": 1})
    third = tokens()
    assert (third[0] != second[0], third[1] == second[1]) == (True, True)


def test_v2_group_message_has_the_documented_fields(v2: BotProbe) -> None:
    chat_id = v2.chat_with_bot()
    reply = v2.say(mention(v2), chat_id)
    event = only(v2)
    assert event.keys() == {"event", "event_handler_id", "data", "ts", "auth"}
    assert event["event"] == "ONIMBOTV2MESSAGEADD"
    data = event["data"]
    assert data.keys() == {"bot", "message", "chat", "user", "language"}
    assert data["message"].keys() == MESSAGE_V2 | {"forward"}
    assert data["chat"].keys() >= CHAT_V2
    assert data["user"].keys() >= USER_V2
    assert data["message"]["id"] == str(reply["message_id"])
    assert (data["message"]["chatId"], data["message"]["authorId"]) == (str(chat_id), "1")
    assert data["message"]["text"] == mention(v2)
    assert (data["chat"]["dialogId"], data["chat"]["messageType"]) == (f"chat{chat_id}", "C")
    assert (data["user"]["type"], data["user"]["bot"], data["user"]["active"]) == ("employee", "0", "1")
    assert (data["chat"]["backgroundId"], data["chat"]["isNew"]) == ("", "0")


def test_v2_has_the_bots_tokens_in_one_place_and_no_users_tokens(v2: BotProbe) -> None:
    v2.say("Hi", user_id=2)
    event = only(v2)
    bot = event["data"]["bot"]
    assert bot.keys() == {"id", "code", "auth"}
    assert bot["auth"].keys() == WITH_REFRESH
    assert bot["auth"]["user_id"] == str(v2.bot_id)
    assert event["auth"].keys() == ALWAYS
    assert v2.result_with(bot["auth"]["access_token"], "profile")["ID"] == str(v2.bot_id)


def test_v2_chat_has_no_field_that_depends_on_the_viewer(v2: BotProbe) -> None:
    v2.say("Hi")
    chat = only(v2)["data"]["chat"]
    assert not chat.keys() & {"role", "muteList", "dateCreate", "lastMessageId", "managerList", "userCounter", "public"}


def test_v2_personal_chat_has_the_users_id_as_dialog_id(v2: BotProbe) -> None:
    reply = v2.say("Hi", user_id=3)
    chat = only(v2)["data"]["chat"]
    assert (chat["id"], chat["dialogId"], chat["type"]) == (str(reply["chat_id"]), "3", "private")
    assert v2.say("Hi again", user_id=3)["chat_id"] == reply["chat_id"]
    assert v2.result("imbot.v2.Chat.get", botId=v2.bot_id, dialogId="3")["chat"]["id"] == reply["chat_id"]


def test_v2_command_has_the_documented_fields(v2: BotProbe) -> None:
    v2.say("/chatid  DEAL|1663 ", 1437)
    event = only(v2)
    assert event["event"] == "ONIMBOTV2COMMANDADD"
    data = event["data"]
    assert data.keys() == {"bot", "command", "message", "chat", "user", "language"}
    assert data["command"] == {
        "id": str(v2.command_id),
        "command": "/chatid",
        "params": "DEAL|1663",
        "context": "textarea",
    }
    assert data["message"]["text"] == "/chatid  DEAL|1663 "


def test_v2_join_has_the_documented_fields(v2: BotProbe) -> None:
    reply = v2.tell("/join", {"chat_id": 1437, "bot_id": v2.bot_id, "language": "ru"})
    assert [each["event"] for each in reply["sent"]] == ["ONIMBOTV2JOINCHAT"]
    data = only(v2)["data"]
    assert data.keys() == {"bot", "dialogId", "chat", "user", "language"}
    assert (data["dialogId"], data["language"], data["user"]["id"]) == ("chat1437", "ru", "1")
    assert v2.result("imbot.v2.Chat.get", botId=v2.bot_id, dialogId="chat1437")["chat"]["id"] == 1437


def test_v2_names_the_entity_of_a_chat_unless_the_shape_leaves_it_out(v2: BotProbe) -> None:
    chat_id = v2.chat_with_bot()
    v2.say(mention(v2), chat_id)
    chat = only(v2)["data"]["chat"]
    assert (chat["entityType"], chat["entityId"], chat["entityLink"]["type"]) == ("CRM", "DEAL|500", "DEAL")
    assert v2.tell("/shape", {"entity_id_in_events": False})["entity_id_in_events"] is False
    v2.say(mention(v2), chat_id)
    body = v2.service.received[0].body
    chat = only(v2)["data"]["chat"]
    assert (chat["entityType"], "entityId" in chat, "DEAL" in body) == ("CRM", False, False)


def test_v2_has_no_refresh_token_of_the_bot_with_the_shape_for_that(v2: BotProbe) -> None:
    v2.tell("/shape", {"refresh_in_events": False})
    v2.say("Hi")
    event = only(v2)
    assert event["data"]["bot"]["auth"].keys() == ALWAYS | TOKENS


def test_events_of_v2_and_of_installation_lack_the_handlers_id_with_the_shape_for_that(v2: BotProbe) -> None:
    v2.say("Hi")
    assert "event_handler_id" in only(v2)
    v2.tell("/shape", {"handler_id": "bound"})
    v2.say("Hi")
    assert only(v2).keys() == {"event", "data", "ts", "auth"}
    written = v2.tell("/install", {"send": False})["sent"][0]["body"]
    assert decode_query(written).keys() == {"event", "data", "ts", "auth"}


def test_v2_top_auth_may_have_domain_and_application_token_only(v2: BotProbe) -> None:
    assert v2.tell("/shape", {"auth_in_events": "brief"})["auth_in_events"] == "brief"
    v2.say("Hi")
    event = only(v2)
    assert event["auth"].keys() == {"domain", "application_token"}
    assert event["data"]["bot"]["auth"]["member_id"] == v2.portal.member_id


def test_v1_ignores_the_shapes_of_v2(v1: BotProbe) -> None:
    v1.tell("/shape", {"auth_in_events": "brief", "entity_id_in_events": False})
    v1.say(mention(v1), v1.chat_with_bot())
    event = only(v1)
    assert (event["auth"].keys(), event["data"]["PARAMS"]["CHAT_ENTITY_ID"]) == (WITH_REFRESH, "DEAL|500")


def test_text_arrives_unchanged(v2: BotProbe) -> None:
    text = "a&b=c [d]+e% Привет 👋\nauth[application_token]=x"
    v2.say(text)
    body = v2.service.received[0].body
    assert body.isascii()
    assert decode_query(body)["data"]["message"]["text"] == text  # type: ignore[index]
