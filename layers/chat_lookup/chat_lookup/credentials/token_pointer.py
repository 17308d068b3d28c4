"""The pointer to a portal's true tokens, and the lock around its renewal, as conditional writes on the portal's record.

Each write admits its own earlier success, because a response can be lost after the commit (design 4).
"""

from typing import TYPE_CHECKING

from chat_lookup.credentials.renewal import Pointer
from chat_lookup.dynamodb import (
    Condition,
    Table,
    Written,
    absent,
    all_of,
    any_of,
    differs,
    equals,
    number,
    read_number,
    read_text,
    text,
)
from chat_lookup.portals.portal import LEFT, PortalState, record_key

if TYPE_CHECKING:
    from chat_lookup.dynamodb import Values

_LOCK = ("lock_owner", "lock_until")
_TRACES = ("pending", "refused_at", "refused_code", "asking", "lost_at")
_CLOSING = ("state_code", "retry_at", "looks", "closed_at")


class Pointers:
    """Reads and moves `token_version` of the records in PortalTable."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def read(self, member_id: str) -> Pointer | None:
        """The pointer as it is stored now; None without a record."""
        item = self._table.get(record_key(member_id), consistent=True)
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
        """Take the lock as it was `seen`: a process that had it meanwhile may have left a version in `pending`.

        A holder that was asking when its lock lapsed got an answer that no process has: that is noted.
        """
        fields = {"lock_owner": text(owner), "lock_until": number(until), "pending": text(" ".join(pending))}
        if seen.answer_lost and not seen.lost_at:
            fields["lost_at"] = number(seen.lock_until)
        takeable = [equals("lock_until", number(seen.lock_until)), equals("lock_owner", text(owner))]
        if not seen.lock_until:
            takeable.append(absent("lock_until"))
        condition = all_of(equals("token_version", text(seen.version)), any_of(*takeable))
        return self._table.update(record_key(member_id), fields, condition=condition).held

    def release(
        self, member_id: str, owner: str, pending: tuple[str, ...], until: float, *, lost_at: float = 0.0
    ) -> None:
        """Give the lock back, or let it lapse at a moment, if the owner still has it; note an answer that was lost."""
        fields = {"pending": text(" ".join(pending)), "lock_until": number(until)}
        if lost_at:
            fields["lost_at"] = number(lost_at)
        condition = equals("lock_owner", text(owner))
        self._table.update(record_key(member_id), fields, remove=("lock_owner",), condition=condition)

    def asking(self, member_id: str, version: str, owner: str) -> bool:
        """Note that the holder of the lock is about to spend the pair behind `version`; whether it holds it still."""
        condition = all_of(equals("token_version", text(version)), equals("lock_owner", text(owner)))
        return self._table.update(record_key(member_id), {"asking": text(owner)}, condition=condition).held

    def switch(
        self, member_id: str, old: str, new: str, domain: str, now: float, *, former: str = "", charged_until: float = 0
    ) -> bool:
        """Move the pointer; whether it names `new` now. `former` is the domain that the portal was known by so far,
        `charged_until` what the renewals of the day have used up (`renewal.Pointer.charged`).

        A process that got the successor of a pair may do so, lock or no lock: there is but one. Where the pointer names
        `new` already nothing is written: a lock there is that of a process that renews the new pair.
        """
        fields = {
            "token_version": text(new),
            "state": text(PortalState.ACTIVE),
            "domain": text(domain),
            "refreshed_at": number(now),
        }
        if charged_until:
            fields["charged_until"] = number(charged_until)
        renamed: Values = {"former_domains": {"SS": [former]}} if former not in ("", domain) else {}
        written = self._table.update(
            record_key(member_id),
            fields,
            add=renamed,
            remove=(*_LOCK, *_TRACES, *_CLOSING),
            condition=_installed_with(old),
        )
        return written.held or _names(written, new)

    def refused(self, member_id: str, version: str, at: float, code: str) -> None:
        """Note the first refusal only: patience counts from there, in all processes."""
        fields = {"refused_at": number(at), "refused_code": text(code or "-")}
        condition = all_of(equals("token_version", text(version)), absent("refused_at"))
        self._table.update(record_key(member_id), fields, condition=condition)

    def close(self, member_id: str, version: str, state: PortalState, code: str, retry_at: float) -> None:
        """Write the state that ends the use of the pair behind `version`, and end the lock."""
        fields = {"state": text(state), "state_code": text(code or "-"), "retry_at": number(retry_at)}
        add = LEFT if state is PortalState.UNINSTALLED else None
        self._table.update(record_key(member_id), fields, add=add, remove=_LOCK, condition=_installed_with(version))


def _installed_with(version: str) -> Condition:
    return all_of(equals("token_version", text(version)), differs("state", text(PortalState.UNINSTALLED)))


def _names(written: Written, version: str) -> bool:
    """Whether the record that was not written names this version already."""
    stored = written.item
    return read_text(stored, "token_version") == version and read_text(stored, "state") != PortalState.UNINSTALLED
