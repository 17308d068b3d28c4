"""The item DEFAULT of PortalTable: which portal is meant where a direct invocation names none (design 4)."""

from typing import TYPE_CHECKING, Final

from chat_lookup.dynamodb import Delete, Put, Table, absent, all_of, equals, read_text, text
from chat_lookup.errors import InvalidRequest, PortalNotInstalled
from chat_lookup.portals.portal import pk_sk

if TYPE_CHECKING:
    from chat_lookup.dynamodb import Item

_KEY: Final = pk_sk("DEFAULT", "DEFAULT")
_ONLY, _SEVERAL, _CHOSEN = "only", "several", "chosen"
"""Why the item names its portal: it is the only one, it was that until a second came, or an operator chose it."""


class DefaultPortal:
    """Reads the item, and gives the write that keeps it true within the transaction that writes a portal."""

    def __init__(self, table: Table) -> None:
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

    def write_for(self, member_id: str, *, chosen: bool) -> list[Put]:
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
        condition = absent("pk")
        if names is not None and why is not None:
            condition = all_of(equals("member_id", text(names)), equals("why", text(why)))
        return [Put({**_KEY, "member_id": text(row[0]), "why": text(row[1])}, condition)]

    def delete_for(self, member_id: str) -> list[Delete]:
        """What to write when a portal is removed: a default that named it goes with it."""
        if read_text(self._read(), "member_id") != member_id:
            return []
        return [Delete(_KEY, equals("member_id", text(member_id)))]

    def _read(self) -> "Item":
        return self._table.get(_KEY, consistent=True)
