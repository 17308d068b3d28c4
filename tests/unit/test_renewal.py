"""The state machine of token renewal, run through interleavings of expiry, crash, lag and re-installation."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.bitrix24.oauth import TokenPair
from chat_lookup.clock import Deadline
from chat_lookup.errors import (
    ChatLookupError,
    PortalBlocked,
    PortalMisconfigured,
    PortalNotInstalled,
    PortalReauthorise,
    PortalUnavailable,
    StoreUnavailable,
)
from chat_lookup.records import PortalState
from chat_lookup.renewal import LEASE, OUTAGE_PAUSE, PATIENCE, Pointer, renew
from tests.unit.interleaving import Actor, Killed, Stage


def pair_number(serial: int) -> TokenPair:
    return TokenPair(f"a{serial}", f"r{serial}", 0.0, "m", "https://p.example/rest/", "s", 1, frozenset(), "L")


def serial_of(pair: TokenPair) -> int:
    return int(pair.refresh_token[1:])


@dataclass
class Portal:
    """The record, the secret and the authorisation server, shared by all processes. Pair 1 is installed."""

    stage: Stage
    record: Pointer | None = field(default_factory=lambda: Pointer("v1"))
    secrets: dict[str, tuple[float, TokenPair]] = field(default_factory=lambda: {"v1": (0.0, pair_number(1))})
    lag: float = 0.0
    alive: int = 1
    issued: int = 1
    asked: list[int] = field(default_factory=list)
    pointed: list[int] = field(default_factory=lambda: [1])
    refusal: BitrixError | None = None
    saving_fails: int = 0
    ids: int = 0

    def expect(self) -> Pointer:
        assert self.record is not None
        return self.record


class Process:
    """`renewal.World` as one process sees it: it may stop, and die, before and after each of these."""

    def __init__(self, portal: Portal, known: tuple[PortalState, float] = (PortalState.ACTIVE, 0.0)) -> None:
        self.portal = portal
        self.known = known
        self.outcomes: list[str] = []
        self._unsaved: dict[str, TokenPair] = {}

    def pointer(self) -> Pointer | None:
        self.portal.stage.step()
        return self.portal.record

    def knew(self, seen: Pointer) -> bool:
        return (seen.state, seen.retry_at) == self.known

    def claim(self, seen: Pointer, owner: str, until: float, pending: tuple[str, ...]) -> bool:
        self.portal.stage.step()
        record = self.portal.record
        if record is None or (record.version, record.lock_until) != (seen.version, seen.lock_until):
            return False
        self.portal.record = replace(record, lock_owner=owner, lock_until=until, pending=pending)
        return True

    def release(self, owner: str, pending: tuple[str, ...], until: float = 0.0) -> None:
        self.portal.stage.step()
        record = self.portal.record
        if record is not None and record.lock_owner == owner:
            self.portal.record = replace(record, lock_owner="", lock_until=until, pending=pending)

    def pair(self, version: str) -> TokenPair | None:
        self.portal.stage.step()
        if version in self._unsaved:
            if self.portal.saving_fails:
                self.portal.saving_fails -= 1
                raise StoreUnavailable
            self._put(version, self._unsaved.pop(version))
        visible_at, pair = self.portal.secrets.get(version, (float("inf"), None))
        return pair if visible_at <= self.portal.stage.now() else None

    def unsaved(self, versions: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(version for version in versions if version in self._unsaved)

    def refresh(self, pair: TokenPair, deadline: Deadline) -> TokenPair:
        self.portal.stage.step()
        if deadline.left() <= 0:
            raise BitrixError("TIMEOUT", method="oauth/token")
        serial = serial_of(pair)
        self.portal.asked.append(serial)
        if self.portal.refusal is not None:
            raise self.portal.refusal
        if serial != self.portal.alive:
            raise BitrixError("invalid_grant", 400, method="oauth/token")
        self.portal.issued += 1
        self.portal.alive = self.portal.issued
        renewed = pair_number(self.portal.issued)
        self.portal.stage.step()
        return renewed

    def save(self, version: str, pair: TokenPair, deadline: Deadline) -> None:
        del deadline
        self.portal.stage.step()
        if self.portal.saving_fails:
            self.portal.saving_fails -= 1
            self._unsaved[version] = pair
            raise StoreUnavailable
        self._put(version, pair)
        self.portal.stage.step()

    def _put(self, version: str, pair: TokenPair) -> None:
        self.portal.secrets[version] = (self.portal.stage.now() + self.portal.lag, pair)

    def switch(self, old: str, new: str, pair: TokenPair) -> bool:
        self.portal.stage.step()
        record = self.portal.record
        if record is None or record.version not in (old, new) or record.state is PortalState.UNINSTALLED:
            return False
        if record.version != new:
            self.portal.pointed.append(serial_of(pair))
            self.portal.record = Pointer(new)
        return True

    def refused(self, version: str, at: float, code: str) -> None:
        self.portal.stage.step()
        record = self.portal.record
        if record is not None and record.version == version and not record.refused_at:
            self.portal.record = replace(record, refused_at=at, refused_code=code)

    def close(self, version: str, state: PortalState, code: str, retry_at: float) -> None:
        self.portal.stage.step()
        record = self.portal.record
        if record is not None and record.version == version and record.state is not PortalState.UNINSTALLED:
            self.portal.record = replace(
                record, state=state, state_code=code, retry_at=retry_at, lock_owner="", lock_until=0.0
            )

    def new_id(self) -> str:
        self.portal.ids += 1
        return f"id{self.portal.ids}"

    def told(self, outcome: str) -> None:
        self.outcomes.append(outcome)


def starts(portal: Portal, name: str, process: Process | None = None, *, refused: str = "v1") -> Actor:
    """A process that found the pair behind `refused` expired and has 10 s for it."""
    world = process or Process(portal)
    deadline = Deadline.after(10, portal.stage)
    return portal.stage.start(name, lambda: renew(world, refused, deadline))


def runs_out(portal: Portal) -> None:
    """Everybody goes on in turn, until all have ended."""
    for _ in range(20_000):
        ready = portal.stage.ready()
        if not ready:
            return
        for actor in ready:
            portal.stage.advance(actor)
    pytest.fail("somebody never ends")


def renewed_alone(portal: Portal, *, refused: str | None = None) -> Actor:
    """One more process, with all the time it needs, after everything else."""
    actor = starts(portal, "later", refused=refused or portal.expect().version)
    runs_out(portal)
    return actor


REACHED: Mapping[str, Callable[[Portal], bool]] = {
    "claimed": lambda portal: bool(portal.expect().lock_owner),
    "refreshed": lambda portal: portal.issued > 1,
    "saved": lambda portal: len(portal.secrets) > 1,
    "switched": lambda portal: portal.expect().version != "v1",
}


def kill_after(portal: Portal, actor: Actor, condition: str) -> None:
    """Let an actor run alone until the portal's history says that it got where it shall die."""
    while not REACHED[condition](portal):
        portal.stage.ready()
        portal.stage.advance(actor)
    if not actor.done:
        portal.stage.kill(actor)


