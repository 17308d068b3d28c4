"""References in a batch make neither a command nor the process's memory grow beyond a bound."""

import sys
import tracemalloc
from collections.abc import Mapping, Sequence
from typing import Any, cast

import pytest

from chat_lookup.http import php_arrays
from chat_lookup.rest.batch import LARGEST_COMMAND, MOST_REFERENCES, RestBatch
from chat_lookup.rest.requests import RestCall
from chat_lookup.rest.responses import RestOutcome, Result

KB = 1024
MB = 1024 * KB
TOO_LONG = {"error": "ERROR_BATCH_LENGTH_EXCEEDED", "error_description": "Max batch length exceeded"}


class Portal:
    """`source` has the given result; any other method has none. `received` is what the other calls were sent with."""

    def __init__(self, source: object) -> None:
        self._source = source
        self.received: list[Mapping[str, object]] = []

    def answer(self, calls: Sequence[RestCall]) -> list[RestOutcome]:
        self.received += [call.params for call in calls if call.folded != "source"]
        return [Result(self._source if call.folded == "source" else None, {}) for call in calls]


def run(source: object, commands: Mapping[str, str], halt: int = 0) -> tuple[Portal, Mapping[str, Any]]:
    """Run the commands after `s`, whose result is `source`."""
    portal = Portal(source)
    batch = RestBatch({"cmd": {"s": "source", **commands}, "halt": halt}, portal.answer, lambda _: False)
    return portal, cast("Mapping[str, Any]", batch.run())


def size_of(params: Mapping[str, object], above: int = 0) -> int:
    """Bytes of parameters as a query, unescaped: each value has its whole name."""
    total = 0
    for name, value in params.items():
        path = above + len(name.encode()) + (len("[]") if above else 0)
        inner = php_arrays.entries(value)
        total += size_of(inner, path) if inner else path + len("=&") + len(php_arrays.text(value).encode())
    return total


def nested(levels: int) -> object:
    value: object = "x"
    for _ in range(levels):
        value = [value]
    return value


