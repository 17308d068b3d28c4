"""What users write, and which bots hear of it (bitrix24.md 5.4, 9 rows 7, 8 and 16)."""

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


def names(told: Any) -> list[str]:
    """The events that were sent, in order."""
    return [each["event"] for each in told["sent"]]


def test_a_personal_message_is_always_heard(probe: BotProbe, api: str) -> None:
    told = probe.say("Hi")
    assert told["sent"] == [{"event": ADD[api], "verb": "POST", "url": probe.service.url + PATH, "status": 200}]
    assert [event["event"] for event in probe.told()] == [ADD[api]]


@pytest.mark.parametrize("text", ["@Chat Lookup deal 5", "[USER={bot}]Chat[/USER] deal 5", "so, @Chat Lookup?"])
def test_a_group_is_heard_where_the_bot_is_mentioned(probe: BotProbe, api: str, text: str) -> None:
    assert names(probe.say(text.replace("{bot}", str(probe.bot_id)), probe.chat_with_bot())) == [ADD[api]]


@pytest.mark.parametrize("text", ["deal 5", "@Chat Lookups deal 5", "Chat Lookup", "[USER=1]Anna[/USER] deal 5"])
def test_a_group_is_not_heard_where_it_is_not(probe: BotProbe, text: str) -> None:
    told = probe.say(text, probe.chat_with_bot())
    assert (told["sent"], probe.told()) == ([], [])
    assert told["message_id"] > 0


def test_a_group_without_the_bot_is_not_heard_at_all(probe: BotProbe) -> None:
    assert probe.say(f"[USER={probe.bot_id}]{NAME}[/USER] deal 5", 1437)["sent"] == []


def test_a_name_becomes_a_mention(v2: BotProbe) -> None:
    v2.say("@Chat Lookup deal 5", v2.chat_with_bot())
    (event,) = v2.told()
    assert event["data"]["message"]["text"] == f"[USER={v2.bot_id}]{NAME}[/USER] deal 5"


def test_a_supervisor_hears_everything_that_is_said_where_he_is(bot_probe: BotProbe) -> None:
    bot_probe.with_bot("v2", kind="supervisor")
    assert names(bot_probe.say("hello everybody", bot_probe.chat_with_bot())) == [ADD["v2"]]
    assert bot_probe.say("hello everybody", 1437)["sent"] == []


def test_a_bot_of_an_open_line_hears_its_lines(bot_probe: BotProbe) -> None:
    bot_probe.with_bot("v1", kind="O")
    line = bot_probe.chat_with_bot("LINES", "livechat|22|1775|599", (1, 744))
    assert names(bot_probe.say("Good morning", line, user_id=744)) == [ADD["v1"]]
    assert bot_probe.say("hello everybody", bot_probe.chat_with_bot())["sent"] == []


def test_a_bot_does_not_hear_itself(probe: BotProbe) -> None:
    chat_id = probe.chat_with_bot()
    assert probe.say(f"@{NAME} /chatid", chat_id, user_id=probe.bot_id)["sent"] == []
    assert probe.say("/chatid", chat_id, user_id=probe.bot_id)["sent"] == []


def test_a_command_in_a_personal_chat_is_told_twice_as_command_and_as_message(probe: BotProbe, api: str) -> None:
    assert names(probe.say("/chatid deal 5")) == [COMMAND[api], ADD[api]]


def test_a_common_command_is_told_where_the_bot_is_no_member(probe: BotProbe, api: str) -> None:
    assert names(probe.say("/chatid", 1437)) == [COMMAND[api]]


def test_any_other_command_only_where_it_is(bot_probe: BotProbe, api: str) -> None:
    bot_probe.with_bot(api, common=False)
    assert bot_probe.say("/chatid", 1437)["sent"] == []
    assert names(bot_probe.say("/chatid", bot_probe.chat_with_bot())) == [COMMAND[api]]


@pytest.mark.parametrize("text", ["/chatids", "/chat", " /chatid", "chatid", "see /chatid", "//chatid"])
def test_only_a_line_that_begins_with_the_commands_name_is_a_command(probe: BotProbe, text: str) -> None:
    assert probe.say(text, probe.chat_with_bot())["sent"] == []


def test_each_command_of_a_text_has_an_event_of_its_own(v2: BotProbe) -> None:
    told = v2.say("/chatid deal 5\n/chatid deal 6", 1437)
    assert names(told) == [COMMAND["v2"]] * 2
    assert [event["data"]["command"]["params"] for event in v2.told()] == ["deal 5", "deal 6"]


@pytest.mark.parametrize("user_id", [4, 5, 6, 744])
def test_commands_of_outsiders_are_told_only_where_the_command_supports_them(
    bot_probe: BotProbe, api: str, user_id: int
) -> None:
    bot_probe.with_bot(api)
    assert names(bot_probe.say("/chatid", user_id=user_id)) == [ADD[api]]
    bot_probe.with_bot(api, extranet=True)
    assert names(bot_probe.say("/chatid", user_id=user_id)) == [COMMAND[api], ADD[api]]


def test_who_wrote_is_told_truly_in_v1(bot_probe: BotProbe) -> None:
    bot_probe.with_bot("v1")
    flags = {}
    for user_id in (1, 4, 5, 6, 744):
        bot_probe.say("Hi", user_id=user_id)
        (event,) = bot_probe.told()
        user = event["data"]["USER"]
        flags[user_id] = "".join(user[f"IS_{name}"] for name in ("BOT", "CONNECTOR", "NETWORK", "EXTRANET"))
    assert flags == {1: "NNNN", 4: "NNNY", 5: "NNYY", 6: "YNNN", 744: "NYNY"}


