"""`batch` on its own: order, references, refusals and the shapes of its containers."""

from collections.abc import Mapping
from typing import cast
from urllib.parse import quote_plus

from hypothesis import assume, given
from hypothesis import strategies as st

from local.portal.protocol import php
from local.portal.protocol.errors import Refused
from local.portal.rest import batch

KEYS = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=6)


def answer(method: str, params: Mapping[str, object]) -> tuple[object, batch.Time]:
    """`echo` answers its parameters, `fail` is refused, anything else is unknown."""
    if method == "echo":
        return dict(params), {"operating": 0}
    raise Refused("ACCESS_ERROR" if method == "fail" else "ERROR_METHOD_NOT_FOUND")


def run(cmd: object, halt: object = 0) -> dict[str, object]:
    return batch.run({"cmd": cmd, "halt": halt}, answer)


def part(result: dict[str, object], name: str) -> dict[str, dict[str, object]]:
    return cast(dict[str, dict[str, object]], php.entries(result[name]))


@given(st.dictionaries(KEYS, st.sampled_from(["echo?a=1", "fail", "nowhere", "batch"]), max_size=60))
def test_every_command_ends_in_exactly_one_of_result_and_error(commands: dict[str, str]) -> None:
    result = run(commands)
    done, failed = part(result, "result"), part(result, "result_error")
    assert not done.keys() & failed.keys()
    assert set(done) | set(failed) == set(commands)
    assert set(part(result, "result_time")) == set(done)


@given(st.dictionaries(KEYS, st.sampled_from(["echo?a=1", "fail"]), max_size=30))
def test_with_halt_no_command_after_the_first_error_is_run(commands: dict[str, str]) -> None:
    result = run(commands, halt=1)
    keys = list(commands)
    first_error = next((number for number, key in enumerate(keys) if commands[key] == "fail"), len(keys))
    assert list(part(result, "result")) == keys[:first_error]
    assert list(part(result, "result_error")) == keys[first_error : first_error + 1]


@given(st.dictionaries(KEYS, st.text(st.characters(exclude_categories=["Cs"]), max_size=20), min_size=1, max_size=5))
def test_values_encoded_once_inside_a_command_arrive_unchanged(values: dict[str, str]) -> None:
    query = "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in values.items())
    assume("$result[" not in "".join(values.values()))
    assert part(run({"a": f"echo?{query}"}), "result")["a"] == values


def test_reference_as_the_whole_value_is_replaced_by_the_value_itself() -> None:
    result = run({"a": "echo?list[]=x&list[]=y", "b": "echo?copy=$result[a][list]"})
    assert part(result, "result")["b"] == {"copy": {"0": "x", "1": "y"}}


def test_reference_inside_a_longer_value_is_replaced_by_its_text() -> None:
    result = run({"a": "echo?ID=1437", "b": "echo?DIALOG_ID=chat$result[a][ID]"})
    assert part(result, "result")["b"] == {"DIALOG_ID": "chat1437"}


def test_reference_to_a_missing_result_is_empty() -> None:
    result = run({"b": "echo?whole=$result[a][ID]&inside=chat$result[a][ID]"})
    assert part(result, "result")["b"] == {"whole": None, "inside": "chat"}


def test_commands_after_the_fiftieth_are_refused_one_by_one() -> None:
    result = run([f"echo?n={number}" for number in range(53)])
    assert len(part(result, "result")) == 50
    codes = {key: error["error"] for key, error in part(result, "result_error").items()}
    assert codes == dict.fromkeys(("50", "51", "52"), "ERROR_BATCH_LENGTH_EXCEEDED")


def test_batch_inside_a_batch_is_refused_in_any_spelling() -> None:
    result = run({"a": "batch?cmd[x]=echo", "b": "BATCH.json"})
    codes = {error["error"] for error in part(result, "result_error").values()}
    assert codes == {"ERROR_BATCH_METHOD_NOT_ALLOWED"}


def test_containers_are_lists_for_a_list_objects_for_names_and_lists_when_empty() -> None:
    assert run(["echo?a=1"])["result"] == [{"a": "1"}]
    assert run({"x": "echo?a=1"})["result"] == {"x": {"a": "1"}}
    for nothing in (run([]), run({}), run(None), run("echo")):
        assert set(nothing) == {"result", "result_error", "result_total", "result_next", "result_time"}
        assert all(container == [] for container in nothing.values())


def test_missing_scope_has_no_text_inside_a_batch() -> None:
    def refuse(_: str, __: Mapping[str, object]) -> tuple[object, batch.Time]:
        raise Refused("insufficient_scope")

    result = batch.run({"cmd": {"a": "im.chat.get"}}, refuse)
    assert result["result_error"] == {"a": {"error": "insufficient_scope", "error_description": ""}}
