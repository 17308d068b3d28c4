"""The documented samples of bot events, in wire format and as trees that a test can change (bitrix24.md 5)."""

import json
from collections.abc import Mapping
from typing import Any, Final

from chat_lookup.events.decoder import Arrived, decode
from chat_lookup.events.model import BotEvent
from local.portal.protocol import php
from tests.support.portals.first_contact import FORM_TYPE
from tests.support.repository import SAMPLES

NAMES: Final = tuple(sorted(path.stem for path in SAMPLES.glob("*.txt")))

MEMBER_ID: Final = "f0e1d2c3b4a5968778695a4b3c2d1e0f"
DOMAIN: Final = "acme.bitrix24.com"
APPLICATION_TOKEN: Final = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"

Tree = dict[str, Any]
Changes = Mapping[str, object]
"""New values by the path of a field (`data.PARAMS.CHAT_ID`); None removes the field."""


def wire(name: str) -> bytes:
    return (SAMPLES / f"{name}.txt").read_bytes()


def sample(name: str, changes: Changes | None = None) -> Tree:
    tree: Tree = json.loads((SAMPLES / f"{name}.json").read_text("utf-8"))
    for way, value in (changes or {}).items():
        *maps, last = way.split(".")
        place = tree
        for key in maps:
            place = place.setdefault(key, {})
        if value is None:
            place.pop(last, None)
        else:
            place[last] = value
    return tree


def encoded(tree: Mapping[str, object]) -> bytes:
    return php.encode(php.flat(tree)).encode()


def arrived(name: str, changes: Changes | None = None) -> Arrived:
    """The decoded sample with these changes."""
    return decode(encoded(sample(name, changes)), FORM_TYPE)


def event(name: str, changes: Changes | None = None) -> BotEvent:
    return arrived(name, changes).event
