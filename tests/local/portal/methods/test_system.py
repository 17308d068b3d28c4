"""Methods about the portal and its users, which the service and its doctor ask (bitrix24.md 10.6)."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from tests.support.portals.portal_service import ApplicationProbe

BINDING = {"event": "ONAPPTEST"}


@pytest.fixture(scope="module")
def shared_portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApplicationProbe]:
    with ApplicationProbe(tmp_path_factory.mktemp("portal")) as probe:
        yield probe


@pytest.fixture
def portal(shared_portal: ApplicationProbe) -> ApplicationProbe:
    shared_portal.installed_afresh()
    shared_portal.service.received.clear()
    return shared_portal


@pytest.fixture
def token(portal: ApplicationProbe) -> str:
    """An administrator's access token."""
    access_token: str = portal.grant()["access_token"]
    return access_token


def test_server_time_is_the_portals_time_with_an_offset(portal: ApplicationProbe) -> None:
    portal.tell("/clock", {"advance_s": 7200})
    assert datetime.fromisoformat(portal.result("server.time")).timestamp() == int(portal.clock.now())


def test_event_test_is_sent_to_the_bound_handler_with_the_parameters_of_the_call(
    portal: ApplicationProbe, token: str
) -> None:
    portal.result_with(token, "event.bind", **BINDING, handler=portal.service.url + "/bitrix24/events")
    assert portal.result_with(token, "event.test", any="data", more={"a": 1}) == 1
    portal.portal.settle()
    [event] = [each.form for each in portal.service.received]
    assert (event["event"], event["data"]) == (
        "ONAPPTEST",
        {"QUERY": {"any": "data", "more": {"a": "1"}}, "LANGUAGE_ID": "en"},
    )
    assert event.keys() == {"event", "event_handler_id", "data", "ts", "auth"}
    assert event["auth"]["member_id"] == portal.portal.member_id


def test_event_test_without_a_handler_sends_nothing(portal: ApplicationProbe, token: str) -> None:
    assert portal.result_with(token, "event.test") == 1
    portal.portal.settle()
    assert portal.service.received == []


@pytest.mark.parametrize("method", ["event.test", "events"])
def test_methods_of_an_application_refuse_a_webhook(portal: ApplicationProbe, method: str) -> None:
    assert portal.error(method) == (403, "WRONG_AUTH_TYPE")


def test_events_are_listed_by_what_is_granted_by_scope_and_in_full(portal: ApplicationProbe, token: str) -> None:
    granted = portal.result_with(token, "events")
    assert "ONAPPTEST" in granted
    assert "ONUSERADD" not in granted
    assert portal.result_with(token, "events", SCOPE="user") == ["ONUSERADD"]
    assert portal.result_with(token, "events", SCOPE="none", FULL=True) == []
    assert portal.result_with(token, "events", FULL=True) == [*granted, "ONUSERADD"]


def test_methods_are_listed_by_what_is_granted_by_scope_and_in_full(portal: ApplicationProbe) -> None:
    portal.tell("/scopes", {"scopes": ["im"]})
    granted = portal.result("methods")
    assert {"im.chat.get", "profile", "batch"} <= set(granted)
    assert "imbot.chat.get" not in granted
    assert "user.get" in portal.result("methods", scope="user_basic", full=True)
    assert "im.chat.get" not in portal.result("methods", scope="")
    assert portal.result("methods", scope="none") == []
    everything = portal.result("methods", full=True)
    assert "imbot.chat.get" in everything
    assert not [name for name in everything if name.startswith(("imbot.v2.", "tasks.task."))]


def test_feature_needs_its_code(portal: ApplicationProbe) -> None:
    assert portal.result("feature.get", CODE="rest_offline_extended") == {"value": "Y"}
    for code in ({}, {"CODE": ""}, {"CODE": "0"}):
        assert portal.error("feature.get", **code) == (400, "CODE_EMPTY")


