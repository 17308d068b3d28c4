"""One refresh at a time, over all processes: the state machine of a portal's token pair (design 5, Tokens; 10).

A pointer in the portal's record, `token_version`, names the valid pair. A process whose pair was refused takes a lock
in the same record, proves that a successor can be written, records that it spends the pair, refreshes, saves the new
pair under a version named beforehand (`pending`), and moves the pointer. A process that ends before leaves a lock that
expires, and the versions that it may have saved.

A refresh token is good for one refresh (bitrix24.md 3.4): so the lock holder is not bound by its caller's deadline, but
by its function's end (docs/decisions/013), and a grant counts as dead only when no saved pair becomes readable within
the time that Secrets Manager may lag.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Final, NamedTuple, Protocol

from chat_lookup.bitrix24.error_table import PROTOCOL, TIMEOUT, TRANSPORT
from chat_lookup.bitrix24.errors import BitrixError, ErrorClass
from chat_lookup.bitrix24.oauth import Application, TokenPair
from chat_lookup.clock import SKEW, TO_ANSWER, Deadline, bound_by
from chat_lookup.errors import (
    ChatLookupError,
    PortalNotInstalled,
    PortalUnavailable,
    ServiceMisconfigured,
    StoreUnavailable,
)
from chat_lookup.portals.failures import FIRST_LOOK, answer, for_caller, refusal
from chat_lookup.portals.portal import PortalState

LEASE: Final = 28.0
"""Seconds that a holder may work, and after which its lock expires; sooner where its function ends sooner."""
LEAST_TO_BEGIN: Final = 12.0
"""Seconds that a function must have left to take the lock."""
LEAST_TO_ASK: Final = 8.0
"""Seconds that must be left when the token is spent: a reply that comes later is lost."""
LEAST_TO_SAVE: Final = 2.0
"""Seconds of the holder's time that the refresh leaves for saving the new pair."""
RESERVING: Final = 2.0
PATIENCE: Final = 8.0
"""Seconds from the first refusal of a grant until it counts as dead: Secrets Manager may lag behind a saved pair."""
STEP: Final = 0.2
LEAST_TO_WAIT: Final = 1.0
"""Seconds before its deadline at which a caller stops waiting for the holder."""
UNSAVED_FOR: Final = 60.0
"""Seconds that a holder that could not save its pair has to save it: the former pair is spent."""
OUTAGE_PAUSE: Final = 2.0
_MOST_PENDING: Final = 4
_NO_ANSWER: Final = frozenset({TIMEOUT, TRANSPORT})
_GATEWAY_TIMEOUT: Final = 504

CHARGE: Final = 2400.0
CREDIT: Final = 8
"""A portal's pair is renewed at most CREDIT + 1 times in a row, and then once in CHARGE seconds: 45 times a day. Each
renewal makes two versions of the secret, and Secrets Manager keeps about a hundred within a day."""


class Pointer(NamedTuple):
    """The fields of a portal's record about its pair, read consistently."""

    version: str
    state: PortalState = PortalState.ACTIVE
    state_code: str = ""
    retry_at: float = 0.0
    lock_owner: str = ""
    lock_until: float = 0.0
    pending: tuple[str, ...] = ()
    """Versions under which a holder meant to save the successor of `version`, oldest first."""
    refused_at: float = 0.0
    """When the authorisation server first refused the pair behind `version`; 0 if it did not."""
    refused_code: str = ""
    asking: str = ""
    """The last holder that sent the pair behind `version` to the authorisation server."""
    lost_at: float = 0.0
    """When a reply to that was lost: the pair may be spent, and its successor is stored nowhere."""
    charged_until: float = 0.0
    """The renewals used today, as the moment at which all of them are available again."""

    @property
    def answer_lost(self) -> bool:
        """Whether a reply was lost: by a time-out, or because the asking process ended."""
        return self.lost_at > 0 or (self.lock_owner != "" and self.lock_owner == self.asking)

    def charged(self, now: float) -> float:
        """`charged_until` after one more renewal."""
        return max(self.charged_until, now) + CHARGE

    def spared_until(self, now: float) -> float | None:
        """The moment until which the pair may not be renewed because it was renewed too often; None if it may be."""
        free_at = self.charged_until - CREDIT * CHARGE
        return free_at if now < free_at else None


