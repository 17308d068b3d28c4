"""A portal closes, is looked at, and opens again: the fields of its record for that, as conditional writes.

When a closed portal is looked at follows from `failures`; what closes one, from `calls.closing` (design 10).
"""

import uuid
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from chat_lookup.clock import Clock
from chat_lookup.dynamodb import Table, Written, absent, all_of, any_of, differs, equals, number, present, text
from chat_lookup.errors import PortalNotInstalled
from chat_lookup.portals.failures import ASKED_AGAIN, next_look, pause, refusal
from chat_lookup.portals.portal import STOPPED, Portal, PortalState, from_item, record_key

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import UniversalAttributeValueTypeDef

    from chat_lookup.dynamodb import Values

RENEWED_EVERY: Final = 600.0
LONGEST_BETWEEN_RENEWALS: Final = 3600.0
"""Seconds between two renewals because of a refusal: ten minutes, and twice as many after each that was of no use, up
to an hour (design 10, Closing). Secrets Manager keeps about a hundred versions a day."""
_DOUBLED: Final = 3


class States:
    """The states of all portals. `read` reads a record as it is stored now; `forget` drops what a process remembers."""

    def __init__(
        self,
        table: Table,
        clock: Clock,
        read: Callable[[str], Portal | None],
        forget: Callable[[str], None],
    ) -> None:
        self._table = table
        self._clock = clock
        self._read = read
        self._forget = forget

    def change(self, portal: Portal, **fields: "UniversalAttributeValueTypeDef") -> bool:
        """Set some fields of a record, if it still has this `token_version`; whether it did.

        The condition keeps a slow process from writing what it learned of a former installation into the next, and
        from opening one that was uninstalled meanwhile.
        """
        condition = all_of(
            equals("token_version", text(portal.token_version)), differs("state", text(PortalState.UNINSTALLED))
        )
        try:
            return self._table.update(record_key(portal.member_id), fields, condition=condition).held
        finally:
            self._forget(portal.member_id)

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
        in all processes, one may. A portal that is open is not read. Raises the error of its state.

        The claim moves the next look on: a process that dies on the way, or fails, need not write anything.
        """
        now = self._clock.now()
        if not self.due(portal):
            return portal
        closed_at, looks, me = portal.closed_at or now, portal.looks + 1, text(uuid.uuid4().hex)
        try:
            claimed = self._table.update(
                record_key(portal.member_id),
                {
                    "retry_at": number(next_look(portal.state, looks, closed_at, now)),
                    "looks": number(looks),
                    "closed_at": number(closed_at),
                    "probed_by": me,
                },
                condition=all_of(
                    equals("state", text(portal.state)),
                    absent(STOPPED),
                    # Our own name is admitted, too: a response may be lost after the commit (design 4).
                    any_of(equals("retry_at", number(portal.retry_at)), equals("probed_by", me)),
                ),
                returning=True,
            )
        finally:
            self._forget(portal.member_id)
        current = _portal_in(claimed)
        refused = None if claimed.held else refusal(current.state, current.state_code, current.retry_at, now)
        if refused is not None:
            raise refused
        return current

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
        return self._switched(portal, {STOPPED: {"BOOL": True}})

    def start(self, portal: Portal) -> Portal:
        """End a stop (operators); a portal that is closed besides is looked at by the next caller.

        Raises `PortalNotInstalled`.
        """
        fields = {"retry_at": number(0), "looks": number(0), "closed_at": number(self._clock.now())}
        return self._switched(portal, fields, remove=(STOPPED,))

    def _switched(self, portal: Portal, fields: "Values", remove: Sequence[str] = ()) -> Portal:
        key = record_key(portal.member_id)
        try:
            return _portal_in(self._table.update(key, fields, remove=remove, condition=present("pk"), returning=True))
        finally:
            self._forget(portal.member_id)


def _portal_in(written: Written) -> Portal:
    """The record as it is after a write, held or not. Raises `PortalNotInstalled` where there is none."""
    if not written.item:
        raise PortalNotInstalled
    return from_item(written.item)
