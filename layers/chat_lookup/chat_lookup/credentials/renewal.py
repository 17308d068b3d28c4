"""One refresh at a time, over all processes: the state machine of a portal's token pair (design 5, Tokens).

The truth is a pointer in the portal's record, `token_version`. Whoever finds the pair behind it refused takes a lock
in the same record, refreshes, saves the new pair under a version named beforehand (`pending`), and moves the pointer.
Whoever dies on the way leaves a lock that lapses, and the versions he may have saved.

A refresh token is good for one refresh (bitrix24.md 3.4): so a dead grant is believed only when nobody's saved pair
turns up within the time that Secrets Manager may lag.
"""

from dataclasses import dataclass
from typing import Final, Protocol

from chat_lookup.bitrix24.errors import BitrixError, ErrorClass
from chat_lookup.bitrix24.oauth import TokenPair
from chat_lookup.clock import Deadline
from chat_lookup.errors import PortalNotInstalled, PortalUnavailable, StoreUnavailable
from chat_lookup.portals.failures import answer, for_caller, refusal
from chat_lookup.portals.portal import PortalState

LEASE: Final = 12.0
"""Seconds after which a lock lapses: longer than a refresh and its saving may take."""
REFRESHING: Final = 8.0
"""Seconds that the authorisation server is given. Who leaves sooner may miss a pair that was issued."""
LEAST_TO_START: Final = 3.0
PATIENCE: Final = 8.0
"""Seconds from the first refusal of a grant until it is believed: Secrets Manager may lag behind a saved pair."""
STEP: Final = 0.2
UNPAID_FOR: Final = 3600.0
MISCONFIGURED_FOR: Final = 60.0
OUTAGE_PAUSE: Final = 2.0
_MOST_PENDING: Final = 4


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
    """Versions under which somebody meant to save the successor of `version`, oldest first."""
    refused_at: float = 0.0
    """When the authorisation server first refused the pair behind `version`; 0 if it did not."""
    refused_code: str = ""


class World(Protocol):
    """The stores and the server, for one portal. Each write is conditional, and safe to repeat."""

    def pointer(self) -> Pointer | None: ...

    def knew(self, seen: Pointer) -> bool:
        """Whether whoever asks knew that the portal was seen so, and asks nevertheless: to find out if it is over."""
        ...

    def claim(self, seen: Pointer, owner: str, until: float, pending: tuple[str, ...]) -> bool:
        """Take the lock if `seen.version` still stands and nobody else holds it."""
        ...

    def release(self, owner: str, pending: tuple[str, ...], until: float = 0.0) -> None:
        """Give the lock back, now or at a moment soon, leaving `pending` as it should be found."""
        ...

    def pair(self, version: str) -> TokenPair | None:
        """A saved pair, or an unsaved one, which is saved by that; None while there is none of that version, or none
        yet. Raises `StoreUnavailable`."""
        ...

    def unsaved(self, versions: tuple[str, ...]) -> tuple[str, ...]:
        """Those of the versions that this process got, and that nobody else has, because it could not save them."""
        ...

    def refresh(self, pair: TokenPair, deadline: Deadline) -> TokenPair:
        """Ask the authorisation server. Raises `BitrixError`."""
        ...

    def save(self, version: str, pair: TokenPair, deadline: Deadline) -> None:
        """Raises `StoreUnavailable`; the pair is among the `unsaved` of this process then."""
        ...

    def switch(self, old: str, new: str, pair: TokenPair) -> bool:
        """Move the pointer if it names `old` still (or `new` already); makes the portal active again."""
        ...

    def refused(self, version: str, at: float, code: str) -> None:
        """Note the first refusal of the pair behind `version`."""
        ...

    def close(self, version: str, state: PortalState, code: str, retry_at: float) -> None:
        """Mark the portal, if the pointer names `version` still."""
        ...

    def new_id(self) -> str: ...

    def told(self, outcome: str) -> None:
        """Count how it ended: refreshed, adopted, dead, unpaid, failed."""
        ...


def renew(world: World, refused: str, deadline: Deadline) -> str:
    """The version that is true after the pair behind version `refused` expired or was refused.

    Refreshes at most once, and only if nobody else does. Raises `PortalReauthorise`, `PortalNotInstalled`,
    `PortalUnavailable`, and what the authorisation server's error means for callers.
    """
    clock, owner = deadline.clock, world.new_id()
    while True:
        seen = world.pointer()
        if seen is None or seen.state is PortalState.UNINSTALLED:
            raise PortalNotInstalled
        if seen.version != refused:
            return seen.version
        now = seen.retry_at if world.knew(seen) else clock.now()
        closed = refusal(seen.state, seen.state_code, seen.retry_at, now)
        if closed is not None:
            raise closed
        # Whoever has the only copy of the next pair needs no lock to bring it in, and must not wait for one: the
        # holder is about to find out that his pair is spent.
        rescued = _adopted(world, seen, world.unsaved(seen.pending))
        if rescued is not None:
            return rescued
        if deadline.left() < LEAST_TO_START:
            raise PortalUnavailable("The portal's tokens are being renewed", retry_after=2)
        if seen.lock_until < clock.now():
            pending = (*seen.pending, world.new_id())[-_MOST_PENDING:]
            leased = Deadline.after(LEASE, clock)
            if world.claim(seen, owner, leased.at, pending):
                return _alone(world, seen, pending[-1], owner, deadline.no_later_than(leased.left()))
        else:
            clock.sleep(STEP)


