"""A renamed portal: OAuth finds its new address, a webhook answers with instructions for the operator."""

from urllib.parse import urlsplit

import pytest

from tests.support.portals.unknown_portal import Stage
from tests.support.reply_checks import problem
from tests.support.service import Service

PAIR = {"entity_type": "CRM", "entity_id": "DEAL|1663"}


def test_installed_portal_is_found_at_its_new_address_by_one_refresh(stage: Stage) -> None:
    assert stage.contact().status == 200
    former = stage.portal.domain
    stage.tell("/reset", {})
    stage.tell("/rename", {"host": "localhost"})

    found = stage.service.direct({"portal": former, **PAIR})
    assert (found["chat_id"], found["source"]) == (1437, "portal")
    methods = [(call["method"], call["status"]) for call in stage.ask("/calls")]
    assert methods == [("im.chat.get", 302), ("oauth/token", 200), ("im.chat.get", 200)]

    assert stage.portal.domain.startswith("localhost:")
    again = stage.service.direct({"portal": stage.portal.domain, "fresh": True, **PAIR})
    assert again["chat_id"] == 1437
    assert stage.ask("/calls")[-1]["status"] == 200
    record = stage.record()
    assert record is not None
    assert record["former_domains"]["SS"] == [former]


@pytest.mark.parametrize("host", ["127.0.0.1:9", "acme.example"])
def test_redirect_of_webhook_portal_is_not_followed_and_the_answer_contains_the_remedy(
    service: Service, host: str
) -> None:
    path = urlsplit(service.portal.webhook_url).path
    for method in ("im.chat.get", "profile"):
        moved = {"Location": f"https://{host}{path}{method}"}
        service.control("/faults", {"method": method, "status": 302, "body": "", "headers": moved})
    body = problem(service.look_up("CRM", "DEAL|1663"), 503, "portal-blocked")
    assert "new address" in body["detail"]

    service.cold_start()
    body = problem(service.look_up("CRM", "DEAL|1663"), 502, "portal-misconfigured")
    assert "portal.add_webhook" in body["detail"]
    assert len(service.calls("im.chat.get")) == 1
    assert service.admin("portals")["portals"][0]["state"] == "renamed"
