"""A PHP array computes its next index for any keys, and each key costs the same time."""

import time

import pytest

from chat_lookup.http.php_keys import PhpArray, key_between


def filled(*keys: str) -> PhpArray[str]:
    array: PhpArray[str] = PhpArray()
    for each in keys:
        key = array.key(each)
        if key is not None:
            array[key] = "x"
    return array


@pytest.mark.parametrize(
    ("keys", "next_index"),
    [
        ((), "0"),
        (("a", "01", "-0", "1 ", "1.5", "٣", "+1", "1\n"), "0"),
        (("0",), "1"),
        (("7", "3"), "8"),
        (("-7",), "-6"),
        (("-7", "-9"), "-6"),
        (("", "", "5", ""), "7"),
        (("-1",), "0"),
        ((str(2**63 - 2),), str(2**63 - 1)),
        ((str(2**63 - 1),), None),
        ((str(2**63 - 2), ""), None),
        ((str(2**63), str(-(2**63) - 1), "9" * 5_000), "0"),
        ((str(-(2**63)),), str(-(2**63) + 1)),
    ],
)
def test_next_index_is_one_more_than_the_largest_integer(keys: tuple[str, ...], next_index: str | None) -> None:
    assert filled(*keys).key("") == next_index
    after_one = "1" if next_index is not None and int(next_index) < 1 else next_index
    assert filled("", *keys).key("") == after_one


def test_empty_and_blank_brackets_name_no_key() -> None:
    assert [key_between(each) for each in ("", " ", "\t", "\n", "\v", "\f", "\r")] == [""] * 7
    assert [key_between(each) for each in ("  ", "a ", "\u00a0", "0")] == ["  ", "a ", "\u00a0", "0"]


@pytest.mark.parametrize("key", ["", "a{}", "{}", "1" * 4_000 + "{}"])
def test_time_of_a_key_does_not_grow_with_the_array(key: str) -> None:
    def seconds(count: int) -> float:
        keys = [key.format(number) for number in range(count)] + [""] * count
        started = time.process_time()
        filled(*keys)
        return time.process_time() - started

    least = min(seconds(500) for _ in range(5))
    # Sixteen times as many would take 256 times as long if each index needed a scan of all keys.
    assert min(seconds(8_000) for _ in range(3)) < 96 * max(least, 0.0005)
