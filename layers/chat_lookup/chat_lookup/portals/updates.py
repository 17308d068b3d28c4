"""What becomes known of an installation after it is stored, written into its record without touching the rest.

The condition is the secret of the installation: what a slow process learned of a former one is not written into the
next, and a renewal of the tokens meanwhile does not matter.
"""

from typing import TYPE_CHECKING

from chat_lookup.dynamodb import Condition, Table, absent, all_of, any_of, equals, less, number, text
from chat_lookup.portals.portal import LEFT, Portal, PortalState, record_key, to_item
from chat_lookup.portals.store import Portals

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mypy_boto3_dynamodb.type_defs import UniversalAttributeValueTypeDef

    from chat_lookup.dynamodb import Values


class PortalFacts:
    """Narrow writes. Each answers whether the record still was of this installation."""

    def __init__(self, table: Table, portals: Portals) -> None:
        self._table = table
        self._portals = portals

    def learn(self, portal: Portal, *names: str) -> bool:
        """Write these fields as `portal` has them."""
        item = to_item(portal)
        known = {name: item[name] for name in names if name in item}
        return self._update(portal, known, remove=[name for name in names if name not in item])

    def uninstalled(self, portal: Portal) -> bool:
        """Mark the portal, suspend its API keys, and make all its cached answers unreachable, in one write."""
        fields = {"state": text(PortalState.UNINSTALLED), "state_code": text("ONAPPUNINSTALL")}
        # A repetition of our own would only count twice, which costs nothing.
        return self._update(portal, fields, add=LEFT)

    def former_secrets_deleted(self, portal: Portal) -> bool:
        """Note that no former secret of this installation is left."""
        return self._update(portal, {}, remove=("former_secrets",))

    def kept_on(self, portal: Portal, day: int) -> bool:
        """Note that the keepalive asked on this day (days since 1970); False if it did before."""
        today = number(day)
        return self._update(portal, {"kept_on": today}, any_of(absent("kept_on"), less("kept_on", today)))

    def asked_again(self, portal: Portal, now: float) -> bool:
        """Note that a second opinion on the pair of `portal` is asked for now; False if another process did so since
        the record was read, or the pair is another.
        """
        first = portal.opinion_from if portal.opinion_of == portal.token_version else now
        version, at = text(portal.token_version), number(now)
        unasked = any_of(
            absent("opinion_at"), equals("opinion_at", number(portal.opinion_at)), equals("opinion_at", at)
        )
        return self._update(
            portal,
            {"opinion_of": version, "opinion_from": number(first), "opinion_at": at},
            equals("token_version", version),
            unasked,
        )

    def _update(
        self,
        portal: Portal,
        fields: "Values",
        *conditions: Condition,
        add: "Mapping[str, UniversalAttributeValueTypeDef] | None" = None,
        remove: "Sequence[str]" = (),
    ) -> bool:
        condition = all_of(equals("secret_arn", text(portal.secret_arn)), *conditions)
        key = record_key(portal.member_id)
        try:
            return self._table.update(key, fields, add=add, remove=remove, condition=condition).held
        finally:
            self._portals.forget(portal.member_id)
