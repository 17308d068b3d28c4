"""Values of the generated requests: pairs with a chat in the portal and pairs without, and odd values."""

from random import Random
from typing import Final

# Pairs of every local portal (the samples of the documentation).
SAMPLES: Final = (
    ("CRM", "DEAL|1663"),
    ("CRM", "LEAD|13"),
    ("CHAT", "13"),
    ("LINES", "telegrambot|2|209607941|744"),
    ("TASKS_TASK", "8293"),
    ("SONET_GROUP", "133"),
)
# Added for the corpus, under these ids: unusual characters, and pairs with a single significant difference.
ADDED: Final = {
    9001: ("ORDER", "№ 7|а+б&в=г"),
    9002: ("ORDER", 'quote " slash / back \\ 😀'),
    9003: ("order", "№ 7|а+б&в=г"),
    9004: ("CRM", "deal|1663"),
    9005: ("CRM", " DEAL|1663"),
    9006: ("CRM", "DEAL|1663 "),
    9007: ("ORDER", "00"),
    9008: ("ORDER", "x" * 255),
    9009: ("CHAT", "1"),
    9010: ("1", "13"),
    9011: ("ORDER", "a%7Cb"),
    9012: ("ORDER", "a|b"),
}
INACCESSIBLE_CHAT: Final = 9013
"""A chat of which the webhook's user is no member."""
KNOWN: Final = (*SAMPLES, *ADDED.values())
UNKNOWN: Final = (
    ("CRM", "DEAL|404"),
    ("CRM", "1663"),
    ("OPENLINES", "telegrambot|2|209607941|744"),
    ("OPEN", "13"),
    ("LINES", "livechat|22|1775|599"),
    ("TASK", "404"),
    ("TASKS_TASK", "404"),
    ("SONET_GROUP", "DEAL|1663"),
    ("Б", "В"),
)
ODD: Final[tuple[object, ...]] = (
    "",
    "0",
    0,
    0.0,
    "0.0",
    13,
    13.0,
    1.5,
    -13,
    10**30,
    True,
    False,
    None,
    [],
    {},
    ["CRM"],
    {"TYPE": "CRM"},
    {"0": "13"},
    " ",
    "13 ",
    "\t13",
    "null",
    "DEAL\\|1663",
    "DEAL%7C1663",
    "$result[a][ID]",
    "\x00",
    "a\x00b",
    "\u2028",
    "é",
    "e\u0301",
    "<b>&amp;</b>",
    "'; --",
    "x" * 3000,
)
"""JSON values; forms and queries send the nearest text."""

LOOK_UPS: Final = ("im.chat.get", "imbot.chat.get")
DIALOGS: Final = ("im.dialog.get", "imbot.dialog.get")
OPEN_DIALOGS: Final = ("chat1437", "chat10", "chat2725", "chat1764", "chat1582", "chat1103", "chat9001", "chat9002")
ODD_DIALOGS: Final[tuple[object, ...]] = (
    f"chat{INACCESSIBLE_CHAT}",
    "chat404",
    "chat0",
    "chat",
    "CHAT1437",
    "chat01437",
    "chat1437 ",
    "sg133",
    "sg404",
    "sg",
    "2",
    3,
    "404",
    "-1",
    "0",
    "",
    None,
    ["chat1437"],
    1437,
    "chat１４３７",
)
UNKNOWN_METHODS: Final = (
    "im.nothing",
    "im.chat.get.json.json",
    "im",
    "im.chat",
    "im.chat.get2",
    "0",
    "crm.deal.list2",
    "_",
    "...",
)
NAMES_FOR_METHOD_GET: Final[tuple[object, ...]] = (
    "im.chat.get",
    "imbot.chat.get",
    "IM.CHAT.GET",
    "batch",
    "profile",
    "im.nothing",
    "",
    None,
    0,
    ["im.chat.get"],
)


def cased(rng: Random, name: str) -> str:
    """Return the name in a letter case that a client may use."""
    return rng.choice((str, str, str.lower, str.upper, str.title, str.swapcase))(name)
