"""The fields of a direct invocation's event; each error names the field."""

import math
import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_lookup.errors import InvalidRequest
from chat_lookup.http.json_fields import Fields, whole


@pytest.mark.parametrize("event", [None, "text", 7, [], True])
def test_event_that_is_no_object_is_refused(event: object) -> None:
    with pytest.raises(InvalidRequest, match="JSON object"):
        Fields(event)


def test_field_is_read_in_either_spelling() -> None:
    assert Fields({"entity_id": "7"}).text("entity_id", "ENTITY_ID") == "7"
    assert Fields({"ENTITY_ID": "7"}).text("entity_id", "ENTITY_ID") == "7"


def test_both_spellings_of_one_field_are_refused_by_name() -> None:
    with pytest.raises(InvalidRequest, match="entity_id and ENTITY_ID are the same field"):
        Fields({"entity_id": "7", "ENTITY_ID": "7"}).any("entity_id", "ENTITY_ID")


@pytest.mark.parametrize("event", [{}, {"label": None}, {"label": ""}])
def test_field_that_is_absent_null_or_empty_counts_as_not_given(event: dict[str, object]) -> None:
    assert Fields(event).optional_text("label") is None
    assert Fields(event).optional_texts("label") is None
    assert Fields(event).optional_number("label", least=0, most=9) is None
    assert Fields(event).optional_whole("label") is None


@pytest.mark.parametrize(
    ("event", "state"), [({}, "missing"), ({"label": None}, "null"), ({"label": ""}, "empty"), ({"LABEL": ""}, "empty")]
)
def test_error_for_a_required_field_names_what_is_wrong_with_it(event: dict[str, object], state: str) -> None:
    with pytest.raises(InvalidRequest, match=f"(?i)label is {state}"):
        Fields(event).text("label", "LABEL")


@pytest.mark.parametrize("value", [None, ""])
def test_flag_is_false_only_if_it_is_missing_or_false(value: object) -> None:
    assert Fields({}).optional_flag("fresh") is Fields({"fresh": False}).optional_flag("fresh") is False
    with pytest.raises(InvalidRequest, match="fresh must be true or false"):
        Fields({"fresh": value}).optional_flag("fresh")


@pytest.mark.parametrize(("value", "state"), [(None, "null"), ("", "empty")])
def test_strict_reader_refuses_null_and_empty_in_every_optional_field(value: object, state: str) -> None:
    readers: list[Read] = [
        lambda fields: fields.any("it"),
        lambda fields: fields.optional_text("it"),
        lambda fields: fields.optional_whole("it"),
        lambda fields: fields.optional_flag("it"),
    ]
    for read in readers:
        assert not read(Fields({}, strict=True))
        with pytest.raises(InvalidRequest, match=f"it is {state}"):
            read(Fields({"it": value}, strict=True))


Read = Callable[[Fields], object]


@pytest.mark.parametrize(
    ("read", "values"),
    [
        (lambda fields: fields.text("it"), [7, True, ["a"], {"a": 1}, 0, False]),
        (lambda fields: fields.optional_texts("it"), ["a", [1], ["a", None], {"a": 1}, 0]),
        (
            lambda fields: fields.optional_number("it", least=1, most=9),
            ["5", True, 0.99, 9.01, -1, 0, math.nan, math.inf, [5]],
        ),
        (
            lambda fields: fields.optional_whole("it"),
            [0, -1, 1.5, "1.5", "-1", "0", "x", "٣", " 1", "1" * 16, True, False, [1]],
        ),
        (lambda fields: fields.optional_flag("it"), ["true", 1, 0, "yes", []]),
    ],
)
def test_value_of_the_wrong_kind_is_refused_by_the_fields_name(read: Read, values: list[object]) -> None:
    for value in values:
        with pytest.raises(InvalidRequest, match=r"^it "):
            read(Fields({"it": value}))


def test_values_of_the_right_kind_are_read() -> None:
    fields = Fields({"texts": ["a", "b"], "number": 2, "whole": "15", "also_whole": 15, "flag": True})
    assert fields.optional_texts("texts") == ["a", "b"]
    assert fields.optional_number("number", least=1, most=9) == 2
    assert fields.optional_whole("whole") == fields.optional_whole("also_whole") == 15
    assert fields.optional_flag("flag") is True


def test_whole_number_beyond_its_bound_is_refused_with_the_bound() -> None:
    assert Fields({"burst": 250}).optional_whole("burst", most=250) == 250
    with pytest.raises(InvalidRequest, match="burst must be a whole number from 1 to 250"):
        Fields({"burst": 251}).optional_whole("burst", most=250)


def test_unknown_field_is_named() -> None:
    fields = Fields({"command": "portals", "potral": "x"})
    fields.text("command")
    with pytest.raises(InvalidRequest, match="potral is an unknown field"):
        fields.nothing_else()


def test_no_error_if_every_field_was_read() -> None:
    fields = Fields({"portal": "x"})
    fields.optional_text("portal")
    fields.any("absent", "ABSENT")
    fields.nothing_else()


def test_fields_name_cannot_break_the_message_that_names_it() -> None:
    with pytest.raises(InvalidRequest) as raised:
        Fields({"\n\x00" + "b" * 500: 1}).nothing_else()
    assert str(raised.value).isprintable()
    assert len(str(raised.value)) < 80


@pytest.mark.parametrize(("value", "number"), [(133.0, 133), (1e3, 1000), (999999999999999.0, 999999999999999)])
def test_whole_number_is_read_in_each_form_that_json_has_for_it(value: float, number: int) -> None:
    assert whole("chat_id", value) == number


@pytest.mark.parametrize("value", [1.5, 0.0, -1.0, 1e15, math.nan, math.inf, -math.inf, True])
def test_number_that_is_not_whole_or_out_of_bounds_is_refused(value: float) -> None:
    with pytest.raises(InvalidRequest, match="chat_id must be a positive whole number"):
        whole("chat_id", value)


@given(st.integers(min_value=1, max_value=10**15 - 1))
def test_every_positive_whole_number_of_fifteen_digits_is_read_as_number_and_as_text(number: int) -> None:
    assert whole("chat_id", number) == whole("chat_id", str(number)) == number


@given(st.text(max_size=20).filter(lambda text: not re.fullmatch("[0-9]+", text)))
def test_text_with_other_characters_than_digits_is_refused_by_name(text: str) -> None:
    with pytest.raises(InvalidRequest, match="chat_id must be a positive whole number"):
        whole("chat_id", text)
