"""`batch`: order, references, halts, the shapes of its containers, and which calls are sent together."""

from collections.abc import Mapping, Sequence
from typing import Any, cast
from urllib.parse import quote_plus

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from chat_lookup.http import php_arrays
from chat_lookup.rest.batch import RestBatch
from chat_lookup.rest.errors import Refusal, documented
from chat_lookup.rest.requests import RestCall
from chat_lookup.rest.responses import RestOutcome, Result

KEYS = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=6)
BUSY = Refusal("QUERY_LIMIT_EXCEEDED", 503, "Too many requests", of_all=True)


class Portal:
    """`echo` answers its parameters, `write` too and changes something, `page` is one of several, `busy` refuses all;
    any other method is refused. `waves` records the calls that were sent together."""

    def __init__(self) -> None:
        self.waves: list[list[str]] = []

    def answer(self, calls: Sequence[RestCall]) -> list[RestOutcome]:
        self.waves.append([call.method for call in calls])
        return [self._outcome(call) for call in calls]

    def _outcome(self, call: RestCall) -> RestOutcome:
        if call.folded == "busy":
            return BUSY
        if call.folded not in ("echo", "write", "page"):
            return documented("ERROR_METHOD_NOT_FOUND")
        pages = {"next": 50, "total": 120} if call.folded == "page" else {}
        return Result(dict(call.params), {"operating": 0}, pages)


def run(cmd: object, halt: object = 0, portal: Portal | None = None, **more: object) -> Mapping[str, Any] | Refusal:
    portal = portal or Portal()
    batch = RestBatch({"cmd": cmd, "halt": halt, **more}, portal.answer, lambda call: call.folded == "write")
    return cast("Mapping[str, Any] | Refusal", batch.run())


def ran(cmd: object, halt: object = 0, portal: Portal | None = None) -> Mapping[str, Any]:
    outcomes = run(cmd, halt, portal)
    assert not isinstance(outcomes, Refusal)
    return outcomes


def part(outcomes: Mapping[str, Any], name: str) -> dict[str, Any]:
    return php_arrays.entries(outcomes[name])


def codes(outcomes: Mapping[str, Any]) -> dict[str, str]:
    return {key: error["error"] for key, error in part(outcomes, "result_error").items()}


# -- outcomes ----------------------------------------------------------------------------------------------------------


@given(st.dictionaries(KEYS, st.sampled_from(["echo?a=1", "write", "nowhere", "batch", ""]), max_size=60))
def test_every_command_ends_in_exactly_one_of_result_and_error(commands: dict[str, str]) -> None:
    outcomes = ran(commands)
    done, failed = part(outcomes, "result"), part(outcomes, "result_error")
    assert not done.keys() & failed.keys()
    assert done.keys() | failed.keys() == commands.keys()
    assert part(outcomes, "result_time").keys() == done.keys()


@given(st.dictionaries(KEYS, st.sampled_from(["echo?a=1", "write", "nowhere", "batch"]), max_size=60), st.booleans())
def test_with_halt_no_outcome_follows_the_first_error(commands: dict[str, str], as_text: bool) -> None:
    portal = Portal()
    outcomes = ran(commands, halt="1" if as_text else True, portal=portal)
    keys = list(commands)
    first = next((place for place, key in enumerate(keys) if commands[key] in ("nowhere", "batch")), len(keys))
    first = min(first, 50)
    assert list(part(outcomes, "result")) == keys[:first]
    assert list(part(outcomes, "result_error")) == keys[first : first + 1]
    writes = sum(wave.count("write") for wave in portal.waves)
    assert writes == sum(commands[key] == "write" for key in keys[:first]), "nothing is done after the error"


@pytest.mark.parametrize("halt", [0, "0", "", False, None, [1]])
def test_empty_halt_value_of_php_does_not_halt(halt: object) -> None:
    assert list(part(ran({"a": "nowhere", "b": "echo"}, halt), "result")) == ["b"]


def test_commands_beyond_the_fiftieth_are_refused_one_by_one() -> None:
    outcomes = ran([f"echo?n={number}" for number in range(53)])
    assert len(part(outcomes, "result")) == 50
    assert codes(outcomes) == dict.fromkeys(("50", "51", "52"), "ERROR_BATCH_LENGTH_EXCEEDED")


def test_batch_whose_refusals_alone_would_fill_an_answer_is_refused_as_a_whole() -> None:
    assert run([""] * 1_001) == documented("ERROR_BATCH_LENGTH_EXCEEDED")


def test_batch_inside_a_batch_is_refused_in_any_spelling() -> None:
    outcomes = ran({"a": "batch?cmd[x]=echo", "b": " BATCH.json"})
    assert set(codes(outcomes).values()) == {"ERROR_BATCH_METHOD_NOT_ALLOWED"}


