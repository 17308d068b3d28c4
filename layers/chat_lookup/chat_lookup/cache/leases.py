"""Leases on the rows of CacheTable: whoever is to ask the portal for a pair claims its row first (design 5, Look-up).

A lease is attributes of the row itself: one conditional write claims it and tells what stands, one read shows both. A
row that has nothing else is absent for readers. The answer replaces the row and so ends the lease; whoever dies leaves
one that lapses.
"""

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from chat_lookup.cache.rows import HOUR, PORTAL, Row, cache_key, from_item
from chat_lookup.clock import CLOCKS_APART, SKEW, Clock
from chat_lookup.dynamodb import condition_failed, number, old_item, read_number, read_text, text
from chat_lookup.entity import EntityRef

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import UniversalAttributeValueTypeDef, UpdateItemInputTypeDef

    from chat_lookup.dynamodb import Item

    Values = dict[str, UniversalAttributeValueTypeDef]

LEASE: Final = 3.0
"""Seconds that a call is given, from its slot on. So long at most is a dead holder waited for."""
LONGEST: Final = 120.0
"""Seconds that no holder waits for his slot: a lease that ends so far ahead was claimed by a clock that ran wrong."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """An answer that somebody wants: of which pair, and `how` it is asked for (method and bot).

    With `since` (Unix seconds) only what the portal was asked for after that moment will do.
    """

    member_id: str
    generation: int
    ref: EntityRef
    how: str = ""
    since: float | None = None

    def served_by(self, row: Row | None, now: float) -> bool:
        if row is None or not row.fresh(now):
            return False
        return self.since is None or (row.source == PORTAL and row.asked_at >= self.since)

    def may_be_stale(self, row: Row | None, now: float) -> bool:
        """Whether the row may serve although it is no longer fresh."""
        return self.since is None and row is not None and row.usable(now)


@dataclass(frozen=True, slots=True)
class Lease:
    """Who asks for a row's answer, and until when he is waited for (Unix seconds).

    `failure` is what the portal said to him instead; his lease is over then.
    """

    owner: str = ""
    until: float = 0.0
    failure: str = ""

    def free(self, now: float) -> bool:
        """Whether another may have it: over for certain, by whichever of two clocks."""
        return not now - SKEW <= self.until <= now + LONGEST


@dataclass(frozen=True, slots=True)
class Standing:
    """What is stored of a pair: its row, if there is one, and the last lease on it."""

    row: Row | None
    lease: Lease


_CLAIM: Final = (
    "SET lease_owner = :owner, lease_until = :until, expires_at = if_not_exists(expires_at, :garbage)"
    " REMOVE lease_failure"
)
_FREE: Final = (
    "(attribute_not_exists(lease_until) OR lease_until < :lapsed OR lease_until > :absurd OR lease_owner = :owner)"
)
_NOT_SERVED: Final = "attribute_not_exists(fresh_until) OR fresh_until <= :now OR asked_at > :ahead"
_NOT_SINCE: Final = "asked_at < :since OR #source <> :portal"
"""`Lease.free` and `Wanted.served_by`, said again of the row as it stands when it is written."""


class Leases:
    """Claims, extends and releases. Each write may be repeated: its condition admits our own earlier success."""

    def __init__(self, dynamodb: "DynamoDBClient", table: str, clock: Clock) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._clock = clock

    def read(self, wanted: Wanted) -> Standing:
        """What stands, eventually consistent: who waits looks again, and who claims is told the truth."""
        answer = self._dynamodb.get_item(TableName=self._table, Key=_key(wanted))
        return self._standing(wanted, answer.get("Item", {}))

    def claim(self, wanted: Wanted, owner: str) -> Standing:
        """Take the lease, unless it is taken or an answer stands that serves.

        The lease of what is answered is the `owner`'s if the claim held; else it tells what stood against it.
        """
        now = self._clock.now()
        update = self._update(
            wanted,
            _CLAIM,
            f"({_NOT_SERVED}) AND {_FREE}",
            {
                ":owner": text(owner),
                ":until": number(now + LEASE),
                ":garbage": number(int(now + HOUR)),
                ":lapsed": number(now - SKEW),
                ":absurd": number(now + LONGEST),
                ":now": number(now),
                ":ahead": number(now + CLOCKS_APART),
            },
        )
        if wanted.since is not None:
            since: Values = {":since": number(wanted.since), ":portal": text(PORTAL)}
            update["ConditionExpression"] = f"({_NOT_SERVED} OR {_NOT_SINCE}) AND {_FREE}"
            update["ExpressionAttributeNames"] = {"#source": "source"}
            update["ExpressionAttributeValues"] = {**update["ExpressionAttributeValues"], **since}
        try:
            answer = self._dynamodb.update_item(**update)
        except ClientError as error:
            if not condition_failed(error):
                raise
            return self._standing(wanted, old_item(error))
        return self._standing(wanted, answer["Attributes"])

    def extend(self, wanted: Wanted, owner: str, until: float) -> None:
        """Let the lease last until a moment, if it is still the owner's; at the best of our powers."""
        self._own(wanted, owner, "SET lease_until = :until", {":until": number(until)})

    def release(self, wanted: Wanted, owner: str, failure: str = "") -> None:
        """End the owner's lease without an answer, and leave the `failure` for those who wait; likewise."""
        values: Values = {":until": number(0), ":failure": text(failure)}
        self._own(wanted, owner, "SET lease_until = :until, lease_failure = :failure", values)

    def _own(self, wanted: Wanted, owner: str, expression: str, values: "Values") -> None:
        # What fails here costs others some seconds, or the portal a call more: no reason to fail the look-up.
        with suppress(ClientError, BotoCoreError):
            values = {**values, ":owner": text(owner)}
            self._dynamodb.update_item(**self._update(wanted, expression, "lease_owner = :owner", values))

    def _update(self, wanted: Wanted, expression: str, condition: str, values: "Values") -> "UpdateItemInputTypeDef":
        return {
            "TableName": self._table,
            "Key": _key(wanted),
            "UpdateExpression": expression,
            "ConditionExpression": condition,
            "ExpressionAttributeValues": values,
            "ReturnValues": "ALL_NEW",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }

    def _standing(self, wanted: Wanted, item: "Item") -> Standing:
        lease = Lease(
            owner=read_text(item, "lease_owner") or "",
            until=read_number(item, "lease_until") or 0.0,
            failure=read_text(item, "lease_failure") or "",
        )
        return Standing(from_item(item, wanted.ref, self._clock.now()), lease)


def _key(wanted: Wanted) -> "Values":
    return {"pk": text(cache_key(wanted.member_id, wanted.generation, wanted.ref))}
