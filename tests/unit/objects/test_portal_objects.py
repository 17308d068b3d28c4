"""What callers call objects, and what the platform does."""

import pytest

from chat_lookup.entity import EntityRef, hint
from chat_lookup.errors import InvalidRequest
from chat_lookup.objects.portal_objects import PortalObject, object_named, object_of


@pytest.mark.parametrize(
    ("kind", "name", "pair", "crm_type", "lines"),
    [
        ("lead", "LEAD|7", "CRM LEAD|7", 1, True),
        ("Deal", "DEAL|7", "CRM DEAL|7", 2, True),
        ("CONTACT", "CONTACT|7", "CRM CONTACT|7", 3, True),
        ("company", "COMPANY|7", "CRM COMPANY|7", 4, True),
        ("quote", "QUOTE|7", "CRM QUOTE|7", 7, False),
        ("smart_invoice", "SMART_INVOICE|7", "CRM SMART_INVOICE|7", 31, False),
        ("dynamic_128", "DYNAMIC_128|7", "CRM DYNAMIC_128|7", 128, False),
        ("dynamic_2", "DEAL|7", "CRM DEAL|7", 2, True),
        ("Dynamic_31", "SMART_INVOICE|7", "CRM SMART_INVOICE|7", 31, False),
        ("task", "TASK|7", "TASK 7", None, False),
        ("group", "SONET_GROUP|7", "SONET_GROUP 7", None, False),
    ],
)
def test_type_in_any_case_is_one_of_the_platforms(
    kind: str, name: str, pair: str, crm_type: int | None, lines: bool
) -> None:
    found = object_named(kind, 7)
    assert (found.name, f"{found.ref.entity_type} {found.ref.entity_id}") == (name, pair)
    assert (found.crm_type, found.has_lines) == (crm_type, lines)
    assert object_of(found.ref) == found


@pytest.mark.parametrize(
    "kind",
    # The last ones are letters of other alphabets, whose capitals are S and I.
    [
        "",
        "deals",
        "invoice",
        "dynamic_",
        "dynamic_0",
        "dynamic_1x",
        "sonet_group",
        "CRM",
        "chat",
        "deal ",
        "deal|7",
        "ta\u017fk",
        "dynam\u0131c_7",
    ],
)
def test_unknown_type_is_refused(kind: str) -> None:
    with pytest.raises(InvalidRequest):
        object_named(kind, 7)


@pytest.mark.parametrize(
    "pair",
    [("LINES", "a|1|2|3"), ("CRM", "1663"), ("CRM", "ORDER|7"), ("ORDER", "7"), ("CRM", "DEAL|007"), ("TASK", "x")],
)
def test_pair_that_is_no_objects_is_none(pair: tuple[str, str]) -> None:
    assert object_of(EntityRef(*pair)) is None


@pytest.mark.parametrize("kind", ["TASKS_TASK", "TASKS", "TASK"])
def test_task_of_either_card_is_the_same_object(kind: str) -> None:
    assert object_of(EntityRef(kind, "5")) == PortalObject("TASK", 5)


@pytest.mark.parametrize("kind", ["DEAL", "QUOTE", "SMART_INVOICE", "DYNAMIC_31", "DYNAMIC_128", "DYNAMIC_" + "9" * 10])
@pytest.mark.parametrize("digits", [1, 15, 16, 18])
def test_hint_names_the_route_of_an_objects_chats_only_where_that_takes_the_object(kind: str, digits: int) -> None:
    ref = EntityRef("CRM", f"{kind}|{'9' * digits}")
    sentence = hint(ref) or ""
    assert "on demand" in sentence
    found = object_of(ref)
    assert ("/v1/objects/" in sentence) is (found is not None)
    if found is not None:
        _, _, name, number, _ = sentence.partition("GET /")[2].split("/")
        assert object_named(name, int(number)) == found
