"""One refresh at a time over sixteen processes on the real engine, though lock holders die and AWS fails."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import pytest

from chat_lookup.clock import SKEW
from chat_lookup.credentials.renewal import LEASE, OUTAGE_PAUSE, PATIENCE, UNSAVED_FOR
from chat_lookup.portals.failures import FIRST_LOOK
from chat_lookup.portals.portal import PortalState
from local.aws.embedded import EmbeddedAws
from tests.support.processes.waiting import until
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
PATIENT: Final = DIRECT + 10
"""Seconds of a caller whose own deadline comes after the holder's, however busy the machine is."""
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
def test_sixteen_processes_refresh_one_expired_token_once_and_none_fails(scene: Scene, day: Day) -> None:
    crowd = scene.begin(day=day)
    scene.slow_server()
    scene.an_hour_passes()
    assert together(crowd) == all_found()
    assert scene.refreshes == 1
    assert scene.still_connected(crowd[0])


def test_token_refused_before_its_expiry_is_refreshed_once(scene: Scene) -> None:
    crowd = scene.begin()
    scene.slow_server()
    scene.probe.tell("/expire_tokens", {})
    assert together(crowd) == all_found()
    assert scene.refreshes == 1


def test_no_process_logs_an_old_or_new_token(scene: Scene) -> None:
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


# -- the lock holder dies ----------------------------------------------------------------------------------------------


@any_day
@pytest.mark.parametrize("death", ["before the refresh", "before the switch"])
def test_death_of_the_lock_holder_costs_no_more_than_the_lease(scene: Scene, day: Day, death: str) -> None:
    left = outlived(scene, scene.begin(day=day, death=death))
    assert set(together(left)) < set(all_found())
    assert scene.refreshes == 1
    assert scene.still_connected(left[0])


def outlived(scene: Scene, crowd: Sequence[Process]) -> list[Process]:
    """Let the lock holder die; the others wait until their deadline. Return these, after the lease has expired."""
    scene.an_hour_passes()
    left = all_but_one(crowd)
    scene.probe.clock.advance(DIRECT)
    assert {process.outcome() for process in left} == {Outcome(None, "portal-unavailable", 2)}
    scene.probe.clock.advance(LEASE + SKEW - DIRECT)
    return left


@any_day
def test_death_after_the_switch_costs_nothing(scene: Scene, day: Day) -> None:
    crowd = scene.begin(day=day, death="after the switch")
    scene.an_hour_passes()
    outcomes = together(crowd)
    assert sorted(process.killed for process in crowd) == [False] * (CROWD - 1) + [True]
    assert [outcome for outcome in outcomes if outcome not in all_found()] == [Outcome()]
    assert scene.refreshes == 1
    assert scene.still_connected(next(process for process in crowd if not process.killed))


@any_day
def test_death_between_refresh_and_save_costs_the_grant_and_no_process_refreshes_in_a_loop(
    scene: Scene, day: Day
) -> None:
    left = outlived(scene, scene.begin(day=day, death="before the save"))
    for number, process in enumerate(left):
        process.ask(f"DEAL|{number}")
    until(lambda: scene.refreshes > 1)
    scene.probe.clock.advance(PATIENCE)
    lost = {("portal-reauthorise", "invalid_grant")}
    assert {(outcome.problem, outcome.portal_error) for outcome in (process.outcome() for process in left)} == lost
    assert scene.state is PortalState.REAUTHORISE
    scene.probe.clock.advance(FIRST_LOOK / 2)
    assert {(outcome.problem, outcome.portal_error) for outcome in together(left)} == lost
    # One refresh got the pair that was lost, the other one was refused.
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
def test_refusal_of_the_server_is_shared_by_sixteen_processes(
    scene: Scene, fault: dict[str, object], problem: str, state: PortalState, most: int
) -> None:
    crowd = scene.begin(seconds=10)
    scene.probe.tell("/faults", {"method": "oauth/token", **fault})
    scene.an_hour_passes()
    assert {outcome.problem for outcome in together(crowd)} == {problem}
    assert scene.state is state
    assert 1 <= scene.refreshes <= most


