"""Answers of the bot at most once: whoever is to give one claims it first (design 5, Events).

The item `ANSWER#<member_id>#<bot>#<message>` of CacheTable goes from `answering` to `answered` or `unsent` and never
back; to `released` it goes where surely nothing went out, and from there begins anew. A worker that dies on the way
leaves `answering` behind: whoever comes by gives that answer up, because nobody knows whether it went out.
"""

import uuid
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from chat_lookup.clock import Clock
from chat_lookup.dynamodb import condition_failed, number, old_item, read_number, read_text, text

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
_RELEASED: Final = "released"
"""Not deleted: whoever answers look-ups and events may delete nothing (template.yaml, LookUpPolicy)."""
_OURS: Final = "(#owner = :owner AND #state = :answering)"


class Standing(StrEnum):
    """What became of an attempt to claim an answer."""

    OURS = "ours"
    IN_PROGRESS = "in_progress"
    """Another worker is at it."""
    SETTLED = "settled"
    """It was given, or given up, before."""
    DIED = "died"
    """Its worker died. The claim is this attempt's now, to be counted and given up."""


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
                ConditionExpression=f"attribute_not_exists(pk) OR #state = :released OR {_OURS}",
                ExpressionAttributeNames=_NAMES,
                ExpressionAttributeValues={
                    ":owner": text(claim.owner),
                    ":answering": text(_ANSWERING),
                    ":released": text(_RELEASED),
                },
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
        inherited = self._update(
            claim,
            "SET #owner = :owner, claimed_at = :now",
            f"(#state = :answering AND #owner = :of) OR {_OURS}",
            {":of": text(read_text(standing, "owner") or ""), ":now": number(now)},
        )
        return Standing.DIED if inherited else Standing.IN_PROGRESS

    def answered(self, claim: Claim) -> None:
        """The answer went out. Changes nothing where another attempt took this one for dead meanwhile."""
        self._settle(claim, _ANSWERED)

    def unsent(self, claim: Claim) -> None:
        """Give the answer up, for good."""
        self._settle(claim, _UNSENT)

    def release(self, claim: Claim) -> None:
        """Let go of an answer that surely did not go out, so that it can be tried anew; at the best of our powers."""
        # Where the store fails, the claim stays behind and counts as a death: never is an answer given twice.
        with suppress(ClientError, BotoCoreError):
            self._settle(claim, _RELEASED)

    def _settle(self, claim: Claim, state: str) -> None:
        """Bring our own claim out of `answering`."""
        settled = f"{_OURS} OR (#owner = :owner AND #state = :state)"
        self._update(claim, "SET #state = :state", settled, {":state": text(state)})

    def _update(
        self, claim: Claim, expression: str, condition: str, values: "dict[str, UniversalAttributeValueTypeDef]"
    ) -> bool:
        """One conditional write; whether it was made."""
        try:
            self._dynamodb.update_item(
                TableName=self._table,
                Key={"pk": text(claim.key)},
                UpdateExpression=expression,
                ConditionExpression=condition,
                ExpressionAttributeNames=_NAMES,
                ExpressionAttributeValues={":owner": text(claim.owner), ":answering": text(_ANSWERING), **values},
            )
        except ClientError as error:
            if not condition_failed(error):
                raise
            return False
        return True


_NAMES: Final = {"#owner": "owner", "#state": "state"}
