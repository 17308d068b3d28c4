"""A model of a portal's record, secret and authorisation server, and processes that renew tokens step by step."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.bitrix24.oauth import Application, TokenPair
from chat_lookup.clock import Deadline
from chat_lookup.credentials.renewal import Pointer, bring_in, renew
from chat_lookup.errors import DeadlineReached, StoreUnavailable
from chat_lookup.portals.portal import PortalState
from tests.support.interleaving import Actor, Stage


def pair_number(serial: int) -> TokenPair:
    return TokenPair(f"a{serial}", f"r{serial}", float("inf"), "m", "https://p.example/rest/", "s", 1, frozenset(), "L")


def serial_of(pair: TokenPair) -> int:
    return int(pair.refresh_token[1:])


@dataclass
class Portal:
    """The record, the secret and the authorisation server, shared by all processes. Pair 1 is stored."""

    stage: Stage
    record: Pointer | None = field(default_factory=lambda: Pointer("v1"))
    secrets: dict[str, tuple[float, TokenPair]] = field(default_factory=lambda: {"v1": (0.0, pair_number(1))})
    lag: float = 0.0
    alive: int = 1
    issued: int = 1
    asked: list[int] = field(default_factory=list)
    judged: list[int] = field(default_factory=list)
    """The refresh tokens sent while the server worked, valid or used."""
    pointed: list[int] = field(default_factory=lambda: [1])
    refusal: BitrixError | None = None
    saving_fails: int = 0
    releasing_fails: int = 0
    reserving_fails: int = 0
    reserved: list[str] = field(default_factory=list)
    server_takes: float = 0.0
    """Seconds until the server's answer arrives; the pair is issued when the request arrives."""
    outcomes: list[str] = field(default_factory=list)
    """The outcome of each renewal, in all processes."""
    ids: int = 0

    def expect(self) -> Pointer:
        assert self.record is not None
        return self.record