def _alone(world: World, seen: Pointer, version: str, owner: str, deadline: Deadline) -> str:
    """What the holder of the lock does, until the deadline or the end of his lease."""
    try:
        adopted = _adopted(world, seen, seen.pending)
        if adopted is not None:
            return adopted
        renewed = None if seen.refused_at else _refreshed(world, seen, owner, deadline)
    except StoreUnavailable:
        world.release(owner, seen.pending, deadline.clock.now() + OUTAGE_PAUSE)
        raise
    if renewed is None:
        return _judged(world, seen, owner, deadline)
    # If this fails the lock stays until it lapses: nobody else shall ask with a pair that is spent.
    world.save(version, renewed, deadline)
    if world.switch(seen.version, version, renewed):
        world.told("refreshed")
        return version
    # Only an installation moves the pointer past a holder's back, and its pair is newer than ours.
    return _others(world)


def _refreshed(world: World, seen: Pointer, owner: str, deadline: Deadline) -> TokenPair | None:
    """The next pair; None if the server refused this one. Its other errors are raised as callers get them."""
    clock = deadline.clock
    pair = world.pair(seen.version)
    if pair is None or deadline.left() < LEAST_TO_START:
        world.release(owner, seen.pending)
        raise PortalUnavailable("There is no time left to renew the portal's tokens", retry_after=2)
    try:
        return world.refresh(pair, deadline.no_later_than(REFRESHING))
    except BitrixError as error:
        if error.error_class is ErrorClass.REAUTHORISE:
            world.refused(seen.version, clock.now(), error.code)
            return None
        _closed(world, seen, owner, error, clock.now())
        raise for_caller(error, clock.now()) from None


def _adopted(world: World, seen: Pointer, versions: tuple[str, ...]) -> str | None:
    """The pair that a former holder got and did not live, or could not save, to point to; the youngest of these."""
    for version in reversed(versions):
        pair = world.pair(version)
        if pair is not None:
            if not world.switch(seen.version, version, pair):
                return _others(world)
            world.told("adopted")
            return version
    return None


def _judged(world: World, seen: Pointer, owner: str, deadline: Deadline) -> str:
    """The server refused this pair. Either somebody else's refresh consumed it and turns up, or the grant is dead."""
    clock = deadline.clock
    while True:
        now_seen = world.pointer()
        if now_seen is None:
            raise PortalNotInstalled
        if now_seen.version != seen.version:
            return now_seen.version
        adopted = _adopted(world, now_seen, now_seen.pending)
        if adopted is not None:
            return adopted
        if clock.now() - now_seen.refused_at >= PATIENCE:
            world.close(seen.version, PortalState.REAUTHORISE, now_seen.refused_code, 0.0)
            world.told("dead")
            raise answer(PortalState.REAUTHORISE, now_seen.refused_code)
        if deadline.left() <= STEP:
            world.release(owner, now_seen.pending)
            raise PortalUnavailable("The portal refused its tokens; whether others were issued is being found out")
        clock.sleep(STEP)


def _closed(world: World, seen: Pointer, owner: str, error: BitrixError, now: float) -> None:
    """What the server's other errors do to the portal's state (bitrix24.md 7.1): an outage does nothing."""
    if error.error_class is ErrorClass.PORTAL:
        world.close(seen.version, PortalState.UNPAID, error.code, now + UNPAID_FOR)
        world.told("unpaid")
    elif error.error_class is ErrorClass.CONFIG:
        world.close(seen.version, PortalState.MISCONFIGURED, error.code, now + MISCONFIGURED_FOR)
        world.told("failed")
    elif error.error_class is ErrorClass.UNINSTALLED:
        world.close(seen.version, PortalState.UNINSTALLED, error.code, 0.0)
        world.told("dead")
    else:
        # Nobody asks a server that is out of order again at once (bitrix24.md 3.4).
        world.release(owner, seen.pending, now + OUTAGE_PAUSE)
        world.told("failed")


def _others(world: World) -> str:
    seen = world.pointer()
    if seen is None or seen.state is PortalState.UNINSTALLED:
        raise PortalNotInstalled
    return seen.version
