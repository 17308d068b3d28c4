"""Batches of the corpus: commands of every kind, references between them, halts, and every form of `cmd`."""

from collections.abc import Mapping
from random import Random
from typing import Final
from urllib.parse import quote

from tests.rest_corpus import vocabulary
from tests.rest_corpus.requests import (
    FORM,
    Params,
    about_the_portal,
    as_json,
    dialog,
    encoded,
    in_address,
    look_up,
    query,
    unknown_method,
)
from tests.rest_corpus.wire import WireRequest

HALTS: Final[tuple[object, ...]] = (0, 1, "0", "1", True, False, "", None, "Y", [], [1], 2, "00")
_KEYS: Final = ("a", "b", "c", "deal", "B", "ключ", "a b", "a.b", "0", "1", "7", "-1", "a|b", "x" * 40)
_ODD_COMMANDS: Final[tuple[object, ...]] = (
    "",
    "?",
    " im.chat.get?ENTITY_TYPE=CRM&ENTITY_ID=DEAL%7C1663 ",
    "im.chat.get",
    "im.chat.get?",
    "im.chat.get.json?ENTITY_TYPE=CRM&ENTITY_ID=DEAL%7C1663",
    "IM.CHAT.GET?entity_type=CRM&entity_id=DEAL|1663",
    "im.chat.get?ENTITY_TYPE=CRM&ENTITY_ID=DEAL%257C1663",
    "im.chat.get?ENTITY_TYPE=CRM&ENTITY_ID=DEAL%7C1663?x=1",
    "im.chat.get&ENTITY_TYPE=CRM&ENTITY_ID=DEAL%7C1663",
    "/im.chat.get?ENTITY_TYPE=CRM&ENTITY_ID=DEAL%7C1663",
    "batch",
    "batch?cmd[a]=profile",
    "BATCH.json?cmd[a]=profile",
    0,
    None,
    True,
    ["profile"],
    {"method": "profile"},
)
_WAYS: Final = (
    "[ID]",
    "[ID]",
    "[ID]",
    "",
    "[id]",
    "[entity_id]",
    "[name]",
    "[entity_link][type]",
    "[0]",
    "[ID][x]",
    "[]",
)
_MALFORMED: Final[tuple[object, ...]] = ("", "profile", None, 0, 7, True, [], {}, [[]], {"a": []}, [None, "profile"])


def batch(rng: Random) -> WireRequest:
    """Return a batch; most as SDKs send them, some with more than fifty commands, some with a malformed `cmd`."""
    chance = rng.random()
    if chance < 0.06:
        return encoded(rng, "batch", {"cmd": rng.choice(_MALFORMED), "halt": rng.choice(HALTS)})
    size = rng.choice((50, 51, 60)) if chance < 0.09 else rng.randint(1, 7)
    keys = _keys(rng, size)
    commands = {key: _command(rng, keys[:position]) for position, key in enumerate(keys)}
    return _sent(rng, commands)


def _sent(rng: Random, commands: Mapping[str, object]) -> WireRequest:
    halt = {vocabulary.cased(rng, "halt"): rng.choice(HALTS)} if rng.random() < 0.6 else {}
    name = vocabulary.cased(rng, "cmd")
    if rng.random() < 0.35:
        return encoded(rng, "batch", {name: list(commands.values()), **halt})
    if rng.random() < 0.2:
        # As in a form written by hand: `cmd[]=`, with the brackets of the commands unencoded.
        texts = [str(command) for command in commands.values() if isinstance(command, str)]
        body = "&".join(f"{name}[]={quote(text, safe='?=[]$.')}" for text in texts)
        return WireRequest(in_address(rng, "batch"), "POST", query(halt), body.encode(), FORM)
    if rng.random() < 0.5:
        return WireRequest("batch.json", "POST", "", as_json({name: dict(commands), **halt}), "application/json")
    return encoded(rng, "batch", {name: dict(commands), **halt})


def _keys(rng: Random, size: int) -> list[str]:
    if size > len(_KEYS) or rng.random() < 0.3:
        return [str(number) for number in range(size)]
    return rng.sample(_KEYS, size)


def _command(rng: Random, earlier: list[str]) -> object:
    """Return a command: text, or an invalid value. It may refer to an earlier command."""
    chance = rng.random()
    if chance < 0.08:
        return rng.choice(_ODD_COMMANDS)
    if chance < 0.3:
        return _referring(rng, earlier)
    kinds = (look_up, look_up, look_up, look_up, dialog, about_the_portal, unknown_method)
    method, params = rng.choice(kinds)(rng)
    return _text(rng, method, params)


def _referring(rng: Random, earlier: list[str]) -> str:
    """Return a command with a reference, whole or within a text: to a field, to a missing field, or to no command."""
    key = rng.choice(earlier) if earlier and rng.random() < 0.9 else "nowhere"
    way = rng.choice(
        ("[ID]", "[ID]", "[ID]", "", "[id]", "[entity_id]", "[name]", "[entity_link][type]", "[0]", "[ID][x]")
    )
    reference = f"$result[{key}]{way}"
    written = rng.choice(
        (reference, reference, f"chat{reference}", f"chat{reference}", f"{reference}{reference}", "$result")
    )
    method, name = rng.choice(
        (
            ("im.dialog.get", "DIALOG_ID"),
            ("im.dialog.get", "DIALOG_ID"),
            ("imbot.dialog.get", "DIALOG_ID"),
            ("im.chat.get", "ENTITY_ID"),
        )
    )
    pair: Params = {"ENTITY_TYPE": "CRM"} if name == "ENTITY_ID" else {}
    return _text(rng, method, {**pair, name: written})


def _text(rng: Random, method: str, params: Params) -> str:
    return f"{vocabulary.cased(rng, method)}?{query(params, rng.choice((quote, _as_written)))}"


def _as_written(text: str) -> str:
    """Encode only what must be encoded: brackets and bars stay, as in URLs written by hand."""
    return quote(text, safe="[]$|/")
