"""The pair is opaque text: kept to the last character, refused only if no chat can carry it."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_lookup.entity import LONGEST, EntityRef, hint, pseudonym
from chat_lookup.errors import InvalidRequest
from chat_lookup.objects.portal_objects import object_named
from tests.support.personal_ids import PERSONAL_PAIRS

DOCUMENTED = [
    ("CRM", "LEAD|13"),
    ("CRM", "DEAL|1663"),
    ("CRM", "CONTACT|25"),
    ("CRM", "COMPANY|7"),
    ("CRM", "DYNAMIC_177|5"),
    ("CRM", "DYNAMIC_31|1"),
    ("CRM", "SMART_INVOICE|1"),
    ("LINES", "telegrambot|2|209607941|744"),
    ("LINES", "livechat|22|1775|599"),
    ("LINES", "wz_whatsapp_4cd3|12|Чат 😀|902"),
    ("LIVECHAT", "livechat|22"),
    ("LIVECHAT", "livechat|22|1775|599"),
    ("TASKS_TASK", "8293"),
    ("TASKS", "8293"),
    ("TASK", "8293"),
    ("CALENDAR", "15"),
    ("SONET_GROUP", "133"),
    ("CALL", "1234"),
    ("CALL", "any text of the module"),
    ("MAIL", "<message@example.com>"),
    ("VIDEOCONF", "abc"),
    ("ANNOUNCEMENT", "abc"),
    ("AI_ASSISTANT_PRIVATE", "abc"),
    ("THREAD", "12"),
    ("CHAT", "13"),
    ("OPEN", "13"),
    ("CRM_LIKE_CUSTOM", "my|own|4"),
    ("Заказ", "№ 17"),
]
"""Every convention of bitrix24.md 1.20, and pairs that an application chose itself."""

FOR_RIGHT_FORMS = [
    "are listed by GET /v1/objects/",
    "A task's chat is made on demand",
    "A group's chat is made on demand",
    "with entity_type TASK both are tried",
    "the entity_id is that of the event",
    "is a chat's own id, GET /v1/chats/",
]
"""Hints for pairs in the right form: they explain why there may be no chat, or which other pair may be meant."""

admitted = st.text(
    st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=LONGEST
).filter(lambda text: text != "0")  # fmt: skip
control = st.characters(categories=["Cc"])


@given(admitted, admitted)
def test_every_text_that_is_not_refused_is_kept_to_the_last_character(entity_type: str, entity_id: str) -> None:
    ref = EntityRef(entity_type, entity_id)
    assert (ref.entity_type, ref.entity_id) == (entity_type, entity_id)


@pytest.mark.parametrize(
    "text", ["Сделка|7", "😀" * LONGEST, "  a  b  ", "deal|1663", "DEAL|1663", "a#b", "00", "0|0", " 0", "e\u0301"]
)
def test_cyrillic_emoji_spaces_case_and_separators_are_kept_as_given(text: str) -> None:
    assert EntityRef(text, text).entity_id == text


def test_pairs_that_look_alike_are_not_equal() -> None:
    assert EntityRef("CRM", "DEAL|1") != EntityRef("CRM", "deal|1")
    assert EntityRef("A", "\u00e9") != EntityRef("A", "e\u0301")  # nothing is normalised
    assert EntityRef("A#B", "C") != EntityRef("A", "B#C")
    assert len({EntityRef("A", "B"), EntityRef("A", "B")}) == 1


@pytest.mark.parametrize("part", ["entity_type", "entity_id"])
@pytest.mark.parametrize("text", ["", "0", "a" * (LONGEST + 1), "😀" * (LONGEST + 1), "\ud800", "DEAL|\udfff"])
def test_invalid_part_of_a_pair_is_refused_by_its_name(part: str, text: str) -> None:
    with pytest.raises(InvalidRequest, match=part):
        EntityRef(**{"entity_type": "CRM", "entity_id": "DEAL|1", part: text})


@given(st.text(max_size=20), control, st.text(max_size=20))
def test_control_characters_are_refused_at_every_position(before: str, character: str, after: str) -> None:
    with pytest.raises(InvalidRequest, match="entity_id"):
        EntityRef("CRM", before + character + after)


@given(st.text(max_size=300))
def test_refusal_never_repeats_the_refused_text(text: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        EntityRef("CRM", f"canary\n{text}")
    assert "canary" not in str(raised.value)


@pytest.mark.parametrize(("entity_type", "entity_id"), DOCUMENTED)
def test_documented_pair_gets_no_hint_against_it(entity_type: str, entity_id: str) -> None:
    sentence = hint(EntityRef(entity_type, entity_id))
    assert sentence is None or any(each in sentence for each in FOR_RIGHT_FORMS)


@pytest.mark.parametrize(
    ("entity_type", "entity_id", "expected"),
    [
        ("CRM", "1663", "DEAL|1663"),
        ("CRM", "deal|1663", "DEAL|1663"),
        ("CRM", "DEAL|", "DEAL|1663"),
        ("CRM", "DEAL|1663|7", "DEAL|1663"),
        ("CRM", "D_1663", "DEAL|1663"),
        ("DEAL", "1663", "CRM and entity_id DEAL|1663"),
        ("lead", "13", "CRM and entity_id LEAD|13"),
        ("DYNAMIC_177", "5", "CRM and entity_id DYNAMIC_177|5"),
        ("OPENLINES", "telegrambot|2|209607941|744", "entity_type LINES"),
        ("openline", "telegrambot|2|209607941|744", "entity_type LINES"),
        ("GROUP", "133", "entity_type SONET_GROUP"),
        ("crm", "DEAL|1663", "entity_type CRM"),
        ("Lines", "telegrambot|2|209607941|744", "entity_type LINES"),
        ("LINES", "imol|telegrambot|2|209607941|744", "Without the prefix imol|"),
        ("LINES", "209607941", "<connector>|<line>|<chat>|<user>"),
        ("SONET_GROUP", "sg133", "number alone"),
        ("SONET_GROUP", "Sales", "is a number"),
        ("TASKS_TASK", "task 7", "is a number"),
        ("TASKS", "T7", "is a number"),
        ("TASK", "T7", "is a number"),
        ("CALENDAR", "event-7", "is a number"),
        ("CRM", "DEAL\\|1663", "plain |"),
        ("CRM", "DEAL%7C1663", "plain |"),
        ("CRM", "DEAL%7c1663", "plain |"),
        (" CRM", "DEAL|1663", "entity_type begins or ends with a space"),
        ("CRM", "DEAL|1663 ", "entity_id begins or ends with a space"),
    ],
)
def test_each_wrong_form_gets_a_hint_with_the_right_one(entity_type: str, entity_id: str, expected: str) -> None:
    sentence = hint(EntityRef(entity_type, entity_id))
    assert sentence is not None
    assert expected in sentence


CORRECTED = [
    # as given, and as the portal has it
    *[("CRM", given, f"{kind}|7") for kind, names in {
        "LEAD": ["lead|7", "Lead 7", "L_7", "l7", "LEAD_7", "LEAD|07", "DYNAMIC_1|7", "LEADS|7"],
        "DEAL": ["deal|7", "DEAL7", "D_7", "DEAL:7", "DEAL-7", "DEAL #7", "DEAL|007", "DYNAMIC_2|7"],
        "CONTACT": ["contact|7", "C_7", "CONTACTS|7", "DYNAMIC_3|7"],
        "COMPANY": ["company|7", "CO_7", "COMPANIES|7", "DYNAMIC_4|7"],
        "QUOTE": ["quote|7", "Q_7", "DYNAMIC_7|7"],
        "SMART_INVOICE": ["smart_invoice|7", "SI_7", "SMART_INVOICE_7"],
        "DYNAMIC_177": ["dynamic_177|7", "Tb1_7", "TB1_7", "DYNAMIC_177_7", "DYNAMIC_177|07"],
        "DYNAMIC_128": ["T80_7"],
    }.items() for given in names],
    *[(entity_type, given, "133")
      for entity_type in ("TASKS_TASK", "TASKS", "TASK", "SONET_GROUP", "CALENDAR")
      for given in ("0133", "000133", "#133", "No. 133", "T133", f"{entity_type}|133", "number 133")],
    ("SONET_GROUP", "sg133", "133"),
    ("TASKS_TASK", "sg133", "133"),
]  # fmt: skip


@pytest.mark.parametrize(("entity_type", "entity_id", "right"), CORRECTED)
def test_id_in_a_wrong_form_gets_the_right_one_as_a_hint(entity_type: str, entity_id: str, right: str) -> None:
    sentence = hint(EntityRef(entity_type, entity_id)) or ""
    assert sentence.endswith((f" {right}.", f": {right}.")), sentence
    assert any(each in (hint(EntityRef(entity_type, right)) or "") for each in FOR_RIGHT_FORMS)


CRM_KINDS = {
    "LEAD": ["LEAD", "lead", "CRM_LEAD", "CRM LEAD", "CRM|LEAD", "leads", "DYNAMIC_1"],
    "DEAL": ["DEAL", "Deal", "CRM_DEAL", "crm-deal", "DEALS", "DYNAMIC_2"],
    "CONTACT": ["CONTACT", "CRM_CONTACT", "contacts"],
    "COMPANY": ["COMPANY", "CRM_COMPANY", "companies"],
    "QUOTE": ["QUOTE", "CRM_QUOTE"],
    "SMART_INVOICE": ["SMART_INVOICE", "CRM_SMART_INVOICE", "smart invoice"],
    "DYNAMIC_177": ["DYNAMIC_177", "dynamic_177", "CRM_DYNAMIC_177"],
}


@pytest.mark.parametrize(("kind", "entity_type"), [(kind, name) for kind, names in CRM_KINDS.items() for name in names])
@pytest.mark.parametrize("given", ["7", "007", "DEAL|7", "deal_7", "№ 7"])
def test_type_of_the_crm_gets_a_whole_pair_as_a_hint(kind: str, entity_type: str, given: str) -> None:
    sentence = hint(EntityRef(entity_type, given)) or ""
    assert sentence.endswith(f"entity_type CRM and entity_id {kind}|7.")


@pytest.mark.parametrize(
    ("entity_type", "right"),
    [
        ("OPENLINES", "LINES"),
        ("OPEN_LINES", "LINES"),
        ("openline", "LINES"),
        ("Lines", "LINES"),
        ("LiveChat", "LIVECHAT"),
        ("GROUP", "SONET_GROUP"),
        ("sonetGroup", "SONET_GROUP"),
        ("collab", "SONET_GROUP"),
        ("tasksTask", "TASKS_TASK"),
        ("tasks_task", "TASKS_TASK"),
        ("task", "TASK"),
        ("Tasks", "TASKS"),
        ("calendar", "CALENDAR"),
        ("CALENDAR_EVENT", "CALENDAR"),
        ("e-mail", "MAIL"),
        ("mail", "MAIL"),
        ("videoconf", "VIDEOCONF"),
        ("call", "CALL"),
        ("crm", "CRM"),
    ],
)
def test_other_name_of_a_type_gets_the_platforms_as_a_hint(entity_type: str, right: str) -> None:
    assert (hint(EntityRef(entity_type, "x|7")) or "").endswith(f"entity_type {right}.")


@pytest.mark.parametrize("given", ["chat1437", "CHAT1437", "chat01437"])
@pytest.mark.parametrize(
    "entity_type", ["CRM", "LINES", "TASKS_TASK", "SONET_GROUP", "CHAT", "CHAT_ID", "ORDER", "DEAL"]
)
def test_dialog_of_a_chat_gets_the_reverse_look_up_as_a_hint(entity_type: str, given: str) -> None:
    assert "GET /v1/chats/1437 " in (hint(EntityRef(entity_type, given)) or "")


@pytest.mark.parametrize(
    "entity_type", ["CHAT_ID", "chat_id", "CHATID", "DIALOG_ID", "dialogId", "DIALOG", "CHAT", "OPEN", "THREAD", "CRM"]
)
def test_plain_id_of_a_chat_gets_the_reverse_look_up_as_a_hint(entity_type: str) -> None:
    assert "GET /v1/chats/1437" in (hint(EntityRef(entity_type, "1437")) or "")


@pytest.mark.parametrize(
    ("entity_type", "entity_id", "expected"),
    [
        ("CHAT_ID", "general", "GET /v1/chats/<its id>"),
        ("LIVECHAT", "22", "livechat|22"),
        ("CALL", "UNIFY_CALL_CHAT", "names none of them"),
        ("TASKS", "8293", "entity_type TASKS_TASK; with entity_type TASK both are tried"),
        ("TASKS_TASK", "8293", "entity_type TASKS; with entity_type TASK both are tried"),
        ("TASKS_TASK", "1" * 30, "an entity_id is a number."),
        ("SONET_GROUP", "١٣٣", "an entity_id is a number."),
        ("CRM", "1" * 30, "looks like DEAL|1663"),
    ],
)
def test_each_other_kind_gets_its_own_hint(entity_type: str, entity_id: str, expected: str) -> None:
    assert expected in (hint(EntityRef(entity_type, entity_id)) or "")


@pytest.mark.parametrize(
    ("entity_type", "entity_id"),
    [("ORDER", "2026-0815"), ("Заказ", "№ 17"), ("CO", "7"), ("T80", "7"), ("SI", "7"), ("D", "7"), ("MAIL", "7")],
)
def test_object_of_an_application_of_its_own_gets_no_hint(entity_type: str, entity_id: str) -> None:
    assert hint(EntityRef(entity_type, entity_id)) is None


@given(admitted, admitted)
def test_any_pair_gets_either_no_hint_or_one_printable_sentence(entity_type: str, entity_id: str) -> None:
    sentence = hint(EntityRef(entity_type, entity_id))
    assert sentence is None or (
        sentence.endswith(".") and not any(unicodedata.category(each) == "Cc" for each in sentence)
    )


@pytest.mark.parametrize(
    "entity_type", ["LINES", "lines", "Lines", "LIVECHAT", "LiveChat", "OPENLINES", "imol", " LINES", "LINES "]
)
def test_telephone_number_in_an_open_lines_id_is_not_loggable(entity_type: str) -> None:
    ref = EntityRef(entity_type, "whatsapp|2|79161234567|744")
    assert "79161234567" not in ref.loggable_id
    assert ref.loggable_id == EntityRef("LINES", ref.entity_id).loggable_id  # still the same for the same id
    assert ref.loggable_id != EntityRef("LINES", "whatsapp|2|79161234568|744").loggable_id


@pytest.mark.parametrize("entity_type", ["CRM", "CHAT", "OPEN_LINES", "connector"])
@pytest.mark.parametrize("entity_id", ["imol|whatsapp|2|79161234567|744", "whatsapp|2|79161234567|744"])
def test_open_lines_id_is_hidden_under_a_wrong_type_too(entity_type: str, entity_id: str) -> None:
    assert "79161234567" not in EntityRef(entity_type, entity_id).loggable_id


@pytest.mark.parametrize(
    ("entity_type", "entity_id"),
    [
        ("CRM", "DEAL|1663"),
        ("CRM", "DEAL|1234567"),
        ("CRM", "deal|123456789"),
        ("CRM", "DYNAMIC_1038|7"),
        ("CRM", "SMART_INVOICE|7"),
        ("CRM", "1663"),
        (" CRM", "CONTACT|25"),
        ("DEAL", "1663"),
        ("TASKS_TASK", "8293"),
        ("SONET_GROUP", "133"),
        ("CALENDAR", "5"),
    ],
)
def test_number_of_an_object_is_logged_unchanged(entity_type: str, entity_id: str) -> None:
    assert EntityRef(entity_type, entity_id).loggable_id == entity_id


@pytest.mark.parametrize(("entity_type", "entity_id"), PERSONAL_PAIRS)
def test_id_that_may_be_a_person_is_not_loggable(entity_type: str, entity_id: str) -> None:
    ref = EntityRef(entity_type, entity_id)
    assert ref.loggable_id == pseudonym(entity_id)
    assert re.fullmatch("sha256:[0-9a-f]{16}", ref.loggable_id)


@pytest.mark.parametrize("entity_type", ["79161234567", "anna@example.com", "Anna Petrova", "whatsapp|2|79161234567|7"])
def test_id_in_the_place_of_the_type_is_not_loggable(entity_type: str) -> None:
    assert EntityRef(entity_type, "LINES").loggable_type == pseudonym(entity_type)


@pytest.mark.parametrize(
    "entity_type", ["CRM", "LINES", " CRM", "crm", "IA_CONV", "imopenlines.own-type", "DYNAMIC_1038"]
)
def test_name_of_a_type_is_logged_unchanged(entity_type: str) -> None:
    assert EntityRef(entity_type, "7").loggable_type == entity_type


@pytest.mark.parametrize(("entity_type", "entity_id"), [("CRM", "DEAL|1663"), ("X", "y")])
def test_pair_is_made_of_two_texts_that_can_carry_a_chat(entity_type: str, entity_id: str) -> None:
    assert EntityRef.or_none(entity_type, entity_id) == EntityRef(entity_type, entity_id)


@pytest.mark.parametrize(
    ("entity_type", "entity_id"),
    [(None, "1"), ("CRM", None), ("", "1"), ("CRM", ""), ("CRM", "0"), ("CRM", "a\x00"), ("X" * (LONGEST + 1), "1")],
)
def test_pair_is_none_for_what_can_never_carry_a_chat(entity_type: str | None, entity_id: str | None) -> None:
    assert EntityRef.or_none(entity_type, entity_id) is None


@pytest.mark.parametrize("kind", ["LEAD", "DEAL", "CONTACT", "COMPANY", "QUOTE", "SMART_INVOICE", "DYNAMIC_128"])
def test_hint_for_an_object_without_a_discussion_names_where_all_its_chats_are_listed(kind: str) -> None:
    sentence = hint(EntityRef("CRM", f"{kind}|7"))
    assert sentence is not None
    (named,) = re.findall(r"GET /v1/objects/(\w+)/(\d+)/chats", sentence)
    assert object_named(named[0], int(named[1])).ref == EntityRef("CRM", f"{kind}|7")
