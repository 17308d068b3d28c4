"""Events in an open line's chat name the objects of the CRM that it is bound to (bitrix24.md 10.1)."""

from tests.support.portals.portal_bots import NAME, BotProbe

DATA_2 = "LEAD|0|COMPANY|0|CONTACT|42|DEAL|1663"


def event_in_the_line(probe: BotProbe, chat_id: int = 1764) -> dict[str, object]:
    """The data of the event of a message that mentions the bot in a line, without another that of the demo."""
    probe.tell("/join", {"chat_id": chat_id})
    probe.received_events()
    probe.say(f"[USER={probe.bot_id}]{NAME}[/USER] who is this?", chat_id)
    (event,) = probe.received_events()
    data: dict[str, object] = event["data"]
    return data


def test_v1_event_names_the_objects_that_the_line_is_bound_to(v1: BotProbe) -> None:
    params = event_in_the_line(v1)["PARAMS"]
    assert isinstance(params, dict)
    assert (params["CHAT_ENTITY_TYPE"], params["CHAT_ENTITY_ID"]) == ("LINES", "telegrambot|2|209607941|744")
    assert params["CHAT_ENTITY_DATA_1"] == "Y|DEAL|1663|N|N|343|1773682918|0|0|0"
    assert (params["CHAT_ENTITY_DATA_2"], params["CHAT_ENTITY_DATA_3"]) == (DATA_2, "N")


def test_v2_event_names_the_objects_that_the_line_is_bound_to(v2: BotProbe) -> None:
    chat = event_in_the_line(v2)["chat"]
    assert isinstance(chat, dict)
    assert chat["entityData1"] == "Y|DEAL|1663|N|N|343|1773682918|0|0|0"
    assert (chat["entityData2"], chat["entityData3"], chat["entityType"]) == (DATA_2, "N", "LINES")


def test_events_name_the_objects_of_the_lines_last_session(v2: BotProbe) -> None:
    line = {"connector": "telegrambot", "crm": [{"type": "deal", "id": 76}]}
    chat_id = v2.tell("/lines", line)["chat_id"]
    v2.tell("/lines", {**line, "chat_id": chat_id, "crm": [{"type": "lead", "id": 77}, {"type": "lead", "id": 78}]})
    chat = event_in_the_line(v2, chat_id)["chat"]
    assert isinstance(chat, dict)
    assert chat["entityData2"] == "LEAD|77|COMPANY|0|CONTACT|0|DEAL|0"
