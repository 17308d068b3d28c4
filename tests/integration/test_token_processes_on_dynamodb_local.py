"""One refresh at a time over sixteen processes, on the real engine: whoever dies, and however bad AWS's day is."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import pytest

from chat_lookup.bitrix24.oauth import Application
from chat_lookup.records import Portal, PortalState
from chat_lookup.renewal import LEASE, PATIENCE
from local import environment
from local.aws import EmbeddedAws
from local.stack import ROOT
from local.template import Template
from tests.integration.conftest import Tables
from tests.integration.oauth_installation import Stores, added, known
from tests.integration.portal_probe import PortalProbe, until
from tests.integration.token_process import Outcome, Process, Setting, start
from tests.integration.unreliable_aws import Day, UnreliableAws

pytestmark = pytest.mark.dynamodb_local

CROWD: Final = 16
FIRST_CHAT: Final = 5000
AN_HOUR: Final = 3600.0

A_GOOD_DAY: Final = Day()
DAYS: Final[Mapping[str, Day]] = {
    "a good day": A_GOOD_DAY,
    "reads lag": Day(lag=5.0),
    "answers are lost": Day(answers_lost=True),
}
any_day = pytest.mark.parametrize("day", DAYS.values(), ids=DAYS)


@dataclass
class Scene:
    """A portal whose application is installed, its stores behind an address that may misbehave, and processes."""

    probe: PortalProbe
    aws: UnreliableAws
    stores: Stores
    portal: Portal
    setting: Setting
    processes: list[Process] = field(default_factory=list)

    def begin(self, count: int = CROWD, *, day: Day = A_GOOD_DAY, death: str = "") -> list[Process]:
        """That many new processes; one of them is to die at `death`."""
        self.aws.day = day
        names = [f"process {len(self.processes) + number}" for number in range(count)]
        begun = start(replace(self.setting, death=death), names)
        self.processes += begun
        return begun

    def an_hour_passes(self) -> None:
        """The portal's tokens expire, as they do every hour."""
        self.probe.clock.advance(AN_HOUR)

    def slow_server(self) -> None:
        """A refresh takes long enough for everybody to come while it lasts."""
        self.probe.tell("/faults", {"method": "oauth/token", "delay_ms": 400})

    @property
    def refreshes(self) -> int:
        """How many requests the authorisation server saw."""
        return len(self.probe.calls("oauth/token"))

    @property
    def state(self) -> PortalState:
        return self.stores.record(self.portal.member_id).state

    def still_connected(self, process: Process) -> bool:
        """Whether the pair that is stored is the one that lives: it renews once more."""
        before = self.refreshes
        self.an_hour_passes()
        return process.look_up("DEAL|0") == Outcome(FIRST_CHAT) and self.refreshes == before + 1


@dataclass(frozen=True, slots=True)
class Place:
    """The local portal, and the clock that it shares with every process."""

    probe: PortalProbe
    keys: Application
    clock_file: Path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("portal")
    with PortalProbe(folder) as probe:
        for number in range(CROWD):
            probe.tell("/chats", {"entity_type": "CRM", "entity_id": f"DEAL|{number}", "chat_id": FIRST_CHAT + number})
        yield Place(probe, added(probe.portal), folder / "clock")


@pytest.fixture
def scene(place: Place, embedded_aws: EmbeddedAws, real_tables: Tables, tmp_path: Path) -> Iterator[Scene]:
    probe = place.probe
    probe.tell("/reset", {})
    with UnreliableAws(real_tables.endpoint_url, embedded_aws.endpoint_url, probe.clock) as aws:
        stores = Stores(aws.dynamodb(), aws.secrets(), real_tables.portal, probe.clock)
        record = known(stores, place.keys, probe.tell("/grants", {}))
        filled = {
            "AWS_ENDPOINT_URL": aws.url,
            "CA_PEM": probe.portal.ca_pem,
            "LOCAL_HOSTS": ",".join(probe.portal.local_hosts),
            "PORTAL_TABLE": real_tables.portal,
            "CACHE_TABLE": real_tables.cache,
        }
        variables = environment.variables(Template.load(ROOT / "template.yaml"), filled)
        found = Scene(probe, aws, stores, record, Setting(variables, place.clock_file, record.member_id, tmp_path))
        yield found
        for process in found.processes:
            process.stop()


def together(processes: Sequence[Process]) -> list[Outcome]:
    """What each gets when all look up at once, each a pair of its own."""
    for number, process in enumerate(processes):
        process.ask(f"DEAL|{number}")
    return [process.outcome() for process in processes]


def all_found(count: int = CROWD) -> list[Outcome]:
    return [Outcome(FIRST_CHAT + number) for number in range(count)]


def survivors_of(scene: Scene, processes: Sequence[Process]) -> list[Process]:
    """Lets all look up at once until one has died, and the time pass that the others must wait for its lock."""
    for number, process in enumerate(processes):
        process.ask(f"DEAL|{number}")
    until(lambda: any(process.killed for process in processes))
    scene.probe.clock.advance(LEASE)
    left = [process for process in processes if not process.killed]
    assert len(left) == len(processes) - 1
    # Whoever waited in vain is told so, and when to come again.
    assert {outcome.problem for outcome in map(Process.outcome, left)} <= {"portal-unavailable", ""}
    return left


# -- one expired token -------------------------------------------------------------------------------------------------


@any_day
def test_sixteen_processes_with_one_expired_token_refresh_it_once_and_none_fails(scene: Scene, day: Day) -> None:
    crowd = scene.begin(day=day)
    scene.slow_server()
    scene.an_hour_passes()
    assert together(crowd) == all_found()
    assert scene.refreshes == 1
    assert scene.still_connected(crowd[0])


