"""Parameters as PHP reads them: every input is accepted, and what exceeds PHP's own bounds is omitted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_lookup.http import php_arrays


@pytest.mark.parametrize(
    ("query", "array"),
    [
        ("", {}),
        ("a=1&b=2", {"a": "1", "b": "2"}),
        ("a=1&a=2", {"a": "2"}),
        ("a", {"a": ""}),
        ("=1&&&b=2", {"b": "2"}),
        ("a=%7C+%2B", {"a": "| +"}),
        ("a=%ff", {"a": "�"}),
        ("a[b][c]=1&a[b][d]=2", {"a": {"b": {"c": "1", "d": "2"}}}),
        ("a[]=x&a[]=y", {"a": {"0": "x", "1": "y"}}),
        ("a[7]=x&a[]=y", {"a": {"7": "x", "8": "y"}}),
        ("a[x]=1&a[]=y", {"a": {"x": "1", "0": "y"}}),
        ("a%5Bb%5D=1", {"a": {"b": "1"}}),
        ("a[b=1", {"a_b": "1"}),
        ("a[b]c=1", {"a": {"b": "1"}}),
        ("a[b.c d[e=1", {"a_b_c_d_e": "1"}),
        ("a[b][c=1", {"a": {"b": "1"}}),
        ("a[[b]=1&a[]]=2", {"a": {"[b": "1", "0": "2"}}),
        ("[a]=1& [a]=1&[=1", {}),
        ("a[ ]=1&a[%09]=2&a[  ]=3", {"a": {"0": "1", "1": "2", "  ": "3"}}),
        ("%09=1", {"\t": "1"}),
        ("a%00b=1&b[c%00]=2&%00=3", {"a": "1", "b_c": "2"}),
        ("a[-5]=x&a[]=y&a[-7]=z&a[]=w", {"a": {"-5": "x", "-4": "y", "-7": "z", "-3": "w"}}),
        ("a[01]=x&a[-0]=y&a[]=z", {"a": {"01": "x", "-0": "y", "0": "z"}}),
        (f"a[{2**63 - 1}]=x&a[]=y&a[][z]=w", {"a": {str(2**63 - 1): "x"}}),
        (f"a[{2**63}]=x&a[-{2**63 + 1}]=y&a[]=z", {"a": {str(2**63): "x", str(-(2**63) - 1): "y", "0": "z"}}),
        (f"a[-{2**63}]=x&a[]=y", {"a": {str(-(2**63)): "x", str(-(2**63) + 1): "y"}}),
        ("__Host-a=1& __Secure-b=2&__Host-a[__Host-b]=3", {"__Host-a": {"__Host-b": "3"}, "__Secure-b": "2"}),
        ("..Host-a=1&_ Secure-b=2&a[__Host-b][c]=3&b[c][__Secure-d]=4", {"a": {}, "b": {"c": {}}}),
        ("a.b=1&c d=2", {"a_b": "1", "c_d": "2"}),
        ("  a=1", {"a": "1"}),
        ("a=1&a[b]=2", {"a": {"b": "2"}}),
        ("a[b]=2&a=1", {"a": "1"}),
    ],
)
def test_query_is_parsed_as_php_parses_it(query: str, array: dict[str, object]) -> None:
    assert php_arrays.decode_query(query) == array


@given(st.text(max_size=200))
def test_no_query_is_refused(query: str) -> None:
    assert isinstance(php_arrays.decode_query(query), dict)


def test_fields_beyond_phps_bounds_are_ignored() -> None:
    assert len(php_arrays.decode_query("&".join(f"a{number}=1" for number in range(1_500)))) == 1_000
    deepest = "a" + "[b]" * 64
    assert php_arrays.decode_query(f"{deepest}=1").keys() == {"a"}
    for deeper in (f"{deepest}[]=1", f"{deepest}[b][b]=1", f"{deepest}[=1", "a" + "[b]" * 100_000 + "=1"):
        assert php_arrays.decode_query(f"a[x]=1&{deeper}&c=2") == {"c": "2"}


def test_name_is_converted_to_the_variable_name_of_php() -> None:
    names = ["auth", "  auth", "auth\0x", "auth[x]", "auth[x", "[auth]", "a.u th", "..Host-a", ""]
    assert [php_arrays.variable(name) for name in names] == ["auth"] * 4 + ["auth_x", "", "a_u_th", "", ""]


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("AUTH", "x", True),
        (" a.uth", "x", False),
        ("auth[x", "x", False),
        ("auth[x", ["x"], True),
        ("auth[", {"x": "y"}, True),
        ("[auth", ["x"], False),
        ("xauth[", ["x"], False),
    ],
)
def test_parameter_is_read_as_the_variable_that_its_name_and_value_make_in_a_query(
    name: str, value: object, read: bool
) -> None:
    assert php_arrays.is_read_as(name, value, ("auth",)) is read


@given(st.recursive(st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=2), inner)))
def test_entry_is_that_of_all_entries(value: object) -> None:
    for key in (*php_arrays.entries(value), "0", "00", "-1", "1 ", "١", "9" * 30, "x", ""):
        assert php_arrays.entry(value, key) == php_arrays.entries(value).get(key)


@pytest.mark.parametrize(
    ("body", "array"),
    [
        (b'{"a": 1, "b": [true, null]}', {"a": 1, "b": [True, None]}),
        (b'["x", "y"]', {"0": "x", "1": "y"}),
        (b"", {}),
        (b"a=1", {}),
        (b"7", {}),
        (b'{"a": NaN}', {}),
        (b'{"a": "\xff"}', {}),
        (b"[" * 100_000, {}),
        (b'{"a": ' + b"9" * 5_000 + b"}", {}),
    ],
)
def test_json_without_an_object_or_array_has_no_parameters(body: bytes, array: dict[str, object]) -> None:
    assert php_arrays.decode_json(body) == array


@pytest.mark.parametrize(
    ("value", "text"),
    [("x", "x"), (13, "13"), (13.0, "13"), (1.5, "1.5"), (True, "1"), (False, ""), (None, ""), ([1], ""), ({}, "")],
)
def test_value_is_cast_to_text_as_by_php(value: object, text: str) -> None:
    assert php_arrays.text(value) == text


def test_array_with_consecutive_indexes_is_a_list_and_any_other_is_an_object() -> None:
    assert php_arrays.as_json({}) == []
    assert php_arrays.as_json({"0": "a", "1": "b"}) == ["a", "b"]
    assert php_arrays.as_json({"1": "b", "0": "a"}) == {"1": "b", "0": "a"}
    assert php_arrays.as_json({"0": "a", "2": "c"}) == {"0": "a", "2": "c"}


def test_last_of_names_that_differ_in_case_only_is_used() -> None:
    assert php_arrays.folded({"Entity_Id": "1", "ENTITY_ID": "2", "cmd": {"A": 1}}) == {
        "entity_id": "2",
        "cmd": {"A": 1},
    }


def test_only_empty_values_and_zero_are_empty() -> None:
    assert [php_arrays.is_empty(text) for text in ("", "0", " ", "00", "N")] == [True, True, False, False, False]