def test_containers_are_lists_for_a_list_objects_for_names_and_lists_when_empty() -> None:
    assert ran(["echo?a=1"])["result"] == [{"a": "1"}]
    assert ran({"x": "echo?a=1"})["result"] == {"x": {"a": "1"}}
    assert ran({"0": "nowhere", "1": "echo"})["result"] == {"1": {}}
    nothing: tuple[object, ...] = ([], {}, None, "echo", 7)
    for cmd in nothing:
        outcomes = ran(cmd)
        assert list(outcomes) == ["result", "result_error", "result_total", "result_next", "result_time"]
        assert all(container == [] for container in outcomes.values())


def test_pages_of_lists_have_their_own_containers() -> None:
    outcomes = ran({"a": "echo", "b": "page"})
    assert (outcomes["result_total"], outcomes["result_next"]) == ({"b": 120}, {"b": 50})


def test_missing_scope_has_no_text_inside_a_batch() -> None:
    batch = RestBatch({"cmd": {"a": "x"}}, lambda _: [documented("insufficient_scope")], lambda _: False)
    assert cast("Mapping[str, Any]", batch.run())["result_error"] == {
        "a": {"error": "insufficient_scope", "error_description": ""}
    }


def test_names_of_parameters_are_read_in_any_case() -> None:
    batch = RestBatch({"CMD": ["nowhere", "echo"], "Halt": 1}, Portal().answer, lambda _: False)
    assert cast("Mapping[str, Any]", batch.run())["result"] == []


# -- references --------------------------------------------------------------------------------------------------------


@given(st.dictionaries(KEYS, st.text(st.characters(exclude_categories=["Cs"]), max_size=20), min_size=1, max_size=5))
def test_values_encoded_once_inside_a_command_are_decoded_unchanged(values: dict[str, str]) -> None:
    query = "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in values.items())
    assume("$result[" not in "".join(values.values()))
    assume("auth" not in map(str.lower, values))  # `auth` is a credential and no parameter of a command
    assert part(ran({"a": f"echo?{query}"}), "result")["a"] == values


@pytest.mark.parametrize("reference", ["$result[a][list]", "%24result%5Ba%5D%5Blist%5D"])
def test_reference_as_the_whole_value_is_replaced_by_the_value(reference: str) -> None:
    outcomes = ran({"a": "echo?list[]=x&list[]=y", "b": f"echo?copy={reference}&deep[in]={reference}"})
    earlier = {"0": "x", "1": "y"}
    assert part(outcomes, "result")["b"] == {"copy": earlier, "deep": {"in": earlier}}


def test_reference_inside_a_longer_value_is_replaced_by_its_text() -> None:
    outcomes = ran({"a": "echo?ID=1437", "b": "echo?DIALOG_ID=chat$result[a][ID]&two=$result[a][ID]-$result[a][ID]"})
    assert part(outcomes, "result")["b"] == {"DIALOG_ID": "chat1437", "two": "1437-1437"}


def test_reference_to_a_missing_result_is_empty() -> None:
    outcomes = ran({"a": "nowhere", "b": "echo?whole=$result[a][ID]&inside=chat$result[c][ID]&self=$result[b]"})
    assert part(outcomes, "result")["b"] == {"whole": None, "inside": "chat", "self": None}


# -- calls sent together -----------------------------------------------------------------------------------------------


def waves(cmd: object, halt: object = 0) -> list[list[str]]:
    portal = Portal()
    run(cmd, halt, portal)
    return portal.waves


def test_independent_commands_are_sent_together() -> None:
    assert waves(["echo", "nowhere", "echo"]) == [["echo", "nowhere", "echo"]]


def test_command_with_a_reference_is_sent_after_its_predecessor() -> None:
    assert waves({"a": "echo", "b": "echo?x=$result[a]", "c": "echo"}) == [["echo"], ["echo", "echo"]]


def test_writes_are_sent_separately_from_reads() -> None:
    assert waves(["echo", "write", "write", "echo"]) == [["echo"], ["write", "write"], ["echo"]]
    assert waves(["echo", "write", "write", "echo"], halt=1) == [["echo"], ["write"], ["write"], ["echo"]]


def test_batch_is_refused_as_a_whole_if_the_portal_cannot_be_called() -> None:
    assert run(["echo", "busy"]) == BUSY
    assert run({"a": "echo", "b": "busy?x=$result[a]"}) == BUSY


def test_batch_is_never_refused_as_a_whole_after_a_write() -> None:
    assert codes(ran(["write", "busy"])) == {"1": "QUERY_LIMIT_EXCEEDED"}
