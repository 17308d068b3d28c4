"""Messages of bots: four methods, their permissions, and what is stored (bitrix24.md 1.13, 1.14, 9 row 16)."""

from typing import Any

import pytest

from tests.support.portals.portal_bots import BotProbe

SEND, ANSWER = "imbot.v2.Chat.Message.send", "imbot.v2.Command.answer"
ADD, ANSWER_V1 = "imbot.message.add", "imbot.command.answer"


def send(probe: BotProbe, dialog_id: str, text: str = "chat 1437", **more: object) -> dict[str, Any]:
    return {"botId": probe.bot_id, "dialogId": dialog_id, "fields": {"message": text}, **more}


def answer(probe: BotProbe, message_id: int, dialog_id: str, text: str = "chat 1437") -> dict[str, Any]:
    return {**send(probe, dialog_id, text), "commandId": probe.command_id, "messageId": message_id}


def test_v2_bot_writes_to_a_user_and_to_its_chat(v2: BotProbe) -> None:
    chat_id = v2.chat_with_bot()
    personal = v2.result(SEND, **send(v2, "2", "Hi John"))
    group = v2.result(SEND, **send(v2, f"chat{chat_id}", "Hi all"))
    assert (personal["uuidMap"], group["id"] > personal["id"]) == ([], True)
    first, second = v2.messages()
    assert first.keys() == {"message_id", "at", "chat_id", "dialog_id", "author_id", "text", "method"}
    assert (first["message_id"], first["dialog_id"], first["text"]) == (personal["id"], "2", "Hi John")
    assert (second["message_id"], second["chat_id"], second["dialog_id"]) == (group["id"], chat_id, f"chat{chat_id}")
    assert {(each["author_id"], each["method"]) for each in (first, second)} == {(v2.bot_id, SEND)}
    assert first["chat_id"] == v2.say("Hi", user_id=2)["chat_id"]


def test_v2_bot_gets_no_event_for_its_own_message(v2: BotProbe) -> None:
    v2.result(SEND, **send(v2, "2", "/chatid deal 5"))
    v2.result(SEND, **send(v2, f"chat{v2.chat_with_bot()}", f"[USER={v2.bot_id}]me[/USER]"))
    assert v2.received_events() == []


@pytest.mark.parametrize("dialog_id", ["chat1437", "chat999999", "999999", "", "sg133", "9" * 5000])
def test_v2_message_of_a_bot_that_is_not_a_member_is_denied(v2: BotProbe, dialog_id: str) -> None:
    assert v2.error(SEND, **send(v2, dialog_id)) == (403, "ACCESS_DENIED")
    assert v2.messages() == []


@pytest.mark.parametrize("text", ["", " \n"])
def test_v2_empty_message_is_refused_unless_it_has_an_attachment(v2: BotProbe, text: str) -> None:
    assert v2.error(SEND, **send(v2, "2", text)) == (400, "EMPTY_MESSAGE")
    assert v2.error(SEND, botId=v2.bot_id, dialogId="2") == (400, "EMPTY_MESSAGE")
    attached = {"message": text, "attach": [{"MESSAGE": "table"}]}
    assert v2.result(SEND, botId=v2.bot_id, dialogId="2", fields=attached)["id"] > 0


def test_v2_text_above_the_limit_is_cut(v2: BotProbe) -> None:
    v2.result(SEND, **send(v2, "2", "x" * 20_001))
    assert v2.messages()[0]["text"] == "x" * 20_000 + " (...)"


@pytest.mark.parametrize("method", [SEND, ANSWER])
def test_v2_refuses_bots_of_other_applications(v2: BotProbe, method: str) -> None:
    params = answer(v2, v2.say("/chatid")["message_id"], "1")
    foreign = v2.another_application()
    assert v2.error_with(foreign, method, **params) == (403, "BOT_OWNERSHIP_ERROR")
    assert v2.error(method, **{**params, "botId": ""}) == (400, "BOT_ID_REQUIRED")
    assert v2.error(method, **{**params, "botId": 99_999}) == (400, "BOT_NOT_FOUND")


