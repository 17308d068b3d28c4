"""A pair that is not cached, and actors that all look it up: the row in memory, and a slow portal."""

from dataclasses import dataclass, field

from chat_lookup.cache.leases import LEASE, CacheQuery, Lease, StoredLease
from chat_lookup.cache.rows import FRESH_POSITIVE, Row
from chat_lookup.clock import HOUR, SKEW, Deadline
from chat_lookup.entity import EntityRef
from chat_lookup.errors import ChatLookupError, PortalBusy
from chat_lookup.lookup.single_flight import Misses, Turn
from chat_lookup.observability.telemetry import Telemetry
from tests.support.fakes import MEMBER_ID, FixedRandom
from tests.support.interleaving import Actor, Stage

DEAL = EntityRef("CRM", "DEAL|1663")
CHAT = 1437
NOTHING = StoredLease(None, Lease())


@dataclass(frozen=True, slots=True)
class OwnClock:
    """The clock of one actor, off by `wrong_by` seconds."""

    stage: Stage
    wrong_by: float = 0.0

    def now(self) -> float:
        return self.stage.now() + self.wrong_by

    def sleep(self, seconds: float) -> None:
        self.stage.sleep(max(0.0, seconds))


@dataclass(slots=True)
class Rows:
    """The row that all actors share, as `Leases` stores it; each read or write is one step of an actor."""

    stage: Stage
    standing: StoredLease = NOTHING
    extended: int = 0
    down: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """The row as one actor reads it, by the actor's own clock."""

    rows: Rows
    clock: OwnClock

    def _step(self) -> None:
        self.rows.stage.step()
        if self.rows.down:
            from botocore.exceptions import ConnectionClosedError  # noqa: PLC0415 - what the store itself raises

            raise ConnectionClosedError(endpoint_url="https://dynamodb.example")

    def read(self, _: CacheQuery) -> StoredLease:
        self._step()
        return self.rows.standing

    def claim(self, wanted: CacheQuery, owner: str) -> StoredLease:
        self._step()
        now, stored = self.clock.now(), self.rows.standing
        if not wanted.is_satisfied_by(stored.row, now) and (stored.lease.free(now) or stored.lease.owner == owner):
            self.rows.standing = stored._replace(lease=Lease(owner, now + LEASE))
        return self.rows.standing

    def extend(self, _: CacheQuery, owner: str, until: float) -> None:
        self._own(owner, Lease(owner, until))
        self.rows.extended += 1

    def release(self, _: CacheQuery, owner: str, failure: str = "") -> None:
        self._own(owner, Lease(owner, 0.0, failure))

    def _own(self, owner: str, lease: Lease) -> None:
        self.rows.stage.step()
        if self.rows.standing.lease.owner == owner:
            self.rows.standing = self.rows.standing._replace(lease=lease)


@dataclass(slots=True)
class Portal:
    """Answers after `takes` seconds, in a slot `ahead` seconds from now; each call raises the next of `failures`."""

    stage: Stage
    telemetry: Telemetry
    ahead: float = 0.0
    takes: float = 0.3
    failures: list[ChatLookupError] = field(default_factory=list)
    calls: int = 0
    rows: Rows = field(init=False)

    def __post_init__(self) -> None:
        self.rows = Rows(self.stage)

    def begin(
        self, name: str, *, seconds: float = 10.0, wrong_by: float = 0.0, fresh: bool = False, how: str = ""
    ) -> Actor:
        """Start an actor that looks the pair up."""
        clock = OwnClock(self.stage, wrong_by)
        misses = Misses(Seen(self.rows, clock), self.telemetry, clock, FixedRandom())
        deadline = Deadline.after(seconds, clock)
        wanted = CacheQuery(MEMBER_ID, 1, DEAL, how=how, since=clock.now() + SKEW if fresh else None)
        return self.stage.start(
            name, lambda: misses.settle(wanted, None, lambda turn: self._ask(clock, turn, deadline), deadline)
        )

    def _ask(self, clock: OwnClock, turn: Turn, deadline: Deadline) -> Row:
        slot = clock.now() + self.ahead
        if slot > deadline.at:
            raise PortalBusy(retry_after=self.ahead)
        turn.on_slot(slot)
        clock.sleep(self.ahead)
        self.calls += 1
        failure = self.failures.pop(0) if self.failures else None
        clock.sleep(self.takes)
        if failure is not None:
            raise failure
        row = answered(turn.asked_at)
        self.stage.step()
        self.rows.standing = StoredLease(row, Lease())
        return row


def answered(at: float, chat_id: int | None = CHAT) -> Row:
    """The row of a portal's answer at a moment, Unix seconds."""
    return Row(DEAL, chat_id, "im.chat.get", "portal", at, at + FRESH_POSITIVE, at + FRESH_POSITIVE + HOUR)


def run_all(stage: Stage) -> None:
    """Run all actors in turn until all have ended."""
    while ready := stage.ready():
        for actor in ready:
            stage.advance(actor)
