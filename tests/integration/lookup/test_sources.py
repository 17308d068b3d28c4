"""The source of an answer: the portal, the cache, or a stale answer while the portal fails (design 5)."""

import pytest

from tests.support.reply_checks import counted, found, only_line, problem
from tests.support.service import Service

pytestmark = pytest.mark.usefixtures("leaping_clock")

MINUTE = 60
HOUR = 60 * MINUTE
GONE_STALE = 27 * HOUR
"""More than 24 h plus the tenth by which freshness is spread."""


def test_repeated_pair_is_one_portal_call(service: Service) -> None:
    first = found(service.look_up("CRM", "DEAL|1663"))
    second = found(service.look_up("CRM", "DEAL|1663"))

    assert (first["chat_id"], first["source"], first["method"]) == (1437, "portal", "im.chat.get")
    assert (second["chat_id"], second["source"], second["method"]) == (1437, "cache", "im.chat.get")
    assert [call["method"] for call in service.calls()] == ["im.chat.get"]


def test_answer_is_cached_for_another_process(service: Service) -> None:
    found(service.look_up("CRM", "DEAL|1663"))
    service.cold_start()

    assert found(service.look_up("CRM", "DEAL|1663"))["source"] == "cache"
    assert len(service.calls()) == 1


def test_answer_contains_its_age(service: Service) -> None:
    assert found(service.look_up("CRM", "DEAL|1663"))["age_seconds"] == 0
    service.clock.advance(HOUR)

    age = found(service.look_up("CRM", "DEAL|1663"))["age_seconds"]
    assert HOUR <= age < HOUR + MINUTE


def test_chat_created_after_not_found_is_found_a_minute_later(service: Service) -> None:
    problem(service.look_up("MADE_LATER", "7"), 404, "chat-not-found")
    made = service.control("/chats", {"entity_type": "MADE_LATER", "entity_id": "7"})
    service.clock.advance(67)

    assert found(service.look_up("MADE_LATER", "7"))["chat_id"] == made["chat_id"]


@pytest.mark.parametrize(
    "trouble",
    [{"drop": True}, {"error": "QUERY_LIMIT_EXCEEDED"}],
    ids=["cut", "busy"],
)
def test_stale_answer_is_served_while_the_portal_fails(service: Service, trouble: dict[str, object]) -> None:
    found(service.look_up("CRM", "DEAL|1663"))
    service.clock.advance(GONE_STALE)
    service.control("/faults", {"method": "*", **trouble})
    service.mark()

    answer = found(service.look_up("CRM", "DEAL|1663"))

    assert (answer["chat_id"], answer["source"]) == (1437, "stale")
    assert answer["age_seconds"] >= GONE_STALE
    assert only_line(service)["source"] == "stale"
    assert counted(service, "Lookups", source="stale") == 1


def test_fresh_look_up_calls_the_portal_whatever_is_cached(service: Service) -> None:
    found(service.look_up("CRM", "DEAL|1663"))

    assert found(service.look_up("CRM", "DEAL|1663", fresh="true"))["source"] == "portal"
    assert len(service.calls()) == 2


def test_forgotten_answer_is_read_from_the_portal_again(service: Service) -> None:
    found(service.look_up("CRM", "DEAL|1663"))
    forgotten = service.request("DELETE", "/v1/chats?entity_type=CRM&entity_id=DEAL%7C1663")

    assert (forgotten.status, forgotten.body) == (204, b"")
    assert found(service.look_up("CRM", "DEAL|1663"))["source"] == "portal"


def test_forgetting_one_answer_keeps_the_others(service: Service) -> None:
    found(service.look_up("CRM", "DEAL|1663"))
    found(service.look_up("CRM", "LEAD|13"))
    service.request("DELETE", "/v1/chats?entity_type=CRM&entity_id=DEAL%7C1663")
    service.cold_start()

    assert found(service.look_up("CRM", "LEAD|13"))["source"] == "cache"


def test_forgetting_an_uncached_pair_is_no_error(service: Service) -> None:
    assert service.request("DELETE", "/v1/chats?entity_type=CRM&entity_id=DEAL%7C404404").status == 204


def test_purge_deletes_every_cached_answer_of_the_portal(service: Service) -> None:
    found(service.look_up("CRM", "DEAL|1663"))
    found(service.look_up("CRM", "LEAD|13"))
    service.admin("cache.purge", portal=service.member_id)

    assert found(service.look_up("CRM", "DEAL|1663"))["source"] == "portal"
    assert found(service.look_up("CRM", "LEAD|13"))["source"] == "portal"


@pytest.mark.parametrize(("entity_id", "source"), [("DEAL|1663", "portal"), ("DEAL|404404", "portal")])
def test_look_up_logs_one_line_and_its_metrics(service: Service, entity_id: str, source: str) -> None:
    reply = service.look_up("CRM", entity_id)

    line = only_line(service)
    assert line["request_id"] == reply.headers["apigw-requestid"]
    assert (line["level"], line["status"], line["source"]) == ("INFO", reply.status, source)
    assert (line["portal"], line["entity_type"], line["entity_id"]) == (service.member_id, "CRM", entity_id)
    assert counted(service, "Lookups", source=source) == 1
    assert counted(service, "LookupLatency", source=source) > 0
    assert counted(service, "PortalCalls", method="im.chat.get") == 1
    assert counted(service, "PortalLatency") > 0