def test_who_wrote_is_told_truly_in_v2(v2: BotProbe) -> None:
    flags = {}
    for user_id in (1, 4, 5, 6, 744):
        v2.say("Hi", user_id=user_id)
        (event,) = v2.told()
        user = event["data"]["user"]
        flags[user_id] = (user["type"], user["bot"] + user["connector"] + user["extranet"])
    assert flags == {
        1: ("employee", "000"),
        4: ("extranet", "001"),
        5: ("extranet", "001"),
        6: ("bot", "100"),
        744: ("extranet", "011"),
    }


def test_a_chat_with_outsiders_says_so(probe: BotProbe, api: str) -> None:
    seen = []
    for members in ((1, 2), (1, 4)):
        probe.say(f"@{NAME} Hi", probe.chat_with_bot(members=members))
        (event,) = probe.told()
        seen.append(event["data"]["PARAMS"]["CHAT_EXTRANET"] if api == "v1" else event["data"]["chat"]["extranet"])
    assert seen == (["N", "Y"] if api == "v1" else ["0", "1"])


def test_an_event_is_sent_once_whatever_the_answer(probe: BotProbe) -> None:
    probe.service.answer = lambda _: Page("no", status=503)
    assert [each["status"] for each in probe.say("Hi")["sent"]] == [503]
    assert len(probe.told()) == 1


def test_the_service_may_call_the_portal_while_it_is_told(v2: BotProbe) -> None:
    seen: list[str] = []

    def answer(_: Received) -> Page:
        seen.append(v2.result("profile")["ID"])
        return Page()

    v2.service.answer = answer
    v2.say("Hi")
    assert seen == ["1"]


def test_many_who_write_at_once_are_all_told_each_with_an_id_of_his_own(v2: BotProbe) -> None:
    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(lambda number: v2.say(f"deal {number}", user_id=1 + number % 3), range(40)))
    assert len({told["message_id"] for told in said}) == 40
    assert len({told["chat_id"] for told in said}) == 3
    texts = {event["data"]["message"]["text"] for event in v2.told()}
    assert texts == {f"deal {number}" for number in range(40)}


def test_nobody_is_told_before_the_installation_is_finished(v2: BotProbe) -> None:
    v2.tell("/uninstall", {"send": False})
    assert v2.say("Hi")["sent"] == []


def test_a_removed_bot_is_nobody_to_write_to(v2: BotProbe) -> None:
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
def test_what_cannot_be_done_is_refused_with_the_reason(
    v2: BotProbe, path: str, body: dict[str, object], reason: str
) -> None:
    assert reason in v2.refused(path, body)
    assert v2.told() == []


@pytest.mark.parametrize(
    ("path", "body", "named"),
    [
        ("/say", {}, "text"),
        ("/say", {"text": ""}, "text"),
        ("/say", {"text": "Hi", "chat": 1437}, "chat"),
        ("/say", {"text": "Hi", "chat_id": "1437"}, "chat_id"),
        ("/join", {"chat_id": 1437, "text": "Hi"}, "text"),
        ("/users", {"kind": "alien"}, "employee, extranet, connector, guest, bot"),
        ("/shape", {"auth_in_events": "none"}, "full, brief"),
        ("/shape", {"entity_id_in_events": "yes"}, "entity_id_in_events"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(v2: BotProbe, path: str, body: object, named: str) -> None:
    response = v2.http.request("POST", v2.portal.control_url + path, body=json.dumps(body))
    assert (response.status, named in response.json()["error"]) == (400, True)


def test_users_of_each_kind_can_be_added_and_are_what_the_messenger_says(v2: BotProbe) -> None:
    shown = {}
    for kind in ("employee", "extranet", "connector", "guest", "bot"):
        user_id = v2.tell("/users", {"name": "Somebody", "kind": kind})["user_id"]
        user = v2.result("im.user.get", ID=user_id)
        flags = "".join(str(int(user[name])) for name in ("extranet", "network", "connector", "bot"))
        shown[kind] = (user["type"], user["external_auth_id"], flags)
    assert shown == {
        "employee": ("employee", "default", "0000"),
        "extranet": ("extranet", "default", "1000"),
        "connector": ("extranet", "imconnector", "1010"),
        "guest": ("extranet", "replica", "1100"),
        "bot": ("bot", "bot", "0001"),
    }


def test_a_new_portal_has_one_of_each(v2: BotProbe) -> None:
    kinds = {}
    for user_id in (1, 2, 3, 4, 5, 6, 744):
        user = v2.result("im.user.get", ID=user_id)
        kinds[user_id] = next(
            (name for name in ("connector", "network", "bot", "extranet") if user[name]), user["type"]
        )
    employees = dict.fromkeys((1, 2, 3), "employee")
    assert kinds == {**employees, 4: "extranet", 5: "network", 6: "bot", 744: "connector"}
    assert v2.say("Guten Tag", 1764, user_id=744)["chat_id"] == 1764


def test_without_a_name_the_bot_that_an_application_has_is_meant(v2: BotProbe) -> None:
    other = v2.tell("/bots", {"name": "By webhook"})["bot_id"]
    assert names(v2.say("Hi")) == [ADD["v2"]]
    assert v2.say("Hi", bot_id=other)["sent"] == []  # a webhook's bot has no ear
