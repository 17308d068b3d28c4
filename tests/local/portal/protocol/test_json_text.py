"""JSON as PHP reads it: what Python's reader takes beyond that, or fails at, is no JSON."""

import pytest

from local.portal.protocol import json_text, php
from local.portal.protocol.rest_wire import json_object


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "NaN", "[Infinity]", '{"a": -Infinity}', "1e999", "[-1e999]", "9" * 400, "9" * 5000, r'"\ud800"',
        r'{"\udfff": 1}',
        r'[[{"a": "\ud83d"}]]', "[" * 513 + "]" * 513, '{"a":' * 600 + "1" + "}" * 600, "[" * 200_000, "\ufeff1",
    ],
    ids=lambda text: text[:20],
)  # fmt: skip
def test_text_that_php_does_not_read_is_refused(text: str) -> None:
    assert json_object(text) == {}
    with pytest.raises(ValueError, match=r".*"):
        json_text.read(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[" * 512 + "]" * 512, None),
        (r'"\ud83d\ude00"', "\U0001f600"),
        ('{"a": 1, "a": [2]}', {"a": [2]}),
        (str(2**63 - 1), 2**63 - 1),
        (str(-(2**63)), -(2**63)),
        (str(2**63), float(2**63)),
        ("1e308", 1e308),
        ("-0", 0),
    ],
    ids=lambda text: str(text)[:20],
)
def test_text_that_php_reads_has_its_value(text: str, value: object) -> None:
    assert value is None or json_text.read(text.encode()) == value
    assert json_text.read(text) == json_text.read(text.encode())


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0), ("007", 7), ("1437", 1437), (str(2**63 - 1), 2**63 - 1), (str(2**63), 2**63 - 1),
        ("9" * 5000, 2**63 - 1),
        ("0" * 5000 + "7", 7), ("", None), ("-1", None), ("+1", None), (" 1", None), ("1\n", None), ("1.0", None),
        ("1e3", None), ("\u00b2", None), ("\u0661", None), ("\uff11", None),
    ],
    ids=lambda text: repr(text)[:20],
)  # fmt: skip
def test_number_in_a_text_has_digits_only_and_no_more_than_64_bits(text: str, number: int | None) -> None:
    assert php.whole(text) == number


def test_number_without_a_place_in_64_bits_is_no_text_of_digits() -> None:
    assert php.text(json_text.read(str(2**63))) == "9.223372036854776E+18"
    assert php.text(1437.0) == "1437"
