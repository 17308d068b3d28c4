"""Users' text is parsed into the entity that it names; other text names none."""

from collections.abc import Collection

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_lookup.bot.entity_parser import READ, objects_in
from chat_lookup.entity import EntityRef

HOST = "acme.bitrix24.com"
HOSTS = (HOST,)

DEAL = ("CRM", "DEAL|1663")


def entity_in(text: str, hosts: Collection[str]) -> EntityRef | None:
    """The first pair of a text."""
    return next(iter(objects_in(text, hosts).pairs), None)


def read(text: str) -> tuple[str, str] | None:
    ref = entity_in(text, HOSTS)
    return None if ref is None else (ref.entity_type, ref.entity_id)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # The platform's own spelling.
        ("CRM DEAL|1663", DEAL),
        ("CRM|DEAL|1663", DEAL),
        ("DEAL|1663", DEAL),
        ("deal|1663", DEAL),
        ("ENTITY_TYPE=CRM&ENTITY_ID=DEAL|1663", DEAL),
        ("LEAD|13", ("CRM", "LEAD|13")),
        ("CONTACT|25", ("CRM", "CONTACT|25")),
        ("COMPANY|7", ("CRM", "COMPANY|7")),
        ("DYNAMIC_177|5", ("CRM", "DYNAMIC_177|5")),
        ("CRM dynamic_177 5", ("CRM", "DYNAMIC_177|5")),
        ("DYNAMIC_2|1663", DEAL),
        ("SMART_INVOICE|4", ("CRM", "SMART_INVOICE|4")),
        ("TASK 8293", ("TASK", "8293")),
        ("TASKS_TASK 8293", ("TASKS_TASK", "8293")),
        ("TASKS|8293", ("TASKS", "8293")),
        ("SONET_GROUP 133", ("SONET_GROUP", "133")),
        ("sonet_group 133", ("SONET_GROUP", "133")),
        ("CALENDAR 15", ("CALENDAR", "15")),
        ("CHAT 13", ("CHAT", "13")),
        ("OPEN|13", ("OPEN", "13")),
        ("CALL 1234", ("CALL", "1234")),
        ("VIDEOCONF a1b2c3", ("VIDEOCONF", "a1b2c3")),
        ("MAIL <m17@example.com>.", ("MAIL", "<m17@example.com>")),
        ("LINES telegrambot|2|209607941|744", ("LINES", "telegrambot|2|209607941|744")),
        ("the guest is LINES livechat|22|1775|599, is it not?", ("LINES", "livechat|22|1775|599")),
        ("LINES wz_whatsapp_4cd3|12|Чат 😀|902", ("LINES", "wz_whatsapp_4cd3|12|Чат 😀|902")),
        ("imol|telegrambot|2|209607941|744", ("LINES", "telegrambot|2|209607941|744")),
        ("LIVECHAT livechat|22", ("LIVECHAT", "livechat|22")),
        # English.
        ("deal 1663", DEAL),
        ("Deal 1663?", DEAL),
        ("Which chat has deal 1663, please.", DEAL),
        ("deal #1663", DEAL),
        ("deal no. 1663", DEAL),
        ("deal id: 1663", DEAL),
        ("deal: 1663", DEAL),
        ("deal (1663)", DEAL),
        ("deals 1663 and 7", DEAL),
        ("deal1663", DEAL),
        ("deal 0001663", DEAL),
        ("[B]deal 1663[/B]", DEAL),
        ("lead 13", ("CRM", "LEAD|13")),
        ("contact 25", ("CRM", "CONTACT|25")),
        ("Company 7", ("CRM", "COMPANY|7")),
        ("task 8293", ("TASK", "8293")),
        ("tasks 8293", ("TASK", "8293")),
        ("group 133", ("SONET_GROUP", "133")),
        ("project 133", ("SONET_GROUP", "133")),
        ("sg133", ("SONET_GROUP", "133")),
        # German.
        ("Deal Nr. 1663", DEAL),
        ("Auftrag 1663", DEAL),
        ("Lead 13", ("CRM", "LEAD|13")),
        ("Kontakt 25", ("CRM", "CONTACT|25")),
        ("Unternehmen 7", ("CRM", "COMPANY|7")),
        ("Aufgabe 8293", ("TASK", "8293")),
        ("Wo wird über die Gruppe 133 gesprochen?", ("SONET_GROUP", "133")),
        ("Projekt Nummer 133", ("SONET_GROUP", "133")),
        # Russian.
        ("сделка 1663", DEAL),
        ("Сделка №1663", DEAL),
        ("где чат сделки № 1663?", DEAL),
        ("по сделке 1663", DEAL),
        ("лид 13", ("CRM", "LEAD|13")),
        ("контакт 25", ("CRM", "CONTACT|25")),
        ("КОМПАНИЯ 7", ("CRM", "COMPANY|7")),
        ("задача номер 8293", ("TASK", "8293")),
        ("чат задачи 8293", ("TASK", "8293")),
        ("группа 133", ("SONET_GROUP", "133")),
        ("проект 133", ("SONET_GROUP", "133")),
    ],
)
def test_type_with_an_id_is_read_in_each_language(text: str, expected: tuple[str, str]) -> None:
    assert read(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1663",
        "#1663",
        "hello",
        "deal",
        "a deal of 7",
        "CRM 1663",
        "call 5",
        "open 3 tickets",
        "CALL ME BACK",
        "CHAT with them",
        "ideal 5",
        "лидер 5",
        "deal 1.5",
        "deal 10:30",
        "deal 12-13",
        "deal 5%",
        "deal 5th",
        "deal 0",
        "DEAL|0",
        "DEAL|1663|7",
        "DEAL|",
        "DYNAMIC_|5",
        "DYNAMIC_0|5",
        "deal 1234567890123456789",
        "LINES 209607941",
        "LINES telegrambot|2|209607941",
        "LINES [b]|2|3|4",
        "LINES a|2|\x07|4",
        "LIVECHAT [URL=x]|22",
        "deal ١٦٦٣",
        "@deal",
    ],
)
def test_other_text_names_no_entity(text: str) -> None:
    assert read(text) is None


