"""The item DEFAULT of PortalTable: which portal is meant where a direct invocation names none (design 4)."""

from typing import TYPE_CHECKING, Final

from chat_lookup.dynamodb import read_text, text
from chat_lookup.errors import InvalidRequest, PortalNotInstalled
from chat_lookup.portals.portal import pk_sk

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

    from chat_lookup.dynamodb import Item

_DEFAULT: Final = "DEFAULT"
_ONLY, _SEVERAL, _CHOSEN = "only", "several", "chosen"
"""Why the item names its portal: it is the only one, it was that until a second came, or somebody chose it."""


class DefaultPortal:
    """Reads the item, and gives the write that keeps it true within the transaction that writes a portal."""

    def __init__(self, dynamodb: "DynamoDBClient", table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def member_id(self) -> str:
        """The default portal. Raises `PortalNotInstalled` or, with several and none chosen, `InvalidRequest`."""
        item = self._read()
        member_id = read_text(item, "member_id")
        if member_id is None:
            raise PortalNotInstalled("No portal is installed yet")
        if read_text(item, "why") == _SEVERAL:
            raise InvalidRequest("portal is missing: several portals are installed and none is the default")
        return member_id

    def write_for(self, member_id: str, *, chosen: bool) -> "list[TransactWriteItemTypeDef]":
        """What to write beside the record of `member_id`: the first portal becomes the default, a second undoes that.

        Two first installations at once: the condition of one of the two transactions fails, and it tries again.
        """
        item = self._read()
        names, why = read_text(item, "member_id"), read_text(item, "why")
        if chosen:
            row = (member_id, _CHOSEN)
        elif names is None:
            row = (member_id, _ONLY)
        elif names != member_id and why == _ONLY:
            row = (names, _SEVERAL)
        else:
            return []
        put: TransactWriteItemTypeDef = {
            "Put": {
                "TableName": self._table,
                "Item": {**pk_sk(_DEFAULT, _DEFAULT), "member_id": text(row[0]), "why": text(row[1])},
                "ConditionExpression": "attribute_not_exists(pk)",
            }
        }
        if names is not None and why is not None:
            put["Put"]["ConditionExpression"] = "member_id = :names AND why = :why"
            put["Put"]["ExpressionAttributeValues"] = {":names": text(names), ":why": text(why)}
        return [put]

    def delete_for(self, member_id: str) -> "list[TransactWriteItemTypeDef]":
        """What to write when a portal is forgotten: a default that named it goes with it."""
        if read_text(self._read(), "member_id") != member_id:
            return []
        return [
            {
                "Delete": {
                    "TableName": self._table,
                    "Key": pk_sk(_DEFAULT, _DEFAULT),
                    "ConditionExpression": "member_id = :names",
                    "ExpressionAttributeValues": {":names": text(member_id)},
                }
            }
        ]

    def _read(self) -> "Item":
        key = pk_sk(_DEFAULT, _DEFAULT)
        return self._dynamodb.get_item(TableName=self._table, Key=key, ConsistentRead=True).get("Item", {})
