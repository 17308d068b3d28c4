"""What a batch sends, as PHP reads it, and the outcome of each of its commands (bitrix24.md 2.6)."""

import json
from collections.abc import Mapping
from typing import cast

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from chat_lookup.bitrix24.batch import BatchAnswer, Command, encoded, read_batch
from chat_lookup.bitrix24.endpoints import Endpoint
from chat_lookup.bitrix24.errors import METRIC_CODES, BitrixError, ErrorClass
from chat_lookup.bitrix24.responses import Answer, OperatingTime
from chat_lookup.entity import LONGEST
from local.portal.protocol import php
from local.portal.rest import batch as portals_batch

# -- what is sent ------------------------------------------------------------------------------------------------------


SECRET = "c4nary0token1"
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


def look_up(entity_id: str = "DEAL|1663") -> Command:
    return Command("im.chat.get", {"ENTITY_TYPE": "CRM", "ENTITY_ID": entity_id})


def arrived(*commands: Command) -> list[object]:
    """What the local portal reads from a batch: each command returns its own parameters."""

    def echo(_: str, params: Mapping[str, object]) -> tuple[object, portals_batch.Time]:
        return dict(params), {}

    sent = cast(dict[str, object], json.loads(json.dumps(encoded(commands))))
    return list(php.entries(portals_batch.run(sent, echo)["result"]).values())


def test_commands_are_plain_text_with_values_encoded_once() -> None:
    assert encoded([look_up(), Command("profile", {})]) == {
        "halt": 0,
        "cmd": {"k0": "im.chat.get?ENTITY_TYPE=CRM&ENTITY_ID=DEAL%7C1663", "k1": "profile?"},
    }


def test_nested_parameters_are_encoded_as_php_reads_them() -> None:
    params = {"taskId": 7, "select": ["ID", "CHAT_ID"], "filter": {"a": {"b": True}, "c": False}, "none": None, "x": []}

    assert arrived(Command("tasks.task.get", params)) == [
        {"taskId": "7", "select": {"0": "ID", "1": "CHAT_ID"}, "filter": {"a": {"b": "1"}, "c": "0"}}
    ]


@given(st.lists(TEXT, min_size=1, max_size=50))
def test_any_text_arrives_unchanged(ids: list[str]) -> None:
    commands = [look_up(entity_id) for entity_id in ids]
    assume(all(command.batchable for command in commands))

    assert arrived(*commands) == [command.params for command in commands]


@given(
    TEXT, st.sampled_from(["$result[k0]", "$Result[k0][ID]", "$time[k0]", "$result.x[0]", "$result\u2003[k0]"]), TEXT
)
def test_text_that_may_be_a_reference_to_another_result_is_not_sent_in_a_batch(
    head: str, reference: str, tail: str
) -> None:
    command = look_up(head + reference + tail)

    assert not command.batchable
    with pytest.raises(ValueError, match="called alone"):
        encoded([look_up(), command])


@pytest.mark.parametrize("entity_id", ["$", "100 $", "[x]", "[k0]$result", "result[k0]", "{$}", "%24result%5Bk0%5D"])
def test_dollar_or_a_bracket_alone_is_text(entity_id: str) -> None:
    assert arrived(look_up(), look_up(entity_id))[1] == look_up(entity_id).params


@pytest.mark.parametrize(
    "command",
    [
        Command("batch", {"cmd": {}}),
        Command("Batch", {}),
        look_up("half of an emoji: \ud83d"),
        look_up("x" * 8192),
        Command("im.chat.get", {"$result[k0]": "1"}),
    ],
)
def test_command_that_a_batch_cannot_carry_is_called_alone(command: Command) -> None:
    assert not command.batchable


@pytest.mark.parametrize("character", ["x", "|", "ü", "😀"])
def test_batch_carries_the_longest_pair(character: str) -> None:
    assert Command("imbot.chat.get", {"ENTITY_TYPE": character * LONGEST, "ENTITY_ID": character * LONGEST}).batchable


@pytest.mark.parametrize("count", [0, 51])
def test_batch_has_one_to_fifty_commands(count: int) -> None:
    with pytest.raises(ValueError, match="1 to 50"):
        encoded([look_up()] * count)


@pytest.mark.parametrize("method", ["", "im.chat.get?x=1&y=2", "im chat", "im.chat.get\n", "имя", "../x"])
def test_command_needs_the_name_of_a_method(method: str) -> None:
    with pytest.raises(ValueError, match="not the name of a method"):
        Command(method, {})


def test_parameter_that_no_query_can_hold_raises() -> None:
    with pytest.raises(TypeError, match="bytes"):
        encoded([Command("im.chat.get", {"ENTITY_ID": b"DEAL|1"})])


