"""Results of the methods, in every documented shape and in the shapes that PHP gives to empty values."""

from collections.abc import Callable
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.bitrix24.results import ChatDetails, ResultShape, chat_id_from, details_from, shape_of

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
