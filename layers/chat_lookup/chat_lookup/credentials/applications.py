"""Applications: the keys with which a portal's tokens are asked for. Local ones have their own, so there may be many.

In PortalTable: `pk=APP#<client_id>`; `APPDOMAIN#<domain>` names the local application of a portal, `MARKET` the one
market application. The client secret is in Secrets Manager, one secret for each application (design 4).
"""

import uuid
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.bitrix24.oauth import METHOD, Application, TokenPair
from chat_lookup.clock import DAY, Clock, Deadline
from chat_lookup.credentials.secret_store import Vault
from chat_lookup.dynamodb import (
    Delete,
    Put,
    Table,
    absent,
    all_of,
    any_of,
    begins_with,
    equals,
    number,
    read_number,
    read_text,
    text,
)
from chat_lookup.errors import InvalidRequest
from chat_lookup.portals.portal import pk_sk
from chat_lookup.portals.store import Portals

if TYPE_CHECKING:
    from chat_lookup.dynamodb import Item, Values

_SK: Final = "APPLICATION"
_MARKET: Final = "MARKET"
_READING: Final = 5.0
_UNKNOWN: Final = "There is no application of this client_id"
_MEANWHILE: Final = "The applications were changed at this moment; see apps.list, and repeat the command"
_NAMED_AT_MOST: Final = 5
"""Portals that a refusal names."""
_KEYS_REFUSED: Final = "invalid_client"
FORMER_SERVES: Final = DAY
"""Seconds for which a former secret is still tried, where the new one is refused."""


class ApplicationKind(StrEnum):
    """A local application's keys are valid in one portal only (bitrix24.md 9, row 3)."""

    LOCAL = "local"
    MARKET = "market"


class ApplicationRecord(NamedTuple):
    """What is stored of an application, except its secret."""

    client_id: str
    kind: ApplicationKind
    domain: str
    """The portal of a local application; empty for the market one."""
    secret_arn: str
    secret_version: str
    rotated_at: float = 0.0


def newest_first(keys: Sequence[Application], ask: Callable[[Application], TokenPair]) -> TokenPair:
    """What `ask` returns with the first keys that the authorisation server accepts: a rotated secret may not be known
    everywhere yet. Raises the `BitrixError` that decides.
    """
    refusal = BitrixError("wrong_client", method=METHOD, description="the application is not known")
    for each in keys:
        try:
            return ask(each)
        except BitrixError as error:
            if error.code.casefold() != _KEYS_REFUSED:
                raise
            refusal = error
    raise refusal


