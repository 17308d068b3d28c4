"""What is set in the portal can be read, in the fields in which it is set."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.portals.portal_probe import PortalProbe


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PortalProbe]:
    with PortalProbe(tmp_path_factory.mktemp("portal")) as probe:
        yield probe


@pytest.fixture
def probe(shared: PortalProbe) -> PortalProbe:
    shared.tell("/reset", {})
    return shared


def shown(probe: PortalProbe, path: str) -> Any:
    response = probe.http.request("GET", probe.portal.control_url + path)
    assert response.status == 200, response.data
    return response.json()


@pytest.mark.parametrize(
    "fault",
    [
        {"method": "*", "status": 503},
        {"method": "im.chat.get", "error": "ACCESS_ERROR", "error_description": "No", "times": 2},
        {"method": "profile", "body": "<html>", "headers": {"Retry-After": "7"}, "content_type": "text/html"},
        {"method": "profile", "delay_ms": 5, "drop": True, "truncate": 3, "probability": 0.5, "seed": [1, "a"]},
        {"method": "oauth/token", "fields": {"expires_in": None, "scope": "im"}},
    ],
)
def test_fault_is_shown_as_it_was_given(probe: PortalProbe, fault: dict[str, object]) -> None:
    probe.tell("/faults", fault)
    assert shown(probe, "/faults") == [{**fault, "applied": 0}]
    probe.tell("/faults", [])
    assert shown(probe, "/faults") == []


def test_fault_shows_how_often_it_was_applied_and_later_faults_come_first(probe: PortalProbe) -> None:
    probe.tell("/faults", {"method": "profile", "error": "INTERNAL_SERVER_ERROR", "times": 2})
    probe.call("profile")
    probe.tell("/faults", {"method": "im.chat.get", "status": 502})
    assert [(each["method"], each["applied"]) for each in shown(probe, "/faults")] == [
        ("im.chat.get", 0),
        ("profile", 1),
    ]


@pytest.mark.parametrize(
    ("path", "change"),
    [
        ("/plan", {"rate": 5.0, "burst": 250.0, "operating_limit": None, "operating_cost_ms": 40.0}),
        ("/shape", {"result": "int", "oauth_post": False}),
    ],
)
def test_setting_is_shown_as_the_control_answers_its_change(
    probe: PortalProbe, path: str, change: dict[str, object]
) -> None:
    before = shown(probe, path)
    changed = probe.tell(path, change)
    assert changed == before | change == shown(probe, path)
    probe.tell(path, before)


def test_clock_shows_the_time_to_which_it_was_advanced(probe: PortalProbe) -> None:
    before = shown(probe, "/clock")["now"]
    after = probe.tell("/clock", {"advance_s": 3600})["now"]
    assert before + 3600 <= after <= shown(probe, "/clock")["now"] < after + 600


def test_added_chat_and_user_are_shown_with_those_of_the_demo(probe: PortalProbe) -> None:
    user_id = probe.tell("/users", {"name": "Ann", "last_name": "Lee", "kind": "extranet"})["user_id"]
    chat_id = probe.tell("/chats", {"entity_type": "CRM", "entity_id": "DEAL|77", "members": [user_id]})["chat_id"]
    users, chats = shown(probe, "/users"), shown(probe, "/chats")
    assert {"user_id": user_id, "name": "Ann", "last_name": "Lee", "admin": False, "active": True,
            "kind": "extranet"} in users  # fmt: skip
    assert [each for each in chats if each["entity_id"] == "DEAL|77"] == [
        {
            "chat_id": chat_id, "title": f"Chat {chat_id}", "entity_type": "CRM", "entity_id": "DEAL|77",
            "members": [user_id], "owner_id": user_id, "type": "crm",
        }
    ]  # fmt: skip
    assert any(each["entity_id"] == "DEAL|1663" for each in chats)
