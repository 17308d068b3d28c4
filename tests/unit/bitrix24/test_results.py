"""Results of the methods, in every documented shape and in the shapes that PHP gives to empty values."""

from collections.abc import Callable
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.bitrix24.results import (
    ChatDetails,
    CrmBinding,
    OpenLine,
    ResultShape,
    chat_id_from,
    details_from,
    shape_of,
)

T = TypeVar("T")

IDS = st.integers(1, 2**63 - 1)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["ID", "id", "x"]), inner, max_size=3),
)


def _attempted(decode: Callable[[object], T], result: object) -> tuple[T | None, str | None]:
    """The result, or the code of the error."""
    try:
        return decode(result), None
    except BitrixError as error:
        return None, error.code


@given(IDS)
def test_id_is_read_from_every_documented_shape(chat_id: int) -> None:
    for result in ({"ID": chat_id}, {"id": chat_id}, {"ID": str(chat_id)}, chat_id, str(chat_id)):
        assert chat_id_from(result) == chat_id


@pytest.mark.parametrize("result", [None, False, [], {}, 0, "", "0", {"ID": None}, {"ID": 0}, {"ID": ""}, {"id": []}])
def test_every_empty_value_of_php_means_not_found(result: object) -> None:
    assert chat_id_from(result) is None


@pytest.mark.parametrize(
    "result",
    [True, -1, 1.5, 10.0, "abc", "1a", "-5", " 7 ", "٣", "9" * 19, 2**63, [1437], {"CHAT": 1}, {"ID": True},
     {"ID": [5]}, {"ID": -3}, {"ID": {"ID": 5}}],
)  # fmt: skip
def test_other_result_is_a_protocol_error_that_names_the_type_only(result: object) -> None:
    with pytest.raises(BitrixError) as caught:
        chat_id_from(result)

    assert caught.value.metric_code == "PROTOCOL"
    assert caught.value.description.endswith(f": {type(result).__name__}")


@given(JSON)
def test_any_result_is_an_id_not_found_or_a_protocol_error(result: object) -> None:
    chat_id, refusal = _attempted(chat_id_from, result)

    assert refusal in (None, "PROTOCOL")
    assert chat_id is None or 0 < chat_id < 2**63


@pytest.mark.parametrize(
    ("result", "shape"),
    [
        ({"ID": 1}, "object"),
        ({}, "object"),
        (10, "int"),
        ("10", "string"),
        (None, "null"),
        (False, "false"),
        ([], "list"),
        (True, "other"),
        (1.5, "other"),
    ],
)
def test_shape_of_the_result_is_reported_for_the_metric(result: object, shape: str) -> None:
    assert shape_of(result) == ResultShape(shape)


FLAT = {
    "id": 1437,
    "dialog_id": "chat1437",
    "type": "crm",
    "name": "Deal: chairs",
    "owner": "1",
    "user_counter": "4",
    "entity_type": "CRM",
    "entity_id": "DEAL|1663",
    "entity_link": {"type": "DEAL", "url": "/crm/deal/details/1663/"},
}
CAMEL = {
    "chat": {
        "id": "1437",
        "dialogId": "chat1437",
        "type": "crm",
        "messageType": "C",
        "name": "Deal: chairs",
        "owner": 1,
        "userCounter": 4,
        "entityType": "CRM",
        "entityId": "DEAL|1663",
    }
}


@pytest.mark.parametrize("result", [FLAT, CAMEL])
def test_details_are_equal_from_both_generations_of_methods(result: object) -> None:
    assert details_from(result) == ChatDetails(
        chat_id=1437,
        dialog_id="chat1437",
        type="crm",
        title="Deal: chairs",
        owner_id=1,
        members=4,
        entity_type="CRM",
        entity_id="DEAL|1663",
    )


@pytest.mark.parametrize("nothing", [None, "", [], False, 0])
def test_missing_null_and_empty_fields_are_alike(nothing: object) -> None:
    bare = details_from({"id": 7})
    empty = details_from({"id": 7, **dict.fromkeys([key for key in FLAT if key != "id"], nothing)})

    assert bare == empty == ChatDetails(7, "chat7", "", "", None, None, None, None)