def test_command_shows_its_method_only() -> None:
    assert repr(Command("imbot.v2.Chat.get", {"botToken": SECRET})) == "Command(method='imbot.v2.Chat.get')"


# -- outcomes ----------------------------------------------------------------------------------------------------------


CODE = "c4nary0code1"
WEBHOOK = Endpoint.from_webhook(f"https://example.bitrix24.com/rest/1/{CODE}/")
OAUTH = Endpoint("https://example.bitrix24.com/rest/", auth=CODE)
COST = OperatingTime(operating=12.5)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["k0", "k1", "k2", "error"]), inner),
    max_leaves=8,
)


LOOK_UP = Command("im.chat.get", {"ENTITY_TYPE": "CRM", "ENTITY_ID": "DEAL|1663"})


def read(result: object, commands: int = 3, endpoint: Endpoint = OAUTH) -> BatchAnswer | BitrixError:
    return read_batch(Answer(result, COST, 0.25), [LOOK_UP] * commands, endpoint)


def outcomes(result: object, commands: int = 3, endpoint: Endpoint = OAUTH) -> list[object]:
    """The outcomes of a readable answer; errors by their codes."""
    answer = read(result, commands, endpoint)
    assert isinstance(answer, BatchAnswer)
    return [each.code if isinstance(each, BitrixError) else each for each in answer.outcomes]


def refusal(entry: object, endpoint: Endpoint = OAUTH) -> BitrixError:
    """The error that one command's entry in `result_error` is read as."""
    answer = read({"result": [], "result_error": {"k0": entry}}, 1, endpoint)
    assert isinstance(answer, BatchAnswer)
    (error,) = answer.outcomes
    assert isinstance(error, BitrixError)
    return error


def found(chat_id: int) -> Answer:
    return Answer({"ID": chat_id}, OperatingTime(), 0.25)


def test_every_outcome_has_the_position_of_its_command() -> None:
    result = {
        "result": {"k3": None, "k0": {"ID": 1437}},
        "result_error": {"k1": {"error": "ACCESS_ERROR", "error_description": "closed"}},
        "result_time": {"k0": {"operating": 0.5, "operating_reset_at": 1700000600}},
    }
    answer = read(result, 4)
    assert isinstance(answer, BatchAnswer)
    first, second, third, fourth = answer.outcomes

    assert first == Answer({"ID": 1437}, OperatingTime(operating=0.5, reset_at=1700000600.0), 0.25)
    assert isinstance(second, BitrixError)
    assert (second.code, second.description, second.error_class) == ("ACCESS_ERROR", "closed", ErrorClass.OBJECT)
    assert third is None
    assert fourth == Answer(None, OperatingTime(), 0.25)
    assert (answer.time, answer.elapsed) == (COST, 0.25)


@given(st.permutations(range(5)), st.sets(st.integers(0, 4)), st.sets(st.integers(0, 4)))
def test_outcomes_are_never_assigned_to_another_command(order: list[int], failed: set[int], absent: set[int]) -> None:
    keys = [number for number in order if number not in absent]
    result = {
        "result": {f"k{number}": {"ID": number} for number in keys if number not in failed},
        "result_error": {f"k{number}": {"error": f"E{number}"} for number in keys if number in failed},
    }

    expected = [None if n in absent else f"E{n}" if n in failed else found(n) for n in range(5)]
    assert outcomes(result, 5) == expected


@pytest.mark.parametrize("nothing", [[], {}, None])
def test_empty_container_may_be_a_list_a_map_or_null(nothing: object) -> None:
    done = {"k0": {"ID": 1}, "k1": {"ID": 2}}

    assert outcomes({"result": done, "result_error": nothing, "result_time": nothing}, 2) == [found(1), found(2)]
    assert outcomes({"result": nothing, "result_error": {"k1": {"error": "X"}}}, 2) == [None, "X"]


def test_container_that_is_an_array_is_read_by_position() -> None:
    assert outcomes({"result": [{"ID": 1}, None], "result_error": []}) == [
        found(1),
        Answer(None, OperatingTime(), 0.25),
        None,
    ]


def test_key_that_succeeded_and_failed_has_failed() -> None:
    result = {"result": {"k0": {"ID": 1}}, "result_error": {"k0": {"error": "ACCESS_ERROR"}}}

    assert outcomes(result, 1) == ["ACCESS_ERROR"]


def test_null_error_counts_as_no_error() -> None:
    assert outcomes({"result": {"k0": {"ID": 1}}, "result_error": {"k0": None}}, 1) == [found(1)]