def test_v2_webhook_needs_the_bots_token(v2: BotProbe) -> None:
    bot = v2.tell("/bots", {})
    params = {**send(v2, "2"), "botId": bot["bot_id"]}
    by_webhook = v2.portal.webhook_url + SEND
    assert v2.http.request("POST", by_webhook, json=params).json()["error"] == "BOT_TOKEN_NOT_SPECIFIED"
    proved = v2.http.request("POST", by_webhook, json={**params, "botToken": bot["bot_token"]})
    assert proved.json()["result"]["id"] == v2.messages()[0]["message_id"]


def test_v2_command_is_answered_where_the_bot_is_not_a_member(v2: BotProbe) -> None:
    message_id = v2.say("/chatid", 1437)["message_id"]
    assert v2.error(SEND, **send(v2, "chat1437")) == (403, "ACCESS_DENIED")
    assert v2.result(ANSWER, **answer(v2, message_id, "chat1437")) == {"result": True}
    (kept,) = v2.messages()
    assert (kept["chat_id"], kept["dialog_id"], kept["answer_to"]) == (1437, "chat1437", message_id)
    assert (kept["author_id"], kept["method"], kept["text"]) == (v2.bot_id, ANSWER, "chat 1437")


def test_v2_command_in_a_personal_chat_is_answered_by_the_users_id(v2: BotProbe) -> None:
    message_id = v2.say("/chatid deal 5", user_id=3)["message_id"]
    assert v2.result(ANSWER, **answer(v2, message_id, "3")) == {"result": True}
    assert v2.messages()[0]["dialog_id"] == "3"


def test_v2_answer_sent_twice_is_stored_twice(v2: BotProbe) -> None:
    message_id = v2.say("/chatid", 1437)["message_id"]
    for _ in range(2):
        v2.result(ANSWER, **answer(v2, message_id, "chat1437"))
    assert [each["answer_to"] for each in v2.messages()] == [message_id] * 2


def test_v2_has_one_code_for_every_invalid_answer(v2: BotProbe) -> None:
    with_command, without = (v2.say(text, 1437)["message_id"] for text in ("/chatid", "chatid"))
    good = answer(v2, with_command, "chat1437")
    wrongs: tuple[dict[str, object], ...] = (
        {"messageId": without},
        {"messageId": 1},
        {"messageId": "x"},
        {"messageId": "9" * 5000},
        {"commandId": 99_999},
        {"commandId": ""},
        {"dialogId": "chat10"},
        {"dialogId": "1"},
        {"fields": {"message": " "}},
        {"fields": {}},
    )
    for wrong in wrongs:
        assert v2.error(ANSWER, **{**good, **wrong}) == (400, "COMMAND_ANSWER_FAILED"), wrong
    assert v2.messages() == []


def test_v1_writes_to_a_user_and_to_a_chat_and_returns_a_number(v1: BotProbe) -> None:
    chat_id = v1.chat_with_bot()
    first = v1.result(ADD, BOT_ID=v1.bot_id, DIALOG_ID="2", MESSAGE=" Hi John\n")
    second = v1.result(ADD, DIALOG_ID=f"chat{chat_id}", MESSAGE="Hi all")  # the application's first bot
    kept = [(each["message_id"], each["dialog_id"], each["text"], each["method"]) for each in v1.messages()]
    assert kept == [(first, "2", "Hi John", ADD), (second, f"chat{chat_id}", "Hi all", ADD)]


def test_v1_refuses_invalid_messages(v1: BotProbe) -> None:
    good = {"BOT_ID": v1.bot_id, "DIALOG_ID": "2", "MESSAGE": "Hi"}
    for wrong, error in (
        ({"BOT_ID": 99_999}, "BOT_ID_ERROR"),
        ({"DIALOG_ID": ""}, "DIALOG_ID_EMPTY"),
        ({"DIALOG_ID": "chat"}, "DIALOG_ID_EMPTY"),
        ({"DIALOG_ID": "deal5"}, "DIALOG_ID_EMPTY"),
        ({"MESSAGE": " "}, "MESSAGE_EMPTY"),
        ({"DIALOG_ID": "chat1437"}, "WRONG_REQUEST"),
        ({"DIALOG_ID": "99999"}, "WRONG_REQUEST"),
        ({"DIALOG_ID": str(v1.bot_id)}, "WRONG_REQUEST"),
    ):
        assert v1.error(ADD, **{**good, **wrong}) == (400, error), wrong
    assert v1.error_with(v1.another_application(), ADD, **good) == (403, "APP_ID_ERROR")
    assert v1.messages() == []


