"""The link to a portal and the returned code: for one portal, for one use, and for ten minutes."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from chat_lookup.bootstrap.services import Services
from chat_lookup.portals.application_tokens import hashed
from chat_lookup.portals.portal import PortalState
from functions.install import app
from tests.support.fakes import (
    CLIENT_ID,
    MEMBER_ID,
    FakeAuthorisationServer,
    FakeBitrix24,
    ManualClock,
    Stores,
    lambda_context,
)
from tests.support.portals.first_contact import APPLICATION_TOKEN, DOMAIN, frame, http

pytestmark = pytest.mark.usefixtures("settled")


def browse(query: Mapping[str, str], path: str = "install", language: str = "en") -> dict[str, Any]:
    headers = {"Accept-Language": language}
    return app.handler(http(f"GET /bitrix24/{path}", query, headers=headers), lambda_context())


def state_of(answer: dict[str, Any]) -> str:
    assert answer["statusCode"] == 302
    (state,) = parse_qs(urlsplit(str(answer["headers"]["location"])).query)["state"]
    return state


def returned(state: str, **fields: str) -> dict[str, str]:
    usual = {
        "code": "c0de-of-the-return",
        "domain": DOMAIN,
        "member_id": MEMBER_ID,
        "server_domain": "oauth.bitrix.info",
    }
    return {**usual, "state": state, "scope": "im,imbot"} | fields


def test_link_leads_to_the_portal_with_our_application_and_a_state() -> None:
    answer = browse({"portal": DOMAIN})
    url = urlsplit(answer["headers"]["location"])
    assert (url.scheme, url.netloc, url.path) == ("https", DOMAIN, "/oauth/authorize/")
    assert parse_qs(url.query).keys() == {"client_id", "state"}
    assert parse_qs(url.query)["client_id"] == [CLIENT_ID]
    assert len(state_of(answer)) >= 40


def test_two_links_have_two_states() -> None:
    assert state_of(browse({"portal": DOMAIN})) != state_of(browse({"portal": DOMAIN}))


@pytest.mark.parametrize("portal", ["globex.bitrix24.com", "127.0.0.1", "acme.bitrix24.com@evil.example", "", "//x"])
def test_link_to_any_other_host_is_refused(portal: str) -> None:
    answer = browse({"portal": portal})
    assert answer["statusCode"] == 403
    assert "location" not in answer["headers"]


@pytest.mark.parametrize("path", ["install", "app"])
def test_code_installs_the_application_on_every_return_path(
    server: FakeAuthorisationServer, settled: Services, path: str
) -> None:
    server.grants("c0de-of-the-return")
    answer = browse(returned(state_of(browse({"portal": DOMAIN}))), path)
    assert answer["statusCode"] == 200
    assert "The application is installed" in answer["body"]
    assert "installFinish" not in answer["body"]  # there is no frame around it
    portal = settled.portals.read(MEMBER_ID)
    assert portal is not None
    assert (portal.state, portal.bot_id) == (PortalState.ACTIVE, 456)


def test_code_without_an_application_token_keeps_the_stored_one(
    server: FakeAuthorisationServer, settled: Services
) -> None:
    server.grants("offered-refresh-token")
    app.handler(frame(), lambda_context())
    server.grants("c0de-of-the-return")
    browse(returned(state_of(browse({"portal": DOMAIN}))))
    portal = settled.portals.read(MEMBER_ID)
    assert portal is not None
    assert portal.application_tokens == {hashed(APPLICATION_TOKEN)}


@pytest.mark.parametrize("state", ["", "made-up", "x" * 200])
def test_unknown_state_is_refused(server: FakeAuthorisationServer, settled: Services, state: str) -> None:
    server.grants("c0de-of-the-return")
    assert browse(returned(state))["statusCode"] == 403
    assert server.asked == []
    assert settled.portals.read(MEMBER_ID) is None


def test_state_is_valid_for_one_use(server: FakeAuthorisationServer) -> None:
    server.grants("c0de-of-the-return")
    state = state_of(browse({"portal": DOMAIN}))
    assert browse(returned(state))["statusCode"] == 200
    server.grants("another-code-of-the-return")
    assert browse(returned(state, code="another-code-of-the-return"))["statusCode"] == 403
    assert len(server.asked) == 1


def test_state_is_valid_for_ten_minutes(server: FakeAuthorisationServer, clock: ManualClock) -> None:
    server.grants("c0de-of-the-return")
    state = state_of(browse({"portal": DOMAIN}))
    clock.advance(601)
    assert browse(returned(state))["statusCode"] == 403
    assert server.asked == []


@pytest.mark.parametrize("domain", ["globex.bitrix24.com", "localhost", "acme.bitrix24.com.evil.example"])
def test_state_is_valid_for_its_own_portal(server: FakeAuthorisationServer, domain: str) -> None:
    state = state_of(browse({"portal": DOMAIN}))
    assert browse(returned(state, domain=domain))["statusCode"] == 403
    assert server.asked == []


def test_unknown_authorisation_server_is_not_called(server: FakeAuthorisationServer) -> None:
    state = state_of(browse({"portal": DOMAIN}))
    assert browse(returned(state, server_domain="oauth.evil.example"))["statusCode"] == 403
    assert server.asked == []


def test_page_for_a_user_without_administrator_rights_refers_to_an_administrator(
    server: FakeAuthorisationServer, bitrix24: FakeBitrix24, settled: Services
) -> None:
    server.grants("c0de-of-the-return", user_id=7)
    bitrix24.answers("profile", {"ID": "7", "ADMIN": False})
    answer = browse(returned(state_of(browse({"portal": DOMAIN}))), language="de-AT,de;q=0.9")
    assert answer["statusCode"] == 403
    assert "Nur ein Administrator" in answer["body"]
    assert settled.portals.read(MEMBER_ID) is None


def test_only_the_hash_of_a_state_is_stored(stores: Stores) -> None:
    state = state_of(browse({"portal": DOMAIN}))
    assert state not in str(stores.dynamodb.scan(TableName=stores.cache_table)["Items"])


def test_number_of_links_is_limited(server: FakeAuthorisationServer) -> None:
    statuses = [browse({"portal": DOMAIN})["statusCode"] for _ in range(60)]
    assert statuses[0] == 302
    assert statuses[-1] == 429
    assert server.asked == []
