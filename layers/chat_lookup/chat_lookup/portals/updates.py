"""What becomes known of an installation after it is stored, written into its record without touching the rest.

The condition is the secret of the installation: what a slow process learned of a former one is not written into the
next, and a renewal of the tokens meanwhile does not matter.
"""

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from chat_lookup.dynamodb import condition_failed, number, text
from chat_lookup.portals.portal import Portal, PortalState, record_key, to_item
from chat_lookup.portals.store import Portals

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import UniversalAttributeValueTypeDef, UpdateItemInputTypeDef


class PortalFacts:
    """Narrow writes. Each answers whether the record still was of this installation."""

    def __init__(self, dynamodb: "DynamoDBClient", table: str, portals: Portals) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._portals = portals

    def learn(self, portal: Portal, *names: str) -> bool:
        """Write these fields as `portal` has them."""
        item = to_item(portal)
        known = [name for name in names if name in item]
        gone = [name for name in names if name not in item]
        expression = ("SET " + ", ".join(f"#{name} = :{name}" for name in known)) if known else ""
        if gone:
            expression += " REMOVE " + ", ".join(f"#{name}" for name in gone)
        return self._update(
            portal,
            expression,
            "secret_arn = :arn",
            {f":{name}": item[name] for name in known},
            {f"#{name}": name for name in names},
        )

    def uninstalled(self, portal: Portal) -> bool:
        """Mark the portal, and make all its cached answers unreachable, in one write."""
        return self._update(
            portal,
            "SET #state = :state, state_code = :code ADD generation :one",
            # A repetition of our own would only count twice, which costs nothing.
            "secret_arn = :arn",
            {":state": text(PortalState.UNINSTALLED), ":code": text("ONAPPUNINSTALL"), ":one": number(1)},
            {"#state": "state"},
        )

    def kept_on(self, portal: Portal, day: int) -> bool:
        """Note that the keepalive asked on this day (days since 1970); False if it did before."""
        return self._update(
            portal,
            "SET #day = :day",
            "secret_arn = :arn AND (attribute_not_exists(#day) OR #day < :day)",
            {":day": number(day)},
            {"#day": "kept_on"},
        )

    def asked_again(self, portal: Portal, now: float) -> bool:
        """Note that a second opinion on the pair of `portal` is asked for now; False if another process did so since
        the record was read, or the pair is another.
        """
        first = portal.opinion_from if portal.opinion_of == portal.token_version else now
        return self._update(
            portal,
            "SET opinion_of = :version, opinion_from = :first, opinion_at = :now",
            "secret_arn = :arn AND token_version = :version AND "
            "(attribute_not_exists(opinion_at) OR opinion_at = :seen OR opinion_at = :now)",
            {
                ":version": text(portal.token_version),
                ":first": number(first),
                ":now": number(now),
                ":seen": number(portal.opinion_at),
            },
            {},
        )

    def _update(
        self,
        portal: Portal,
        expression: str,
        condition: str,
        values: "dict[str, UniversalAttributeValueTypeDef]",
        names: dict[str, str],
    ) -> bool:
        update: UpdateItemInputTypeDef = {
            "TableName": self._table,
            "Key": record_key(portal.member_id),
            "UpdateExpression": expression,
            "ConditionExpression": condition,
            "ExpressionAttributeValues": {**values, ":arn": text(portal.secret_arn)},
        }
        if names:
            update["ExpressionAttributeNames"] = names
        try:
            self._dynamodb.update_item(**update)
        except ClientError as error:
            if not condition_failed(error):
                raise
            return False
        finally:
            self._portals.forget(portal.member_id)
        return True