class Renewed(NamedTuple):
    """The valid version, and whether this call renewed it."""

    version: str
    here: bool = False


class World(Protocol):
    """The stores and the server, for one portal. Each write is conditional, and safe to repeat."""

    def pointer(self) -> Pointer | None: ...

    def is_known_state(self, seen: Pointer) -> bool:
        """Whether the caller read this state of the portal before, and calls to find out whether it has ended."""
        ...

    def claim(self, seen: Pointer, owner: str, until: float, pending: tuple[str, ...]) -> bool:
        """Take the lock if `seen.version` is still the valid version and no other process holds it."""
        ...

    def release(self, owner: str, pending: tuple[str, ...], until: float = 0.0, *, lost_at: float = 0.0) -> None:
        """Release the lock, now or at `until`, and store `pending`; `lost_at` records when a reply was lost."""
        ...

    def pair(self, version: str) -> TokenPair | None:
        """A saved pair, or an unsaved one, which is saved first; None if the version does not exist, or not yet.
        Raises `StoreUnavailable`."""
        ...

    def unsaved(self, versions: tuple[str, ...]) -> tuple[str, ...]:
        """Those of the versions that only this process has, because it could not save them."""
        ...

    def reserve(self, version: str, deadline: Deadline) -> None:
        """Prove that a successor of this version can be saved. Raises `StoreUnavailable`, `ServiceMisconfigured`."""
        ...

    def keys(self) -> Sequence[Application]:
        """The application's keys, the newest first. Raises `StoreUnavailable`."""
        ...

    def asking(self, version: str, owner: str) -> bool:
        """Record that the pair behind `version` is being spent; False if another process holds the lock meanwhile."""
        ...

    def refresh(self, pair: TokenPair, keys: Sequence[Application], deadline: Deadline) -> TokenPair:
        """Ask the authorisation server. Raises `BitrixError`."""
        ...

    def save(self, former: str, version: str, pair: TokenPair, deadline: Deadline) -> None:
        """Raises `StoreUnavailable`; the pair is then among the `unsaved` of this process."""
        ...

    def switch(self, seen: Pointer, new: str, pair: TokenPair) -> bool:
        """Move the pointer if it still names `seen.version` (or already `new`); makes the portal active again."""
        ...

    def refused(self, version: str, at: float, code: str) -> None:
        """Record the first refusal of the pair behind `version`."""
        ...

    def close(self, version: str, state: PortalState, code: str, retry_at: float) -> None:
        """Set the portal's state, if the pointer still names `version`."""
        ...

    def new_id(self) -> str: ...

    def count_outcome(self, outcome: str) -> None:
        """Count the outcome: refreshed, adopted, dead, lost, unpaid, failed."""
        ...


def renew(world: World, refused: str, deadline: Deadline, *, waits: bool = True, again: bool = False) -> Renewed:
    """The valid version after the pair behind version `refused` expired or was refused.

    Refreshes at most once, and only while no other process does; if one does, the caller `waits` for it to its
    deadline. A refreshing call returns when the refresh is done. `again` asks although the grant counts as dead.
    Raises `PortalReauthorise`, `PortalNotInstalled`, `PortalUnavailable`, `StoreUnavailable`, and what the
    authorisation server's error means for callers.
    """
    clock, owner = deadline.clock, world.new_id()
    while True:
        seen = world.pointer()
        if seen is None or seen.state is PortalState.UNINSTALLED:
            raise PortalNotInstalled
        if seen.version != refused:
            return Renewed(seen.version)
        # A process with the only copy of the next pair needs no lock to save it, and must not wait for one: the holder
        # has a spent pair. The portal's state does not matter either: the switch to the pair makes it active again.
        adopted = _adopt(world, seen, world.unsaved(seen.pending))
        if adopted is not None:
            return adopted
        _raise_if_closed(world, seen, clock.now(), again=again)
        if not seen.lock_owner and seen.lock_until > deadline.at:
            # No process holds the lock: the authorisation server failed, or asked not to be called until then.
            raise PortalUnavailable("The authorisation server is paused", retry_after=seen.lock_until - clock.now())
        if seen.lock_until < clock.now():
            mine = deadline.of_function().no_later_than(LEASE)
            _raise_if_not_to_begin(world, seen, mine)
            pending = (*seen.pending, world.new_id())[-_MOST_PENDING:]
            if world.claim(seen, owner, mine.at + SKEW, pending):
                # The holder's deadline, not its caller's, bounds what it stores (design 10).
                with bound_by(Deadline(mine.at + TO_ANSWER, clock)):
                    return _Holder(world, seen, owner, mine, deadline).renew(pending[-1])
        elif not waits or deadline.left() < LEAST_TO_WAIT:
            raise PortalUnavailable("The portal's tokens are being renewed", retry_after=2)
        else:
            clock.sleep(STEP)


