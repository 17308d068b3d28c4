"""Ids of chats and objects in the CRM's results, and nothing else of a client."""

import json
from pathlib import Path

import pytest

from chat_lookup.bitrix24.crm_results import CrmRelatives, LineChat, line_chats_from, relatives_from
from chat_lookup.bitrix24.errors import BitrixError, ErrorClass
from tests.support.repository import ROOT

SCHEMAS = ROOT / "tests" / "platform_schemas" / "methods"
NO_LISTS: list[object] = ["text", 5, True, {"CHAT_ID": "5"}, ["5"], [None], [{"CHAT_ID": "x"}], [{"CHAT_ID": [1]}]]
NO_ITEMS: list[object] = [
    None, [], "text", {}, {"item": None}, {"item": []}, {"items": [{}]}, {"item": {"contactIds": ["user@example.com"]}},
    {"item": {"contactIds": [{"id": 42}]}}, {"item": {"companyId": "x"}},
]  # fmt: skip


def row(chat_id: object, connector: object = "livechat", title: object = "Live Chat") -> dict[str, object]:
    return {"CHAT_ID": chat_id, "CONNECTOR_ID": connector, "CONNECTOR_TITLE": title}


def sample(method: str) -> object:
    return json.loads(Path(SCHEMAS / f"{method}.json").read_text("utf-8"))["resultExample"]["result"]


def test_sample_of_the_documentation_is_read() -> None:
    (found,) = line_chats_from(sample("imopenlines.crm.chat.get"))
    assert (found.chat_id, found.connector) == (1763, "livechat")
    assert relatives_from(sample("crm.item.get")) == CrmRelatives((), ())


def test_lines_keep_their_order_and_those_without_a_chat_are_left_out() -> None:
    found = line_chats_from(
        [row("1763"), row(None), row("1700", "viber", None), row("1763", "viber"), row("0"), row(5, 7)]
    )
    assert found == (LineChat(1763, "livechat", "Live Chat"), LineChat(1700, "viber", ""), LineChat(5, "", "Live Chat"))


@pytest.mark.parametrize("empty", [[], None, False, "", {}])
def test_object_without_lines_has_an_empty_list(empty: object) -> None:
    assert line_chats_from(empty) == ()


def test_title_of_a_connector_is_bounded() -> None:
    assert len(line_chats_from([row(5, title="x" * 5000)])[0].connector_title) == 100


@pytest.mark.parametrize(
    ("item", "contacts", "companies"),
    [
        ({"contactIds": [42, "43"], "contactId": 42, "companyId": 7}, (42, 43), (7,)),
        ({"contactId": 43, "contactIds": [42, 43]}, (43, 42), ()),
        ({"contactIds": {"0": 42}, "companyIds": [8, 7]}, (42,), (8, 7)),
        ({"contactIds": None, "contactId": 0, "companyId": "0", "companyIds": []}, (), ()),
        ({"contactIds": False, "companyId": None}, (), ()),
        ({}, (), ()),
    ],
)
def test_main_contact_and_company_are_the_first(
    item: dict[str, object], contacts: tuple[int, ...], companies: tuple[int, ...]
) -> None:
    personal = {"title": "x", "phone": "+15550100000", "fm": [{"value": "user@example.com"}]}
    assert relatives_from({"item": {**item, **personal}}) == CrmRelatives(contacts, companies)


@pytest.mark.parametrize("result", NO_LISTS)
def test_what_is_no_list_of_chats_is_an_error_that_quotes_nothing(result: object) -> None:
    with pytest.raises(BitrixError) as raised:
        line_chats_from(result)
    assert raised.value.error_class is ErrorClass.RETRY
    assert "5" not in raised.value.description


@pytest.mark.parametrize("result", NO_ITEMS)
def test_what_is_no_item_is_an_error_that_quotes_nothing(result: object) -> None:
    with pytest.raises(BitrixError) as raised:
        relatives_from(result)
    assert raised.value.error_class is ErrorClass.RETRY
    assert "example.com" not in raised.value.description
