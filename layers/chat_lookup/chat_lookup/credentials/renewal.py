"""One refresh at a time, over all processes: the state machine of a portal's token pair (design 5, Tokens; 10).

The truth is a pointer in the portal's record, `token_version`. A process that finds the pair behind it refused takes a
lock in the same record, proves that a successor can be written, notes that it asks, refreshes, saves the new pair under
a version named beforehand (`pending`), and moves the pointer. A process that dies on the way leaves a lock that lapses,
and the versions that it may have saved.

A refresh token is good for one refresh (bitrix24.md 3.4): so the holder of the lock is not bound by its caller's
deadline, but by its function's end (docs/decisions/013), and a dead grant is believed only when no saved pair turns up
within the time that Secrets Manager may lag.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

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
"""Seconds that a holder may work, and after which its lock lapses; sooner where its function ends sooner."""
LEAST_TO_BEGIN: Final = 12.0
"""Seconds that a function must have left to take the lock."""
LEAST_TO_ASK: Final = 8.0
"""Seconds that must be left when the token is spent: an answer that comes later is lost."""
LEAST_TO_SAVE: Final = 2.0
"""Seconds that asking leaves of the holder's time."""
RESERVING: Final = 2.0
PATIENCE: Final = 8.0
"""Seconds from the first refusal of a grant until it is believed: Secrets Manager may lag behind a saved pair."""
STEP: Final = 0.2
LEAST_TO_WAIT: Final = 1.0
"""Seconds before its deadline at which a caller stops to wait for the holder."""
UNSAVED_FOR: Final = 60.0
"""Seconds that a holder that could not save its pair is given to bring it in: the former pair is spent."""
OUTAGE_PAUSE: Final = 2.0
_MOST_PENDING: Final = 4
_NO_ANSWER: Final = frozenset({"TIMEOUT", "TRANSPORT"})
_GATEWAY_TIMEOUT: Final = 504

CHARGE: Final = 2400.0
CREDIT: Final = 8
"""A portal's pair is renewed at most CREDIT + 1 times in a row, and then once in CHARGE seconds: 45 times a day. Each
renewal makes two versions of the secret, and Secrets Manager keeps about a hundred within a day."""


@dataclass(frozen=True, slots=True)
class Pointer:
    """What a portal's record says of its pair, read consistently."""

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
    """The holder that asked the authorisation server last with the pair behind `version`."""
    lost_at: float = 0.0
    """When an answer to that was lost: the pair may be spent, and its successor is nowhere."""
    charged_until: float = 0.0
    """What the renewals of the day have used up, as the moment at which all of it is free again."""

    @property
    def answer_lost(self) -> bool:
        """Whether an answer was lost: by a time-out, or because the process ended that had asked."""
        return self.lost_at > 0 or (self.lock_owner != "" and self.lock_owner == self.asking)

    def charged(self, now: float) -> float:
        """`charged_until` after one more renewal."""
        return max(self.charged_until, now) + CHARGE

    def spared_until(self, now: float) -> float | None:
        """The moment until which the pair may not be renewed, because it was so often; None if it may be."""
        free_at = self.charged_until - CREDIT * CHARGE
        return free_at if now < free_at else None


class Renewed(NamedTuple):
    """The version that is true now, and whether this call renewed it."""

    version: str
    here: bool = False


class World(Protocol):
    """The stores and the server, for one portal. Each write is conditional, and safe to repeat."""

    def pointer(self) -> Pointer | None: ...

    def knew(self, seen: Pointer) -> bool:
        """Whether the caller knew that the portal was seen so, and asks nevertheless: to find out if it is over."""
        ...

    def claim(self, seen: Pointer, owner: str, until: float, pending: tuple[str, ...]) -> bool:
        """Take the lock if `seen.version` is true still and no other process holds it."""
        ...

    def release(self, owner: str, pending: tuple[str, ...], until: float = 0.0, *, lost_at: float = 0.0) -> None:
        """Give the lock back, now or at a moment soon, leaving `pending` as it should be found; `lost_at` notes an
        answer that was lost."""
        ...

    def pair(self, version: str) -> TokenPair | None:
        """A saved pair, or an unsaved one, which is saved by that; None while there is none of that version, or none
        yet. Raises `StoreUnavailable`."""
        ...

    def unsaved(self, versions: tuple[str, ...]) -> tuple[str, ...]:
        """Those of the versions that this process alone has, because it could not save them."""
        ...

    def reserve(self, version: str, deadline: Deadline) -> None:
        """Prove that a successor of this version can be saved. Raises `StoreUnavailable`, `ServiceMisconfigured`."""
        ...

    def keys(self) -> Sequence[Application]:
        """The application's keys, the newest first. Raises `StoreUnavailable`."""
        ...

    def asking(self, version: str, owner: str) -> bool:
        """Note that the pair behind `version` is spent now; False if the lock is another's meanwhile."""
        ...

    def refresh(self, pair: TokenPair, keys: Sequence[Application], deadline: Deadline) -> TokenPair:
        """Ask the authorisation server. Raises `BitrixError`."""
        ...

    def save(self, former: str, version: str, pair: TokenPair, deadline: Deadline) -> None:
        """Raises `StoreUnavailable`; the pair is among the `unsaved` of this process then."""
        ...

    def switch(self, seen: Pointer, new: str, pair: TokenPair) -> bool:
        """Move the pointer if it names `seen.version` still (or `new` already); makes the portal active again."""
        ...

    def refused(self, version: str, at: float, code: str) -> None:
        """Note the first refusal of the pair behind `version`."""
        ...

    def close(self, version: str, state: PortalState, code: str, retry_at: float) -> None:
        """Mark the portal, if the pointer names `version` still."""
        ...

    def new_id(self) -> str: ...

    def told(self, outcome: str) -> None:
        """Count how it ended: refreshed, adopted, dead, lost, unpaid, failed."""
        ...


