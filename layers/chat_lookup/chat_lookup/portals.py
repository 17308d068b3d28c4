"""Portal records: who is installed, where, with which secret, what it grants and how fast it may be asked."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from chat_lookup.clock import Clock
from chat_lookup.errors import InvalidRequest, PortalNotInstalled
from chat_lookup.items import condition_failed, number, read_number, read_set, read_text, read_whole, text
from chat_lookup.memory import Memory

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef, UniversalAttributeValueTypeDef

    from chat_lookup.items import Item

DEFAULT_RATE = 2.0
"""Requests a second that every plan below Enterprise leaks (bitrix24.md 6.1)."""
DEFAULT_BURST = 50

_RECORD = "RECORD"
_DEFAULT = "DEFAULT"


class PortalState(StrEnum):
    ACTIVE = "active"
    UNINSTALLED = "uninstalled"


@dataclass(frozen=True, slots=True)
class Portal:
    """One portal's record. `token_version` is the pointer that says which version of the secret is true."""

    member_id: str
    domain: str
    secret_arn: str
    token_version: str
    scopes: frozenset[str] | None = None
    """What the portal grants; None where it would not say."""
    state: PortalState = PortalState.ACTIVE
    generation: int = 1
    """Goes up when the portal is purged or uninstalled: all its cached answers vanish without a scan (design 4)."""
    rate: float = DEFAULT_RATE
    burst: int = DEFAULT_BURST
    bot_id: int | None = None
    created_at: float = 0.0

    def grants(self, scope: str) -> bool:
        """Whether a scope may be tried: granted, or not known."""
        return self.scopes is None or scope in self.scopes


def member_id_of_webhook(domain: str) -> str:
    """The stand-in for a portal's `member_id`, which an inbound webhook cannot ask for (bitrix24.md 1.16).

    32 hexadecimal digits like the real one, the same for the same domain.
    """
    return hashlib.sha256(f"webhook:{domain.lower()}".encode()).hexdigest()[:32]


