"""What a batch sends: commands as PHP reads them, and none that it would read otherwise (bitrix24.md 2.6)."""

import json
from collections.abc import Mapping
from typing import cast

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from chat_lookup.bitrix24.batch import Command, encoded
from chat_lookup.entity import LONGEST
from local.portal.protocol import php
from local.portal.rest import batch as portals_batch

SECRET = "c4nary0token1"
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


def look_up(entity_id: str = "DEAL|1663") -> Command:
    return Command("im.chat.get", {"ENTITY_TYPE": "CRM", "ENTITY_ID": entity_id})


def arrived(*commands: Command) -> list[object]:
    """What the local portal makes of a batch, each command answered with its own parameters."""

    def echo(_: str, params: Mapping[str, object]) -> tuple[object, portals_batch.Time]:
        return dict(params), {}

    sent = cast(dict[str, object], json.loads(json.dumps(encoded(commands))))
    return list(php.entries(portals_batch.run(sent, echo)["result"]).values())


def test_commands_are_plain_text_with_values_encoded_once() -> None:
    assert encoded([look_up(), Command("profile", {})]) == {
        "halt": 0,
        "cmd": {"k0": "im.chat.get?ENTITY_TYPE=CRM&ENTITY_ID=DEAL%7C1663", "k1": "profile?"},
    }


def test_nested_parameters_take_the_form_that_php_reads() -> None:
    params = {"taskId": 7, "select": ["ID", "CHAT_ID"], "filter": {"a": {"b": True}, "c": False}, "none": None, "x": []}

    assert arrived(Command("tasks.task.get", params)) == [
        {"taskId": "7", "select": {"0": "ID", "1": "CHAT_ID"}, "filter": {"a": {"b": "1"}, "c": "0"}}
    ]


@given(st.lists(TEXT, min_size=1, max_size=50))
def test_any_text_arrives_as_it_was(ids: list[str]) -> None:
    commands = [look_up(entity_id) for entity_id in ids]
    assume(all(command.batchable for command in commands))

    assert arrived(*commands) == [command.params for command in commands]


@given(
    TEXT, st.sampled_from(["$result[k0]", "$Result[k0][ID]", "$time[k0]", "$result.x[0]", "$result\u2003[k0]"]), TEXT
)
def test_what_may_be_a_reference_to_another_result_is_not_sent_in_a_batch(head: str, reference: str, tail: str) -> None:
    command = look_up(head + reference + tail)

    assert not command.batchable
    with pytest.raises(ValueError, match="called alone"):
        encoded([look_up(), command])


@pytest.mark.parametrize("entity_id", ["$", "100 $", "[x]", "[k0]$result", "result[k0]", "{$}", "%24result%5Bk0%5D"])
def test_a_dollar_or_a_bracket_alone_is_text(entity_id: str) -> None:
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
def test_what_a_batch_cannot_carry_is_called_alone(command: Command) -> None:
    assert not command.batchable


@pytest.mark.parametrize("character", ["x", "|", "ü", "😀"])
def test_a_batch_carries_the_longest_pair(character: str) -> None:
    assert Command("imbot.chat.get", {"ENTITY_TYPE": character * LONGEST, "ENTITY_ID": character * LONGEST}).batchable


@pytest.mark.parametrize("count", [0, 51])
def test_a_batch_has_one_to_fifty_commands(count: int) -> None:
    with pytest.raises(ValueError, match="1 to 50"):
        encoded([look_up()] * count)


@pytest.mark.parametrize("method", ["", "im.chat.get?x=1&y=2", "im chat", "im.chat.get\n", "имя", "../x"])
def test_a_command_needs_the_name_of_a_method(method: str) -> None:
    with pytest.raises(ValueError, match="not the name of a method"):
        Command(method, {})


def test_a_parameter_that_no_query_can_hold_is_a_fault_of_ours() -> None:
    with pytest.raises(TypeError, match="bytes"):
        encoded([Command("im.chat.get", {"ENTITY_ID": b"DEAL|1"})])


def test_a_command_shows_its_method_only() -> None:
    assert repr(Command("imbot.v2.Chat.get", {"botToken": SECRET})) == "Command(method='imbot.v2.Chat.get')"
