"""OAuth mode: what a client does with tokens at the portal, and at the service with a key, which none ever renews."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import urllib3
from b24pysdk import BitrixApp, BitrixToken  # type: ignore[import-untyped]  # it has no py.typed
from b24pysdk.errors.oauth import (  # type: ignore[import-untyped]  # as above
    BitrixOAuthInvalidClient,
    BitrixOAuthInvalidGrant,
    BitrixOauthWrongClient,
)

from tests.sdk.calls import Outcome, chat, pair, refused
from tests.sdk.clients import Client, Python, of_door
from tests.sdk.doors import Door, Doors, Keys, Mode
from tests.sdk.drivers import Driver
from tests.support.service import Service

Named = Callable[[str], Client]
Both = Callable[[Mode], Doors]

RENEWING: Final = ("b24pysdk", "b24jssdk", "CRest", "restCommand", "b24phpsdk")
BY_CLOCK: Final = ("b24pysdk", "b24jssdk")
"""Of these, clients that renew a token whose hour is over before they are refused."""
IN_OAUTH_MODE: Final = (*RENEWING, "BX24")
LOOK_UP: Final = ("im.chat.get", pair("CRM", "DEAL|1663"))
FOUND: Final = chat(1437)
PARALLEL: Final = 10
BOT: Final = {"code": "sdk_bot", "properties": {"name": "Bot of an SDK"}}


@pytest.fixture
def portal(both: Both) -> Door:
    """The portal, with tokens that are new to every client."""
    return both("oauth").portal


@pytest.fixture
def renewals(service: Service) -> Callable[[], int]:
    """Returns the number of requests to the authorisation server."""
    return lambda: len(service.calls("oauth/token"))


def expire(service: Service, keys: Keys) -> None:
    """Let the access tokens of the application expire."""
    assert service.control("/expire_tokens", {"client_id": keys.client_id})["expired"]


def code_of(service: Service, keys: Keys) -> str:
    """The code with which the portal sends a user's browser back to the application."""
    query = urlencode({"client_id": keys.client_id, "state": "any"})
    with urllib3.PoolManager(ca_certs=str(service.portal.ca_file), retries=False) as http:
        answer = http.request("GET", f"{service.portal.portal_url}/oauth/authorize/?{query}", redirect=False)
    return parse_qs(urlsplit(answer.headers["Location"]).query)["code"][0]


def asked(answer: Outcome) -> Any:
    """The result of a call that must succeed."""
    assert not answer.error, answer
    return answer.result


# -- at the portal -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RENEWING)
def test_client_renews_an_expired_token_once_and_goes_on(
    service: Service, keys: Keys, portal: Door, client: Named, renewals: Callable[[], int], name: str
) -> None:
    sdk = client(name)
    assert sdk.call(portal, *LOOK_UP) == FOUND
    expire(service, keys)

    assert sdk.call(portal, *LOOK_UP) == FOUND
    assert renewals() == 1


@pytest.mark.parametrize("name", IN_OAUTH_MODE)
def test_client_lists_the_bot_that_it_registers_until_it_removes_it(portal: Door, client: Named, name: str) -> None:
    sdk = client(name)

    def listed() -> list[tuple[int, str]]:
        return [(each["id"], each["code"]) for each in asked(sdk.call(portal, "imbot.v2.Bot.list", {}))["bots"]]

    bot = asked(sdk.call(portal, "imbot.v2.Bot.register", {"fields": BOT}))["bot"]
    assert listed() == [(bot["id"], BOT["code"])]
    asked(sdk.call(portal, "imbot.v2.Bot.unregister", {"botId": bot["id"]}))
    assert listed() == []


@pytest.mark.parametrize("name", IN_OAUTH_MODE)
def test_client_learns_of_its_application_from_the_portal(portal: Door, client: Named, keys: Keys, name: str) -> None:
    found = asked(client(name).call(portal, "app.info", {}))

    assert (found["CODE"], found["STATUS"], found["INSTALLED"]) == (keys.client_id, "L", True)


@pytest.mark.usefixtures("python")
def test_b24pysdk_exchanges_a_code_for_a_token_and_learns_of_its_application_at_the_server(
    service: Service, portal: Door, keys: Keys
) -> None:
    application = BitrixApp(**keys._asdict())
    renewed = application.get_oauth_token(code_of(service, keys))
    token = BitrixToken.from_oauth(renewed, application)
    token.domain = portal.host  # of the address it takes the name only: portals have no port

    assert token.get_client().im.chat.get(entity_type="CRM", entity_id="DEAL|1663").result == {"ID": 1437}
    info = token.get_app_info().result
    assert (info.client_id, info.install.member_id) == (keys.client_id, service.member_id)
    assert info.install.domain == portal.host