class Portals:
    """The portal records in PortalTable: `pk=PORTAL#<member_id>`, with an item for each domain and one default."""

    def __init__(self, dynamodb: "DynamoDBClient", table: str, clock: Clock) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._clock = clock
        self._memory: Memory[str, Portal] = Memory(clock)

    def get(self, member_id: str) -> Portal:
        """The record, remembered for at most 30 s. Raises `PortalNotInstalled`."""
        portal = self._memory.get(member_id) or self.read(member_id)
        if portal is None or portal.state is PortalState.UNINSTALLED:
            raise PortalNotInstalled
        self._memory.put(member_id, portal)
        return portal

    def read(self, member_id: str) -> Portal | None:
        """The record as it stands now, whatever its state, or None."""
        item = self._dynamodb.get_item(TableName=self._table, Key=_key(member_id), ConsistentRead=True).get("Item")
        return _from_item(item) if item else None

    def find(self, name: str | None) -> Portal:
        """A portal by member_id or by domain; without a name the default one.

        Raises `InvalidRequest` where a name is needed, `PortalNotInstalled` where it says nothing.
        """
        if not name:
            return self.get(self._default())
        if self._memory.get(name) or "." not in name:
            return self.get(name)
        item = self._lookup_item(f"DOMAIN#{name.lower()}", "DOMAIN")
        member_id = read_text(item, "member_id") if item else None
        if member_id is None:
            raise PortalNotInstalled
        return self.get(member_id)

    def all(self) -> Iterator[Portal]:
        """Every record, by scan: for operators, never on a request's path."""
        for page in self._dynamodb.get_paginator("scan").paginate(
            TableName=self._table,
            FilterExpression="sk = :record",
            ExpressionAttributeValues={":record": text(_RECORD)},
        ):
            for item in page["Items"]:
                yield _from_item(item)

    def save(self, portal: Portal, *, default: bool = False) -> Portal:
        """Write a record with its domain; keeps when it was made, and raises its generation if it stood before.

        The first portal becomes the default one. With a second there is none, unless `default` chose one.
        """
        before = self.read(portal.member_id)
        if before is not None:
            portal = replace(portal, created_at=before.created_at, generation=before.generation + 1)
        else:
            portal = replace(portal, created_at=self._clock.now())
        writes: list[TransactWriteItemTypeDef] = [
            {"Put": {"TableName": self._table, "Item": _to_item(portal)}},
            {"Put": {"TableName": self._table, "Item": self._domain_item(portal)}},
        ]
        if before is not None and before.domain != portal.domain:
            writes.append({"Delete": {"TableName": self._table, "Key": _pk_sk(f"DOMAIN#{before.domain}", "DOMAIN")}})
        self._dynamodb.transact_write_items(TransactItems=[*writes, *self._default_write(portal, chosen=default)])
        self._memory.forget(portal.member_id)
        return portal

    def lacks_scope(self, portal: Portal, scope: str) -> Portal:
        """Remember that the portal refused a scope, so that the next look-up does not try it."""
        if portal.scopes is None or scope not in portal.scopes:
            return portal
        changed = replace(portal, scopes=portal.scopes - {scope})
        try:
            self._dynamodb.update_item(
                TableName=self._table,
                Key=_key(portal.member_id),
                UpdateExpression="DELETE scopes :scope",
                ConditionExpression="attribute_exists(pk) AND token_version = :version",
                ExpressionAttributeValues={":scope": {"SS": [scope]}, ":version": text(portal.token_version)},
            )
        except ClientError as error:
            if not condition_failed(error):
                raise
        self._memory.put(portal.member_id, changed)
        return changed

    def raise_generation(self, member_id: str) -> int:
        """Make every cached answer of the portal unreachable. Raises `PortalNotInstalled`; returns the new one."""
        try:
            answer = self._dynamodb.update_item(
                TableName=self._table,
                Key=_key(member_id),
                UpdateExpression="ADD generation :one",
                ConditionExpression="attribute_exists(pk)",
                ExpressionAttributeValues={":one": number(1)},
                ReturnValues="UPDATED_NEW",
            )
        except ClientError as error:
            if condition_failed(error):
                raise PortalNotInstalled from None
            raise
        self._memory.forget(member_id)
        return read_whole(answer["Attributes"], "generation") or 1

    def _default(self) -> str:
        item = self._lookup_item(_DEFAULT, _DEFAULT)
        member_id = read_text(item, "member_id") if item else None
        if item is None or member_id is None:
            raise PortalNotInstalled("No portal is installed yet")
        if read_text(item, "why") == "several":
            raise InvalidRequest("portal is missing: several portals are installed and none is the default")
        return member_id

    def _default_write(self, portal: Portal, *, chosen: bool) -> "list[TransactWriteItemTypeDef]":
        """What keeps the item DEFAULT true when this portal is written."""
        item = self._lookup_item(_DEFAULT, _DEFAULT)
        names = read_text(item, "member_id") if item else None
        why = read_text(item, "why") if item else None
        if chosen:
            wanted = "chosen"
        elif names is None:
            wanted = "only"
        elif names != portal.member_id and why == "only":
            wanted = "several"
        else:
            return []
        # Two first installations at once: one of the two transactions fails, and the other stands.
        condition = "attribute_not_exists(pk)" if item is None else "member_id = :names AND why = :why"
        values: dict[str, UniversalAttributeValueTypeDef] = (
            {} if item is None else {":names": text(names or ""), ":why": text(why or "")}
        )
        kept = names if wanted == "several" and names else portal.member_id
        row = {**_pk_sk(_DEFAULT, _DEFAULT), "member_id": text(kept), "why": text(wanted)}
        if values:
            return [
                {
                    "Put": {
                        "TableName": self._table,
                        "Item": row,
                        "ConditionExpression": condition,
                        "ExpressionAttributeValues": values,
                    }
                }
            ]
        return [{"Put": {"TableName": self._table, "Item": row, "ConditionExpression": condition}}]

    def _lookup_item(self, pk: str, sk: str) -> "Item | None":
        return self._dynamodb.get_item(TableName=self._table, Key=_pk_sk(pk, sk), ConsistentRead=True).get("Item")

    def _domain_item(self, portal: Portal) -> "dict[str, UniversalAttributeValueTypeDef]":
        return {**_pk_sk(f"DOMAIN#{portal.domain.lower()}", "DOMAIN"), "member_id": text(portal.member_id)}


def partition(member_id: str) -> str:
    """The partition of PortalTable that holds all of one portal: its record and the list of its keys."""
    return f"PORTAL#{member_id}"


def _pk_sk(pk: str, sk: str) -> "dict[str, UniversalAttributeValueTypeDef]":
    return {"pk": text(pk), "sk": text(sk)}


def _key(member_id: str) -> "dict[str, UniversalAttributeValueTypeDef]":
    return _pk_sk(partition(member_id), _RECORD)


def _to_item(portal: Portal) -> "dict[str, UniversalAttributeValueTypeDef]":
    item = {
        **_key(portal.member_id),
        "member_id": text(portal.member_id),
        "domain": text(portal.domain),
        "secret_arn": text(portal.secret_arn),
        "token_version": text(portal.token_version),
        "state": text(portal.state),
        "generation": number(portal.generation),
        "rate": number(portal.rate),
        "burst": number(portal.burst),
        "created_at": number(portal.created_at),
    }
    if portal.scopes:
        item["scopes"] = {"SS": sorted(portal.scopes)}
    if portal.bot_id is not None:
        item["bot_id"] = number(portal.bot_id)
    return item


def _from_item(item: "Item") -> Portal:
    return Portal(
        member_id=read_text(item, "member_id") or "",
        domain=read_text(item, "domain") or "",
        secret_arn=read_text(item, "secret_arn") or "",
        token_version=read_text(item, "token_version") or "",
        scopes=read_set(item, "scopes"),
        state=PortalState(read_text(item, "state") or PortalState.ACTIVE),
        generation=read_whole(item, "generation") or 1,
        rate=read_number(item, "rate") or DEFAULT_RATE,
        burst=read_whole(item, "burst") or DEFAULT_BURST,
        bot_id=read_whole(item, "bot_id"),
        created_at=read_number(item, "created_at") or 0.0,
    )