class Process:
    """`renewal.World` of one process, which may stop or be killed before and after each method."""

    def __init__(self, portal: Portal, known: tuple[PortalState, float] = (PortalState.ACTIVE, 0.0)) -> None:
        self.portal = portal
        self.known = known
        self.kept: dict[str, TokenPair] = {}

    def pointer(self) -> Pointer | None:
        self.portal.stage.step()
        return self.portal.record

    def is_known_state(self, seen: Pointer) -> bool:
        return (seen.state, seen.retry_at) == self.known

    def claim(self, seen: Pointer, owner: str, until: float, pending: tuple[str, ...]) -> bool:
        self.portal.stage.step()
        record = self.portal.record
        if record is None or (record.version, record.lock_until) != (seen.version, seen.lock_until):
            return False
        lost_at = record.lost_at or (record.lock_until if record.answer_lost else 0.0)
        self.portal.record = record._replace(lock_owner=owner, lock_until=until, pending=pending, lost_at=lost_at)
        return True

    def release(self, owner: str, pending: tuple[str, ...], until: float = 0.0, *, lost_at: float = 0.0) -> None:
        self.portal.stage.step()
        if self.portal.releasing_fails:
            self.portal.releasing_fails -= 1
            raise DeadlineReached
        record = self.portal.record
        if record is not None and record.lock_owner == owner:
            self.portal.record = record._replace(
                lock_owner="", lock_until=until, pending=pending, lost_at=lost_at or record.lost_at
            )

    def pair(self, version: str) -> TokenPair | None:
        self.portal.stage.step()
        if version in self.kept:
            if self.portal.saving_fails:
                self.portal.saving_fails -= 1
                raise StoreUnavailable
            self._put(version, self.kept.pop(version))
        visible_at, pair = self.portal.secrets.get(version, (float("inf"), None))
        return pair if visible_at <= self.portal.stage.now() else None

    def unsaved(self, versions: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(version for version in versions if version in self.kept)

    def reserve(self, version: str, deadline: Deadline) -> None:
        del deadline
        self.portal.stage.step()
        if self.portal.reserving_fails:
            self.portal.reserving_fails -= 1
            raise StoreUnavailable
        self.portal.reserved.append(version)

    def keys(self) -> Sequence[Application]:
        return ()

    def asking(self, version: str, owner: str) -> bool:
        self.portal.stage.step()
        record = self.portal.record
        if record is None or (record.version, record.lock_owner) != (version, owner):
            return False
        self.portal.record = record._replace(asking=owner)
        return True

    def refresh(self, pair: TokenPair, keys: Sequence[Application], deadline: Deadline) -> TokenPair:
        del keys
        self.portal.stage.step()
        if deadline.left() <= 0:
            raise BitrixError("TIMEOUT", method="oauth/token")
        serial = serial_of(pair)
        self.portal.asked.append(serial)
        if self.portal.refusal is not None:
            raise self.portal.refusal
        self.portal.judged.append(serial)
        if serial != self.portal.alive:
            raise BitrixError("invalid_grant", 400, method="oauth/token")
        self.portal.issued += 1
        self.portal.alive = self.portal.issued
        renewed = pair_number(self.portal.issued)
        self.portal.stage.step()
        left = deadline.left()
        if self.portal.server_takes:
            self.portal.stage.sleep(min(self.portal.server_takes, left))
        if self.portal.server_takes > left:
            raise BitrixError("TIMEOUT", method="oauth/token")
        return renewed

    def save(self, former: str, version: str, pair: TokenPair, deadline: Deadline) -> None:
        del former, deadline
        self.portal.stage.step()
        if self.portal.saving_fails:
            self.portal.saving_fails -= 1
            self.kept[version] = pair
            raise StoreUnavailable
        self._put(version, pair)
        self.portal.stage.step()

    def _put(self, version: str, pair: TokenPair) -> None:
        self.portal.secrets[version] = (self.portal.stage.now() + self.portal.lag, pair)

    def switch(self, seen: Pointer, new: str, pair: TokenPair) -> bool:
        self.portal.stage.step()
        record, old = self.portal.record, seen.version
        if record is None or record.version not in (old, new) or record.state is PortalState.UNINSTALLED:
            return False
        if record.version != new:
            self.portal.pointed.append(serial_of(pair))
            self.portal.record = Pointer(new, charged_until=seen.charged(self.portal.stage.now()))
        return True

    def refused(self, version: str, at: float, code: str) -> None:
        self.portal.stage.step()
        record = self.portal.record
        if record is not None and record.version == version and not record.refused_at:
            self.portal.record = record._replace(refused_at=at, refused_code=code)

    def close(self, version: str, state: PortalState, code: str, retry_at: float) -> None:
        self.portal.stage.step()
        record = self.portal.record
        if record is not None and record.version == version and record.state is not PortalState.UNINSTALLED:
            self.portal.record = record._replace(
                state=state, state_code=code, retry_at=retry_at, lock_owner="", lock_until=0.0
            )

    def new_id(self) -> str:
        self.portal.ids += 1
        return f"id{self.portal.ids}"

    def count_outcome(self, outcome: str) -> None:
        self.portal.outcomes.append(outcome)


def start_renewal(
    portal: Portal,
    name: str,
    process: Process | None = None,
    *,
    refused: str = "v1",
    seconds: float = 10.0,
    function: float = 29.0,
    waits: bool = True,
    again: bool = False,
) -> Actor:
    """Start a process that renews the expired pair of version `refused` within `seconds`; its function has more."""
    world = process or Process(portal)
    deadline = Deadline.after(seconds, portal.stage, end=function)
    return portal.stage.start(name, lambda: renew(world, refused, deadline, waits=waits, again=again).version)


def start_bring_in(portal: Portal, process: Process, *, former: str = "v1") -> Actor:
    """Start the next invocation of a process, which begins by saving its unsaved pair."""
    (version,) = process.unsaved(tuple(process.kept))
    return portal.stage.start("brings in", lambda: bring_in(process, former, version))


def run_all(portal: Portal) -> None:
    """Run all processes in turn until all have ended."""
    for _ in range(20_000):
        ready = portal.stage.ready()
        if not ready:
            return
        for actor in ready:
            portal.stage.advance(actor)
    pytest.fail("a process never ends")


def renew_last(portal: Portal, *, refused: str | None = None) -> Actor:
    """Run one more process after all others, with enough time."""
    actor = start_renewal(portal, "later", refused=refused or portal.expect().version)
    run_all(portal)
    return actor


REACHED: Mapping[str, Callable[[Portal], bool]] = {
    "claimed": lambda portal: bool(portal.expect().lock_owner),
    "reserved": lambda portal: bool(portal.reserved),
    "asking": lambda portal: bool(portal.expect().asking),
    "refreshed": lambda portal: portal.issued > 1,
    "saved": lambda portal: len(portal.secrets) > 1,
    "switched": lambda portal: portal.expect().version != "v1",
}


def kill_after(portal: Portal, actor: Actor, condition: str) -> None:
    """Run an actor alone until the condition in `REACHED` holds, then kill it."""
    while not REACHED[condition](portal):
        portal.stage.ready()
        portal.stage.advance(actor)
    if not actor.done:
        portal.stage.kill(actor)
