"""API keys: a key belongs to one portal, and only its hash is kept (design 3.1)."""

import hashlib
import re
import secrets
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

from chat_lookup.clock import Clock
from chat_lookup.dynamodb import (
    Delete,
    Put,
    Table,
    absent,
    all_of,
    begins_with,
    equals,
    number,
    present,
    read_number,
    read_set,
    read_text,
    read_whole,
    text,
)
from chat_lookup.errors import InvalidRequest, KeyRejected, ScopeMissing, StoreUnavailable
from chat_lookup.portals.portal import Portal, PortalState, partition
from chat_lookup.ttl_cache import Memory

if TYPE_CHECKING:
    from chat_lookup.dynamodb import Item, Values
    from chat_lookup.portals.store import Portals

PASSTHROUGH: Final = "passthrough"
SCOPES: Final = frozenset({"lookup", "details", "rest", PASSTHROUGH})
"""What a key may be allowed: look-ups; a chat's details with the reverse look-up; both in Bitrix24's own format; and
besides the methods of a list of its own, which the portal answers."""

_FORM = r"[A-Za-z0-9_-]{16,128}"
_METHOD = r"[a-z0-9_]+(\.[a-z0-9_]+)*"
_MOST_METHODS = 200
_LONGEST_METHOD = 100
_TRIES: Final = 5
_REJECTED: Final = "The key is unknown, expired, revoked or suspended"
_NO_KEY: Final = "This cannot be a key: send one whole, as it was made, without quotes and without a word before it"
_NO_SUCH_KEY: Final = "The portal has no key of that key_id"
_LABEL = r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,100}"


class ApiKey(NamedTuple):
    """What is kept of a key. `key_id` names it in lists; it cannot be turned back into the key."""

    key_id: str
    member_id: str
    scopes: frozenset[str]
    label: str
    created_at: float
    expires_at: float | None
    passthrough: frozenset[str] = frozenset()
    """Methods in lower case that the portal answers for this key."""
    uninstalls: int = 0
    """How often its portal had been uninstalled when the key was made, or restored."""
    place: int = 0
    """Which of the places for keys made on the page inside the portal it takes; 0 for a key of the operator's."""

    def is_expired(self, now: float) -> bool:
        return self.expires_at is not None and self.expires_at <= now

    def is_suspended(self, portal: Portal) -> bool:
        """Whether an uninstallation of its portal ended the key's use: a new installation does not begin it again."""
        return self.uninstalls < portal.uninstalls


class Keys:
    """The keys in PortalTable: `KEY#<hash>` to authenticate with one read, and a list under each portal."""

    def __init__(self, table: Table, portals: "Portals", clock: Clock) -> None:
        self._table = table
        self._portals = portals
        self._clock = clock
        self._memory: Memory[str, ApiKey] = Memory(clock)

    def authenticate(self, key: str | None, scope: str) -> ApiKey:
        """The key that was sent, if it is known, not expired, not suspended and allowed `scope`.

        Raises `KeyRejected` (one sentence for whatever has the form of a key, which is public: a caller who guesses
        learns nothing) or `ScopeMissing`.
        While the application is uninstalled, the portal's state is what its callers get.
        """
        if not key:
            raise KeyRejected("Send a key as Authorization: Bearer KEY or as X-Api-Key: KEY")
        if not re.fullmatch(_FORM, key):
            raise KeyRejected(_NO_KEY)
        found = self._found(key)
        if found is None or found.is_expired(self._clock.now()):
            raise KeyRejected(_REJECTED)
        portal = self._portals.known(found.member_id)
        if portal is not None and portal.state is not PortalState.UNINSTALLED and found.is_suspended(portal):
            raise KeyRejected(_REJECTED)
        if scope not in found.scopes:
            raise ScopeMissing(f"The key has no scope {scope}")
        return found

    def create(
        self,
        member_id: str,
        label: str,
        scopes: Iterable[str],
        expires_at: float | None,
        key: str | None = None,
        *,
        passthrough: Iterable[str] = (),
        places: int = 0,
    ) -> tuple[str, ApiKey]:
        """Make a key and keep its hash. Answers the key itself, this one time, and what is kept.

        `key` names a given one, for a local run whose sample events need a known key. With `places` the key takes one
        of so many in its portal. Raises `InvalidRequest`, also where each place is taken.
        """
        wanted = frozenset(scopes)
        if not wanted or not wanted <= SCOPES:
            raise InvalidRequest(f"scopes must be some of {', '.join(sorted(SCOPES))}")
        if not re.fullmatch(_LABEL, label):
            raise InvalidRequest("label must have 1 to 100 characters, none of them a control character")
        methods = _methods(passthrough, wanted)
        if key is None:
            key = "clk_" + secrets.token_urlsafe(32)
        hashed, portal = _hash(key), self._portals.read(member_id)
        uninstalls = portal.uninstalls if portal else 0
        kept = ApiKey(hashed[:12], member_id, wanted, label, self._clock.now(), expires_at, methods, uninstalls)
        if not places:
            self._table.transact(_writes(kept, hashed))
            return key, kept
        for place in self._free(member_id, places):
            taken = kept._replace(place=place)
            if self._table.try_transact([*_writes(taken, hashed), Put(_place(taken), absent("pk"))]):
                return key, taken
        raise InvalidRequest(f"The portal has {places} keys of this kind already: revoke one of them first")

    def _free(self, member_id: str, places: int) -> list[int]:
        """The places that were free a moment ago: the condition of the write decides."""
        taken = {key.place for key in self.of(member_id)}
        return [place for place in range(1, places + 1) if place not in taken]

    def of(self, member_id: str) -> Iterator[ApiKey]:
        """The keys of one portal, without a scan."""
        for item in self._listed(member_id):
            yield _from_item(item)

    def restore(self, portal: Portal, key_id: str | None = None) -> list[ApiKey]:
        """Make the suspended keys of a portal valid again, or one of them; those of every process within 30 s.

        Raises `InvalidRequest` if the portal has no such key.
        """
        listed = [item for item in self._listed(portal.member_id) if key_id in (None, read_text(item, "key_id"))]
        if key_id is not None and not listed:
            raise InvalidRequest(_NO_SUCH_KEY)
        restored = []
        for item in listed:
            key, hashed = _from_item(item), read_text(item, "hash") or ""
            if not key.is_suspended(portal):
                continue
            key = key._replace(uninstalls=portal.uninstalls)
            # A key that is revoked at this moment stays so: the condition of both writes.
            self._table.transact(
                [
                    Put({**_to_item(key), **_by_hash(hashed)}, present("pk")),
                    Put({**_to_item(key), **_in_list(key.member_id, key.key_id), "hash": text(hashed)}, present("pk")),
                ]
            )
            self._memory.forget(hashed)
            restored.append(key)
        return restored

    def revoke(self, member_id: str, key_id: str) -> ApiKey:
        """End a key; every process refuses it within 30 s. Raises `InvalidRequest` if the portal has no such key."""
        listed = _in_list(member_id, key_id)
        for _ in range(_TRIES):
            item = self._table.get(listed, consistent=True)
            if not item:
                raise InvalidRequest(_NO_SUCH_KEY)
            revoked, hashed = _from_item(item), read_text(item, "hash") or ""
            place = [Delete(_place(revoked))] if revoked.place else []
            # Only who ends the key frees its place: the next key may have taken it before another revocation comes.
            if self._table.try_transact([Delete(listed, present("pk")), Delete(_by_hash(hashed)), *place]):
                self._memory.forget(hashed)
                return revoked
        raise StoreUnavailable("The key is being written by others at this moment", retry_after=1)

    def _listed(self, member_id: str) -> "Iterator[Item]":
        return self._table.query(all_of(equals("pk", text(partition(member_id))), begins_with("sk", "KEY#")))

    def _found(self, key: str) -> ApiKey | None:
        hashed = _hash(key)
        return self._memory.recall(hashed, lambda: self._read(hashed))

    def _read(self, hashed: str) -> ApiKey | None:
        item = self._table.get(_by_hash(hashed))
        return _from_item(item) if item else None


