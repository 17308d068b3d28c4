"""The item DEFAULT of PortalTable: which portal is meant where a direct invocation names none (design 4).

An operator chooses it, or the first portal that an operator named is it: by its webhook, or by the card of its local
application. No other installation makes one, or unmakes one: with a market application any portal may install
(docs/decisions/025).
"""

from typing import TYPE_CHECKING, Final

from chat_lookup.dynamodb import Delete, Put, Table, absent, equals, read_text, text
from chat_lookup.errors import InvalidRequest
from chat_lookup.portals.portal import pk_sk

if TYPE_CHECKING:
    from chat_lookup.dynamodb import Item

_KEY: Final = pk_sk("DEFAULT", "DEFAULT")
_SEVERAL: Final = "several"
"""In an item of version 0.1.0: it names no default, because a second portal was installed."""


class DefaultPortal:
    """Reads the item, and gives the writes for the transactions that write a portal."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def member_id(self) -> str:
        """The default portal. Raises `InvalidRequest` where there is none."""
        item = self._read()
        member_id = read_text(item, "member_id")
        if member_id is None or read_text(item, "why") == _SEVERAL:
            raise InvalidRequest("portal is missing, and no portal is the default one (portal.set)")
        return member_id

    def chosen(self, member_id: str) -> Put:
        """What to write for the portal that an operator chose."""
        return Put({**_KEY, "member_id": text(member_id)})

    def if_first(self, member_id: str) -> list[Put]:
        """What to write for the first portal that an operator named: nothing where there is an item already.

        Two first installations at once: the condition of one of the two transactions fails, and it tries again.
        """
        return [] if self._read() else [Put({**_KEY, "member_id": text(member_id)}, absent("pk"))]

    def delete_for(self, member_id: str) -> list[Delete]:
        """What to write when a portal is removed: a default that named it goes with it."""
        if read_text(self._read(), "member_id") != member_id:
            return []
        return [Delete(_KEY, equals("member_id", text(member_id)))]

    def _read(self) -> "Item":
        return self._table.get(_KEY, consistent=True)