def test_a_token_that_the_portal_refuses_before_its_time_is_refreshed_once_too(scene: Scene) -> None:
    crowd = scene.begin()
    scene.slow_server()
    scene.probe.tell("/expire_tokens", {})
    assert together(crowd) == all_found()
    assert scene.refreshes == 1


def test_no_process_prints_a_token_that_it_had_or_got(scene: Scene) -> None:
    crowd = scene.begin(3)
    scene.an_hour_passes()
    assert together(crowd) == all_found(3)
    after = scene.stores.record(scene.portal.member_id)
    printed = "".join(process.log for process in crowd)
    assert "refreshed" in printed
    for version in (scene.portal.token_version, after.token_version):
        pair = scene.stores.vault.read(after.secret_arn, version)
        assert pair is not None
        assert pair["access_token"] not in printed
        assert pair["refresh_token"] not in printed


# -- whoever holds the lock dies ---------------------------------------------------------------------------------------


@any_day
@pytest.mark.parametrize("death", ["before the refresh", "before the switch"])
def test_a_death_with_the_lock_in_hand_costs_no_more_than_the_lease(scene: Scene, day: Day, death: str) -> None:
    crowd = scene.begin(day=day, death=death)
    scene.an_hour_passes()
    left = survivors_of(scene, crowd)
    assert together(left) == all_found(CROWD - 1)
    assert scene.refreshes == 1
    assert scene.still_connected(left[0])


@any_day
def test_a_death_after_the_switch_costs_nothing(scene: Scene, day: Day) -> None:
    crowd = scene.begin(day=day, death="after the switch")
    scene.an_hour_passes()
    outcomes = together(crowd)
    assert sorted(process.killed for process in crowd) == [False] * (CROWD - 1) + [True]
    assert [outcome for outcome in outcomes if outcome not in all_found()] == [Outcome()]
    assert scene.refreshes == 1
    assert scene.still_connected(next(process for process in crowd if not process.killed))


@any_day
def test_a_death_between_refresh_and_save_costs_the_grant_and_nobody_asks_in_a_loop(scene: Scene, day: Day) -> None:
    crowd = scene.begin(day=day, death="before the save")
    scene.an_hour_passes()
    left = survivors_of(scene, crowd)
    for number, process in enumerate(left):
        process.ask(f"DEAL|{number}")
    until(lambda: scene.refreshes > 1)
    scene.probe.clock.advance(PATIENCE)
    assert {outcome.problem for outcome in map(Process.outcome, left)} <= {"portal-unavailable", "portal-reauthorise"}
    until(lambda: scene.state is PortalState.REAUTHORISE)
    for _ in range(2):
        scene.probe.clock.advance(60)
        assert together(left) == [Outcome(None, "portal-reauthorise", 300, "invalid_grant")] * (CROWD - 1)
    # One brought the pair that was lost, one found out.
    assert scene.refreshes == 2


# -- the authorisation server refuses ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "problem", "state", "most"),
    [
        ({"error": "PAYMENT_REQUIRED"}, "portal-blocked", PortalState.UNPAID, 1),
        ({"error": "invalid_client"}, "portal-misconfigured", PortalState.MISCONFIGURED, 1),
        ({"error": "NOT_INSTALLED", "status": 401}, "portal-not-installed", PortalState.UNINSTALLED, 1),
        ({"status": 503}, "portal-unavailable", PortalState.ACTIVE, 6),
    ],
)
def test_what_the_server_refuses_to_one_is_not_asked_by_each_of_sixteen(
    scene: Scene, fault: dict[str, object], problem: str, state: PortalState, most: int
) -> None:
    crowd = scene.begin()
    scene.probe.tell("/faults", {"method": "oauth/token", **fault})
    scene.an_hour_passes()
    assert {outcome.problem for outcome in together(crowd)} == {problem}
    assert scene.state is state
    assert 1 <= scene.refreshes <= most


# -- Secrets Manager fails ---------------------------------------------------------------------------------------------


def test_saving_that_fails_twice_and_then_works_loses_nothing(scene: Scene) -> None:
    crowd = scene.begin(4)
    scene.aws.fail("PutSecretValue", 2)
    scene.an_hour_passes()
    assert together(crowd) == all_found(4)
    assert scene.refreshes == 1
    assert scene.still_connected(crowd[0])


def test_a_pair_that_could_not_be_saved_in_time_is_kept_and_saved_by_the_next_look_up(scene: Scene) -> None:
    (process,) = scene.begin(1)
    scene.aws.down = {"PutSecretValue"}
    scene.an_hour_passes()
    assert process.look_up("DEAL|0").problem == "store-unavailable"
    assert process.look_up("DEAL|0").problem == "store-unavailable"
    scene.aws.down.clear()
    scene.probe.clock.advance(LEASE)
    assert process.look_up("DEAL|0") == Outcome(FIRST_CHAT)
    assert scene.refreshes == 1
    assert scene.still_connected(process)


def test_tokens_in_memory_serve_while_secrets_cannot_be_read(scene: Scene) -> None:
    (warm,) = scene.begin(1)
    assert warm.look_up("DEAL|0") == Outcome(FIRST_CHAT)
    (cold,) = scene.begin(1)
    scene.aws.down = {"GetSecretValue"}
    assert cold.look_up("DEAL|0").problem == "store-unavailable"
    scene.probe.clock.advance(60)  # what is remembered of the portal has lapsed, and is read again
    assert warm.look_up("DEAL|1") == Outcome(FIRST_CHAT + 1)


def test_who_has_the_pair_in_memory_renews_it_although_secrets_cannot_be_read(scene: Scene) -> None:
    (warm,) = scene.begin(1)
    assert warm.look_up("DEAL|0") == Outcome(FIRST_CHAT)
    scene.aws.down = {"GetSecretValue"}
    assert scene.still_connected(warm)
