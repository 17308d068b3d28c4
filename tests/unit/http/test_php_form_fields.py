"""A field of a form has a value, or it counts as absent."""

import pytest

from chat_lookup.http.php_form_fields import flag, inner, maps, number, text, whole
from chat_lookup.http.php_forms import Form

FORM: Form = {"a": {"b": {"c": "x"}, "t": "y"}, "empty": "", "text": "z", "five": "5", "zero": "0", "word": "five"}


def test_path_of_names_returns_the_inner_map_or_an_empty_one() -> None:
    assert inner(FORM) == FORM
    assert inner(FORM, "a", "b") == {"c": "x"}
    assert inner(FORM, "a", "t") == inner(FORM, "text") == inner(FORM, "nowhere", "b") == {}


def test_maps_returns_the_values_that_are_no_text() -> None:
    assert maps(inner(FORM, "a")) == [{"c": "x"}]


def test_first_field_with_a_value_is_used() -> None:
    assert text(FORM, "empty", "nowhere", "a", "text", "five") == "z"
    assert text(FORM, "empty") == text(FORM) == ""
    assert number(FORM, "empty", "a", "word", "zero", "five") == 5
    assert number(FORM, "zero", "five", least=0) == 0
    assert number(FORM, "word") is None


@pytest.mark.parametrize(
    ("written", "value"),
    [("Y", True), ("y", True), ("1", True), ("true", True), ("N", False), ("n", False), ("0", False), ("false", False),
     ("", None), ("2", None), ("yes", None)],
)  # fmt: skip
def test_flag_has_two_spellings(written: str, value: bool | None) -> None:
    assert flag({"x": written}, "x") is value
    assert flag({}, "x") is None
    assert flag({"x": {"0": written}}, "x") is None


@pytest.mark.parametrize(
    ("written", "value"),
    [("0", 0), ("1", 1), ("9" * 15, 10**15 - 1), ("1" + "0" * 15, None), ("01", None), ("-1", None), ("", None),
     ("1 ", None), ("1\n", None), ("٣", None)],
)  # fmt: skip
def test_whole_number_has_one_spelling_and_at_most_fifteen_digits(written: str, value: int | None) -> None:
    assert whole(written) == value