def bring_in(world: World, former: str, version: str) -> None:
    """Save the successor of `former`, of which only this process has a copy, and point to it in any state of the
    portal. Raises `StoreUnavailable`.
    """
    pair = world.pair(version)
    seen = world.pointer()
    if pair is not None and seen is not None and seen.version == former and world.switch(seen, version, pair):
        world.count_outcome("adopted")


def _raise_if_closed(world: World, seen: Pointer, now: float, *, again: bool) -> None:
    if again and seen.state is PortalState.REAUTHORISE:
        return
    closed = refusal(seen.state, seen.state_code, seen.retry_at, seen.retry_at if world.is_known_state(seen) else now)
    if closed is not None:
        raise closed


def _raise_if_not_to_begin(world: World, seen: Pointer, mine: Deadline) -> None:
    if mine.left() < LEAST_TO_BEGIN:
        raise PortalUnavailable("There is no time left to renew the portal's tokens", retry_after=2)
    now = mine.clock.now()
    spared_until = seen.spared_until(now)
    if spared_until is not None:
        world.count_outcome("failed")
        raise PortalUnavailable("The portal's tokens were renewed too often today", retry_after=spared_until - now)


def _adopt(world: World, seen: Pointer, versions: tuple[str, ...]) -> Renewed | None:
    """Point to the newest pair that a former holder received: it ended before, or could not save the pair."""
    for version in reversed(versions):
        pair = world.pair(version)
        if pair is not None:
            if not world.switch(seen, version, pair):
                return _current(world)
            world.count_outcome("adopted")
            return Renewed(version)
    return None


def _next_look(seen: Pointer, now: float) -> float:
    """When the portal is called next: a caller that is testing it has moved that moment already."""
    return max(seen.retry_at, now + FIRST_LOOK)


def _current(world: World) -> Renewed:
    seen = world.pointer()
    if seen is None or seen.state is PortalState.UNINSTALLED:
        raise PortalNotInstalled
    return Renewed(seen.version)