MANY = 45_000
BOMBS: dict[str, tuple[object, str]] = {
    "texts of 4 KB, 45,000 times": ("x" * 4 * KB, "x=" + "$result[s]." * MANY),
    "texts of 20 KB, 45,000 times": ("x" * 20 * KB, "x=" + "$result[s]." * MANY),
    "texts of 4 KB in 101 parameters": ("x" * 4 * KB, "&".join(f"p{n}=$result[s]" for n in range(101))),
    "a text of a megabyte, once": ("x" * MB, "x=$result[s]"),
    "a text of a megabyte, within another": ("x" * MB, "x=chat$result[s]"),
    "a text of a megabyte of wide characters": ("😀" * (MB // 4), "x=$result[s]"),
    "wide characters that are few": ("😀" * 17 * KB, "x=$result[s]-"),
    "a number of many digits": (10**4_000, "x=" + "$result[s]" * 17),
    "a list of very many texts": (["x"] * MB, "x=$result[s]"),
    "a list of very many empty lists": ([[]] * MB, "x=$result[s]"),
    "an object of long names": ({f"{n}{'x' * KB}": "" for n in range(KB)}, "x=$result[s]"),
    "a list under a long name": (["x"] * 8 * KB, f"{'n' * 15 * KB}=$result[s]"),
    "a list under a deep name": (["x"] * 8 * KB, f"n{'[n]' * 60}=$result[s]"),
    "the same list in 100 parameters": (["x"] * KB, "&".join(f"p{n}=$result[s]" for n in range(100))),
    "references in nested parameters": ("x" * KB, "&".join(f"p[{n}][a]=$result[s]" for n in range(100))),
    "one reference, and text of its own beyond the bound": ("x", "x=$result[s]" + "y" * 64 * KB),
    "one reference, and a name beyond the bound": ("x", "y" * 64 * KB + "=$result[s]"),
    "references to nothing": (None, "x=" + "$result[none]" * MANY),
    "references escaped": ("x" * 4 * KB, "x=" + "%24result%5Bs%5D" * 5_000),
}


@pytest.mark.parametrize(("source", "query"), BOMBS.values(), ids=BOMBS)
def test_command_that_grows_too_long_is_refused_before_anything_is_made_of_it(source: object, query: str) -> None:
    portal = Portal(source)
    batch = RestBatch({"cmd": {"s": "source", "bomb": f"m?{query}", "after": "m"}}, portal.answer, lambda _: False)
    tracemalloc.start()
    try:
        outcomes = cast("Mapping[str, Any]", batch.run())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert outcomes["result_error"] == {"bomb": TOO_LONG}
    assert portal.received == [{}], "the command after it is run"
    # A command is decoded, which takes some times its own bytes, whatever its references refer to. Before Python 3.12
    # `unquote` makes a list of all its parts; the functions run on 3.13.
    times = 16 if sys.version_info >= (3, 12) else 48
    assert peak <= times * len(query) + MB


def test_commands_of_a_batch_together_grow_no_more_than_fifty_times_the_bound() -> None:
    commands = {f"c{n}": "m?" + "&".join(f"p{at}=$result[s]" for at in range(60)) for n in range(49)}
    tracemalloc.start()
    try:
        portal, outcomes = run("x" * KB, commands)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert outcomes["result_error"] == []
    sizes = [size_of(params) for params in portal.received]
    assert len(sizes) == 49
    assert all(60 * KB < size <= LARGEST_COMMAND for size in sizes)
    assert peak <= 50 * LARGEST_COMMAND


def test_chain_of_commands_that_double_their_text_ends_at_the_bound() -> None:
    portal = Portal("")

    def answer(calls: Sequence[RestCall]) -> list[RestOutcome]:
        portal.received += [call.params for call in calls]
        return [Result(call.params.get("x", "x" * 10), {}) for call in calls]

    doubling = {f"c{n}": f"m?x=$result[c{n - 1}]$result[c{n - 1}]" for n in range(1, 40)}
    batch = RestBatch({"cmd": {"c0": "m", **doubling}}, answer, lambda _: False)
    outcomes = cast("Mapping[str, Any]", batch.run())
    sizes = [size_of(params) for params in portal.received]
    assert max(sizes) <= LARGEST_COMMAND < 2 * max(sizes)
    first, *others = outcomes["result_error"]
    assert (first, len(others)) == ("c13", 0), "the command after it has an empty reference"


@pytest.mark.parametrize("source", ["x", "ж", {"k": ["ж", {"ключ": "x"}]}])
def test_command_of_the_largest_size_is_run_and_one_larger_by_a_byte_is_not(source: object) -> None:
    # Besides its bytes as a query, each of the four entries of the arrays counts as one.
    entries = 4 if isinstance(source, dict) else 0
    pad = "y" * (LARGEST_COMMAND - size_of({"a": source, "pad": ""}) - entries)
    portal, _ = run(source, {"c": f"m?a=$result[s]&pad={pad}"})
    assert portal.received == [{"a": source, "pad": pad}]
    _, outcomes = run(source, {"c": f"m?a=$result[s]&pad={pad}y"})
    assert outcomes["result_error"] == {"c": TOO_LONG}


def test_hundred_references_are_replaced_and_one_more_is_not() -> None:
    for references in ("$result[s]" * MOST_REFERENCES, "$result[s][a][b]-" * MOST_REFERENCES):
        portal, _ = run("x", {"c": f"m?x={references}"})
        assert len(portal.received) == 1
        _, outcomes = run("x", {"c": f"m?x={references}&y=$result[s]"})
        assert outcomes["result_error"] == {"c": TOO_LONG}


def test_every_command_of_a_batch_has_its_own_hundred_references() -> None:
    portal, outcomes = run("x", {f"c{n}": "m?x=" + "$result[s]" * MOST_REFERENCES for n in range(49)})
    assert outcomes["result_error"] == []
    assert portal.received == [{"x": "x" * MOST_REFERENCES}] * 49


def test_command_without_references_may_be_longer() -> None:
    portal, _ = run("x", {"c": f"m?x={'y' * 100 * KB}", "no": f"m?x=$result{'y' * 100 * KB}"})
    assert [size_of(params) > LARGEST_COMMAND for params in portal.received] == [True, True]


def test_command_that_grows_too_long_ends_a_batch_that_halts() -> None:
    _, outcomes = run("x" * MB, {"bomb": "m?x=$result[s]", "after": "m"}, halt=1)
    assert outcomes["result_error"] == {"bomb": TOO_LONG}
    assert "after" not in outcomes["result"]


@pytest.mark.parametrize(("levels", "admitted"), [(64, True), (65, False), (5_000, False)])
def test_result_that_is_nested_deeper_than_php_reads_is_not_put_into_a_command(levels: int, admitted: bool) -> None:
    portal, outcomes = run(nested(levels), {"c": "m?x=$result[s]"})
    assert portal.received == ([{"x": nested(levels)}] if admitted else [])
    assert outcomes["result_error"] == ([] if admitted else {"c": TOO_LONG})


def test_field_of_a_large_result_is_read_without_copying_it() -> None:
    large = {"items": [{"ID": n} for n in range(50_000)]}
    path = "$result[s][items][49999][ID]"
    tracemalloc.start()
    try:
        portal, _ = run(large, {"c": f"m?x={','.join([path] * MOST_REFERENCES)}&y={path}x"[: -len(path) - 4]})
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert portal.received == [{"x": ",".join(["49999"] * MOST_REFERENCES)}]
    assert peak <= MB
