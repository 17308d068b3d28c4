"""Objects of the CRM over HTTPS (bitrix24.md 10.1)."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.portals.portal_probe import PortalProbe

GET, LIST = "crm.item.get", "crm.item.list"
TYPES = {"lead": 1, "deal": 2, "contact": 3, "company": 4, "quote": 7, "smart_invoice": 31, "dynamic_177": 177}


@pytest.fixture(scope="module")
def shared_probe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PortalProbe]:
    with PortalProbe(tmp_path_factory.mktemp("portal")) as probe:
        yield probe


@pytest.fixture
def probe(shared_probe: PortalProbe) -> PortalProbe:
    shared_probe.tell("/reset", {})
    shared_probe.tell("/plan", {"burst": 1000})
    return shared_probe


def item(probe: PortalProbe, kind: str, number: int) -> Any:
    return probe.result(GET, entityTypeId=TYPES[kind], id=number)["item"]


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("spelling", [str.lower, str.upper])
def test_object_of_each_type_names_its_clients_and_has_addresses_in_it(
    probe: PortalProbe, kind: str, spelling: Any
) -> None:
    made = probe.tell("/crm", {"type": spelling(kind), "id": 9, "contact_ids": [51, 52], "company_id": 61})
    found = item(probe, kind, 9)
    assert (found["id"], found["entityTypeId"]) == (9, TYPES[kind])
    assert made["phone"] in str(found)
    assert made["mail"] in str(found)
    assert found.get("contactIds") == (None if kind == "contact" else [51, 52])
    assert found.get("companyId") == (None if kind == "company" else 61)
    assert item(probe, "contact", 51)["id"] == 51, "a contact that an object names exists"


def test_demo_deal_has_a_contact_and_a_company(probe: PortalProbe) -> None:
    deal = item(probe, "deal", 1663)
    assert (deal["contactId"], deal["contactIds"], deal["companyId"]) == (42, [42], 7)
    assert item(probe, "contact", 42)["imol"] == "imol|livechat|22|1775|599, imol|telegrambot|2|209607941|744"


@pytest.mark.parametrize(("flag", "name"), [("Y", "UF_CRM_1720019876534"), ("N", "ufCrm_1720019876534")])
def test_fields_of_the_portals_own_have_the_names_that_are_asked_for(probe: PortalProbe, flag: str, name: str) -> None:
    found = probe.result(GET, entityTypeId=2, id=1663, useOriginalUfNames=flag)["item"]
    listed = probe.result(LIST, entityTypeId=2, useOriginalUfNames=flag)["items"][0]
    assert [key for key in found if key.lower().startswith("uf")] == [name]
    assert name in listed


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({}, "SPA not found"),
        ({"entityTypeId": 999, "id": 9}, "SPA not found"),
        ({"entityTypeId": "deal", "id": 9}, "SPA not found"),
        ({"entityTypeId": 2}, "Item not found"),
        ({"entityTypeId": 2, "id": 424242}, "Item not found"),
    ],
)
def test_unknown_type_or_object_is_not_found_with_400(probe: PortalProbe, params: dict[str, object], text: str) -> None:
    status, body = probe.call(GET, **params)
    assert (status, body) == (400, {"error": "NOT_FOUND", "error_description": text})


def test_object_that_is_not_readable_is_refused_and_not_listed_and_its_discussion_is_found(probe: PortalProbe) -> None:
    chat_id = probe.tell("/chats", {"entity_type": "CRM", "entity_id": "QUOTE|70"})["chat_id"]
    assert item(probe, "quote", 70)["id"] == 70, "what a discussion belongs to exists"
    probe.tell("/crm", {"type": "quote", "id": 70, "readable": False})
    assert probe.error(GET, entityTypeId=7, id=70) == (400, "ACCESS_DENIED")
    assert probe.result(LIST, entityTypeId=7, filter={"id": 70}) == {"items": []}
    assert probe.result("im.chat.get", ENTITY_TYPE="CRM", ENTITY_ID="QUOTE|70") == {"ID": chat_id}


def test_deleted_object_is_not_found_and_its_chats_stay(probe: PortalProbe) -> None:
    chat_id = probe.tell("/lines", {"connector": "viber", "crm": [{"type": "deal", "id": 71}]})["chat_id"]
    probe.tell("/delete", {"type": "deal", "id": 71})
    assert probe.error(GET, entityTypeId=2, id=71) == (400, "NOT_FOUND")
    rows = probe.result("imopenlines.crm.chat.get", CRM_ENTITY_TYPE="deal", CRM_ENTITY=71)
    assert [row["CHAT_ID"] for row in rows] == [str(chat_id)]


def test_list_has_pages_of_fifty_with_their_numbers_alone_and_in_a_batch(probe: PortalProbe) -> None:
    for number in range(1, 61):
        probe.tell("/crm", {"type": "dynamic_200", "id": number, "company_id": 80 + number % 2})
    status, first = probe.call(LIST, entityTypeId=200, select=["id"], order={"id": "DESC"})
    assert (status, first["total"], first["next"]) == (200, 60, 50)
    assert first["result"]["items"] == [{"id": number} for number in range(60, 10, -1)]
    _, last = probe.call(LIST, entityTypeId=200, select=["id"], start=50)
    assert (last["total"], "next" in last, len(last["result"]["items"])) == (60, False, 10)
    commands = {"a": f"{LIST}?entityTypeId=200&select[]=id", "b": f"{LIST}?entityTypeId=200&start=50", "c": "profile"}
    batch = probe.result("batch", cmd=commands)
    assert (batch["result_total"], batch["result_next"]) == ({"a": 60, "b": 60}, {"a": 50})


@pytest.mark.parametrize(
    ("conditions", "found"),
    [
        ({"id": 3}, [3]),
        ({"@id": [3, "5", 99]}, [3, 5]),
        ({">id": 4}, [5, 6]),
        ({"<=id": 2}, [1, 2]),
        ({"!=id": 1, "companyId": 91}, [3, 5]),
        ({"contactIds": 33}, [3]),
    ],
)
def test_conditions_of_a_filter_must_all_hold(
    probe: PortalProbe, conditions: dict[str, object], found: list[int]
) -> None:
    for number in range(1, 7):
        fields = {"type": "dynamic_201", "id": number, "company_id": 90 + number % 2, "contact_ids": [30 + number]}
        probe.tell("/crm", fields)
    items = probe.result(LIST, entityTypeId=201, filter=conditions, select=["id", "companyId"])["items"]
    assert [each["id"] for each in items] == found
    assert all(set(each) == {"id", "companyId"} for each in items)


def test_object_is_found_by_the_code_of_its_line(probe: PortalProbe) -> None:
    code = {"=imol": "imol|telegrambot|2|209607941|744"}
    assert [each["id"] for each in probe.result(LIST, entityTypeId=3, filter=code)["items"]] == [42]
    assert probe.result(LIST, entityTypeId=4, filter=code)["items"] == []


@pytest.mark.parametrize(
    "params", [{"filter": {"comments": "x"}}, {"filter": {">id": "x"}}, {"order": {"phone": "ASC"}},
               {"order": {"id": "UP"}}]
)  # fmt: skip
def test_filter_or_order_that_is_not_allowed_is_refused(probe: PortalProbe, params: dict[str, object]) -> None:
    assert probe.error(LIST, entityTypeId=2, **params) == (400, "INVALID_ARG_VALUE")


def test_operating_time_of_one_method_of_the_crm_is_counted_apart(probe: PortalProbe) -> None:
    probe.tell("/plan", {"operating_limit": 1, "operating_cost_ms": 600})
    for _ in range(2):
        assert probe.call(GET, entityTypeId=2, id=1663)[0] == 200
    assert probe.error(GET, entityTypeId=2, id=1663) == (429, "OPERATION_TIME_LIMIT")
    assert probe.call(LIST, entityTypeId=2)[0] == 200