class _Holder(NamedTuple):
    """The lock holder's work until `mine`, the end of its function or of its lease.

    `callers` is its caller's deadline, which bounds only what another process can do as well.
    """

    world: World
    seen: Pointer
    owner: str
    mine: Deadline
    callers: Deadline

    def renew(self, version: str) -> Renewed:
        """Return the valid version; a new pair is saved as `version`."""
        world, seen = self.world, self.seen
        spending = None
        try:
            adopted = _adopt(world, seen, seen.pending)
            if adopted is not None:
                return adopted
            # A grant that was refused once is tried again only for a caller that knows its state.
            if not seen.refused_at or seen.state is PortalState.REAUTHORISE:
                spending = self._prepare()
        except ChatLookupError as error:
            self._release(OUTAGE_PAUSE)
            if isinstance(error, StoreUnavailable | ServiceMisconfigured):
                world.count_outcome("failed")
            raise
        renewed = None if spending is None else self._refresh(*spending)
        return self._await_successor() if renewed is None else self._save(version, renewed)

    def _prepare(self) -> tuple[TokenPair, Sequence[Application]]:
        """The pair to spend and the application's keys, after every step that may fail before that."""
        world, seen = self.world, self.seen
        pair, keys = world.pair(seen.version), world.keys()
        world.reserve(seen.version, self.mine.no_later_than(RESERVING))
        # The lock may have expired while this process was frozen: then only the next holder may spend the token.
        if pair is None or self.mine.left() < LEAST_TO_ASK or not world.asking(seen.version, self.owner):
            raise PortalUnavailable("There is no time left to renew the portal's tokens", retry_after=2)
        return pair, keys

    def _refresh(self, pair: TokenPair, keys: Sequence[Application]) -> TokenPair | None:
        """The next pair; None if the server refused this one. Its other errors are raised translated for callers."""
        world, seen, clock = self.world, self.seen, self.mine.clock
        try:
            return world.refresh(pair, keys, self.mine.sooner(LEAST_TO_SAVE))
        except BitrixError as error:
            if error.error_class is not ErrorClass.REAUTHORISE:
                self._close(error, clock.now())
                raise for_caller(error, clock.now()) from None
            if seen.state is PortalState.REAUTHORISE:
                self._release(OUTAGE_PAUSE)
                raise answer(seen.state, error.code) from None
            world.refused(seen.version, clock.now(), error.code)
            return None

    def _save(self, version: str, renewed: TokenPair) -> Renewed:
        world, seen = self.world, self.seen
        try:
            world.save(seen.version, version, renewed, self.mine)
        except StoreUnavailable:
            # Only this process can continue; the others would send a pair that is spent.
            now = self.mine.clock.now()
            # A lock that cannot be extended expires with the lease; the error raised is that of saving the pair.
            with suppress(ChatLookupError):
                world.release(self.owner, (*seen.pending, version), now + UNSAVED_FOR, lost_at=now)
            world.count_outcome("failed")
            raise
        if not world.switch(seen, version, renewed):
            # Only an installation moves the pointer without the lock, and its pair is newer than this one.
            return _current(world)
        if renewed.expires_at <= self.mine.clock.now():
            world.count_outcome("failed")
            raise PortalUnavailable("The authorisation server issued no access token", retry_after=OUTAGE_PAUSE)
        world.count_outcome("refreshed")
        return Renewed(version, here=True)

    def _await_successor(self) -> Renewed:
        """The server refused this pair: wait for the pair of the process that spent it, else close the portal."""
        world, seen, clock = self.world, self.seen, self.mine.clock
        while True:
            now_seen = world.pointer()
            if now_seen is None:
                raise PortalNotInstalled
            if now_seen.version != seen.version:
                return Renewed(now_seen.version)
            adopted = _adopt(world, now_seen, now_seen.pending)
            if adopted is not None:
                return adopted
            if clock.now() - now_seen.refused_at >= PATIENCE:
                world.close(seen.version, PortalState.REAUTHORISE, now_seen.refused_code, _next_look(seen, clock.now()))
                world.count_outcome("lost" if seen.answer_lost else "dead")
                raise answer(PortalState.REAUTHORISE, now_seen.refused_code)
            if self.callers.no_later_than(self.mine.left()).left() <= STEP:
                world.release(self.owner, now_seen.pending)
                raise PortalUnavailable("The portal refused its tokens; whether new ones were issued is being checked")
            clock.sleep(STEP)

    def _close(self, error: BitrixError, now: float) -> None:
        """Set the portal's state after the server's other errors (bitrix24.md 7.1); an outage does not change it."""
        world, version = self.world, self.seen.version
        if error.error_class is ErrorClass.PORTAL:
            world.close(version, PortalState.UNPAID, error.code, _next_look(self.seen, now))
            world.count_outcome("unpaid")
        elif error.error_class is ErrorClass.CONFIG:
            world.close(version, PortalState.MISCONFIGURED, error.code, _next_look(self.seen, now))
            world.count_outcome("failed")
        elif error.error_class is ErrorClass.UNINSTALLED:
            world.close(version, PortalState.UNINSTALLED, error.code, 0.0)
            world.count_outcome("dead")
        else:
            # A server that failed is not called again at once (bitrix24.md 3.4), nor before its `Retry-After`.
            lost = _is_lost(error)
            self._release(max(OUTAGE_PAUSE, (error.retry_at or 0.0) - now), lost_at=now if lost else 0.0)
            world.count_outcome("lost" if lost else "failed")

    def _release(self, pause: float, *, lost_at: float = 0.0) -> None:
        self.world.release(self.owner, self.seen.pending, self.mine.clock.now() + pause, lost_at=lost_at)


def _is_lost(error: BitrixError) -> bool:
    """Whether a pair may have been issued that did not arrive: no reply came after the request was sent."""
    if error.metric_code in _NO_ANSWER:
        return not error.unreached
    return error.status == _GATEWAY_TIMEOUT or error.metric_code == PROTOCOL