@pytest.fixture
def portal() -> Portal:
    return Portal(Stage())


def test_sixteen_processes_with_one_expired_pair_refresh_it_once_and_none_fails(portal: Portal) -> None:
    actors = [starts(portal, f"p{number}") for number in range(16)]
    runs_out(portal)
    assert portal.asked == [1]
    assert {actor.result for actor in actors} == {portal.expect().version}


def test_a_pair_that_somebody_renewed_already_is_not_renewed_again(portal: Portal) -> None:
    renewed_alone(portal)
    actor = starts(portal, "late")
    runs_out(portal)
    assert (actor.result, portal.asked) == (portal.expect().version, [1])


@pytest.mark.parametrize("point", ["claimed", "saved", "switched"])
def test_whoever_dies_there_costs_no_more_than_the_lease(portal: Portal, point: str) -> None:
    kill_after(portal, starts(portal, "victim"), point)
    portal.stage.time += LEASE + 0.1
    actor = renewed_alone(portal, refused="v1")
    assert actor.result == portal.expect().version != "v1"
    assert portal.pointed == [1, 2]
    assert portal.asked == [1]


def test_whoever_dies_between_refresh_and_save_costs_the_grant_and_nobody_loops(portal: Portal) -> None:
    kill_after(portal, starts(portal, "victim"), "refreshed")
    portal.stage.time += LEASE + 0.1
    actor = renewed_alone(portal)
    assert isinstance(actor.error, PortalReauthorise)
    assert actor.error.portal_error == "invalid_grant"
    assert portal.expect().state is PortalState.REAUTHORISE
    again = renewed_alone(portal)
    assert isinstance(again.error, PortalReauthorise)
    assert portal.asked == [1, 1]


