"""What opens a portal by OAuth: used until a minute before its end, renewed once, and never to be seen."""

import json
import uuid
from dataclasses import replace

import pytest

from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.clock import Deadline
from chat_lookup.credentials.grants import EARLY, Grant
from chat_lookup.errors import (
    ChatLookupError,
    PortalMisconfigured,
    PortalNotInstalled,
    PortalReauthorise,
    PortalUnavailable,
)
from chat_lookup.observability.telemetry import Telemetry
from chat_lookup.portals.portal import PortalState
from tests.support.fakes import CLIENT_ID, MEMBER_ID, FakeAuthorisationServer, FakeBitrix24, ManualClock, Stores
from tests.support.tokens.renewal_scene import FIRST_ACCESS, FIRST_REFRESH, LIFETIME, Renewing, build

OUTAGE = BitrixError("HTTP_5XX", 503, method="oauth/token")


@pytest.fixture
def server(clock: ManualClock) -> FakeAuthorisationServer:
    return FakeAuthorisationServer(clock)


@pytest.fixture
def process(
    stores: Stores, clock: ManualClock, bitrix24: FakeBitrix24, server: FakeAuthorisationServer, telemetry: Telemetry
) -> Renewing:
    """A process of a service that is installed in one portal."""
    installed = build(stores, clock, bitrix24, server, telemetry)
    installed.install()
    return installed


def grant_of(process: Renewing, seconds: float = 10) -> Grant:
    """The grant for the portal as its record stands."""
    return process.tokens.grant(process.record(), Deadline.after(seconds, process.clock))


# -- the pair in use ---------------------------------------------------------------------------------------------------


def test_a_pair_serves_until_a_minute_before_its_end(
    process: Renewing, clock: ManualClock, server: FakeAuthorisationServer
) -> None:
    clock.advance(LIFETIME - EARLY - 1)
    assert grant_of(process).endpoint.auth == FIRST_ACCESS
    assert server.asked == []


def test_a_pair_about_to_end_is_renewed_and_every_process_has_the_next_one(
    process: Renewing, clock: ManualClock, server: FakeAuthorisationServer
) -> None:
    clock.advance(LIFETIME - EARLY)
    assert grant_of(process).endpoint.auth == "issued-access-1"
    assert grant_of(process.another()).endpoint.auth == "issued-access-1"
    assert server.asked == [("oauth.bitrix.info", CLIENT_ID, FIRST_REFRESH)]
    assert process.record().refreshed_at == pytest.approx(clock.now(), abs=1)


def test_while_the_server_is_out_of_order_a_pair_serves_to_its_very_end(
    process: Renewing, clock: ManualClock, server: FakeAuthorisationServer
) -> None:
    server.failure = OUTAGE
    clock.advance(LIFETIME - 2)
    assert grant_of(process).endpoint.auth == FIRST_ACCESS
    clock.advance(2)
    with pytest.raises(PortalUnavailable):
        grant_of(process)


def test_a_grant_that_is_dead_serves_to_its_end_and_not_beyond(
    process: Renewing, clock: ManualClock, server: FakeAuthorisationServer
) -> None:
    server.failure = BitrixError("invalid_grant", 400, method="oauth/token")
    clock.advance(LIFETIME - 30)
    assert grant_of(process).endpoint.auth == FIRST_ACCESS
    assert process.record().state is PortalState.REAUTHORISE
    clock.advance(30)
    with pytest.raises(PortalReauthorise):
        grant_of(process)
    assert len(server.asked) == 1


def test_where_the_pair_is_to_be_used_follows_from_what_the_server_said_last(
    process: Renewing, clock: ManualClock, server: FakeAuthorisationServer
) -> None:
    server.grants(FIRST_REFRESH, host="acme-group.bitrix24.com")
    clock.advance(LIFETIME)
    assert grant_of(process).endpoint.base_url == "https://acme-group.bitrix24.com/rest/"


def test_a_pair_of_another_portal_is_neither_kept_nor_used(
    process: Renewing, clock: ManualClock, server: FakeAuthorisationServer
) -> None:
    before = process.record().token_version
    server.grants(FIRST_REFRESH, member_id="0" * 32)
    clock.advance(LIFETIME)
    with pytest.raises(PortalUnavailable):
        grant_of(process)
    assert process.record().token_version == before


