"""Answers of the bot at most once: a worker that is to give one claims it first (design 5, Events).

The item `ANSWER#<member_id>#<bot>#<message>` of CacheTable goes from `answering` to `answered` or `unsent` and never
back; to `released` it goes where surely nothing went out, and from there begins anew. A worker that dies on the way
leaves `answering` behind: the next worker gives that answer up, because it cannot be known whether it went out.
"""

import uuid
from contextlib import suppress
from enum import StrEnum
from typing import Final, NamedTuple

from chat_lookup.clock import DAY, Clock
from chat_lookup.dynamodb import Condition, Table, absent, all_of, any_of, equals, number, read_number, read_text, text
from chat_lookup.observability.aws_failures import FAILED

LONGEST_ATTEMPT: Final = 12.0
"""Seconds in which an attempt has to end: a portal that hangs must not take the time of its other events."""
HELD: Final = 60.0
"""Seconds after which the worker of a claim is taken for dead: every attempt has ended by then."""
KEPT: Final = 7 * DAY
"""Seconds that a claim is remembered."""

_ANSWERING: Final = "answering"
_ANSWERED: Final = "answered"
_UNSENT: Final = "unsent"
_RELEASED: Final = "released"
"""Not deleted: the functions that answer look-ups and events may delete nothing (template.yaml, LookUpPolicy)."""


class ClaimState(StrEnum):
    """What became of an attempt to claim an answer."""

    OURS = "ours"
    IN_PROGRESS = "in_progress"
    """Another worker is at it."""
    SETTLED = "settled"
    """It was given, or given up, before."""
    DIED = "died"
    """Its worker died. The claim is this attempt's now, to be counted and given up."""


class Claim(NamedTuple):
    """One attempt to give one answer; `owner` distinguishes it from every other attempt."""

    key: str
    owner: str

    @classmethod
    def to(cls, member_id: str, bot_id: int, message: str) -> "Claim":
        """An attempt to answer a message to a bot of a portal, which has taken nothing yet."""
        return cls(f"ANSWER#{member_id}#{bot_id}#{message}", uuid.uuid4().hex)


class Claims:
    """The claims in CacheTable. Each write may be repeated: its condition admits our own earlier success (design 4)."""

    def __init__(self, table: Table, clock: Clock) -> None:
        self._table = table
        self._clock = clock

    def take(self, claim: Claim) -> ClaimState:
        """Claim the answer, if no other worker has."""
        now = self._clock.now()
        item = {
            "pk": text(claim.key),
            "owner": text(claim.owner),
            "state": text(_ANSWERING),
            "claimed_at": number(now),
            "expires_at": number(int(now + KEPT)),
        }
        claimed = self._table.put(item, any_of(absent("pk"), equals("state", text(_RELEASED)), _ours(claim)))
        if claimed.held:
            return ClaimState.OURS
        stored = claimed.item
        if read_text(stored, "state") != _ANSWERING:
            return ClaimState.SETTLED
        if now < (read_number(stored, "claimed_at") or 0.0) + HELD:
            return ClaimState.IN_PROGRESS
        of_the_dead = _held_by(read_text(stored, "owner") or "", _ANSWERING)
        inherited = self._table.update(
            {"pk": text(claim.key)},
            {"owner": text(claim.owner), "claimed_at": number(now)},
            condition=any_of(of_the_dead, _ours(claim)),
        )
        return ClaimState.DIED if inherited.held else ClaimState.IN_PROGRESS

    def answered(self, claim: Claim) -> None:
        """The answer went out. Changes nothing where another attempt took this one for dead meanwhile."""
        self._settle(claim, _ANSWERED)

    def unsent(self, claim: Claim) -> None:
        """Give the answer up, for good."""
        self._settle(claim, _UNSENT)

    def release(self, claim: Claim) -> None:
        """Let go of an answer that surely did not go out, so that it can be tried anew; best effort."""
        # Where the store fails, the claim stays behind and counts as a death: never is an answer given twice.
        with suppress(*FAILED):
            self._settle(claim, _RELEASED)

    def _settle(self, claim: Claim, state: str) -> None:
        """Bring our own claim out of `answering`."""
        settled = any_of(_ours(claim), _held_by(claim.owner, state))
        self._table.update({"pk": text(claim.key)}, {"state": text(state)}, condition=settled)


def _ours(claim: Claim) -> Condition:
    return _held_by(claim.owner, _ANSWERING)


def _held_by(owner: str, state: str) -> Condition:
    return all_of(equals("owner", text(owner)), equals("state", text(state)))