def test_a_saved_pair_that_is_not_readable_yet_is_waited_for_before_a_grant_is_called_dead(portal: Portal) -> None:
    portal.lag = LEASE + 5.0
    kill_after(portal, starts(portal, "victim"), "saved")
    portal.stage.time += LEASE + 0.1
    actor = renewed_alone(portal)
    assert actor.result == portal.expect().version != "v1"
    assert portal.expect().state is PortalState.ACTIVE
    assert portal.pointed == [1, 2]


def test_a_refused_grant_is_believed_only_after_patience(portal: Portal) -> None:
    portal.alive = 0
    before = portal.stage.time
    actor = renewed_alone(portal)
    assert isinstance(actor.error, PortalReauthorise)
    assert portal.stage.time - before >= PATIENCE


def test_patience_counts_from_the_first_refusal_in_whatever_process(portal: Portal) -> None:
    portal.alive = 0
    deadline = Deadline.after(4, portal.stage)
    first = portal.stage.start("short of time", lambda: renew(Process(portal), "v1", deadline))
    runs_out(portal)
    assert isinstance(first.error, PortalUnavailable)
    assert portal.expect().state is PortalState.ACTIVE
    second = renewed_alone(portal)
    assert isinstance(second.error, PortalReauthorise)
    assert portal.asked == [1]


def test_a_holder_whose_lock_lapsed_while_he_saved_still_brings_his_pair_in(portal: Portal) -> None:
    slow = starts(portal, "slow")
    while portal.issued == 1:
        portal.stage.advance(slow)
    portal.stage.time += LEASE + 0.1
    other = starts(portal, "other")
    while not portal.expect().refused_at:
        portal.stage.ready()
        portal.stage.advance(other)
    runs_out(portal)
    assert slow.result == other.result == portal.expect().version
    assert portal.expect().state is PortalState.ACTIVE
    assert portal.pointed == [1, 2]


def test_a_pair_that_could_not_be_saved_is_brought_in_by_the_next_in_that_process(portal: Portal) -> None:
    portal.saving_fails = 1
    process = Process(portal)
    first = starts(portal, "first", process)
    runs_out(portal)
    assert isinstance(first.error, StoreUnavailable)
    second = starts(portal, "second", process)
    runs_out(portal)
    assert second.result == portal.expect().version != "v1"
    assert portal.asked == [1]


def test_the_only_copy_of_a_pair_is_brought_in_while_another_process_finds_the_former_one_spent(
    portal: Portal,
) -> None:
    portal.saving_fails = 1
    process = Process(portal)
    starts(portal, "first", process)
    runs_out(portal)
    portal.stage.time += LEASE + 0.1
    other = starts(portal, "other")
    while not portal.expect().refused_at:
        portal.stage.ready()
        portal.stage.advance(other)
    again = starts(portal, "again", process)
    runs_out(portal)
    assert again.result == other.result == portal.expect().version != "v1"
    assert portal.expect().state is PortalState.ACTIVE


def test_a_process_with_the_only_copy_of_a_pair_never_asks_with_the_former_one(portal: Portal) -> None:
    portal.saving_fails = 3
    process = Process(portal)
    for _ in range(3):
        actor = starts(portal, "again", process)
        runs_out(portal)
        assert isinstance(actor.error, StoreUnavailable)
        portal.stage.time += LEASE + 0.1
    actor = starts(portal, "at last", process)
    runs_out(portal)
    assert actor.result == portal.expect().version != "v1"
    assert portal.asked == [1]


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("PAYMENT_REQUIRED", PortalBlocked),
        ("invalid_client", PortalMisconfigured),
        ("NOT_INSTALLED", PortalNotInstalled),
        ("invalid_grant", PortalReauthorise),
    ],
)
def test_what_one_process_found_out_the_others_that_waited_do_not_ask_again(
    portal: Portal, code: str, error: type[ChatLookupError]
) -> None:
    portal.refusal = BitrixError(code, 401, method="oauth/token")
    actors = [starts(portal, f"p{number}") for number in range(16)]
    runs_out(portal)
    assert portal.asked == [1]
    assert {type(actor.error) for actor in actors} <= {error, PortalUnavailable}


