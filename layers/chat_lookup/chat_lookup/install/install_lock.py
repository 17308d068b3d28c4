"""Installations of one portal take turns: two at once would make two records of it, or two bots (design 5).

The item `INSTALL#<member_id>` of CacheTable is a lease: whoever dies on the way leaves one that lapses.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from chat_lookup.clock import Clock, Deadline
from chat_lookup.dynamodb import condition_failed, number, text
from chat_lookup.errors import InstallationInProgress

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import UniversalAttributeValueTypeDef

_STEP: Final = 0.3
_LEAST: Final = 8.0
"""Seconds that an installation is given at the least: whoever has fewer left does not begin."""
_BEYOND: Final = 5.0
"""Seconds by which a lease outlives its holder's deadline."""


class Turns:
    """One installation of a portal at a time, over all processes."""

    def __init__(self, dynamodb: "DynamoDBClient", table: str, clock: Clock) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._clock = clock

    @contextmanager
    def of(self, member_id: str, deadline: Deadline) -> Iterator[None]:
        """Wait for the turn, and hold it inside. Raises `InstallationInProgress` if it does not come in time."""
        owner = uuid.uuid4().hex
        while not self._taken(member_id, owner, deadline):
            if deadline.left() < _LEAST:
                raise InstallationInProgress(retry_after=deadline.left() + _BEYOND)
            self._clock.sleep(_STEP)
        try:
            yield
        finally:
            self._give_back(member_id, owner)

    def _taken(self, member_id: str, owner: str, deadline: Deadline) -> bool:
        until = deadline.at + _BEYOND
        try:
            self._dynamodb.put_item(
                TableName=self._table,
                Item={
                    **_key(member_id),
                    "owner": text(owner),
                    "until": number(until),
                    "expires_at": number(int(until)),
                },
                # Our own earlier success is admitted: its response may have been lost (design 4).
                ConditionExpression="attribute_not_exists(pk) OR #until < :now OR #owner = :owner",
                ExpressionAttributeNames={"#until": "until", "#owner": "owner"},
                ExpressionAttributeValues={":now": number(self._clock.now()), ":owner": text(owner)},
            )
        except ClientError as error:
            if not condition_failed(error):
                raise
            return False
        return True

    def _give_back(self, member_id: str, owner: str) -> None:
        try:
            self._dynamodb.delete_item(
                TableName=self._table,
                Key=_key(member_id),
                ConditionExpression="#owner = :owner",
                ExpressionAttributeNames={"#owner": "owner"},
                ExpressionAttributeValues={":owner": text(owner)},
            )
        except (ClientError, BotoCoreError):
            # It lapsed and is another's, or it will lapse: what was installed inside is installed all the same.
            return


def _key(member_id: str) -> "dict[str, UniversalAttributeValueTypeDef]":
    return {"pk": text(f"INSTALL#{member_id}")}