class Applications:
    """The applications of this installation of the service."""

    def __init__(self, table: Table, vault: Vault, portals: Portals, clock: Clock) -> None:
        self._table = table
        self._vault = vault
        self._portals = portals
        self._clock = clock

    def add(self, keys: Application, kind: ApplicationKind, domain: str = "") -> ApplicationRecord:
        """Store an application. Raises `InvalidRequest` if it, or another for the same portal, is stored already."""
        place = _place(kind, domain)
        self._raise_if_stored(keys.client_id, place)
        arn, version = self._vault.create("application", {"client_secret": keys.client_secret})
        record = ApplicationRecord(keys.client_id, kind, domain, arn, version)
        named = {**pk_sk(place, _SK), "client_id": text(keys.client_id)}
        if not self._table.try_transact([Put(item, absent("pk")) for item in (_to_item(record), named)]):
            self._vault.wipe(arn)
            raise InvalidRequest(_MEANWHILE)
        return record

    def set_domain(self, client_id: str, domain: str) -> ApplicationRecord:
        """Make a local application that of another domain: its portal was renamed. Repeating it is harmless.

        Raises `InvalidRequest` for an unknown or a market application, and where that domain has another one.
        """
        record = self.record(client_id)
        if record is None:
            raise InvalidRequest(_UNKNOWN)
        if record.kind is not ApplicationKind.LOCAL:
            raise InvalidRequest("domain names the portal of a local application; a market one has none")
        there = self._named_by(_place(record.kind, domain))
        if there not in (None, client_id):
            raise InvalidRequest(f"The portal {domain} has the application {there} already; see apps.remove")
        moved = self.move(record, domain)
        if moved is None:
            raise InvalidRequest(_MEANWHILE)
        return moved

    def move(self, record: ApplicationRecord, domain: str) -> ApplicationRecord | None:
        """The same for a portal that was found renamed; None, and nothing written, where that domain has another one.

        In one transaction: its place at the former domain goes, if it is still its own.
        """
        moved, place = record._replace(domain=domain.lower()), _place(record.kind, domain)
        former = _place(record.kind, record.domain)
        if moved.domain == record.domain and self._named_by(place) == record.client_id:
            return record
        ours = equals("client_id", text(record.client_id))
        writes: list[Put | Delete] = [
            Put(_to_item(moved), equals("secret_version", text(record.secret_version))),
            Put({**pk_sk(place, _SK), "client_id": text(record.client_id)}, any_of(absent("pk"), ours)),
        ]
        if former != place and self._named_by(former) == record.client_id:
            writes.append(Delete(pk_sk(former, _SK), ours))
        return moved if self._table.try_transact(writes) else None

    def remove(self, client_id: str) -> ApplicationRecord:
        """Delete an application that no portal's record names: its secret first, its record last, so that it can be
        repeated after a failure in between.

        Raises `InvalidRequest` for an unknown one, and for one that portals name; `StoreUnavailable`.
        """
        record = self.record(client_id)
        if record is None:
            raise InvalidRequest(_UNKNOWN)
        named = [portal.domain for portal in self._portals.all() if portal.client_id == client_id]
        if named:
            shown = ", ".join(sorted(named)[:_NAMED_AT_MOST])
            raise InvalidRequest(f"Portals name this application: {shown} ({len(named)} in all); see portal.forget")
        self._vault.wipe(record.secret_arn)
        ours = equals("client_id", text(client_id))
        writes, place = [Delete(pk_sk(f"APP#{client_id}", _SK))], _place(record.kind, record.domain)
        if self._named_by(place) == client_id:
            writes.append(Delete(pk_sk(place, _SK), ours))
        if not self._table.try_transact(writes):
            raise InvalidRequest(_MEANWHILE)
        return record

    def all(self) -> Iterator[ApplicationRecord]:
        """Every application, by scan: for operators."""
        return map(_from_item, self._table.scan(all_of(equals("sk", text(_SK)), begins_with("pk", "APP#"))))

    def rotate_secret(self, keys: Application, deadline: Deadline) -> ApplicationRecord:
        """Store a new client secret; the former one is tried for a day where the new one is refused.

        Repeating it is harmless: the former secret stays the one that it was.
        Raises `InvalidRequest` for an unknown application, `StoreUnavailable` if the secret could not be stored.
        """
        record = self.record(keys.client_id)
        if record is None:
            raise InvalidRequest(_UNKNOWN)
        former = self._vault.read_soon(record.secret_arn, record.secret_version, deadline)["client_secret"]
        if former == keys.client_secret:
            return record
        version = str(uuid.uuid4())
        fields = {"client_secret": keys.client_secret, "former_secret": former}
        self._vault.save(record.secret_arn, version, fields, deadline)
        rotated = record._replace(secret_version=version, rotated_at=self._clock.now())
        # Our own earlier success is admitted: its response may have been lost (design 4).
        versions = [equals("secret_version", text(each)) for each in (record.secret_version, version)]
        if not self._table.put(_to_item(rotated), any_of(*versions)).held:
            raise InvalidRequest(_MEANWHILE)
        return rotated

    def keys(self, client_id: str) -> Sequence[Application]:
        """The keys to try for an application, the newest first; none if it is unknown. Raises `StoreUnavailable`."""
        record = self.record(client_id)
        if record is None:
            return ()
        deadline = Deadline.after(_READING, self._clock)
        fields = self._vault.read_soon(record.secret_arn, record.secret_version, deadline)
        secrets = [fields["client_secret"]]
        if "former_secret" in fields and self._clock.now() < record.rotated_at + FORMER_SERVES:
            secrets.append(fields["former_secret"])
        return [Application(client_id, secret) for secret in secrets]

    def for_portal(self, domain: str) -> str | None:
        """The client_id for first contact: the local application of this domain, or of the portal that was renamed to
        it; else the market one, else None.

        Never more than one: an offered token is not tried with several secrets (design 4).
        """
        return (
            self._named_by(_place(ApplicationKind.LOCAL, domain)) or self._of_renamed(domain) or self._named_by(_MARKET)
        )

    def _of_renamed(self, domain: str) -> str | None:
        """The local application of the portal that is known at a domain: a look-up that found the portal renamed wrote
        the new domain into the portal's record; the application's follows with the next installation or removal.
        """
        member_id = self._portals.member_id_of(domain.lower())
        portal = self._portals.read(member_id) if member_id else None
        record = self.record(portal.client_id) if portal and portal.client_id else None
        return record.client_id if record and record.kind is ApplicationKind.LOCAL else None

    def _raise_if_stored(self, client_id: str, place: str) -> None:
        stored = self.record(client_id)
        if stored is not None:
            whose = f"for the portal {stored.domain}" if stored.domain else "as the market application"
            raise InvalidRequest(
                f"This application is there already, {whose}; see apps.set, apps.rotate_secret, apps.remove"
            )
        there = self._named_by(place)
        if there is not None:
            where = "There is a market application" if place == _MARKET else "This portal has an application"
            raise InvalidRequest(f"{where} already, {there}; see apps.remove")

    def record(self, client_id: str) -> ApplicationRecord | None:
        """What is stored of an application, or None."""
        item = self._item(f"APP#{client_id}")
        return _from_item(item) if item else None

    def _named_by(self, place: str) -> str | None:
        return read_text(self._item(place), "client_id")

    def _item(self, pk: str) -> "Item":
        return self._table.get(pk_sk(pk, _SK), consistent=True)


def _place(kind: ApplicationKind, domain: str) -> str:
    return _MARKET if kind is ApplicationKind.MARKET else f"APPDOMAIN#{domain.lower()}"


def _to_item(record: ApplicationRecord) -> "Values":
    return {
        **pk_sk(f"APP#{record.client_id}", _SK),
        "client_id": text(record.client_id),
        "kind": text(record.kind),
        "domain": text(record.domain),
        "secret_arn": text(record.secret_arn),
        "secret_version": text(record.secret_version),
        "rotated_at": number(record.rotated_at),
    }


def _from_item(item: "Item") -> ApplicationRecord:
    return ApplicationRecord(
        client_id=read_text(item, "client_id") or "",
        kind=ApplicationKind(read_text(item, "kind") or ApplicationKind.LOCAL),
        domain=read_text(item, "domain") or "",
        secret_arn=read_text(item, "secret_arn") or "",
        secret_version=read_text(item, "secret_version") or "",
        rotated_at=read_number(item, "rotated_at") or 0.0,
    )