def test_first_of_several_entities_is_read() -> None:
    link = f"https://{HOST}/crm/lead/details/13/"
    assert read(f"task 8293, {link} and deal 1663") == ("TASK", "8293")
    assert read(f"{link}, task 8293 and deal 1663") == ("CRM", "LEAD|13")


def test_text_beyond_the_bound_is_ignored_and_a_number_at_the_bound_is_not_cut() -> None:
    filler = "x" * (READ - len(" deal 16"))
    assert read(filler + " deal 16") == ("CRM", "DEAL|16")
    assert read(filler + " deal 1663") is None
    assert read("x" * READ + " deal 1663") is None
    assert read("deal 1663 " + "x" * 20_000) == DEAL


HOSTILE = [
    "[URL=",
    "[URL=x]",
    "[URL=x][/URL",
    "https://",
    "a.",
    "a-",
    "a:1",
    "a.b/",
    "a" * 21,
    "deal ",
    "deal no ",
    "deal 5.",
    "deal 0",
    "DYNAMIC_1",
    "LINES ",
    "LINES a|1|",
    "LINES|",
    "imol|",
    "imol|a|1|b",
    "CALL 1.",
    "CALL|a",
    "/crm/deal/details/",
    "/type/1/details/",
    f"https://{HOST}/type/",
    "1",
    "|",
    " ",
    "\n",
    "é",
    "\ud800",
    "\x00",
]


@pytest.mark.parametrize("piece", HOSTILE)
def test_repetitive_text_is_read_in_linear_time(piece: str) -> None:
    # One that took exponential time would not end before the test's own time-out.
    for tail in ("", "x", "[", "|", ".", " deal"):
        entity_in(piece * (20_000 // len(piece)) + tail, HOSTS)


@given(st.lists(st.sampled_from([*HOSTILE, "5", "deal", "[/URL]", HOST, "/", "?"]), max_size=60).map("".join))
def test_parsed_entity_can_be_quoted_in_a_message(text: str) -> None:
    ref = entity_in(text, HOSTS)
    assert ref is None or not set("[]\n\r") & set(ref.entity_type + ref.entity_id)


@given(st.text(max_size=200))
def test_any_text_is_read_as_an_entity_or_as_none(text: str) -> None:
    for around in ("{}", "deal {}", "LINES {}", "MAIL {}", f"https://{HOST}/{{}}", "[URL={}]"):
        ref = entity_in(around.replace("{}", text), HOSTS)
        assert ref is None or ref.entity_id
