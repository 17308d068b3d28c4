"""Answers of the bot at most once: whoever is to give one claims it first (design 5, Events).

The item `ANSWER#<member_id>#<bot>#<message>` of CacheTable goes from `answering` to `answered` or `unsent` and never
back. A worker that dies on the way leaves `answering` behind: whoever comes by gives that answer up, because nobody
knows whether it went out.
"""

import uuid
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from chat_lookup.clock import Clock
from chat_lookup.items import condition_failed, number, old_item, read_number, read_text, text

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import UniversalAttributeValueTypeDef

LONGEST_ATTEMPT: Final = 45.0
"""Seconds in which an attempt has to end."""
HELD: Final = 60.0
"""Seconds after which the worker of a claim is taken for dead: every attempt has ended by then."""
KEPT: Final = 7 * 24 * 3600.0
"""Seconds that a claim is remembered."""

_ANSWERING: Final = "answering"
_ANSWERED: Final = "answered"
_UNSENT: Final = "unsent"


class Standing(StrEnum):
    """What became of an attempt to claim an answer."""

    OURS = "ours"
    IN_PROGRESS = "in_progress"
    """Another worker is at it."""
    SETTLED = "settled"
    """It was given, or given up, before."""
    DIED = "died"
    """Its worker died; this attempt, and no other one, has given it up."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One attempt to give one answer; `owner` tells it from every other attempt."""

    key: str
    owner: str

    @classmethod
    def to(cls, member_id: str, bot_id: int, message: str) -> "Claim":
        """An attempt to answer a message to a bot of a portal, which has taken nothing yet."""
        return cls(f"ANSWER#{member_id}#{bot_id}#{message}", uuid.uuid4().hex)


class Claims:
    """The claims in CacheTable. Each write may be repeated: its condition admits our own earlier success (design 4)."""

    def __init__(self, dynamodb: "DynamoDBClient", table: str, clock: Clock) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._clock = clock

    def take(self, claim: Claim) -> Standing:
        """Claim the answer, if nobody has."""
        now = self._clock.now()
        try:
            self._dynamodb.put_item(
                TableName=self._table,
                Item={
                    "pk": text(claim.key),
                    "owner": text(claim.owner),
                    "state": text(_ANSWERING),
                    "claimed_at": number(now),
                    "expires_at": number(int(now + KEPT)),
                },
                ConditionExpression="attribute_not_exists(pk) OR (#owner = :owner AND #state = :answering)",
                ExpressionAttributeNames=_NAMES,
                ExpressionAttributeValues={":owner": text(claim.owner), ":answering": text(_ANSWERING)},
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            if not condition_failed(error):
                raise
            standing = old_item(error)
        else:
            return Standing.OURS
        if read_text(standing, "state") != _ANSWERING:
            return Standing.SETTLED
        if now < (read_number(standing, "claimed_at") or 0.0) + HELD:
            return Standing.IN_PROGRESS
        given_up = self._settle(claim, _UNSENT, of=read_text(standing, "owner") or "")
        return Standing.DIED if given_up else Standing.SETTLED

    def answered(self, claim: Claim) -> None:
        """The answer went out. Changes nothing where another attempt took this one for dead meanwhile."""
        self._settle(claim, _ANSWERED, of=claim.owner)

    def unsent(self, claim: Claim) -> bool:
        """Give the answer up; whether it was this attempt that did, which then counts it."""
        return self._settle(claim, _UNSENT, of=claim.owner)

    def release(self, claim: Claim) -> None:
        """Let go of an answer that surely did not go out, so that it can be tried anew; at the best of our powers."""
        # Where the store fails, the claim stays behind and counts as a death: never is an answer given twice.
        with suppress(ClientError, BotoCoreError):
            self._dynamodb.delete_item(
                TableName=self._table,
                Key={"pk": text(claim.key)},
                ConditionExpression="#owner = :owner AND #state = :answering",
                ExpressionAttributeNames=_NAMES,
                ExpressionAttributeValues={":owner": text(claim.owner), ":answering": text(_ANSWERING)},
            )

    def _settle(self, claim: Claim, state: str, *, of: str) -> bool:
        """Bring the claim of the attempt `of` into its last state, in the name of `claim`; whether it is there now."""
        values: dict[str, UniversalAttributeValueTypeDef] = {
            ":owner": text(claim.owner),
            ":state": text(state),
            ":of": text(of),
            ":answering": text(_ANSWERING),
        }
        try:
            self._dynamodb.update_item(
                TableName=self._table,
                Key={"pk": text(claim.key)},
                UpdateExpression="SET #state = :state, #owner = :owner",
                ConditionExpression="(#state = :answering AND #owner = :of) OR (#state = :state AND #owner = :owner)",
                ExpressionAttributeNames=_NAMES,
                ExpressionAttributeValues=values,
            )
        except ClientError as error:
            if not condition_failed(error):
                raise
            return False
        return True


_NAMES: Final = {"#owner": "owner", "#state": "state"}