def test_while_a_secret_is_changed_both_serve(
    process: Renewing, clock: ManualClock, server: FakeAuthorisationServer
) -> None:
    application = process.applications.keys(CLIENT_ID)[0]
    process.applications.rotate_secret(replace(application, client_secret="n0t-kn0wn-yet"), Deadline.after(5, clock))
    clock.advance(LIFETIME)
    assert grant_of(process).endpoint.auth == "issued-access-1"
    server.secrets[CLIENT_ID] = "n0t-kn0wn-yet"
    clock.advance(LIFETIME)
    assert grant_of(process).endpoint.auth == "issued-access-2"


def test_the_application_of_a_portal_must_be_known(
    process: Renewing, stores: Stores, clock: ManualClock, server: FakeAuthorisationServer
) -> None:
    key = {"pk": {"S": f"APP#{CLIENT_ID}"}, "sk": {"S": "APPLICATION"}}
    stores.dynamodb.delete_item(TableName=stores.portal_table, Key=key)
    clock.advance(LIFETIME)
    with pytest.raises(PortalMisconfigured) as raised:
        grant_of(process)
    assert raised.value.portal_error == "wrong_client"
    assert server.asked == []


# -- renewal -----------------------------------------------------------------------------------------------------------


def test_a_pair_that_serves_still_is_renewed_where_that_is_asked_for(
    process: Renewing, clock: ManualClock, server: FakeAuthorisationServer
) -> None:
    process.tokens.check(process.record(), Deadline.after(10, clock))
    assert len(server.asked) == 1
    assert grant_of(process).endpoint.auth == "issued-access-1"


def test_what_was_renewed_already_is_not_renewed_again(
    process: Renewing, clock: ManualClock, server: FakeAuthorisationServer
) -> None:
    before = process.record()
    process.tokens.check(before, Deadline.after(10, clock))
    renewed = process.another().tokens.renewed(before, before.token_version, Deadline.after(10, clock))
    assert renewed.endpoint.auth == "issued-access-1"
    assert len(server.asked) == 1


@pytest.mark.parametrize("closed", ["uninstalled", "forgotten"])
def test_nothing_is_renewed_for_a_portal_that_left(
    process: Renewing, clock: ManualClock, server: FakeAuthorisationServer, closed: str
) -> None:
    before = process.record()
    if closed == "forgotten":
        process.portals.delete(before)
    else:
        process.portals.save(replace(before, state=PortalState.UNINSTALLED))
    clock.advance(LIFETIME)
    with pytest.raises(PortalNotInstalled):
        process.tokens.grant(before, Deadline.after(10, clock))
    assert server.asked == []


def test_whoever_remembers_the_portal_finds_out_at_once_what_a_renewal_did_to_it(
    process: Renewing, clock: ManualClock, server: FakeAuthorisationServer
) -> None:
    clock.advance(LIFETIME)
    remembered = process.portals.get(MEMBER_ID)
    server.failure = BitrixError("PAYMENT_REQUIRED", 401, method="oauth/token")
    with pytest.raises(ChatLookupError):
        process.tokens.grant(remembered, Deadline.after(10, clock))
    with pytest.raises(ChatLookupError):
        process.portals.get(MEMBER_ID)
    assert len(server.asked) == 1


@pytest.mark.parametrize("secret", [{}, {"access_token": "a", "refresh_token": "r"}, {"webhook_url": "https://x"}])
def test_a_secret_that_holds_no_pair_is_a_matter_of_configuration(
    process: Renewing, stores: Stores, secret: dict[str, str]
) -> None:
    portal = process.record()
    version = str(uuid.uuid4())
    stores.secrets.put_secret_value(
        SecretId=portal.secret_arn, SecretString=json.dumps(secret), ClientRequestToken=version
    )
    process.portals.save(replace(portal, token_version=version))
    with pytest.raises(PortalMisconfigured) as raised:
        grant_of(process)
    assert raised.value.__suppress_context__


def test_a_grant_does_not_show_its_token(process: Renewing) -> None:
    grant = grant_of(process)
    for shown in (repr(grant), str(grant), f"{grant}", repr(grant.endpoint)):
        assert FIRST_ACCESS not in shown
