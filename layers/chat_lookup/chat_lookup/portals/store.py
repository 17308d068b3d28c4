"""The portal records in PortalTable: `pk=PORTAL#<member_id>`, with an item for each domain and one default."""

import re
from collections.abc import Callable, Collection, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Final

from chat_lookup.clock import Clock
from chat_lookup.dynamodb import Delete, Put, Table, absent, equals, number, present, read_text, read_whole, text
from chat_lookup.errors import InvalidRequest, PortalNotInstalled, PortalUnavailable
from chat_lookup.portals.default_portal import DefaultPortal
from chat_lookup.portals.failures import refusal
from chat_lookup.portals.portal import RECORD, Portal, PortalState, from_item, pk_sk, record_key, to_item
from chat_lookup.portals.states import States
from chat_lookup.ttl_cache import Memory

if TYPE_CHECKING:
    from chat_lookup.dynamodb import Values

_TRIES: Final = 5
_NAME: Final = r"[A-Za-z0-9._:\[\]-]{1,260}"
"""A member id, or a host with its port; all else cannot name a portal, and may be no key of the table either."""
_UNKNOWN: Final = "No portal has this domain or member id"


class Portals:
    """Reads and writes the records. Those in use are remembered for at most 30 s (design 3.1).

    `asked_for` gets the member id of each portal that a caller or an operator asks for, before its state may refuse
    that: so the log line names it.
    """

    def __init__(self, table: Table, clock: Clock, asked_for: Callable[[str], None] = lambda _: None) -> None:
        self._table = table
        self._clock = clock
        self._asked_for = asked_for
        self._default = DefaultPortal(table)
        self._memory: Memory[str, Portal] = Memory(clock)
        self.states = States(table, clock, self.read, self._memory.forget)

    def get(self, member_id: str) -> Portal:
        """The record of a portal that may be asked. Raises `PortalNotInstalled`, or the error of its state."""
        portal = self.known(member_id)
        if portal is None:
            raise PortalNotInstalled
        self._asked_for(member_id)
        refused = refusal(portal.state, portal.state_code, portal.retry_at, self._clock.now())
        if refused is not None:
            raise refused
        return portal

    def known(self, member_id: str) -> Portal | None:
        """The record, whatever its state, as it was at most 30 s ago; or None."""
        return self._memory.recall(member_id, lambda: self.read(member_id))

    def read(self, member_id: str) -> Portal | None:
        """The record as it is stored now, whatever its state, or None."""
        item = self._table.get(record_key(member_id), consistent=True)
        return from_item(item) if item else None

    def for_event(self, member_id: str, bot_ids: Collection[int]) -> Portal | None:
        """The record for an event that these bots received, whatever its state, or None.

        It may be up to 30 s old if it is active and its bot is one of them: else it may have been installed anew.
        """
        portal = self._memory.get(member_id)
        if portal is None or portal.state is not PortalState.ACTIVE or portal.bot_id not in bot_ids:
            portal = self.read(member_id)
            if portal is not None:
                self._memory.put(member_id, portal)
        return portal

    def find(self, name: str | None) -> Portal:
        """A portal by member_id or by domain; without a name the default one.

        Raises `InvalidRequest` where a name is needed, and what `get` raises.
        """
        if not name:
            return self.get(self._default.member_id())
        if not re.fullmatch(_NAME, name):
            raise PortalNotInstalled(_UNKNOWN)
        member_id = name if self._memory.get(name) else self.member_id_of(name.lower()) or name
        if self.known(member_id) is None:
            raise PortalNotInstalled(_UNKNOWN)
        return self.get(member_id)

    def named(self, name: str | None) -> Portal:
        """The same for operators: the record as it is stored now, whatever its state; without a name the only one.

        The default portal is for callers: a command that means one portal names it once there are two.
        Raises `PortalNotInstalled`, or `InvalidRequest` where a name is needed.
        """
        portal = None
        if not name:
            portal = self._only()
        elif re.fullmatch(_NAME, name):
            portal = self.read(self.member_id_of(name.lower()) or name)
        if portal is None:
            raise PortalNotInstalled(f"{_UNKNOWN}; the command `portals` lists all")
        self._asked_for(portal.member_id)
        return portal

    def _only(self) -> Portal:
        found = [portal.member_id for portal in islice(self.all(), 2)]
        portal = self.read(found[0]) if found else None
        if len(found) > 1:
            raise InvalidRequest("portal is missing: several portals are stored")
        if portal is None:
            raise PortalNotInstalled("No portal is installed yet")
        return portal

    def all(self) -> Iterator[Portal]:
        """Every record, by scan: for operators and the keepalive, never on a request's path."""
        return map(from_item, self._table.scan(equals("sk", text(RECORD))))

    def save(self, portal: Portal, *, default: bool = False, by_operator: bool = False) -> Portal:
        """Write a whole record with its domain: a portal that is added or installed, again or for the first time.

        Keeps when it was first made, the form of its results, an operator's stop and the uninstallations, and raises
        its generation if there was a record before, so that nothing older is served. A secret that the record named
        before is among its `former_secrets` then.
        It becomes the default portal if an operator chose it (`default`), or if it is the first one that an operator
        named (`by_operator`): by its webhook, or by the card of its local application.
        """
        for _ in range(_TRIES):
            before = self.read(portal.member_id)
            if before is None:
                # No generation is used twice, not even after a portal was removed: rows of the former may be left.
                now = self._clock.now()
                portal = portal._replace(created_at=now, generation=int(now * 1000))
            else:
                former = (before.former_domains | {before.domain}) - {portal.domain}
                portal = portal._replace(
                    created_at=before.created_at,
                    generation=before.generation + 1,
                    former_domains=former,
                    former_secrets=(before.former_secrets | {before.secret_arn}) - {portal.secret_arn},
                    result_form=before.result_form,
                    uninstalls=before.uninstalls,
                )
                if before.state is PortalState.STOPPED:
                    portal = portal._replace(state=PortalState.STOPPED)
            if self._table.try_transact(self._writes(portal, before, default=default, by_operator=by_operator)):
                self._memory.forget(portal.member_id)
                return portal
        raise PortalUnavailable("The portal's record is being written by others at this moment", retry_after=1)

    def lacks_scope(self, portal: Portal, scope: str) -> Portal:
        """Remember that the portal refused a scope, so that the next look-up does not try it."""
        if portal.scopes is None or scope not in portal.scopes:
            return portal
        left = portal.scopes - {scope}
        if left and self.states.change(portal, scopes={"SS": sorted(left)}):
            return portal._replace(scopes=left)
        return portal

    def raise_generation(self, member_id: str) -> int:
        """Make every cached answer of the portal unreachable. Raises `PortalNotInstalled`; returns the new one."""
        one = {"generation": number(1)}
        raised = self._table.update(record_key(member_id), add=one, condition=present("pk"), returning=True)
        if not raised.held:
            raise PortalNotInstalled
        self._memory.forget(member_id)
        return read_whole(raised.item, "generation") or 1

    def make_default(self, member_id: str) -> None:
        """Choose the portal that is meant where none is named."""
        self._table.transact([self._default.chosen(member_id)])

    def forget(self, member_id: str) -> None:
        """Drop what this process remembers of a portal."""
        self._memory.forget(member_id)

    def member_id_of(self, domain: str) -> str | None:
        """The portal that was last written with a domain (`host` or `host:port`, in lower case), or None."""
        return read_text(self._table.get(_domain_key(domain)), "member_id")

    def moved(self, portal: Portal) -> None:
        """Find a renamed portal by its new domain, too. A portal that gets its former one overwrites that item."""
        self._table.update(_domain_key(portal.domain), {"member_id": text(portal.member_id)})

    def _names(self, portal: Portal, domain: str) -> bool:
        """Whether a domain's item names this portal: one by webhook and one by OAuth can have the same domain."""
        return self.member_id_of(domain) == portal.member_id

    def _writes(self, portal: Portal, before: Portal | None, *, default: bool, by_operator: bool) -> list[Put | Delete]:
        condition = absent("pk") if before is None else equals("generation", number(before.generation))
        writes: list[Put | Delete] = [
            Put(to_item(portal), condition),
            Put({**_domain_key(portal.domain), "member_id": text(portal.member_id)}),
        ]
        if before is not None and before.domain != portal.domain and self._names(before, before.domain):
            writes.append(Delete(_domain_key(before.domain)))
        if default:
            writes.append(self._default.chosen(portal.member_id))
        elif by_operator and before is None:
            writes += self._default.if_first(portal.member_id)
        return writes

    def delete(self, portal: Portal) -> None:
        """Remove a portal's record, its domains and its place as the default.

        The record is removed last: after a failure in between it is still there, for a repetition.
        """
        for domain in sorted(portal.former_domains - {portal.domain}):
            if self._names(portal, domain):
                self._table.delete(_domain_key(domain), equals("member_id", text(portal.member_id)))
        deletes = [Delete(record_key(portal.member_id)), *self._default.delete_for(portal.member_id)]
        if self._names(portal, portal.domain):
            deletes.append(Delete(_domain_key(portal.domain)))
        self._table.transact(deletes)
        self._memory.forget(portal.member_id)


def _domain_key(domain: str) -> "Values":
    return pk_sk(f"DOMAIN#{domain}", "DOMAIN")