@pytest.mark.parametrize("by_name", [False, True])
def test_v1_answers_a_command_where_the_bot_is_not_a_member(v1: BotProbe, by_name: bool) -> None:
    message_id = v1.say("/chatid", 1437)["message_id"]
    named = {"COMMAND": "chatid"} if by_name else {"COMMAND_ID": v1.command_id}
    answered = v1.result(ANSWER_V1, **named, MESSAGE_ID=message_id, MESSAGE="chat 1437")
    (kept,) = v1.messages()
    assert (kept["message_id"], kept["answer_to"], kept["dialog_id"]) == (answered, message_id, "chat1437")
    assert (kept["author_id"], kept["method"]) == (v1.bot_id, ANSWER_V1)


def test_v1_has_a_code_for_each_invalid_answer(v1: BotProbe) -> None:
    good = {"COMMAND_ID": v1.command_id, "MESSAGE_ID": v1.say("/chatid", 1437)["message_id"], "MESSAGE": "chat 1437"}
    for wrong, error in (
        ({"COMMAND_ID": 99_999}, "COMMAND_ID_ERROR"),
        ({"COMMAND_ID": ""}, "COMMAND_ID_ERROR"),
        ({"COMMAND_ID": "", "COMMAND": "other"}, "COMMAND_ID_ERROR"),
        ({"MESSAGE_ID": ""}, "MESSAGE_ID_EMPTY"),
        ({"MESSAGE_ID": 0}, "MESSAGE_ID_EMPTY"),
        ({"MESSAGE": ""}, "MESSAGE_EMPTY"),
        ({"MESSAGE_ID": 1}, "WRONG_REQUEST"),
        ({"MESSAGE_ID": v1.say("chatid", 1437)["message_id"]}, "WRONG_REQUEST"),
    ):
        assert v1.error(ANSWER_V1, **{**good, **wrong}) == (400, error), wrong
    foreign = v1.another_application()
    assert v1.error_with(foreign, ANSWER_V1, **good) == (403, "APP_ID_ERROR")
    assert v1.error_with(foreign, ANSWER_V1, **{**good, "COMMAND_ID": "", "COMMAND": "chatid"})[1] == "COMMAND_ID_ERROR"


def test_methods_of_v1_serve_bots_of_v2(v2: BotProbe) -> None:
    message_id = v2.say("/chatid", 1437)["message_id"]
    assert v2.result(ADD, BOT_ID=v2.bot_id, DIALOG_ID="2", MESSAGE="Hi") > 0
    assert v2.result(ANSWER_V1, COMMAND_ID=v2.command_id, MESSAGE_ID=message_id, MESSAGE="Hi") > 0


def test_reset_deletes_the_messages_and_no_id_is_reused(v2: BotProbe) -> None:
    message_id = v2.say("/chatid", 1437)["message_id"]
    last = v2.result(SEND, **send(v2, "2"))["id"]
    v2.tell("/reset", {})
    assert v2.messages() == []
    assert v2.error(ANSWER, **answer(v2, message_id, "chat1437")) == (400, "COMMAND_ANSWER_FAILED")
    assert v2.result(SEND, **send(v2, "2"))["id"] > last


def test_faults_apply_to_message_methods(v2: BotProbe) -> None:
    v2.tell("/faults", {"method": SEND, "error": "QUERY_LIMIT_EXCEEDED", "times": 1})
    assert v2.error(SEND, **send(v2, "2")) == (503, "QUERY_LIMIT_EXCEEDED")
    assert v2.messages() == []
    assert v2.result(SEND, **send(v2, "2"))["id"] > 0
    assert [each["status"] for each in v2.calls(SEND)] == [503, 200]
