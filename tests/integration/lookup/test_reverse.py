"""The reverse look-up: from a chat to its entity (design 3.1)."""

import pytest

from tests.support.reply_checks import counted, found, only_line, problem
from tests.support.service import Service

pytestmark = pytest.mark.usefixtures("leaping_clock")


def test_reverse_look_up_returns_entity_and_details(service: Service) -> None:
    answer = found(service.get("/v1/chats/1437"))

    assert (answer["entity_type"], answer["entity_id"], answer["source"]) == ("CRM", "DEAL|1663", "portal")
    assert answer["chat"] == {"type": "crm", "title": "Deal: 200 office chairs", "owner_id": 1, "members": 3}


def test_chat_without_entity_has_null_entity(service: Service) -> None:
    chat_id = service.control("/chats", {"entity_type": "", "entity_id": "", "title": "Just us"})["chat_id"]

    answer = found(service.get(f"/v1/chats/{chat_id}"))

    assert (answer["chat_id"], answer["entity_type"], answer["entity_id"]) == (chat_id, None, None)
    assert answer["chat"]["title"] == "Just us"


def test_inaccessible_chat_is_refused_with_its_cached_entity(service: Service) -> None:
    chat = {"chat_id": 61437, "entity_type": "CRM", "entity_id": "DEAL|61437", "members": [2]}
    service.control("/chats", chat)
    # The look-up by entity needs no membership (bitrix24.md 1.1), so the id is cached.
    assert found(service.look_up("CRM", "DEAL|61437"))["chat_id"] == 61437

    body = problem(service.get("/v1/chats/61437"), 403, "chat-not-accessible")

    assert body["portal_error"] == "ACCESS_ERROR"
    assert body["chat_id"] == 61437
    assert body["known"] == {"entity_type": "CRM", "entity_id": "DEAL|61437"}


def test_unknown_chat_is_refused_like_an_inaccessible_one(service: Service) -> None:
    body = problem(service.get("/v1/chats/987654"), 403, "chat-not-accessible")

    assert (body["chat_id"], body["known"]) == (987654, None)


def test_forgotten_pair_is_not_returned_as_known(service: Service) -> None:
    chat = {"chat_id": 71437, "entity_type": "CRM", "entity_id": "DEAL|71437", "members": [2]}
    service.control("/chats", chat)
    found(service.look_up("CRM", "DEAL|71437"))
    service.request("DELETE", "/v1/chats?entity_type=CRM&entity_id=DEAL%7C71437")

    assert problem(service.get("/v1/chats/71437"), 403, "chat-not-accessible")["known"] is None


@pytest.mark.parametrize(
    ("trouble", "status", "name"),
    [
        ({"drop": True}, 503, "portal-unavailable"),
        ({"error": "QUERY_LIMIT_EXCEEDED"}, 429, "portal-busy"),
        ({"error": "OVERLOAD_LIMIT"}, 503, "portal-blocked"),
        ({"error": "INVALID_CREDENTIALS"}, 502, "portal-misconfigured"),
        ({"body": {"result": {"id": "x"}}}, 503, "portal-unavailable"),
    ],
    ids=["cut", "busy", "blocked", "wrong code", "no chat in it"],
)
def test_failing_portal_is_reported_with_its_problem(
    service: Service, trouble: dict[str, object], status: int, name: str
) -> None:
    service.control("/faults", {"method": "*", **trouble})

    problem(service.get("/v1/chats/1437"), status, name)


def test_reverse_look_up_logs_one_line(service: Service) -> None:
    reply = service.get("/v1/chats/1437")

    line = only_line(service)
    assert (line["request_id"], line["status"], line["chat_id"]) == (reply.headers["apigw-requestid"], 200, 1437)
    assert counted(service, "PortalCalls", method="im.dialog.get") == 1