def _methods(names: Iterable[str], scopes: frozenset[str]) -> frozenset[str]:
    """The list of methods in lower case, as they are compared (bitrix24.md 2.3). Raises `InvalidRequest`."""
    methods = frozenset(name.lower() for name in names)
    if methods and PASSTHROUGH not in scopes:
        raise InvalidRequest(f"passthrough is of use with the scope {PASSTHROUGH} only")
    if len(methods) > _MOST_METHODS or not all(
        len(name) <= _LONGEST_METHOD and re.fullmatch(_METHOD, name) for name in methods
    ):
        raise InvalidRequest(f"passthrough must be up to {_MOST_METHODS} names of methods, as crm.deal.get")
    if "batch" in methods:
        raise InvalidRequest("passthrough: batch is answered here, for the methods in it that are admitted")
    return methods


def _hash(key: str) -> str:
    # The keys are 256 random bits, so a plain hash cannot be guessed back.
    return hashlib.sha256(key.encode()).hexdigest()


def _by_hash(hashed: str) -> "Values":
    return {"pk": text(f"KEY#{hashed}"), "sk": text("KEY")}


def _in_list(member_id: str, key_id: str) -> "Values":
    return {"pk": text(partition(member_id)), "sk": text(f"KEY#{key_id}")}


def _place(key: ApiKey) -> "Values":
    """The item that makes the place of a key one for one key."""
    return {"pk": text(partition(key.member_id)), "sk": text(f"PLACE#{key.place}")}


def _writes(key: ApiKey, hashed: str) -> list[Put]:
    item = _to_item(key)
    return [
        Put({**item, **_by_hash(hashed)}),
        Put({**item, **_in_list(key.member_id, key.key_id), "hash": text(hashed)}),
    ]


def _to_item(key: ApiKey) -> "Values":
    item: Values = {
        "key_id": text(key.key_id),
        "member_id": text(key.member_id),
        "scopes": {"SS": sorted(key.scopes)},
        "label": text(key.label),
        "created_at": number(key.created_at),
    }
    if key.expires_at is not None:
        item["expires_at"] = number(key.expires_at)
    if key.uninstalls:
        item["uninstalls"] = number(key.uninstalls)
    if key.place:
        item["place"] = number(key.place)
    if key.passthrough:
        item["passthrough"] = {"SS": sorted(key.passthrough)}
    return item


def _from_item(item: "Item") -> ApiKey:
    return ApiKey(
        key_id=read_text(item, "key_id") or "",
        member_id=read_text(item, "member_id") or "",
        scopes=read_set(item, "scopes") or frozenset(),
        label=read_text(item, "label") or "",
        created_at=read_number(item, "created_at") or 0.0,
        expires_at=read_number(item, "expires_at"),
        passthrough=read_set(item, "passthrough") or frozenset(),
        uninstalls=read_whole(item, "uninstalls") or 0,
        place=read_whole(item, "place") or 0,
    )