def test_user_admin_is_the_callers_right(portal: ApplicationProbe, token: str) -> None:
    assert portal.result_with(token, "user.admin") is True
    assert portal.result_with(portal.grant(2)["access_token"], "user.admin") is False


def ids(portal: ApplicationProbe, **params: Any) -> list[str]:
    return [user["ID"] for user in portal.result("user.get", **params)]


@pytest.fixture
def users(portal: ApplicationProbe) -> Iterator[ApplicationProbe]:
    """The webhook may read all fields of users."""
    portal.tell("/scopes", {"scopes": ["user", "im"]})
    yield portal
    portal.tell("/scopes", {"scopes": ["im", "imbot", "imopenlines", "task"]})


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({}, ["1", "2", "3", "4"]),
        ({"ID": 2}, ["2"]),
        ({"FILTER": {"ID": [1, "3"]}}, ["1", "3"]),
        ({"filter": {"NAME": "An%"}}, ["1"]),
        ({"filter": {"!%LAST_NAME": "mi"}}, ["1", "3", "4"]),
        ({"filter": {"@LAST_NAME": ["Smith", "Schneider"]}, "sort": "NAME", "order": "desc"}, ["2", "1"]),
        ({"filter": {"USER_TYPE": "employee"}, "sort": "ID", "order": "DESC"}, ["3", "2", "1"]),
        ({"filter": {"!ID": 1, "ACTIVE": True}}, ["2", "3", "4"]),
        ({"filter": {"ACTIVE": "N"}}, []),
        ({"UF_DEPARTMENT": 1, "start": 0}, ["1", "2", "3"]),
        ({"start": 50}, []),
    ],
)
def test_users_are_found_by_their_fields(users: ApplicationProbe, params: dict[str, Any], found: list[str]) -> None:
    assert ids(users, **params) == found


def test_users_come_in_pages_of_fifty_with_their_total(users: ApplicationProbe) -> None:
    for number in range(60):
        users.tell("/users", {"user_id": 5000 + number})
    _, first = users.call("user.get", filter={"LAST_NAME": ""}, select=["ID"])
    assert (len(first["result"]), first["next"], first["total"], first["result"][0]) == (50, 50, 60, {"ID": "5000"})
    _, second = users.call("user.get", filter={"LAST_NAME": ""}, start=50)
    assert (len(second["result"]), second["total"], "next" in second) == (10, 60, False)
    batch = users.result("batch", cmd={"u": "user.get?filter[LAST_NAME]=", "p": "profile"})
    assert (len(batch["result"]["u"]), batch["result_total"], batch["result_next"]) == (50, {"u": 60}, {"u": 50})


def test_fields_of_users_depend_on_the_scope(users: ApplicationProbe) -> None:
    assert {"EMAIL", "LAST_LOGIN", "USER_TYPE"} <= users.result("user.get", ID=1)[0].keys()
    users.tell("/scopes", {"scopes": ["user_basic"]})
    assert users.result("user.get", ID=1)[0].keys() & {"EMAIL", "LAST_LOGIN"} == {"EMAIL"}
    users.tell("/scopes", {"scopes": ["user_brief"]})
    for method in ("user.get", "user.current"):
        assert "EMAIL" not in str(users.result(method))
    users.tell("/scopes", {"scopes": ["im"]})
    assert users.error("user.get") == (403, "insufficient_scope")


def test_app_info_names_the_status_of_a_subscription(portal: ApplicationProbe) -> None:
    card = {"kind": "market", "interface": False, "status": "S", "service_url": portal.service.url}
    client_id = portal.tell("/applications", card)["client_id"]
    portal.tell("/install", {"client_id": client_id})
    token = portal.grant(client_id=client_id)["access_token"]
    info = portal.result_with(token, "app.info")
    assert (info["STATUS"], info["PAYMENT_EXPIRED"]) == ("S", "N")
    assert portal.service.received[-1].form["auth"]["status"] == "S"
