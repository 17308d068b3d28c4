"""Every entity convention of the platform finds its chat, exact to the character (bitrix24.md 1.20)."""

import unicodedata

import pytest

from tests.support.reply_checks import found, only_line, problem
from tests.support.service import Service

PAIRS = {
    "a lead": ("CRM", "LEAD|9013"),
    "a deal": ("CRM", "DEAL|91663"),
    "a contact": ("CRM", "CONTACT|25"),
    "a company": ("CRM", "COMPANY|7"),
    "an item of a smart process": ("CRM", "DYNAMIC_177|25"),
    "a smart invoice": ("CRM", "DYNAMIC_31|8"),
    "a smart invoice by its other name": ("CRM", "SMART_INVOICE|8"),
    "an open line, Telegram": ("LINES", "telegrambot|2|209607941|745"),
    "an open line, the site's own chat": ("LINES", "livechat|22|1775|599"),
    "an open line, a telephone number": ("LINES", "wazzup|5|+79161234567|41"),
    "an open line, Cyrillic": ("LINES", "mychat|3|Пётр Иванов|77"),
    "an open line, emoji": ("LINES", "mychat|3|👩‍👩‍👧 Семья 😀|78"),
    "an open line, characters of URLs": ("LINES", "mychat|3|a&b=c?d#e/f%7C+g;h|79"),
    "an open line, quotes": ("LINES", "mychat|3|\"\\'<>{}[]|80"),
    "an open line, spaces inside": ("LINES", "mychat|3|two  spaces and a no-break one|81"),
    "an open line, from right to left": ("LINES", "mychat|3|مرحبا שלום|82"),
    "a client's side of an open line": ("LIVECHAT", "livechat|22"),
    "a new task card": ("TASKS_TASK", "98293"),
    "an old task card": ("TASKS", "98294"),
    "a calendar event": ("CALENDAR", "311"),
    "a group": ("SONET_GROUP", "9133"),
    "a call": ("CALL", "c0ffee-1"),
    "a mail thread": ("MAIL", "4711"),
    "a video conference": ("VIDEOCONF", "8x1y"),
    "an announcement": ("ANNOUNCEMENT", "12"),
    "an assistant's private chat": ("AI_ASSISTANT_PRIVATE", "3"),
    "a thread": ("THREAD", "5"),
    "an application's own, as CHAT": ("CHAT", "9013"),
    "an application's own, as OPEN": ("OPEN", "9013"),
    "an application's own, as OPENLINES": ("OPENLINES", "9013"),
    "an application's own, of any form": ("my.app/заказ#1", " leading and trailing spaces "),
    "the longest that is accepted": ("T" * 255, "Ы" * 255),
}

every_pair = pytest.mark.parametrize(("entity_type", "entity_id"), PAIRS.values(), ids=PAIRS)


@every_pair
def test_pair_finds_its_chat_by_both_methods_over_http_and_directly(
    service: Service, entity_type: str, entity_id: str
) -> None:
    pair = {"entity_type": entity_type, "entity_id": entity_id}
    chat_id = service.control("/chats", pair)["chat_id"]

    over_http = found(service.look_up(entity_type, entity_id, method="im"))
    by_imbot = found(service.look_up(entity_type, entity_id, method="imbot", fresh="true"))
    directly = service.direct(pair)

    for answer in (over_http, by_imbot, directly):
        assert (answer["chat_id"], answer["entity_type"], answer["entity_id"]) == (chat_id, entity_type, entity_id)
    assert [call["method"] for call in service.calls()] == ["im.chat.get", "imbot.chat.get"]
    assert [call["params"] for call in service.calls()] == [{"ENTITY_TYPE": entity_type, "ENTITY_ID": entity_id}] * 2
    assert directly["source"] == "cache"


ALIKE = {
    "case of the type": (("ALIKE", "a"), ("alike", "a")),
    "case of the id": (("ALIKE", "b"), ("ALIKE", "B")),
    "a space at the end": (("ALIKE", "c"), ("ALIKE", "c ")),
    "a space at the beginning": (("ALIKE", "d"), (" ALIKE", "d")),
    "a zero at the beginning": (("ALIKE", "7"), ("ALIKE", "07")),
    "one letter in two forms of Unicode": (("ALIKE", "й"), ("ALIKE", unicodedata.normalize("NFD", "й"))),
    "Latin and Cyrillic": (("ALIKE", "CAB"), ("ALIKE", "САВ")),
    "encoded twice": (("ALIKE", "x|y"), ("ALIKE", "x%7Cy")),
    "plus and space": (("ALIKE", "p q"), ("ALIKE", "p+q")),
}


