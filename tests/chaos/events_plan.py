"""The events that a portal sends in a run, and their expected results."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from tests.chaos.events_bodies import APIS, Sender, http_event

Key = tuple[str, int]
"""Identifies an event, however often it is sent: a message by its id, a join by the id of its chat."""
EMPLOYEES: Final = (1, 2, 3)

_QUESTIONS, _JOINS = 0.15, 0.08
"""Shares of all events; the rest are messages in deals' chats."""
_MESSAGES_OF_A_CHAT: Final = 6
_CONTESTED: Final = 20
"""For one of this many deals in events, the portal itself has named another chat."""
_TWICE: Final = 20
"""One of this many events is sent a second time."""
_LATEST_REPEAT: Final = 200
"""The most sendings between the first and the second sending of an event."""
_SENT_AT: Final = 1_771_940_028
_FIRST_CHAT, _FIRST_CHAT_OF_OTHERS = 1_000_000, 5_000_000
_LINK: Final = re.compile(r"IM_DIALOG=chat([0-9]+)")


@dataclass(frozen=True, slots=True)
class Happening:
    """One event of the portal about a deal and its chat.

    `body` is the event as it is sent, `again` as it is sent a second time, at another moment. An event without a
    message is repeated unchanged, since at another moment it would be another event. The chat of a `question` is its
    answer; that of a `contested` event differs from the portal's own.
    """

    key: Key
    deal: str
    chat_id: int
    body: str = field(repr=False)
    again: str = field(repr=False)
    question: bool = False
    contested: bool = False


@dataclass(frozen=True, slots=True)
class Sending:
    """One event, sent once."""

    key: Key
    request: Mapping[str, object] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Plan:
    """The events of a run; they depend only on the seed and the number."""

    happenings: tuple[Happening, ...]
    sendings: tuple[Sending, ...]

    @classmethod
    def of(cls, sender: Sender, count: int, seed: int) -> "Plan":
        random = Random(f"{seed} plan")  # noqa: S311 - repeatable
        happenings = tuple(_happening(sender, number, count, random) for number in range(count))
        return cls(happenings, tuple(_sendings(happenings, random)))

    @property
    def questions(self) -> Mapping[Key, Happening]:
        return {each.key: each for each in self.happenings if each.question}

    @property
    def contested(self) -> Mapping[str, int]:
        """The deals for which the portal was asked before the run, each with the chat that it named."""
        return {each.deal: _FIRST_CHAT_OF_OTHERS + each.chat_id for each in self.happenings if each.contested}

    def expected_hints(self, arrived: Collection[Key]) -> Mapping[str, int]:
        """The expected cache rows of the deals in the arrived events: each deal with its chat."""
        from_events = {each.deal: each.chat_id for each in self.happenings if each.key in arrived and not each.question}
        return {**from_events, **self.contested}


def key_of(detail: Mapping[str, Any]) -> Key:
    """The key of a published event."""
    message = detail["message"]
    return ("message", message["message_id"]) if message else ("join", detail["chat"]["chat_id"])


def chats_named(text: str) -> list[int]:
    """The chats that a bot's answer links to."""
    return [int(number) for number in _LINK.findall(text)]


def _happening(sender: Sender, number: int, count: int, random: Random) -> Happening:
    api, share, sent_at = random.choice(APIS), random.random(), _SENT_AT + number
    message = ("message", number + 1)
    if share < _QUESTIONS:
        chat_id, user = _FIRST_CHAT + count + number, random.choice(EMPLOYEES)
        text = random.choice((f"deal {chat_id}", f"CRM DEAL|{chat_id}", f"Сделка {chat_id}"))
        body, again = (sender.question(api, number + 1, user, text, ts) for ts in (sent_at, sent_at + 3))
        return Happening(message, f"DEAL|{chat_id}", chat_id, body, again, question=True)
    if share < _QUESTIONS + _JOINS:
        chat_id = _FIRST_CHAT + 2 * count + number
        body = sender.join(api, chat_id, f"DEAL|{chat_id}", sent_at)
        return Happening(("join", chat_id), f"DEAL|{chat_id}", chat_id, body, body)
    one = random.randrange(max(1, count // _MESSAGES_OF_A_CHAT))
    chat_id, deal = _FIRST_CHAT + one, f"DEAL|{_FIRST_CHAT + one}"
    body, again = (sender.deal_message(api, number + 1, chat_id, deal, ts) for ts in (sent_at, sent_at + 3))
    return Happening(message, deal, chat_id, body, again, contested=one % _CONTESTED == 0)


def _sendings(happenings: Collection[Happening], random: Random) -> Iterator[Sending]:
    """Every event in order; one of twenty again, some sendings later."""
    turns = [(float(number), each, each.body) for number, each in enumerate(happenings)]
    turns += [
        (number + random.uniform(0, _LATEST_REPEAT), each, each.again)
        for number, each in enumerate(happenings)
        if number % _TWICE == 0
    ]
    for number, (_, each, body) in enumerate(sorted(turns, key=lambda turn: turn[0])):
        request = http_event(body, is_base64=random.random() < 1 / 2, request_id=f"request-{number}")
        yield Sending(each.key, request)
