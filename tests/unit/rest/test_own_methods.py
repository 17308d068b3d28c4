"""`user.current` and `server.time`: for every key, at a cost of at most one call of `profile` in 30 seconds."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime

import pytest

from chat_lookup.bootstrap.services import Services
from chat_lookup.clock import Deadline
from chat_lookup.observability.telemetry import Telemetry
from chat_lookup.portals.portal import Portal, PortalState
from chat_lookup.rest.errors import Refusal, RestFailures, documented
from chat_lookup.rest.own_methods import Profiles
from chat_lookup.rest.responses import RestOutcome, Result
from tests.support.fakes import FakeBitrix24, ManualClock
from tests.support.rest_function import answered, asked, command, event, refused, result

PROFILE = {"ID": "1", "ADMIN": True, "NAME": "Ada", "LAST_NAME": "Lovelace", "PERSONAL_GENDER": "", "TIME_ZONE": ""}
USER = {"ID": "1", "NAME": "Ada", "LAST_NAME": "Lovelace", "ADMIN": True}
THREADS = 8


@pytest.fixture
def key(booted: Services, portal: Portal) -> str:
    return booted.keys.create(portal.member_id, "shop", ["rest"], None)[0]


# -- user.current ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["user.current", "USER.Current.json"])
def test_user_consists_of_four_fields_of_the_profile(key: str, bitrix24: FakeBitrix24, method: str) -> None:
    bitrix24.answers("profile", PROFILE)
    _, body = asked(key, method)
    assert list(body["result"].items()) == list(USER.items())
    assert list(body["time"]) == [
        "start", "finish", "duration", "processing", "date_start", "date_finish", "operating_reset_at", "operating",
    ]  # fmt: skip


def test_profile_of_an_inactive_user_is_an_empty_list(key: str, bitrix24: FakeBitrix24) -> None:
    bitrix24.answers("profile", {})
    assert result(key, "user.current") == []


def test_profile_is_requested_once_in_thirty_seconds(key: str, bitrix24: FakeBitrix24, clock: ManualClock) -> None:
    bitrix24.answers("profile", PROFILE)
    for _ in range(3):
        assert result(key, "user.current") == USER
        clock.advance(9.9)
    assert bitrix24.methods == ["profile"]
    clock.advance(0.4)
    assert result(key, "user.current") == USER
    assert bitrix24.methods == ["profile"] * 2


def test_all_commands_of_a_batch_share_one_request(key: str, bitrix24: FakeBitrix24) -> None:
    bitrix24.answers("profile", PROFILE)
    commands = ["user.current", "server.time", "User.Current.json", f"user.current?{'x' * 10}=$result[0][ID]"] * 10
    outcomes = result(key, "batch", {"cmd": commands})
    assert outcomes["result_error"] == []
    assert [outcomes["result"][place] for place in (0, 2, 3, 38)] == [USER] * 4
    assert bitrix24.methods == ["profile"]


def test_error_of_the_profile_is_that_of_the_user_and_is_not_remembered(key: str, bitrix24: FakeBitrix24) -> None:
    bitrix24.fails("profile", "ACCESS_ERROR", 403)
    assert refused(key, "user.current") == (403, "ACCESS_ERROR")
    errors = result(key, "batch", {"cmd": ["user.current"] * 50})["result_error"]
    assert [error["error"] for error in errors] == ["ACCESS_ERROR"] * 50
    assert bitrix24.methods == ["profile"] * 2, "one call for all commands that are sent together"
    bitrix24.answers("profile", PROFILE)
    assert result(key, "user.current") == USER


def test_other_parameters_and_tokens_are_not_sent(key: str, bitrix24: FakeBitrix24) -> None:
    bitrix24.answers("profile", PROFILE)
    assert result(key, "user.current", {"auth": "stolen", "ID": 7}) == USER
    assert bitrix24.calls[-1].params == {}


def test_key_whose_list_has_the_method_receives_the_portals_own_answer(
    booted: Services, portal: Portal, bitrix24: FakeBitrix24
) -> None:
    full = {"ID": "1", "ACTIVE": True, "UF_DEPARTMENT": [1]}
    bitrix24.answers("user.current", full)
    opening, _ = booted.keys.create(
        portal.member_id, "shop", ["rest", "passthrough"], None, passthrough=["user.current"]
    )
    assert result(opening, "user.current") == full
    assert bitrix24.methods == ["user.current"]


@pytest.mark.parametrize("method", ["user.current", "server.time"])
def test_key_without_the_rest_scope_is_refused(
    booted: Services, portal: Portal, bitrix24: FakeBitrix24, method: str
) -> None:
    other, _ = booted.keys.create(portal.member_id, "other", ["lookup"], None)
    assert refused(other, method) == (403, "insufficient_scope")
    assert bitrix24.calls == []


# -- server.time -------------------------------------------------------------------------------------------------------


def test_time_is_that_of_the_service_as_the_platform_writes_it(
    key: str, bitrix24: FakeBitrix24, clock: ManualClock
) -> None:
    bitrix24.refuses("INTERNAL_SERVER_ERROR", 500)
    written = result(key, "server.time")
    assert written == "2025-11-13T02:13:20+00:00"
    assert datetime.fromisoformat(written).timestamp() == int(clock.now())
    assert answered(event(f"7/{key}/server.time.json", verb="GET"))[1]["result"] == written
    assert result(key, "batch", {"cmd": [command("SERVER.TIME")]})["result"] == [written]
    assert bitrix24.calls == []


# -- concurrent callers ------------------------------------------------------------------------------------------------


class Portals:
    """Answers `profile`, or raises, when it is released; `calls` counts the requests."""

    def __init__(self, outcome: RestOutcome | Exception) -> None:
        self.outcome = outcome
        self.calls = 0
        self.called = threading.Event()
        self.released = threading.Event()

    def ask(self, _: Portal, __: Deadline) -> RestOutcome:
        self.calls += 1
        self.called.set()
        assert self.released.wait(30)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


@pytest.fixture
def profiles_of(telemetry: Telemetry, clock: ManualClock) -> Callable[[Portals], Profiles]:
    return lambda portals: Profiles(portals.ask, RestFailures(telemetry, clock), clock)


@pytest.mark.parametrize("outcome", [Result(PROFILE, {}), documented("ACCESS_ERROR")])
def test_concurrent_callers_share_one_request_and_its_outcome(
    profiles_of: Callable[[Portals], Profiles], portal: Portal, clock: ManualClock, outcome: RestOutcome
) -> None:
    portals = Portals(outcome)
    profiles = profiles_of(portals)
    deadline = Deadline.after(30, clock)
    with ThreadPoolExecutor(THREADS) as pool:
        flights = [pool.submit(profiles.of, portal, deadline) for _ in range(THREADS)]
        assert portals.called.wait(30)
        assert not any(flight.done() for flight in flights)
        portals.released.set()
        assert [flight.result(30) for flight in flights] == [outcome] * THREADS
    assert portals.calls <= (1 if isinstance(outcome, Result) else THREADS)


def test_follower_of_a_request_that_takes_too_long_is_refused_at_its_own_deadline(
    profiles_of: Callable[[Portals], Profiles], portal: Portal, clock: ManualClock
) -> None:
    portals = Portals(Result(PROFILE, {}))
    profiles = profiles_of(portals)
    with ThreadPoolExecutor(1) as pool:
        flight = pool.submit(profiles.of, portal, Deadline.after(30, clock))
        assert portals.called.wait(30)
        late = profiles.of(portal, Deadline.after(0, clock))
        portals.released.set()
        assert flight.result(30) == portals.outcome
    assert isinstance(late, Refusal)
    assert (late.status, late.code) == (503, "INTERNAL_SERVER_ERROR")


def test_request_that_raises_leaves_no_caller_waiting(
    profiles_of: Callable[[Portals], Profiles], portal: Portal, clock: ManualClock
) -> None:
    portals = Portals(RuntimeError("broken"))
    profiles = profiles_of(portals)
    with ThreadPoolExecutor(2) as pool:
        leader = pool.submit(profiles.of, portal, Deadline.after(30, clock))
        assert portals.called.wait(30)
        portals.released.set()
        with pytest.raises(RuntimeError):
            leader.result(30)
    portals.outcome = Result(PROFILE, {})
    assert profiles.of(portal, Deadline.after(30, clock)) == portals.outcome


def test_closed_portal_is_not_answered_for_and_a_new_installation_is_asked_anew(
    profiles_of: Callable[[Portals], Profiles], portal: Portal, clock: ManualClock
) -> None:
    portals = Portals(Result(PROFILE, {}))
    profiles = profiles_of(portals)
    portals.released.set()
    deadline = Deadline.after(30, clock)
    for count, record in enumerate(
        (
            portal,
            replace(portal, state=PortalState.REAUTHORISE),
            replace(portal, generation=portal.generation + 1),
            replace(portal, member_id="another"),
        ),
        start=1,
    ):
        profiles.of(record, deadline)
        assert portals.calls == count
    profiles.of(portal, deadline)
    assert portals.calls == 4
