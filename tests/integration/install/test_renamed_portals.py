"""A renamed portal: OAuth finds its new address, a webhook answers with instructions for the operator."""

from urllib.parse import urlsplit

import pytest

from chat_lookup.errors import InvalidRequest
from tests.support.portals.unknown_portal import Stage
from tests.support.reply_checks import problem
from tests.support.service import Service

PAIR = {"entity_type": "CRM", "entity_id": "DEAL|1663"}


def test_installed_portal_is_found_at_its_new_address_by_one_refresh(stage: Stage) -> None:
    stage.install()
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


def test_forgotten_and_renamed_portal_can_be_installed_with_its_local_application(stage: Stage) -> None:
    card = stage.portal.applications.add(service_url=stage.service.stack.addresses.api_https_url, kind="local")
    former = stage.portal.domain
    keys = {"client_id": card.client_id, "client_secret": card.client_secret}
    stage.service.admin("apps.add", kind="local", domain=former, **keys)
    assert stage.portal.installer.install(card.client_id).finished
    stage.tell("/rename", {"host": "localhost"})
    assert stage.service.direct({"portal": former, "fresh": True, **PAIR})["chat_id"] == 1437
    stage.service.admin("portal.forget", portal=former)
    with pytest.raises(InvalidRequest, match=f"there already, for the portal {stage.portal.domain}"):
        stage.service.admin("apps.add", kind="local", domain=stage.portal.domain, **keys)

    assert stage.link() != ""
    assert stage.portal.installer.install(card.client_id).finished

    assert stage.service.direct({"portal": stage.portal.domain, **PAIR})["chat_id"] == 1437
    stage.service.admin("portal.forget", portal=stage.portal.member_id)
    stage.service.admin("apps.remove", client_id=card.client_id)
    stage.tell("/uninstall", {"client_id": card.client_id, "send": False})
    stage.portal.applications.remove(card.client_id)
    stage.tell("/rename", {"host": "127.0.0.1"})


def test_local_application_gets_the_new_domain_of_a_portal_that_was_forgotten_before_it_was_renamed(
    stage: Stage,
) -> None:
    keys = {"client_id": "local.0123456789", "client_secret": "5ecret-of-the-application"}
    stage.service.admin("apps.add", kind="local", domain="acme.bitrix24.com", **keys)
    with pytest.raises(InvalidRequest, match=r"for the portal acme\.bitrix24\.com; see apps\.set"):
        stage.service.admin("apps.add", kind="local", domain="globex.bitrix24.com", **keys)
    moved = stage.service.admin("apps.set", client_id=keys["client_id"], domain="globex.bitrix24.com")
    assert moved["domain"] == "globex.bitrix24.com"
    assert f"client_id={keys['client_id']}" in link_of(stage, "globex.bitrix24.com")
    assert f"client_id={stage.card.client_id}" in link_of(stage, "acme.bitrix24.com")


def link_of(stage: Stage, domain: str) -> str:
    reply = stage.service.request("GET", f"/bitrix24/install?portal={domain}", {})
    assert reply.status == 302, reply.body
    return reply.headers["Location"]
