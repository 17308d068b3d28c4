"""The link to a portal and the returned code: for one portal, for one use, and for ten minutes."""

import re
from collections.abc import Mapping
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from chat_lookup.bootstrap.services import Services
from chat_lookup.clock import Deadline
from chat_lookup.http.json_fields import Fields
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
from tests.support.portals.page_visitors import followed

MARKET_ID = "app.0123456789abcdef.01234567"
pytestmark = pytest.mark.usefixtures("settled")


def browse(query: Mapping[str, str], path: str = "install", language: str = "en") -> dict[str, Any]:
    headers = {"Accept-Language": language}
    event = http(f"GET /bitrix24/{path}", query, headers=headers)
    return followed(event) if path == "app" else app.handler(event, lambda_context())


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


@pytest.fixture
def market(settled: Services, server: FakeAuthorisationServer, clock: ManualClock) -> None:
    """A market application beside the local one: its links may lead to any portal."""
    keys = {"client_id": MARKET_ID, "client_secret": "m4rk3tm4rk3tm4rk3t", "kind": "market"}
    server.secrets[MARKET_ID] = keys["client_secret"]
    settled.admin().run(Fields({"command": "apps.add", **keys}), Deadline.after(10, clock))


OPEN = [
    "evil.example", "bitrix24.com", "bitrix24.com.evil.example", "acme.bitrix24.com.evil.example", "a.bitrix24.xyz",
    "acme-bitrix24.com", "acmebitrix24.de", "a.b.bitrix24.com", "acme.bitrix24.co", "acme.bitrix24.info",
]  # fmt: skip
CLOUD = ["globex.bitrix24.com", "globex.bitrix24.com.br", "GLOBEX.bitrix24.RU", "b24-x1y2z3.bitrix24.eu:443"]


@pytest.mark.usefixtures("market")
@pytest.mark.parametrize("portal", OPEN)
def test_link_to_a_domain_that_anyone_can_have_named_is_shown_and_not_followed(portal: str) -> None:
    answer = browse({"portal": portal}, language="de")
    assert answer["statusCode"] == 200
    assert "location" not in answer["headers"]
    assert f'<a href="https://{portal}/oauth/authorize/?client_id={MARKET_ID}&amp;state=' in answer["body"]
    assert f">{portal}</a>" in answer["body"]
    assert "Adresse Ihres Portals" in answer["body"]
    assert "<script" not in answer["body"]


@pytest.mark.usefixtures("market")
@pytest.mark.parametrize("portal", [*CLOUD, DOMAIN])
def test_link_into_the_cloud_or_to_a_portal_with_an_application_of_its_own_is_followed(portal: str) -> None:
    assert browse({"portal": portal})["statusCode"] == 302


@pytest.mark.usefixtures("market")
def test_link_to_a_known_portal_is_followed(server: FakeAuthorisationServer) -> None:
    domain = "b24.globex.example"
    assert browse({"portal": domain})["statusCode"] == 200
    server.grants("offered-refresh-token", host=domain, client_id=MARKET_ID)
    assert app.handler(frame(query={"DOMAIN": domain}), lambda_context())["statusCode"] == 200
    assert browse({"portal": domain})["statusCode"] == 302


@pytest.mark.usefixtures("market")
def test_shown_link_installs(server: FakeAuthorisationServer, settled: Services) -> None:
    body = browse({"portal": "b24.globex.example"})["body"]
    (url,) = re.findall(r'href="([^"]+)"', body)
    (state,) = parse_qs(urlsplit(unescape(url)).query)["state"]
    server.grants("c0de-of-the-return", host="b24.globex.example", client_id=MARKET_ID)
    assert browse(returned(state, domain="b24.globex.example"))["statusCode"] == 200
    assert settled.portals.get(MEMBER_ID).domain == "b24.globex.example"
