"""One refresh at a time over sixteen processes, on the real engine: whoever dies, and however bad AWS's day is."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import pytest

from chat_lookup.clock import SKEW
from chat_lookup.credentials.renewal import LEASE, OUTAGE_PAUSE, PATIENCE, UNSAVED_FOR
from chat_lookup.portals.failures import FIRST_LOOK
from chat_lookup.portals.portal import PortalState
from local.aws.embedded import EmbeddedAws
from tests.support.stores.tables import Tables
from tests.support.stores.unreliable_aws import Day
from tests.support.tokens.token_process import DIRECT, Outcome, Process
from tests.support.tokens.token_scene import (
    A_GOOD_DAY,
    CROWD,
    FIRST_CHAT,
    Place,
    Scene,
    all_but_one,
    all_found,
    happens,
    running_place,
    running_scene,
    together,
)

pytestmark = pytest.mark.dynamodb_local

DAYS: Final[Mapping[str, Day]] = {
    "a good day": A_GOOD_DAY,
    "reads lag": Day(lag=5.0),
    "answers are lost": Day(answers_lost=True),
}
any_day = pytest.mark.parametrize("day", DAYS.values(), ids=DAYS)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with running_place(tmp_path_factory.mktemp("portal")) as place:
        yield place


@pytest.fixture
def scene(place: Place, real_tables: Tables, embedded_aws: EmbeddedAws, tmp_path: Path) -> Iterator[Scene]:
    with running_scene(place, real_tables, embedded_aws.endpoint_url, tmp_path) as scene:
        yield scene


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
    left = outlived(scene, scene.begin(day=day, death=death))
    assert set(together(left)) < set(all_found())
    assert scene.refreshes == 1
    assert scene.still_connected(left[0])


def outlived(scene: Scene, crowd: Sequence[Process]) -> list[Process]:
    """Lets one die while it holds the lock: the others wait to their deadline. Returns those, past the lease."""
    scene.an_hour_passes()
    left = all_but_one(crowd)
    scene.probe.clock.advance(DIRECT)
    assert {process.outcome() for process in left} == {Outcome(None, "portal-unavailable", 2)}
    scene.probe.clock.advance(LEASE + SKEW - DIRECT)
    return left


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
    left = outlived(scene, scene.begin(day=day, death="before the save"))
    for number, process in enumerate(left):
        process.ask(f"DEAL|{number}")
    happens(lambda: scene.refreshes > 1)
    scene.probe.clock.advance(PATIENCE)
    lost = {("portal-reauthorise", "invalid_grant")}
    assert {(told.problem, told.portal_error) for told in (process.outcome() for process in left)} == lost
    assert scene.state is PortalState.REAUTHORISE
    scene.probe.clock.advance(FIRST_LOOK / 2)
    assert {(told.problem, told.portal_error) for told in together(left)} == lost
    # One brought the pair that was lost, one found out.
    assert scene.refreshes == 2
    assert '"lost"' in "".join(process.log for process in left)


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
    crowd = scene.begin(seconds=10)
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


def unsaved_by(scene: Scene, process: Process) -> None:
    """Lets a process get a pair that it cannot save before its lease ends: the store fails once it has asked."""
    scene.slow_server()
    scene.an_hour_passes()
    process.ask("DEAL|0")
    happens(lambda: scene.refreshes == 1)
    scene.aws.down = {"PutSecretValue"}
    scene.probe.clock.advance(LEASE - 3)
    assert process.outcome().problem == "store-unavailable"


def test_a_store_that_takes_no_pair_keeps_the_token_from_being_spent(scene: Scene) -> None:
    (process,) = scene.begin(1)
    scene.an_hour_passes()
    scene.aws.down = {"PutSecretValue"}
    assert process.look_up("DEAL|0").problem == "store-unavailable"
    assert scene.refreshes == 0
    scene.aws.down.clear()
    scene.probe.clock.advance(OUTAGE_PAUSE)
    assert process.look_up("DEAL|0") == Outcome(FIRST_CHAT)


def test_a_pair_that_could_not_be_saved_in_time_is_kept_and_saved_by_a_later_look_up(scene: Scene) -> None:
    (process,) = scene.begin(1)
    unsaved_by(scene, process)
    assert process.look_up("DEAL|0").problem == "store-unavailable"
    scene.aws.down.clear()
    assert process.look_up("DEAL|0") == Outcome(FIRST_CHAT)
    assert scene.refreshes == 1
    assert scene.still_connected(process)


def test_the_only_copy_of_a_pair_is_brought_in_although_another_process_is_told_that_the_former_is_spent(
    scene: Scene,
) -> None:
    process, other = scene.begin(2)
    unsaved_by(scene, process)
    assert other.look_up("DEAL|1").problem == "portal-unavailable"
    scene.probe.clock.advance(UNSAVED_FOR)
    scene.aws.down.clear()
    other.ask("DEAL|1")
    happens(lambda: scene.refreshes > 1)
    assert process.look_up("DEAL|0") == Outcome(FIRST_CHAT)
    assert other.outcome() == Outcome(FIRST_CHAT + 1)
    assert scene.still_connected(other)


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
    assert scene.still_connected(warm)
    scene.aws.down = {"GetSecretValue"}
    assert scene.still_connected(warm)


def test_who_cannot_read_what_a_refresh_needs_keeps_nobody_else_from_it(scene: Scene) -> None:
    cold, warm = scene.begin(2)
    assert scene.still_connected(warm)
    assert cold.look_up("DEAL|0") == Outcome(FIRST_CHAT)  # has the pair now, but not the application's keys
    scene.an_hour_passes()
    scene.aws.down = {"GetSecretValue"}
    assert cold.look_up("DEAL|0").problem == "store-unavailable"
    assert warm.look_up("DEAL|1") == Outcome(FIRST_CHAT + 1)