# -- Secrets Manager fails ---------------------------------------------------------------------------------------------


def test_pair_is_saved_at_the_third_attempt(scene: Scene) -> None:
    crowd = scene.begin(4)
    scene.aws.fail("PutSecretValue", 2)
    scene.an_hour_passes()
    assert together(crowd) == all_found(4)
    assert scene.refreshes == 1
    assert scene.still_connected(crowd[0])


def unsaved_by(scene: Scene, process: Process) -> None:
    """Let a process get a pair that it cannot save within its lease: the store fails after the refresh."""
    scene.slow_server()
    scene.an_hour_passes()
    scene.aws.keeps_pairs = False
    process.ask("DEAL|0")
    until(lambda: scene.refreshes == 1)
    scene.aws.down = {"PutSecretValue"}
    scene.probe.clock.advance(LEASE - 3)
    assert process.outcome().problem == "store-unavailable"
    scene.aws.keeps_pairs = True


def test_refresh_token_is_not_used_while_the_store_accepts_no_pair(scene: Scene) -> None:
    (process,) = scene.begin(1)
    scene.an_hour_passes()
    scene.aws.down = {"PutSecretValue"}
    assert process.look_up("DEAL|0").problem == "store-unavailable"
    assert scene.refreshes == 0
    scene.aws.down.clear()
    scene.probe.clock.advance(OUTAGE_PAUSE)
    assert process.look_up("DEAL|0") == Outcome(FIRST_CHAT)


def test_unsaved_pair_is_kept_in_memory_and_saved_by_a_later_look_up(scene: Scene) -> None:
    (process,) = scene.begin(1, seconds=PATIENT)
    unsaved_by(scene, process)
    assert process.look_up("DEAL|0").problem == "store-unavailable"
    scene.aws.down.clear()
    assert process.look_up("DEAL|0") == Outcome(FIRST_CHAT)
    assert scene.refreshes == 1
    assert scene.still_connected(process)


def test_unsaved_pair_is_saved_although_the_server_refuses_the_former_token_to_another_process(
    scene: Scene,
) -> None:
    (process,), (other,) = scene.begin(1, seconds=PATIENT), scene.begin(1)
    unsaved_by(scene, process)
    assert other.look_up("DEAL|1").problem == "portal-unavailable"
    scene.probe.clock.advance(UNSAVED_FOR)
    scene.aws.down.clear()
    other.ask("DEAL|1")
    until(lambda: scene.refreshes > 1)
    assert process.look_up("DEAL|0") == Outcome(FIRST_CHAT)
    assert other.outcome() == Outcome(FIRST_CHAT + 1)
    assert scene.still_connected(other)


def test_tokens_in_memory_are_used_while_secrets_cannot_be_read(scene: Scene) -> None:
    (warm,) = scene.begin(1)
    assert warm.look_up("DEAL|0") == Outcome(FIRST_CHAT)
    (cold,) = scene.begin(1)
    scene.aws.down = {"GetSecretValue"}
    assert cold.look_up("DEAL|0").problem == "store-unavailable"
    scene.probe.clock.advance(60)  # the memory of the portal has expired, and it is read again
    assert warm.look_up("DEAL|1") == Outcome(FIRST_CHAT + 1)


def test_process_with_the_pair_in_memory_renews_it_while_secrets_cannot_be_read(scene: Scene) -> None:
    (warm,) = scene.begin(1)
    assert scene.still_connected(warm)
    scene.aws.down = {"GetSecretValue"}
    assert scene.still_connected(warm)


def test_process_that_cannot_read_the_keys_does_not_block_the_refresh_of_another(scene: Scene) -> None:
    cold, warm = scene.begin(2)
    assert scene.still_connected(warm)
    assert cold.look_up("DEAL|0") == Outcome(FIRST_CHAT)  # has the pair now, but not the application's keys
    scene.an_hour_passes()
    scene.aws.down = {"GetSecretValue"}
    assert cold.look_up("DEAL|0").problem == "store-unavailable"
    assert warm.look_up("DEAL|1") == Outcome(FIRST_CHAT + 1)
