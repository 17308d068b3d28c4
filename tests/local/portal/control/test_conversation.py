"""What users write, and which bots receive it (bitrix24.md 5.4, 9 rows 7, 8 and 16)."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.support.portals.portal_bots import NAME, PATH, BotProbe
from tests.support.portals.portal_service import Page, Received

ADD = {"v1": "ONIMBOTMESSAGEADD", "v2": "ONIMBOTV2MESSAGEADD"}
COMMAND = {"v1": "ONIMCOMMANDADD", "v2": "ONIMBOTV2COMMANDADD"}


@pytest.fixture(params=["v1", "v2"])
def api(request: pytest.FixtureRequest) -> str:
    """Which API registered the bot."""
    version: str = request.param
    return version


@pytest.fixture
def probe(bot_probe: BotProbe, api: str) -> BotProbe:
    bot_probe.with_bot(api)
    return bot_probe


def names(reply: Any) -> list[str]:
    """The events that were sent, in order."""
    return [each["event"] for each in reply["sent"]]


def test_bot_receives_every_personal_message(probe: BotProbe, api: str) -> None:
    reply = probe.say("Hi")
    assert reply["sent"] == [{"event": ADD[api], "verb": "POST", "url": probe.service.url + PATH, "status": 200}]
    assert [event["event"] for event in probe.received_events()] == [ADD[api]]


@pytest.mark.parametrize("text", ["@Chat Lookup deal 5", "[USER={bot}]Chat[/USER] deal 5", "so, @Chat Lookup?"])
def test_bot_receives_group_message_that_mentions_it(probe: BotProbe, api: str, text: str) -> None:
    assert names(probe.say(text.replace("{bot}", str(probe.bot_id)), probe.chat_with_bot())) == [ADD[api]]


@pytest.mark.parametrize("text", ["deal 5", "@Chat Lookups deal 5", "Chat Lookup", "[USER=1]Anna[/USER] deal 5"])
def test_bot_does_not_receive_group_message_without_a_mention(probe: BotProbe, text: str) -> None:
    reply = probe.say(text, probe.chat_with_bot())
    assert (reply["sent"], probe.received_events()) == ([], [])
    assert reply["message_id"] > 0


def test_bot_does_not_receive_messages_of_a_group_without_it(probe: BotProbe) -> None:
    assert probe.say(f"[USER={probe.bot_id}]{NAME}[/USER] deal 5", 1437)["sent"] == []


def test_name_becomes_a_mention(v2: BotProbe) -> None:
    v2.say("@Chat Lookup deal 5", v2.chat_with_bot())
    (event,) = v2.received_events()
    assert event["data"]["message"]["text"] == f"[USER={v2.bot_id}]{NAME}[/USER] deal 5"


def test_supervisor_bot_receives_every_message_in_its_chats(bot_probe: BotProbe) -> None:
    bot_probe.with_bot("v2", kind="supervisor")
    assert names(bot_probe.say("hello everybody", bot_probe.chat_with_bot())) == [ADD["v2"]]
    assert bot_probe.say("hello everybody", 1437)["sent"] == []


def test_open_line_bot_receives_the_messages_of_its_lines(bot_probe: BotProbe) -> None:
    bot_probe.with_bot("v1", kind="O")
    line = bot_probe.chat_with_bot("LINES", "livechat|22|1775|599", (1, 744))
    assert names(bot_probe.say("Good morning", line, user_id=744)) == [ADD["v1"]]
    assert bot_probe.say("hello everybody", bot_probe.chat_with_bot())["sent"] == []


def test_bot_does_not_receive_its_own_messages(probe: BotProbe) -> None:
    chat_id = probe.chat_with_bot()
    assert probe.say(f"@{NAME} /chatid", chat_id, user_id=probe.bot_id)["sent"] == []
    assert probe.say("/chatid", chat_id, user_id=probe.bot_id)["sent"] == []


def test_command_in_a_personal_chat_is_sent_as_command_and_as_message(probe: BotProbe, api: str) -> None:
    assert names(probe.say("/chatid deal 5")) == [COMMAND[api], ADD[api]]


def test_common_command_is_sent_where_the_bot_is_not_a_member(probe: BotProbe, api: str) -> None:
    assert names(probe.say("/chatid", 1437)) == [COMMAND[api]]


def test_other_command_is_sent_only_where_the_bot_is_a_member(bot_probe: BotProbe, api: str) -> None:
    bot_probe.with_bot(api, common=False)
    assert bot_probe.say("/chatid", 1437)["sent"] == []
    assert names(bot_probe.say("/chatid", bot_probe.chat_with_bot())) == [COMMAND[api]]


@pytest.mark.parametrize("text", ["/chatids", "/chat", " /chatid", "chatid", "see /chatid", "//chatid"])
def test_only_a_line_that_begins_with_the_commands_name_is_a_command(probe: BotProbe, text: str) -> None:
    assert probe.say(text, probe.chat_with_bot())["sent"] == []


def test_each_command_of_a_text_has_its_own_event(v2: BotProbe) -> None:
    reply = v2.say("/chatid deal 5\n/chatid deal 6", 1437)
    assert names(reply) == [COMMAND["v2"]] * 2
    assert [event["data"]["command"]["params"] for event in v2.received_events()] == ["deal 5", "deal 6"]


@pytest.mark.parametrize("user_id", [4, 5, 6, 744])
def test_commands_of_outsiders_are_sent_only_if_the_command_supports_them(
    bot_probe: BotProbe, api: str, user_id: int
) -> None:
    bot_probe.with_bot(api)
    assert names(bot_probe.say("/chatid", user_id=user_id)) == [ADD[api]]
    bot_probe.with_bot(api, extranet=True)
    assert names(bot_probe.say("/chatid", user_id=user_id)) == [COMMAND[api], ADD[api]]


def test_v1_event_has_the_authors_kind(bot_probe: BotProbe) -> None:
    bot_probe.with_bot("v1")
    flags = {}
    for user_id in (1, 4, 5, 6, 744):
        bot_probe.say("Hi", user_id=user_id)
        (event,) = bot_probe.received_events()
        user = event["data"]["USER"]
        flags[user_id] = "".join(user[f"IS_{name}"] for name in ("BOT", "CONNECTOR", "NETWORK", "EXTRANET"))
    assert flags == {1: "NNNN", 4: "NNNY", 5: "NNYY", 6: "YNNN", 744: "NYNY"}


def test_v2_event_has_the_authors_kind(v2: BotProbe) -> None:
    flags = {}
    for user_id in (1, 4, 5, 6, 744):
        v2.say("Hi", user_id=user_id)
        (event,) = v2.received_events()
        user = event["data"]["user"]
        flags[user_id] = (user["type"], user["bot"] + user["connector"] + user["extranet"])
    assert flags == {
        1: ("employee", "000"),
        4: ("extranet", "001"),
        5: ("extranet", "001"),
        6: ("bot", "100"),
        744: ("extranet", "011"),
    }


def test_event_has_the_extranet_flag_of_a_chat_with_outsiders(probe: BotProbe, api: str) -> None:
    seen = []
    for members in ((1, 2), (1, 4)):
        probe.say(f"@{NAME} Hi", probe.chat_with_bot(members=members))
        (event,) = probe.received_events()
        seen.append(event["data"]["PARAMS"]["CHAT_EXTRANET"] if api == "v1" else event["data"]["chat"]["extranet"])
    assert seen == (["N", "Y"] if api == "v1" else ["0", "1"])


def test_event_is_sent_once_whatever_the_answer(probe: BotProbe) -> None:
    probe.service.answer = lambda _: Page("no", status=503)
    assert [each["status"] for each in probe.say("Hi")["sent"]] == [503]
    assert len(probe.received_events()) == 1


def test_service_may_call_the_portal_while_it_receives_an_event(v2: BotProbe) -> None:
    seen: list[str] = []

    def answer(_: Received) -> Page:
        seen.append(v2.result("profile")["ID"])
        return Page()

    v2.service.answer = answer
    v2.say("Hi")
    assert seen == ["1"]


def test_concurrent_messages_are_all_sent_each_with_its_own_id(v2: BotProbe) -> None:
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda number: v2.say(f"deal {number}", user_id=1 + number % 3), range(40)))
    assert len({reply["message_id"] for reply in replies}) == 40
    assert len({reply["chat_id"] for reply in replies}) == 3
    texts = {event["data"]["message"]["text"] for event in v2.received_events()}
    assert texts == {f"deal {number}" for number in range(40)}


def test_no_event_is_sent_without_a_finished_installation(v2: BotProbe) -> None:
    v2.tell("/uninstall", {"send": False})
    assert v2.say("Hi")["sent"] == []


def test_message_to_a_removed_bot_is_refused(v2: BotProbe) -> None:
    v2.result("imbot.v2.Bot.unregister", botId=v2.bot_id)
    assert v2.refused("/say", {"text": "Hi"}) == "which bot? There are: none"
    assert v2.say("/chatid", 1437)["sent"] == []


@pytest.mark.parametrize(
    ("path", "body", "reason"),
    [
        ("/say", {"text": "Hi", "chat_id": 999_999}, "no such chat"),
        ("/say", {"text": "Hi", "chat_id": 1437, "user_id": 4}, "not in the chat"),
        ("/say", {"text": "Hi", "user_id": 99}, "no such user"),
        ("/say", {"text": "Hi", "bot_id": 99}, "which bot"),
        ("/join", {"chat_id": 1437, "bot_id": 99}, "which bot"),
        ("/join", {"chat_id": 999_999}, "no such chat"),
    ],
)
def test_impossible_request_is_refused_with_the_reason(
    v2: BotProbe, path: str, body: dict[str, object], reason: str
) -> None:
    assert reason in v2.refused(path, body)
    assert v2.received_events() == []


@pytest.mark.parametrize(
    ("path", "body", "named"),
    [
        ("/say", {}, "text"),
        ("/say", {"text": ""}, "text"),
        ("/say", {"text": "Hi", "chat": 1437}, "chat"),
        ("/say", {"text": "Hi", "chat_id": "1437"}, "chat_id"),
        ("/join", {"chat_id": 1437, "text": "Hi"}, "text"),
        ("/users", {"kind": "alien"}, "employee, extranet, collaber, email, connector, guest, bot"),
        ("/shape", {"auth_in_events": "none"}, "full, brief"),
        ("/shape", {"entity_id_in_events": "yes"}, "entity_id_in_events"),
    ],
)
def test_invalid_request_is_refused_with_the_name_of_the_field(
    v2: BotProbe, path: str, body: object, named: str
) -> None:
    response = v2.http.request("POST", v2.portal.control_url + path, body=json.dumps(body))
    assert (response.status, named in response.json()["error"]) == (400, True)


def test_added_users_of_each_kind_have_the_messengers_flags(v2: BotProbe) -> None:
    shown = {}
    for kind in ("employee", "extranet", "collaber", "email", "connector", "guest", "bot"):
        user_id = v2.tell("/users", {"name": "User", "kind": kind})["user_id"]
        user = v2.result("im.user.get", ID=user_id)
        flags = "".join(str(int(user[name])) for name in ("extranet", "network", "connector", "bot"))
        shown[kind] = (user["type"], user["external_auth_id"], flags)
    assert shown == {
        "employee": ("user", "default", "0000"),
        "extranet": ("extranet", "default", "1000"),
        "collaber": ("collaber", "default", "1000"),
        "email": ("email", "email", "1000"),
        "connector": ("extranet", "imconnector", "1010"),
        "guest": ("extranet", "replica", "1100"),
        "bot": ("bot", "bot", "0001"),
    }


def test_new_portal_has_a_user_of_each_kind(v2: BotProbe) -> None:
    kinds = {}
    for user_id in (1, 2, 3, 4, 5, 6, 744):
        user = v2.result("im.user.get", ID=user_id)
        kinds[user_id] = next(
            (name for name in ("connector", "network", "bot", "extranet") if user[name]), user["type"]
        )
    employees = dict.fromkeys((1, 2, 3), "user")
    assert kinds == {**employees, 4: "extranet", 5: "network", 6: "bot", 744: "connector"}
    assert v2.say("Guten Tag", 1764, user_id=744)["chat_id"] == 1764


def test_default_bot_is_the_applications_only_bot(v2: BotProbe) -> None:
    other = v2.tell("/bots", {"name": "By webhook"})["bot_id"]
    assert names(v2.say("Hi")) == [ADD["v2"]]
    assert v2.say("Hi", bot_id=other)["sent"] == []  # it has no handler
