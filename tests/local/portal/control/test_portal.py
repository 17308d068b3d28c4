"""A portal that changes its address (bitrix24.md 2.4), and its switches."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.portals.portal_service import ApplicationProbe
from tests.support.portals.switches import AS_USUAL, OTHERWISE


@pytest.fixture
def probe(tmp_path: Path) -> Iterator[ApplicationProbe]:
    with ApplicationProbe(tmp_path) as probe:
        probe.tell("/install", {})
        yield probe


def test_every_switch_of_a_portal_that_tests_share_is_as_usual_afresh(probe: ApplicationProbe) -> None:
    assert probe.tell("/shape", OTHERWISE) == OTHERWISE
    probe.afresh()
    assert probe.ask("/shape") == AS_USUAL


def test_former_address_only_redirects_to_the_new_one(probe: ApplicationProbe) -> None:
    granted = probe.grant()
    former = probe.portal.portal_url
    reply = probe.tell("/rename", {"host": "localhost"})
    assert reply["portal_url"] == probe.portal.portal_url == former.replace("127.0.0.1", "localhost")
    url = f"{former}/rest/profile?a=b%7C"
    moved = probe.http.request("POST", url, json={"auth": granted["access_token"]}, redirect=False)
    assert (moved.status, moved.headers["Location"]) == (302, f"{probe.portal.portal_url}/rest/profile?a=b%7C")
    assert probe.result_with(granted["access_token"], "profile")["ID"] == "1"
    assert [(call["method"], call["status"]) for call in probe.calls()] == [("profile", 302), ("profile", 200)]


def test_authorisation_server_keeps_its_address_and_names_the_portals_new_one(probe: ApplicationProbe) -> None:
    token = probe.grant()["refresh_token"]
    before = probe.portal.server_domain
    probe.tell("/rename", {"host": "localhost"})
    assert probe.portal.server_domain == before != probe.portal.domain
    pair = probe.refresh(token)[1]
    assert pair["client_endpoint"] == f"https://{probe.portal.domain}/rest/"
    assert pair["server_endpoint"] == f"https://{before}/rest/"
    info = probe.http.request("GET", f"https://{before}/rest/app.info", fields={"auth": pair["access_token"]})
    assert info.json()["result"]["install"]["domain"] == probe.portal.domain


def test_webhook_is_redirected_with_its_code(probe: ApplicationProbe) -> None:
    former = probe.portal.webhook_url
    probe.tell("/rename", {"host": "localhost"})
    moved = probe.http.request("GET", former + "profile", redirect=False)
    assert (moved.status, moved.headers["Location"]) == (302, probe.portal.webhook_url + "profile")


def test_sent_requests_name_the_new_address(probe: ApplicationProbe) -> None:
    probe.tell("/rename", {"host": "localhost"})
    probe.tell("/visit", {})
    assert probe.service.received[-1].query["DOMAIN"] == probe.portal.domain


def test_portal_can_be_renamed_back(probe: ApplicationProbe) -> None:
    first = probe.portal.portal_url
    for host in ("localhost", "127.0.0.1"):
        probe.tell("/rename", {"host": host})
    assert probe.portal.portal_url == first
    assert probe.result("profile")["ID"] == "1"
    second = first.replace("127.0.0.1", "localhost")
    assert probe.http.request("GET", f"{second}/rest/profile", redirect=False).status == 302


def test_every_possible_address_of_the_portal_is_known_in_advance(probe: ApplicationProbe) -> None:
    known = probe.portal.local_hosts
    for host in ("127.0.0.1", "localhost"):
        probe.tell("/rename", {"host": host})
        assert probe.portal.domain in known
    assert probe.portal.server_domain in known


def test_portal_can_be_renamed_to_names_of_its_certificate_only(probe: ApplicationProbe) -> None:
    response = probe.http.request("POST", probe.portal.control_url + "/rename", json={"host": "acme.example"})
    assert response.status == 400
    assert "localhost" in response.json()["error"]