def renew(world: World, refused: str, deadline: Deadline, *, waits: bool = True, again: bool = False) -> Renewed:
    """The version that is true after the pair behind version `refused` expired or was refused.

    Refreshes at most once, and only while no other process does, which a caller `waits` for to its deadline; the one
    that refreshes comes back when that is done. `again` asks although the grant was judged dead.
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
        # A process that has the only copy of the next pair needs no lock to bring it in, and must not wait for one: the
        # holder is about to find out that its pair is spent. Nor does the portal's state matter, which that heals.
        rescued = _adopted(world, seen, world.unsaved(seen.pending))
        if rescued is not None:
            return rescued
        _raise_if_closed(world, seen, clock.now(), again=again)
        if not seen.lock_owner and seen.lock_until > deadline.at:
            # No process holds the lock: the authorisation server is out of order, or asked not to be called until then.
            raise PortalUnavailable("The authorisation server is left alone", retry_after=seen.lock_until - clock.now())
        if seen.lock_until < clock.now():
            mine = deadline.of_function().no_later_than(LEASE)
            _raise_if_not_to_begin(world, seen, mine)
            pending = (*seen.pending, world.new_id())[-_MOST_PENDING:]
            if world.claim(seen, owner, mine.at + SKEW, pending):
                # The holder's time, not that of the caller that happened to ask, binds what it stores (design 10).
                with bound_by(Deadline(mine.at + TO_ANSWER, clock)):
                    return _Holder(world, seen, owner, mine, deadline).renewed(pending[-1])
        elif not waits or deadline.left() < LEAST_TO_WAIT:
            raise PortalUnavailable("The portal's tokens are being renewed", retry_after=2)
        else:
            clock.sleep(STEP)


def bring_in(world: World, former: str, version: str) -> None:
    """Save the successor of `former`, of which this process has the only copy, and point to it, whatever the portal's
    state. Raises `StoreUnavailable`.
    """
    pair = world.pair(version)
    seen = world.pointer()
    if pair is not None and seen is not None and seen.version == former and world.switch(seen, version, pair):
        world.told("adopted")


def _raise_if_closed(world: World, seen: Pointer, now: float, *, again: bool) -> None:
    if again and seen.state is PortalState.REAUTHORISE:
        return
    closed = refusal(seen.state, seen.state_code, seen.retry_at, seen.retry_at if world.knew(seen) else now)
    if closed is not None:
        raise closed


def _raise_if_not_to_begin(world: World, seen: Pointer, mine: Deadline) -> None:
    if mine.left() < LEAST_TO_BEGIN:
        raise PortalUnavailable("There is no time left to renew the portal's tokens", retry_after=2)
    now = mine.clock.now()
    spared_until = seen.spared_until(now)
    if spared_until is not None:
        world.told("failed")
        raise PortalUnavailable("The portal's tokens were renewed too often today", retry_after=spared_until - now)


def _adopted(world: World, seen: Pointer, versions: tuple[str, ...]) -> Renewed | None:
    """The pair that a former holder got and did not live, or could not save, to point to; the youngest of these."""
    for version in reversed(versions):
        pair = world.pair(version)
        if pair is not None:
            if not world.switch(seen, version, pair):
                return _others(world)
            world.told("adopted")
            return Renewed(version)
    return None


def _next_look(seen: Pointer, now: float) -> float:
    """When the portal is looked at next: a look that is under way has moved it on already."""
    return max(seen.retry_at, now + FIRST_LOOK)


def _others(world: World) -> Renewed:
    seen = world.pointer()
    if seen is None or seen.state is PortalState.UNINSTALLED:
        raise PortalNotInstalled
    return Renewed(seen.version)


@dataclass(frozen=True, slots=True)
class _Holder:
    """The process that holds the lock, and what it does until `mine`, the end of its function or of its lease.

    `callers` is the deadline of its caller, which binds only what another process can do as well.
    """

    world: World
    seen: Pointer
    owner: str
    mine: Deadline
    callers: Deadline

    def renewed(self, version: str) -> Renewed:
        """The version that is true now; a new pair is saved as `version`."""
        world, seen = self.world, self.seen
        spending = None
        try:
            adopted = _adopted(world, seen, seen.pending)
            if adopted is not None:
                return adopted
            # A grant that was refused once is asked for again only by a caller that knows of its state.
            if not seen.refused_at or seen.state is PortalState.REAUTHORISE:
                spending = self._ready()
        except ChatLookupError as error:
            self._release(OUTAGE_PAUSE)
            if isinstance(error, StoreUnavailable | ServiceMisconfigured):
                world.told("failed")
            raise
        renewed = None if spending is None else self._asked(*spending)
        return self._judged() if renewed is None else self._kept(version, renewed)

    def _ready(self) -> tuple[TokenPair, Sequence[Application]]:
        """The pair that is to be spent, and the keys to do it with, when all that may fail before has not."""
        world, seen = self.world, self.seen
        pair, keys = world.pair(seen.version), world.keys()
        world.reserve(seen.version, self.mine.no_later_than(RESERVING))
        # The lock may have lapsed while this process did not run: the next holder alone may spend the token then.
        if pair is None or self.mine.left() < LEAST_TO_ASK or not world.asking(seen.version, self.owner):
            raise PortalUnavailable("There is no time left to renew the portal's tokens", retry_after=2)
        return pair, keys

    def _asked(self, pair: TokenPair, keys: Sequence[Application]) -> TokenPair | None:
        """The next pair; None if the server refused this one. Its other errors are raised as callers get them."""
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

    def _kept(self, version: str, renewed: TokenPair) -> Renewed:
        world, seen = self.world, self.seen
        try:
            world.save(seen.version, version, renewed, self.mine)
        except StoreUnavailable:
            # Only this process can go on; the others would ask with a pair that is spent.
            now = self.mine.clock.now()
            # A lock that cannot be given a longer life lapses with the lease; the reason stays the pair's.
            with suppress(ChatLookupError):
                world.release(self.owner, (*seen.pending, version), now + UNSAVED_FOR, lost_at=now)
            world.told("failed")
            raise
        if not world.switch(seen, version, renewed):
            # Only an installation moves the pointer past a holder's back, and its pair is newer than ours.
            return _others(world)
        if renewed.expires_at <= self.mine.clock.now():
            world.told("failed")
            raise PortalUnavailable("The authorisation server issued no access token", retry_after=OUTAGE_PAUSE)
        world.told("refreshed")
        return Renewed(version, here=True)

    def _judged(self) -> Renewed:
        """The server refused this pair. Either another's refresh consumed it and turns up, or the grant is dead."""
        world, seen, clock = self.world, self.seen, self.mine.clock
        while True:
            now_seen = world.pointer()
            if now_seen is None:
                raise PortalNotInstalled
            if now_seen.version != seen.version:
                return Renewed(now_seen.version)
            adopted = _adopted(world, now_seen, now_seen.pending)
            if adopted is not None:
                return adopted
            if clock.now() - now_seen.refused_at >= PATIENCE:
                world.close(seen.version, PortalState.REAUTHORISE, now_seen.refused_code, _next_look(seen, clock.now()))
                world.told("lost" if seen.answer_lost else "dead")
                raise answer(PortalState.REAUTHORISE, now_seen.refused_code)
            if self.callers.no_later_than(self.mine.left()).left() <= STEP:
                world.release(self.owner, now_seen.pending)
                raise PortalUnavailable("The portal refused its tokens; whether others were issued is being found out")
            clock.sleep(STEP)

    def _close(self, error: BitrixError, now: float) -> None:
        """What the server's other errors do to the portal's state (bitrix24.md 7.1): an outage does nothing."""
        world, version = self.world, self.seen.version
        if error.error_class is ErrorClass.PORTAL:
            world.close(version, PortalState.UNPAID, error.code, _next_look(self.seen, now))
            world.told("unpaid")
        elif error.error_class is ErrorClass.CONFIG:
            world.close(version, PortalState.MISCONFIGURED, error.code, _next_look(self.seen, now))
            world.told("failed")
        elif error.error_class is ErrorClass.UNINSTALLED:
            world.close(version, PortalState.UNINSTALLED, error.code, 0.0)
            world.told("dead")
        else:
            # A server that is out of order is not asked again at once (bitrix24.md 3.4), nor before it wants to be.
            lost = _is_lost(error)
            self._release(max(OUTAGE_PAUSE, (error.retry_at or 0.0) - now), lost_at=now if lost else 0.0)
            world.told("lost" if lost else "failed")

    def _release(self, pause: float, *, lost_at: float = 0.0) -> None:
        self.world.release(self.owner, self.seen.pending, self.mine.clock.now() + pause, lost_at=lost_at)


def _is_lost(error: BitrixError) -> bool:
    """Whether a pair may have been issued that did not arrive: nothing came after the request was sent."""
    if error.metric_code in _NO_ANSWER:
        return not error.unreached
    return error.status == _GATEWAY_TIMEOUT or error.metric_code == "PROTOCOL"