@pytest.mark.parametrize(("one", "other"), ALIKE.values(), ids=ALIKE)
def test_similar_pairs_have_separate_chats(service: Service, one: tuple[str, str], other: tuple[str, str]) -> None:
    first, second = (service.control("/chats", {"entity_type": a, "entity_id": b})["chat_id"] for a, b in (one, other))

    for _ in range(2):
        assert found(service.look_up(*one))["chat_id"] == first
        assert found(service.look_up(*other))["chat_id"] == second
    assert len(service.calls()) == 2


@pytest.mark.parametrize("entity_type", ["TASKS_TASK", "TASKS"])
def test_task_is_looked_up_as_new_card_and_then_as_old_card(service: Service, entity_type: str) -> None:
    task_id = f"77{len(entity_type)}"
    chat_id = service.control("/chats", {"entity_type": entity_type, "entity_id": task_id})["chat_id"]

    answer = found(service.look_up("TASK", task_id))

    assert (answer["chat_id"], answer["entity_type"]) == (chat_id, "TASK")


def test_task_without_a_pair_is_found_by_tasks_task_get(service: Service) -> None:
    task = {"task": {"id": "9911", "chatId": 4242}}
    service.control("/faults", {"method": "tasks.task.get", "body": {"result": task}})

    answer = found(service.look_up("TASK", "9911"))

    assert (answer["chat_id"], answer["method"]) == (4242, "tasks.task.get")


def test_open_line_unknown_to_the_messenger_is_found_by_the_open_lines_method(service: Service) -> None:
    code = "telegrambot|2|5550001|901"
    chat_id = service.control("/chats", {"entity_type": "LINES", "entity_id": code})["chat_id"]
    service.control("/faults", {"method": "im.chat.get", "body": {"result": None}})

    answer = found(service.look_up("LINES", code))

    assert (answer["chat_id"], answer["method"]) == (chat_id, "imopenlines.dialog.get")
    assert [call["method"] for call in service.calls()] == ["im.chat.get", "imopenlines.dialog.get"]


def test_open_line_is_found_by_the_value_of_the_crm_messenger_field(service: Service) -> None:
    assert found(service.look_up("LINES", "imol|telegrambot|2|209607941|744"))["chat_id"] == 1764


def test_unknown_open_line_is_not_found(service: Service) -> None:
    problem(service.look_up("LINES", "telegrambot|2|5550002|902"), 404, "chat-not-found")


def test_open_line_is_looked_up_once_without_the_open_lines_scope(service: Service) -> None:
    service.control("/scopes", {"scopes": ["im"]})
    webhook_url = service.stack.target.endpoint.base_url
    service.admin("portal.add_webhook", webhook_url=webhook_url, member_id=service.member_id)

    problem(service.look_up("LINES", "telegrambot|2|5550003|903"), 404, "chat-not-found")

    assert [call["method"] for call in service.calls()] == ["scope", "im.chat.get"]


@pytest.mark.parametrize(
    ("entity_type", "entity_id", "word"),
    [
        ("CRM", "1663", "DEAL|1663"),
        ("DEAL", "1663", "CRM"),
        ("OPENLINES", "telegrambot|2|209607941|744", "LINES"),
        ("LINES", "imol|telegrambot|2|5550009|909", "imol|"),
        ("LINES", "209607941", "<connector>"),
        ("crm", "DEAL|1663", "CRM"),
        ("CRM", "DEAL\\|1663", "escaped"),
        ("CRM", "DEAL%7C1663", "escaped"),
        ("SONET_GROUP", "sg133", "number"),
        ("WORKGROUP", "133", "SONET_GROUP"),
        ("TASKS_TASK", "task 8293", "number"),
        ("CRM", "DEAL|1663 ", "space"),
    ],
)
def test_unlikely_pair_is_not_found_with_a_hint(service: Service, entity_type: str, entity_id: str, word: str) -> None:
    assert word in problem(service.look_up(entity_type, entity_id), 404, "chat-not-found")["hint"]


@pytest.mark.parametrize("entity_type", ["LINES", "OPENLINES", "LIVECHAT", "WHATEVER"])
def test_telephone_number_of_an_open_line_is_in_no_log(service: Service, entity_type: str) -> None:
    service.look_up(entity_type, "wazzup|5|+79161234567|41")

    assert only_line(service)["entity_id"].startswith("sha256:")
    assert "9161234567" not in service.output()