@pytest.mark.parametrize(
    ("code", "status", "error", "state"),
    [
        ("PAYMENT_REQUIRED", 401, PortalBlocked, PortalState.UNPAID),
        ("NOT_INSTALLED", 401, PortalNotInstalled, PortalState.UNINSTALLED),
        ("invalid_client", 401, PortalMisconfigured, PortalState.MISCONFIGURED),
        ("wrong_client", 200, PortalMisconfigured, PortalState.MISCONFIGURED),
        ("insufficient_scope", 403, PortalMisconfigured, PortalState.MISCONFIGURED),
        ("invalid_scope", 403, PortalMisconfigured, PortalState.MISCONFIGURED),
        ("invalid_request", 400, PortalMisconfigured, PortalState.MISCONFIGURED),
        ("invalid_grant", 400, PortalReauthorise, PortalState.REAUTHORISE),
        ("bad_verification_code", 400, PortalReauthorise, PortalState.REAUTHORISE),
        ("HTTP_5XX", 502, PortalUnavailable, PortalState.ACTIVE),
        ("TIMEOUT", 0, PortalUnavailable, PortalState.ACTIVE),
        ("TRANSPORT", 0, PortalUnavailable, PortalState.ACTIVE),
    ],
)
def test_each_error_of_the_authorisation_server_leads_to_its_state(
    portal: Portal, code: str, status: int, error: type[ChatLookupError], state: PortalState
) -> None:
    portal.refusal = BitrixError(code, status, method="oauth/token")
    actor = renewed_alone(portal)
    assert type(actor.error) is error
    assert portal.expect().state is state
    assert portal.expect().lock_until <= portal.stage.now() + OUTAGE_PAUSE


def test_who_knows_that_a_portal_was_unpaid_and_asks_nevertheless_finds_out_whether_it_is_paid(portal: Portal) -> None:
    known = (PortalState.UNPAID, portal.stage.time + 3600)
    portal.record = replace(portal.expect(), state=known[0], retry_at=known[1])
    actor = starts(portal, "asks", Process(portal, known))
    runs_out(portal)
    assert actor.result == portal.expect().version != "v1"
    assert portal.expect().state is PortalState.ACTIVE


def test_an_outage_leaves_everything_as_it_was(portal: Portal) -> None:
    portal.refusal = BitrixError("HTTP_5XX", 503, method="oauth/token")
    renewed_alone(portal)
    portal.refusal = None
    actor = renewed_alone(portal)
    assert actor.result == portal.expect().version != "v1"


def test_an_uninstalled_portal_is_not_renewed(portal: Portal) -> None:
    portal.record = replace(portal.expect(), state=PortalState.UNINSTALLED)
    assert isinstance(renewed_alone(portal).error, PortalNotInstalled)
    assert portal.asked == []


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_interleaving_overwrites_a_newer_pair_or_spends_one_twice(data: st.DataObject) -> None:
    """Processes come, sleep, die; secrets lag; the portal is uninstalled or installed anew at any moment."""
    portal = Portal(Stage(), lag=data.draw(st.sampled_from([0.0, 0.0, 2.0, 5.0])))
    unsaved = portal.saving_fails = data.draw(st.integers(0, 2))
    for number in range(data.draw(st.integers(1, 5))):
        starts(portal, f"p{number}")
    killed = lapses = installs = 0
    for _ in range(data.draw(st.integers(1, 120))):
        ready = portal.stage.ready()
        if not ready:
            break
        what = data.draw(st.sampled_from(["step"] * 12 + ["kill", "pause", "late", "install"]))
        actor = data.draw(st.sampled_from(ready))
        if what == "kill":
            killed += 1
            portal.stage.kill(actor)
        elif what == "pause":
            lapses += 1
            portal.stage.time += LEASE + 1
        elif what == "late":
            starts(portal, f"late{len(portal.stage.actors)}", refused=portal.expect().version)
        elif what == "install":
            installs += 1
            portal.issued += 1
            portal.alive = portal.issued
            portal.secrets[f"i{portal.issued}"] = (portal.stage.now(), pair_number(portal.issued))
            portal.record = Pointer(f"i{portal.issued}")
            portal.pointed.append(portal.issued)
        else:
            portal.stage.advance(actor)
    runs_out(portal)
    # Never a newer pair overwritten by an older one.
    assert portal.pointed == sorted(set(portal.pointed))
    # No pair is asked for twice, unless a holder was slower than his lease, died, or could not save what he got.
    asked_again = len(portal.asked) - len(set(portal.asked))
    assert asked_again <= killed + lapses + installs + unsaved
    for actor in portal.stage.actors:
        assert actor.error is None or isinstance(actor.error, ChatLookupError | Killed)
    # Without a death between refresh and save the grant is never lost.
    if not (killed or unsaved or lapses):
        portal.stage.time += LEASE + PATIENCE + 6
        assert portal.expect().state is PortalState.ACTIVE
