"""Parameters as PHP reads them: encoded values arrive, and hostile input does no harm."""

from collections.abc import Iterator
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.portal.protocol.php import PhpArray, PhpValue, as_json, decode_query, encode, flat, is_true, text

NAMES = st.text(st.characters(exclude_characters="[] .\x00", exclude_categories=["Cs"]), min_size=1, max_size=8)
VALUES = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
TREES = st.recursive(VALUES, lambda inner: st.dictionaries(NAMES, inner, min_size=1, max_size=4), max_leaves=20)
ARRAYS = st.dictionaries(NAMES, TREES, max_size=4)


def http_build_query(tree: PhpArray) -> str:
    """PHP's encoder, written independently of the decoder."""
    return "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in flattened(tree))


def flattened(tree: PhpArray, prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in tree.items():
        path = f"{prefix}[{name}]" if prefix else name
        if isinstance(value, dict):
            yield from flattened(value, path)
        else:
            yield path, value


@given(ARRAYS)
def test_encoded_tree_is_decoded_to_the_same_tree(tree: PhpArray) -> None:
    assert decode_query(http_build_query(tree)) == tree


@given(ARRAYS)
def test_written_array_is_read_back(tree: PhpArray) -> None:
    assert decode_query(encode(flat(tree))) == tree


def test_nulls_and_empty_arrays_are_left_out_and_lists_are_numbered() -> None:
    tree: dict[str, object] = {"a": None, "b": [], "c": {}, "d": ["x", {"e": True}], "f": False, "g": "", "h": 7}
    assert encode(flat(tree)) == "d%5B0%5D=x&d%5B1%5D%5Be%5D=1&f=0&g=&h=7"
    assert encode([("~ a", "+&й")]) == "%7E+a=%2B%26%D0%B9"


@pytest.mark.parametrize(
    ("value", "flag"),
    [
        (True, True),
        ("Y", True),
        ("y", True),
        ("1", True),
        (1, True),
        (False, False),
        ("N", False),
        ("", False),
        (0, False),
        (None, False),
    ],
)
def test_flag_may_be_written_in_many_ways(value: object, flag: bool) -> None:
    assert is_true(value) is flag


@given(st.text(st.sampled_from("ab01[]=&%+. é%5B%5D"), max_size=200))
def test_arbitrary_input_becomes_an_array_of_texts(query: str) -> None:
    assert only_texts(decode_query(query))


def only_texts(value: PhpValue) -> bool:
    return isinstance(value, str) or all(only_texts(item) for item in value.values())


@pytest.mark.parametrize(
    ("query", "array"),
    [
        ("a=1&a=2", {"a": "2"}),
        ("a[]=x&a[]=y", {"a": {"0": "x", "1": "y"}}),
        ("a[5]=x&a[]=y", {"a": {"5": "x", "6": "y"}}),
        ("a[b][c]=1&a[b][d]=2", {"a": {"b": {"c": "1", "d": "2"}}}),
        ("a=1&a[b]=2", {"a": {"b": "2"}}),
        ("a[b]=1&a=2", {"a": "2"}),
        ("a[b=1", {"a_b": "1"}),
        ("[a]=1", {"_a]": "1"}),
        ("a.b c=1", {"a_b_c": "1"}),
        ("a[b]tail[c]=1", {"a": {"b": "1"}}),
        ("a", {"a": ""}),
        ("=1&&", {}),
        ("a=x+y%2Bz&b=%D0%B9", {"a": "x y+z", "b": "й"}),
    ],
)
def test_edge_cases_are_read_as_parse_str_reads_them(query: str, array: PhpArray) -> None:
    assert decode_query(query) == array


def test_variables_above_phps_limits_are_left_out() -> None:
    many = decode_query("&".join(f"v{number}=1" for number in range(2_000)))
    assert len(many) == 1_000
    assert decode_query("a" + "[b]" * 64 + "=1&c=2") == {"c": "2"}


@pytest.mark.parametrize(
    ("array", "written"),
    [
        ({}, []),
        ({"0": "a", "1": "b"}, ["a", "b"]),
        ({"0": "a", "2": "b"}, {"0": "a", "2": "b"}),
        ({"1": "a", "0": "b"}, {"1": "a", "0": "b"}),
        ({"x": None}, {"x": None}),
    ],
)
def test_array_is_a_list_only_if_its_keys_count_up_from_zero(array: dict[str, object], written: object) -> None:
    assert as_json(array) == written


@pytest.mark.parametrize(
    ("value", "cast"),
    [("13", "13"), (13, "13"), (13.0, "13"), (1.5, "1.5"), (True, "1"), (False, ""), (None, ""), ([1], ""), ({}, "")],
)
def test_json_values_are_cast_to_text_as_php_casts_them(value: object, cast: str) -> None:
    assert text(value) == cast
