"""`user.current` and `server.time`: for every key, at a cost of at most one call of `profile` in 30 seconds."""

import json
from datetime import datetime

import pytest

from chat_lookup.bootstrap.services import Services
from chat_lookup.dynamodb import begins_with
from chat_lookup.portals.portal import Portal
from tests.support.fakes import FakeBitrix24, ManualClock, Stores
from tests.support.rest_function import answered, asked, command, event, refused, result

PROFILE = {"ID": "1", "ADMIN": True, "NAME": "Ada", "LAST_NAME": "Lovelace", "PERSONAL_GENDER": "", "TIME_ZONE": ""}
USER = {"ID": "1", "NAME": "Ada", "LAST_NAME": "Lovelace", "ADMIN": True}


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
    assert bitrix24.calls[0].at + 29 < clock.now()
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


def test_nothing_but_the_four_fields_is_stored(key: str, bitrix24: FakeBitrix24, stores: Stores) -> None:
    bitrix24.answers("profile", {**PROFILE, "PERSONAL_PHOTO": "https://acme.bitrix24.com/private"})
    assert result(key, "user.current") == USER
    (row,) = stores.cache_rows.scan(begins_with("pk", "PROFILE#"))
    assert json.loads(row["outcome"]["S"]) == {"value": USER}


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
