"""The pointer to a portal's true tokens, and the lock around its renewal, as conditional writes on the portal's record.

Each write admits its own earlier success, because a response can be lost after the commit (design 4).
"""

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from chat_lookup.credentials.renewal import Pointer
from chat_lookup.dynamodb import condition_failed, number, old_item, read_number, read_text, text
from chat_lookup.portals.portal import PortalState, record_key

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import UniversalAttributeValueTypeDef, UpdateItemInputTypeDef

    from chat_lookup.dynamodb import Item

_LOCK = "lock_owner, lock_until"
_LAPSED = "lock_until = :lapsed"
_FREE = f"(attribute_not_exists(lock_until) OR {_LAPSED})"
_TRACES = "pending, refused_at, refused_code, asking, lost_at"
_CLOSING = "state_code, retry_at, looks, closed_at"


class Pointers:
    """Reads and moves `token_version` of the records in PortalTable."""

    def __init__(self, dynamodb: "DynamoDBClient", table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def read(self, member_id: str) -> Pointer | None:
        """The pointer as it stands now; None without a record."""
        item = self._dynamodb.get_item(TableName=self._table, Key=record_key(member_id), ConsistentRead=True).get(
            "Item"
        )
        if not item:
            return None
        return Pointer(
            version=read_text(item, "token_version") or "",
            state=PortalState(read_text(item, "state") or PortalState.ACTIVE),
            state_code=read_text(item, "state_code") or "",
            retry_at=read_number(item, "retry_at") or 0.0,
            lock_owner=read_text(item, "lock_owner") or "",
            lock_until=read_number(item, "lock_until") or 0.0,
            pending=tuple((read_text(item, "pending") or "").split()),
            refused_at=read_number(item, "refused_at") or 0.0,
            refused_code=read_text(item, "refused_code") or "",
            asking=read_text(item, "asking") or "",
            lost_at=read_number(item, "lost_at") or 0.0,
            charged_until=read_number(item, "charged_until") or 0.0,
        )

    def claim(self, member_id: str, seen: Pointer, owner: str, until: float, pending: tuple[str, ...]) -> bool:
        """Take the lock as it was `seen`: whoever had it meanwhile may have left a version in `pending`.

        A holder that was asking when its lock lapsed got an answer that nobody has: that is noted.
        """
        free = _LAPSED if seen.lock_until else _FREE
        standing = self._update(
            member_id,
            "SET lock_owner = :owner, lock_until = :until, pending = :pending"
            + (", lost_at = :lapsed" if seen.answer_lost and not seen.lost_at else ""),
            f"token_version = :version AND ({free} OR lock_owner = :owner)",
            {
                ":owner": text(owner),
                ":until": number(until),
                ":pending": text(" ".join(pending)),
                ":version": text(seen.version),
                ":lapsed": number(seen.lock_until),
            },
        )
        return standing is None

    def release(
        self, member_id: str, owner: str, pending: tuple[str, ...], until: float, *, lost_at: float = 0.0
    ) -> None:
        """Give the lock back, or let it lapse at a moment, if it is ours still; note an answer that was lost."""
        self._update(
            member_id,
            "SET pending = :pending, lock_until = :until"
            + (", lost_at = :lost_at" if lost_at else "")
            + " REMOVE lock_owner",
            "lock_owner = :owner",
            {
                ":owner": text(owner),
                ":pending": text(" ".join(pending)),
                ":until": number(until),
                **({":lost_at": number(lost_at)} if lost_at else {}),
            },
        )

    def asking(self, member_id: str, version: str, owner: str) -> bool:
        """Note that the holder of the lock is about to spend the pair behind `version`; whether it holds it still."""
        standing = self._update(
            member_id,
            "SET asking = :owner",
            "token_version = :version AND lock_owner = :owner",
            {":owner": text(owner), ":version": text(version)},
        )
        return standing is None

    def switch(
        self, member_id: str, old: str, new: str, domain: str, now: float, *, former: str = "", charged_until: float = 0
    ) -> bool:
        """Move the pointer; whether it names `new` now. `former` is the domain that the portal was known by so far,
        `charged_until` what the renewals of the day have used up (`renewal.charged`).

        Whoever got the successor of a pair may do so, lock or no lock: there is but one. Where it names `new` already
        nothing is written: a lock there is somebody's who renews that one.
        """
        renamed = former not in ("", domain)
        standing = self._update(
            member_id,
            "SET token_version = :new, #state = :active, #domain = :domain, refreshed_at = :now"
            + (", charged_until = :charged" if charged_until else "")
            + f" REMOVE {_LOCK}, {_TRACES}, {_CLOSING}"
            + (" ADD former_domains :former" if renamed else ""),
            "token_version = :old AND #state <> :uninstalled",
            {
                ":new": text(new),
                ":old": text(old),
                ":active": text(PortalState.ACTIVE),
                ":uninstalled": text(PortalState.UNINSTALLED),
                ":domain": text(domain),
                ":now": number(now),
                **({":former": {"SS": [former]}} if renamed else {}),
                **({":charged": number(charged_until)} if charged_until else {}),
            },
            names={"#state": "state", "#domain": "domain"},
        )
        return standing is None or (
            read_text(standing, "token_version") == new and read_text(standing, "state") != PortalState.UNINSTALLED
        )

    def refused(self, member_id: str, version: str, at: float, code: str) -> None:
        """Note the first refusal only: patience counts from there, in whatever process."""
        self._update(
            member_id,
            "SET refused_at = :at, refused_code = :code",
            "token_version = :version AND attribute_not_exists(refused_at)",
            {":at": number(at), ":code": text(code or "-"), ":version": text(version)},
        )

    def close(self, member_id: str, version: str, state: PortalState, code: str, retry_at: float) -> None:
        self._update(
            member_id,
            f"SET #state = :state, state_code = :code, retry_at = :retry_at REMOVE {_LOCK}",
            "token_version = :version AND #state <> :uninstalled",
            {
                ":state": text(state),
                ":code": text(code or "-"),
                ":retry_at": number(retry_at),
                ":version": text(version),
                ":uninstalled": text(PortalState.UNINSTALLED),
            },
            names={"#state": "state"},
        )

    def _update(
        self,
        member_id: str,
        expression: str,
        condition: str,
        values: "dict[str, UniversalAttributeValueTypeDef]",
        *,
        names: dict[str, str] | None = None,
    ) -> "Item | None":
        """One conditional write. None if it was made, else the record that stood against it."""
        update: UpdateItemInputTypeDef = {
            "TableName": self._table,
            "Key": record_key(member_id),
            "UpdateExpression": expression,
            "ConditionExpression": condition,
            "ExpressionAttributeValues": values,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        if names:
            update["ExpressionAttributeNames"] = names
        try:
            self._dynamodb.update_item(**update)
        except ClientError as error:
            if not condition_failed(error):
                raise
            return old_item(error)
        return None