@pytest.mark.usefixtures("python")
def test_b24pysdk_registers_and_lists_bots_by_its_own_scope(portal: Door) -> None:
    bots = of_door(portal).get_client().imbot.v2.bot
    registered = bots.register(fields=BOT).result["bot"]

    assert [bot["id"] for bot in bots.list().result["bots"]] == [registered["id"]]
    bots.unregister(bot_id=registered["id"]).result  # noqa: B018 - reading it makes the call


@pytest.mark.usefixtures("python")
def test_b24pysdk_names_what_the_authorisation_server_refuses(portal: Door, keys: Keys) -> None:
    wrong = {
        BitrixOAuthInvalidGrant: (keys, "unknown"),
        BitrixOAuthInvalidClient: (keys._replace(client_secret="wrong"), portal.refresh_token),
        BitrixOauthWrongClient: (keys._replace(client_id="local.unknown"), portal.refresh_token),
    }
    for error, (application, refresh_token) in wrong.items():
        with pytest.raises(error):
            BitrixApp(**application._asdict()).refresh_oauth_token(refresh_token)


def test_parallel_calls_of_b24jssdk_after_the_expiry_renew_once(
    service: Service, keys: Keys, portal: Door, node: Driver, renewals: Callable[[], int]
) -> None:
    door = portal.as_json()
    assert node.ask(do="call", door=door, method="profile", params={})["result"]["ID"] == "1"
    expire(service, keys)
    # The server takes its time, so that all calls are refused before there is a new token.
    service.control("/faults", {"method": "oauth/token", "delay_ms": 1000})

    found = node.ask(do="parallel", door=door, method=LOOK_UP[0], params=LOOK_UP[1], count=PARALLEL)

    assert found == [{"result": FOUND.result}] * PARALLEL
    assert (renewals(), node.ask(do="renewals", door=door)) == (1, 1)


@pytest.mark.parametrize("name", BY_CLOCK)
def test_client_renews_a_token_that_its_own_clock_holds_for_expired(
    portal: Door, client: Named, renewals: Callable[[], int], name: str
) -> None:
    assert client(name).call(replace(portal, expired=True), *LOOK_UP) == FOUND
    assert renewals() == 1


# -- at both doors -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["webhook", "oauth"])
def test_health_check_and_ping_of_b24jssdk_succeed_at_both_doors(both: Both, node: Driver, mode: Mode) -> None:
    for door in both(mode):
        assert node.ask(do="health", door=door.as_json()) is True, door.name
        assert node.ask(do="ping", door=door.as_json()) >= 0, door.name


def test_b24jssdk_sees_an_administrator_at_both_doors(both: Both, node: Driver) -> None:
    assert [node.ask(do="admin", door=door.as_json()) for door in both("oauth")] == [True, True]


# -- at the service ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", IN_OAUTH_MODE)
def test_client_with_a_wrong_key_is_refused_and_does_not_renew_it(
    both: Both, client: Named, renewals: Callable[[], int], name: str
) -> None:
    """With 401 some clients would renew and call again for ever; and the address of the answer is the portal's."""
    door = replace(both("oauth").service, access_token="clk_0123456789abcdef0123456789abcdef")

    assert client(name).call(door, *LOOK_UP) == refused("INVALID_CREDENTIALS", 403)
    assert renewals() == 0


@pytest.mark.parametrize("name", IN_OAUTH_MODE)
def test_client_with_a_key_does_not_notice_that_the_tokens_of_the_portal_expire(
    service: Service, keys: Keys, both: Both, client: Named, renewals: Callable[[], int], name: str
) -> None:
    door, sdk = both("oauth").service, client(name)
    assert sdk.call(door, *LOOK_UP) == FOUND
    expire(service, keys)

    assert sdk.call(door, *LOOK_UP) == FOUND
    assert renewals() == 0


@pytest.mark.parametrize("name", BY_CLOCK)
def test_client_that_renews_by_its_own_clock_loses_the_key(
    both: Both, client: Named, renewals: Callable[[], int], name: str
) -> None:
    """The answer names the portal, but both keep the address: they send the service a token of the portal's."""
    door = replace(both("oauth").service, expired=True)

    assert client(name).call(door, *LOOK_UP) == refused("INVALID_CREDENTIALS", 403)
    assert renewals() == 1


@pytest.mark.usefixtures("python")
def test_wrong_credential_of_a_webhook_is_an_error_of_one_name_with_two_statuses(both: Both) -> None:
    """The documents have both (bitrix24.md 7.1); at the service it is never 401, as above."""
    wrong = [replace(door, code="1/0123456789abcdef0123456789abcdef") for door in both("webhook")]

    found = [Python().call(door, *LOOK_UP) for door in wrong]

    assert found == [refused("INVALID_CREDENTIALS", 401), refused("INVALID_CREDENTIALS", 403)]
