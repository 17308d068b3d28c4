"""A portal closes, is looked at, and opens again: the fields of its record that say so, as conditional writes.

When a closed portal is looked at follows from `failures`; what closes one, from `calls.closing` (design 10).
"""

import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from chat_lookup.clock import Clock
from chat_lookup.dynamodb import condition_failed, number, old_item, text
from chat_lookup.errors import PortalNotInstalled
from chat_lookup.portals.failures import ASKED_AGAIN, next_look, pause, refusal
from chat_lookup.portals.portal import STOPPED, Portal, PortalState, from_item, record_key

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import UniversalAttributeValueTypeDef

RENEWED_EVERY: Final = 600.0
LONGEST_BETWEEN_RENEWALS: Final = 3600.0
"""Seconds between two renewals because of a refusal: ten minutes, and twice as many after each that was of no use, up
to an hour (design 10, Closing). Secrets Manager keeps about a hundred versions a day."""
_DOUBLED: Final = 3


class States:
    """The states of all portals. `read` reads a record as it is stored now; `forget` drops what a process remembers."""

    def __init__(
        self,
        dynamodb: "DynamoDBClient",
        table: str,
        clock: Clock,
        read: Callable[[str], Portal | None],
        forget: Callable[[str], None],
    ) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._clock = clock
        self._read = read
        self._forget = forget

    def change(self, portal: Portal, **fields: "UniversalAttributeValueTypeDef") -> bool:
        """Set some fields of a record, if it still stands with this `token_version`; whether it did.

        The condition keeps a slow process from writing what it learned of a former installation into the next, and
        from opening one that was uninstalled meanwhile.
        """
        assignments = ", ".join(f"#{name} = :{name}" for name in fields)
        try:
            self._dynamodb.update_item(
                TableName=self._table,
                Key=record_key(portal.member_id),
                UpdateExpression=f"SET {assignments}",
                ConditionExpression="token_version = :version AND #state <> :uninstalled",
                ExpressionAttributeNames={"#state": "state", **{f"#{name}": name for name in fields}},
                ExpressionAttributeValues={
                    **{f":{name}": value for name, value in fields.items()},
                    ":version": text(portal.token_version),
                    ":uninstalled": text(PortalState.UNINSTALLED),
                },
            )
        except ClientError as error:
            if not condition_failed(error):
                raise
            return False
        finally:
            self._forget(portal.member_id)
        return True

    def close(self, portal: Portal, state: PortalState, code: str) -> None:
        """Mark a portal that admits nothing until its state changes: `portal` is the record that was seen so.

        One that was looked at before, in vain, is not looked at sooner for that.
        """
        now = self._clock.now()
        self.change(
            portal,
            state=text(state),
            state_code=text(code or "-"),
            retry_at=number(now + pause(portal.looks)),
            looks=number(portal.looks),
            closed_at=number(portal.closed_at if portal.looks else now),
        )

    def reopen(self, portal: Portal) -> bool:
        """Mark a portal as active again after it answered; whether that was still to be done."""
        return self.change(
            portal,
            state=text(PortalState.ACTIVE),
            state_code=text("-"),
            retry_at=number(0),
            looks=number(0),
            closed_at=number(0),
        )

    def waits(self, portal: Portal) -> bool:
        """Whether a closed portal is to be looked at later."""
        return portal.state in ASKED_AGAIN and self._clock.now() < portal.retry_at

    def due(self, portal: Portal) -> bool:
        """Whether a closed portal is to be looked at now."""
        return portal.state in ASKED_AGAIN and self._clock.now() >= portal.retry_at

    def probed(self, portal: Portal) -> Portal:
        """The record, if this caller may find out whether the portal is open again: of all that come when that is due,
        in whatever process, one may. A portal that is open is not read. Raises what its state says.

        The claim moves the next look on: a process that dies on the way, or fails, need not write anything.
        """
        now = self._clock.now()
        if not self.due(portal):
            return portal
        closed_at, looks = portal.closed_at or now, portal.looks + 1
        try:
            answer = self._dynamodb.update_item(
                TableName=self._table,
                Key=record_key(portal.member_id),
                UpdateExpression="SET retry_at = :next, looks = :looks, closed_at = :closed_at, probed_by = :me",
                # Our own name is admitted, too: a response may be lost after the commit (design 4).
                ConditionExpression=(
                    "#state = :state AND attribute_not_exists(#stopped) AND (retry_at = :due OR probed_by = :me)"
                ),
                ExpressionAttributeNames={"#state": "state", "#stopped": STOPPED},
                ExpressionAttributeValues={
                    ":next": number(next_look(portal.state, looks, closed_at, now)),
                    ":looks": number(looks),
                    ":closed_at": number(closed_at),
                    ":me": text(uuid.uuid4().hex),
                    ":state": text(portal.state),
                    ":due": number(portal.retry_at),
                },
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            if not condition_failed(error):
                raise
            standing = old_item(error)
            if not standing:
                raise PortalNotInstalled from None
            current = from_item(standing)
            refused = refusal(current.state, current.state_code, current.retry_at, now)
            if refused is not None:
                raise refused from None
            return current
        finally:
            self._forget(portal.member_id)
        return from_item(answer["Attributes"])

    def may_renew(self, portal: Portal, version: str) -> bool:
        """Whether the pair behind `version`, which the portal refused, may be renewed for that: once in ten minutes,
        and ever more rarely while renewals are of no use. True, too, for what another process renews or renewed.
        """
        current, now = self._read(portal.member_id), self._clock.now()
        if current is None or version != current.token_version or version == current.renewed_from:
            return True
        # Where a caller looks at a refused portal the record is active by then, if its pair had reached its end.
        in_vain = current.state is PortalState.REFUSED or portal.looks > 0
        if now < current.renew_at <= now + LONGEST_BETWEEN_RENEWALS:
            return False
        if in_vain and now < current.refreshed_at + RENEWED_EVERY:
            return False
        renewals = current.renewals + 1 if in_vain else 1
        between = min(LONGEST_BETWEEN_RENEWALS, RENEWED_EVERY * 2.0 ** min(renewals - 1, _DOUBLED))
        self.change(current, renewed_from=text(version), renewals=number(renewals), renew_at=number(now + between))
        return True

    def stop(self, portal: Portal) -> Portal:
        """Stop all calls to a portal until `start` (operators). Raises `PortalNotInstalled`."""
        return self._switched(portal, "SET #stopped = :yes", {":yes": {"BOOL": True}})

    def start(self, portal: Portal) -> Portal:
        """End a stop (operators); a portal that is closed besides is looked at by the next caller.

        Raises `PortalNotInstalled`.
        """
        values = {":zero": number(0), ":now": number(self._clock.now())}
        expression = "SET retry_at = :zero, looks = :zero, closed_at = :now REMOVE #stopped"
        return self._switched(portal, expression, values)

    def _switched(self, portal: Portal, expression: str, values: "dict[str, UniversalAttributeValueTypeDef]") -> Portal:
        try:
            answer = self._dynamodb.update_item(
                TableName=self._table,
                Key=record_key(portal.member_id),
                UpdateExpression=expression,
                ConditionExpression="attribute_exists(pk)",
                ExpressionAttributeNames={"#stopped": STOPPED},
                ExpressionAttributeValues=values,
                ReturnValues="ALL_NEW",
            )
        except ClientError as error:
            if condition_failed(error):
                raise PortalNotInstalled from None
            raise
        finally:
            self._forget(portal.member_id)
        return from_item(answer["Attributes"])