def test_entity_id_that_is_sent_as_a_number_stays_text() -> None:
    assert details_from({"id": 7, "entity_type": "TASKS_TASK", "entity_id": 42}).entity_id == "42"


@pytest.mark.parametrize("result", [None, [], {}, 7, "chat7", {"chat": None}, {"chat": {"name": "x"}}, {"id": "x"}])
def test_details_without_a_chat_are_a_protocol_error(result: object) -> None:
    with pytest.raises(BitrixError) as caught:
        details_from(result)

    assert caught.value.metric_code == "PROTOCOL"


@given(JSON, st.dictionaries(st.sampled_from(sorted(FLAT)), JSON))
def test_any_details_are_read_or_a_protocol_error(result: object, fields: dict[str, object]) -> None:
    for each in (result, fields, {"chat": fields}):
        details, refusal = _attempted(details_from, each)

        assert (details is None) == (refusal == "PROTOCOL")


LINE = {
    "id": 1764,
    "owner": "1",
    "entity_type": "LINES",
    "entity_id": "telegrambot|2|209607941|744",
    "entity_data_1": "Y|LEAD|1209|N|N|343|1773682918|0|0|0",
    "entity_data_2": "LEAD|1209|COMPANY|0|CONTACT|42|DEAL|0",
}
BOUND = (CrmBinding("LEAD", 1209), CrmBinding("CONTACT", 42))


@pytest.mark.parametrize("camel", [False, True])
def test_open_line_has_its_conversation_and_the_objects_that_it_is_bound_to(camel: bool) -> None:
    chat = {name.replace("_", " ").title().replace(" ", ""): value for name, value in LINE.items()}
    chat = {name[0].lower() + name[1:]: value for name, value in chat.items()}
    details = details_from({"chat": chat} if camel else LINE)
    assert details.open_line == OpenLine("telegrambot", 2, 343, active=True, crm=BOUND)
    assert details.owner_id == 1


@pytest.mark.parametrize(
    ("data_1", "data_2", "expected"),
    [
        (
            "Y|LEAD|1209|N|Y|343|1773682918|7|0|0",
            "",
            OpenLine("telegrambot", 7, 343, False, (CrmBinding("LEAD", 1209),)),
        ),
        ("N|NONE|0|N|N|343|1773682918|0|0|0", "LEAD|0|DEAL|0", OpenLine("telegrambot", 2, 343, True, ())),
        (
            "Y|DEAL|5",
            "DEAL|6|DEAL|6|ORDER|7|CONTACT",
            OpenLine("telegrambot", 2, None, False, (CrmBinding("DEAL", 6),)),
        ),
        ("", "CONTACT|42|DEAL|x|LEAD|-1", OpenLine("telegrambot", 2, None, False, (CrmBinding("CONTACT", 42),))),
        ("N|NONE|0|N|N|0|0|0|0|0", "|", OpenLine("telegrambot", 2, None, False, ())),
    ],
)
def test_older_and_odd_data_of_a_line_is_read_by_position(data_1: str, data_2: str, expected: OpenLine) -> None:
    assert details_from({**LINE, "entity_data_1": data_1, "entity_data_2": data_2}).open_line == expected


@pytest.mark.parametrize("entity_type", ["CRM", "LIVECHAT", "", None])
def test_chat_that_is_no_open_line_has_no_conversation(entity_type: str | None) -> None:
    assert details_from({**LINE, "entity_type": entity_type}).open_line is None


def test_line_of_an_odd_user_code_is_unknown() -> None:
    assert details_from({**LINE, "entity_id": "telegrambot"}).open_line == OpenLine(
        "telegrambot", None, 343, True, BOUND
    )


@pytest.mark.parametrize(
    "huge", ["|".join(f"LEAD|{n}" for n in range(1, 50_000)), "LEAD|1|" * 50_000, "|" * 500_000, "x" * 500_000]
)
def test_texts_of_any_length_make_a_short_conversation(huge: str) -> None:
    """Any user may make a chat with such texts, and events have them before they are proved."""
    for name in ("entity_id", "entity_data_1", "entity_data_2"):
        line = details_from({**LINE, name: huge}).open_line
        assert line is not None
        assert len(line.connector) <= 100
        assert len(line.crm) <= 8
