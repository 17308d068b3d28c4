"""Leases on the rows of CacheTable: a process that is to ask the portal for a pair claims its row first (design 5,
Look-up).

A lease is attributes of the row itself: one conditional write claims it and returns what is stored, one read has both.
A row that has nothing else is absent for readers. The answer replaces the row and so ends the lease; a process that
dies leaves a lease that expires.
"""

from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from chat_lookup.cache.rows import CHAT, PORTAL, Kept, Row, cache_key, from_item
from chat_lookup.clock import CLOCKS_APART, HOUR, SKEW, Clock
from chat_lookup.dynamodb import (
    Condition,
    StoredOr,
    Table,
    absent,
    all_of,
    any_of,
    at_most,
    differs,
    equals,
    greater,
    less,
    number,
    read_number,
    read_text,
    text,
)
from chat_lookup.entity import EntityRef

if TYPE_CHECKING:
    from chat_lookup.dynamodb import Item, Values

LEASE: Final = 3.0
"""Seconds that a call is given, from its slot on. Other processes wait for a dead holder no longer than that."""
LONGEST: Final = 120.0
"""Seconds that no holder waits for its slot: a lease that ends so far ahead was claimed by a clock that ran wrong."""


class CacheQuery(NamedTuple):
    """What a caller asks the cache for: which pair, and `how` the portal is asked for it (method and bot).

    With `since` (Unix seconds) only a reply to a call after that moment will do, with `method` only one of that method.
    `kind` is that of the row: a pair's chat, or an object's list of chats.
    """

    member_id: str
    generation: int
    ref: EntityRef
    how: str = ""
    since: float | None = None
    method: str | None = None
    kind: str = CHAT

    def admits(self, row: Row) -> bool:
        """Whether the row was found in the way that the caller asks for."""
        return self.method is None or row.method == self.method

    def is_satisfied_by(self, row: Row | None, now: float) -> bool:
        if row is None or not row.fresh(now) or not self.admits(row):
            return False
        return self.since is None or (row.source == PORTAL and row.asked_at >= self.since)

    def answer_in(self, kept: Kept, now: float) -> Row:
        """The row that answers the caller: of the portal's reply, or the later row to which that lost.

        A later row that does not serve this caller leaves the reply, but for this caller only.
        """
        if not kept.lost:
            return kept.row
        stored = kept.stored
        return stored if stored and self.is_satisfied_by(stored, now) else kept.row.for_this_caller_only()

    def allows_stale(self, row: Row | None, now: float) -> bool:
        """Whether the row may serve although it is no longer fresh."""
        return self.since is None and row is not None and row.usable(now) and self.admits(row)


class Lease(NamedTuple):
    """The owner that asks the portal for a row's answer, and until when others wait for it (Unix seconds).

    `failure` is what the portal answered the owner instead; the lease is over then.
    """

    owner: str = ""
    until: float = 0.0
    failure: str = ""

    def free(self, now: float) -> bool:
        """Whether another owner may have it: over for certain, by either of two clocks."""
        return not now - SKEW <= self.until <= now + LONGEST


class StoredLease(NamedTuple):
    """What is stored of a pair: its row, if there is one, and the last lease on it."""

    row: Row | None
    lease: Lease


class HintClaim(NamedTuple):
    """Whether a row was claimed for a call because of a hint; if not, the row that is stored."""

    held: bool
    row: Row | None


class Leases:
    """Claims, extends and releases. Each write may be repeated: its condition admits our own earlier success."""

    def __init__(self, table: Table, clock: Clock) -> None:
        self._table = table
        self._clock = clock

    def read(self, wanted: CacheQuery) -> StoredLease:
        """What is stored, eventually consistent: a waiting process looks again, and a claim returns the latest row."""
        return self._stored(wanted, self._table.get(_key(wanted)))

    def claim(self, wanted: CacheQuery, owner: str) -> StoredLease:
        """Take the lease, unless it is taken or a row is stored that serves.

        The result has the `owner`'s lease if the claim held; else the row and the lease that are stored.
        """
        now = self._clock.now()
        claimed = self._table.update(
            _key(wanted),
            {
                "lease_owner": text(owner),
                "lease_until": number(now + LEASE),
                "expires_at": StoredOr("expires_at", number(int(now + HOUR))),
            },
            remove=("lease_failure",),
            condition=all_of(_not_served(wanted, now), _free(owner, now)),
            returning=True,
        )
        return self._stored(wanted, claimed.item)

    def claim_for_hint(self, wanted: CacheQuery) -> HintClaim:
        """Claim the row for a call because of a hint, unless it is claimed already, or a row is stored that serves.

        Look-ups do not wait for this call: it is no lease of theirs.
        """
        now = self._clock.now()
        claimed = self._table.update(
            _key(wanted),
            {"hint_until": number(now + LEASE), "expires_at": StoredOr("expires_at", number(int(now + HOUR)))},
            condition=all_of(_not_served(wanted, now), _over("lease_until", now), _over("hint_until", now)),
        )
        return HintClaim(claimed.held, None if claimed.held else from_item(claimed.item, wanted.ref, now))

    def extend(self, wanted: CacheQuery, owner: str, until: float) -> None:
        """Let the lease last until a moment, if it is still the owner's; best effort."""
        self._own(wanted, owner, {"lease_until": number(until)})

    def release(self, wanted: CacheQuery, owner: str, failure: str = "") -> None:
        """End the owner's lease without an answer, and leave the `failure` for waiting processes; best effort."""
        self._own(wanted, owner, {"lease_until": number(0), "lease_failure": text(failure)})

    def _own(self, wanted: CacheQuery, owner: str, fields: "Values") -> None:
        # What fails here costs others some seconds, or the portal a call more: no reason to fail the look-up.
        with suppress(ClientError, BotoCoreError):
            self._table.update(_key(wanted), fields, condition=equals("lease_owner", text(owner)))

    def _stored(self, wanted: CacheQuery, item: "Item") -> StoredLease:
        lease = Lease(
            owner=read_text(item, "lease_owner") or "",
            until=read_number(item, "lease_until") or 0.0,
            failure=read_text(item, "lease_failure") or "",
        )
        return StoredLease(from_item(item, wanted.ref, self._clock.now()), lease)


def _free(owner: str, now: float) -> Condition:
    """`Lease.free`, or ours already, as a condition on the row that is stored when it is written."""
    return any_of(_over("lease_until", now), equals("lease_owner", text(owner)))


def _over(until: str, now: float) -> Condition:
    """Whether a claim that lasts until the moment in this attribute is over for certain, by either of two clocks."""
    return any_of(absent(until), less(until, number(now - SKEW)), greater(until, number(now + LONGEST)))


def _not_served(wanted: CacheQuery, now: float) -> Condition:
    """The opposite of `CacheQuery.is_satisfied_by`, likewise."""
    not_served = [
        absent("fresh_until"),
        at_most("fresh_until", number(now)),
        greater("asked_at", number(now + CLOCKS_APART)),
    ]
    if wanted.since is not None:
        not_served += [less("asked_at", number(wanted.since)), differs("source", text(PORTAL))]
    if wanted.method is not None:
        not_served.append(differs("method", text(wanted.method)))
    return any_of(*not_served)


def _key(wanted: CacheQuery) -> "Values":
    return {"pk": text(cache_key(wanted.member_id, wanted.generation, wanted.ref, wanted.kind))}