@pytest.mark.parametrize(
    ("entry", "code", "metric_code"),
    [
        ({"error": "insufficient_scope"}, "insufficient_scope", "insufficient_scope"),
        ({"error": "insufficient_scope", "error_description": ""}, "insufficient_scope", "insufficient_scope"),
        ({"error": "INSUFFICIENT_SCOPE", "error_description": None}, "INSUFFICIENT_SCOPE", "insufficient_scope"),
        ({"error": 0, "error_description": ["no text"]}, "0", "0"),
        ({"error": 100}, "100", "100"),
        ({"error": ""}, "", "EMPTY"),
        ({"error_description": "no code"}, "", "EMPTY"),
        ({"error": {"code": "ACCESS_ERROR", "message": "as REST 3 has it"}}, "ACCESS_ERROR", "ACCESS_ERROR"),
        ("ACCESS_ERROR", "ACCESS_ERROR", "ACCESS_ERROR"),
        (403, "403", "OTHER"),
        ([], "", "EMPTY"),
        ({"error": "x" * 100_000}, "x" * 64, "OTHER"),
    ],
)
def test_commands_error_may_lack_its_text_and_its_code_may_be_a_number(
    entry: object, code: str, metric_code: str
) -> None:
    error = refusal(entry)

    assert (error.code, error.metric_code) == (code, metric_code)


def test_error_is_classified_by_its_own_method() -> None:
    commands = [Command("im.dialog.get", {}), Command("imopenlines.dialog.get", {})]
    entry = {"error": "ACCESS_ERROR"}
    answer = read_batch(Answer({"result": [], "result_error": {"k0": entry, "k1": entry}}, COST, 0.25), commands, OAUTH)
    assert isinstance(answer, BatchAnswer)

    classes = [each.error_class for each in answer.outcomes if isinstance(each, BitrixError)]
    assert classes == [ErrorClass.OBJECT, ErrorClass.NOT_FOUND]


def test_operating_limit_carries_the_reset_time_of_its_command() -> None:
    result = {
        "result": [],
        "result_error": {"k0": {"error": "OPERATION_TIME_LIMIT"}},
        "result_time": {"k0": {"operating_reset_at": 1700000600}},
    }
    answer = read(result, 1)
    assert isinstance(answer, BatchAnswer)
    (error,) = answer.outcomes

    assert isinstance(error, BitrixError)
    assert (error.error_class, error.reset_at) == (ErrorClass.LIMIT, 1700000600)


@pytest.mark.parametrize("endpoint", [WEBHOOK, OAUTH])
def test_secret_quoted_in_a_commands_error_is_removed(endpoint: Endpoint) -> None:
    error = refusal({"error": CODE, "error_description": f"nothing at /rest/1/{CODE}/?auth={CODE}"}, endpoint)

    assert CODE not in error.code + error.description + str(error)


def test_wrong_code_of_a_webhook_is_a_configuration_error_in_a_batch_too() -> None:
    assert refusal({"error": "NO_AUTH_FOUND"}, WEBHOOK).error_class is ErrorClass.CONFIG
    assert refusal({"error": "NO_AUTH_FOUND"}, OAUTH).error_class is ErrorClass.REFRESH


@pytest.mark.parametrize(
    "result",
    [
        None, [], {}, "text", 7, {"result_error": {}}, {"result": 7}, {"result": {}, "result_error": "all"},
        {"result": {"k3": 1}}, {"result": {"0": 1}}, {"result": {"K0": 1}}, {"result": {}, "result_error": {"x": {}}},
        {"result": [1, 2, 3, 4]},
    ],
)  # fmt: skip
def test_ambiguous_result_is_a_protocol_error_of_the_whole_batch(result: object) -> None:
    error = read(result)

    assert isinstance(error, BitrixError)
    assert (error.metric_code, error.error_class) == ("PROTOCOL", ErrorClass.RETRY)


@pytest.mark.parametrize("time", [None, [], "x", 7, [1], {"k0": "x"}, {"k9": {}}])
def test_cost_that_cannot_be_read_is_no_error(time: object) -> None:
    assert outcomes({"result": {"k0": {"ID": 1}}, "result_time": time}, 1) == [found(1)]


@given(st.dictionaries(st.sampled_from(["result", "result_error", "result_time"]), JSON) | JSON)
def test_every_answer_is_read_as_outcomes_or_as_an_error_of_the_closed_set(result: object) -> None:
    answer = read(result)

    errors = [answer] if isinstance(answer, BitrixError) else [e for e in answer.outcomes if isinstance(e, BitrixError)]
    assert all(error.metric_code in METRIC_CODES for error in errors)
    assert isinstance(answer, BitrixError) or len(answer.outcomes) == 3


def test_total_and_next_of_a_list_are_read_from_their_own_containers() -> None:
    result = {"result": {"k0": [], "k1": []}, "result_total": {"k1": 120}, "result_next": {"k1": 50}}
    first, second, *_ = outcomes(result)
    assert isinstance(first, Answer)
    assert isinstance(second, Answer)
    assert (first.pages, second.pages) == ({}, {"next": 50, "total": 120})
