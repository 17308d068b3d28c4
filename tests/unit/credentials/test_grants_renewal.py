"""The grant of an OAuth portal: used until a minute before it expires, renewed once, and never shown."""

import json
import uuid
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.clock import Deadline
from chat_lookup.credentials.grants import EARLY, Grant
from chat_lookup.credentials.token_pointer import Pointers
from chat_lookup.errors import (
    ChatLookupError,
    PortalMisconfigured,
    PortalNotInstalled,
    PortalReauthorise,
    PortalUnavailable,
    StoreUnavailable,
)
from chat_lookup.observability.telemetry import Telemetry
from chat_lookup.portals.failures import FIRST_LOOK
from chat_lookup.portals.portal import PortalState
from tests.support.fakes import CLIENT_ID, MEMBER_ID, FakeAuthorisationServer, FakeBitrix24, ManualClock, Stores
from tests.support.tokens.renewal_scene import FIRST_ACCESS, FIRST_REFRESH, FUNCTION, LIFETIME, Renewing, build

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
    """The grant for the portal by its current record."""
    return process.tokens.grant(process.record(), Deadline.after(seconds, process.clock, end=FUNCTION))


# -- the pair in use ---------------------------------------------------------------------------------------------------


def test_pair_is_used_until_a_minute_before_it_expires(
    process: Renewing, clock: ManualClock, server: FakeAuthorisationServer
) -> None:
    clock.advance(LIFETIME - EARLY - 1)
    assert grant_of(process).endpoint.auth == FIRST_ACCESS
    assert server.asked == []


def test_expiring_pair_is_renewed_and_every_process_uses_the_new_one(
    process: Renewing, clock: ManualClock, server: FakeAuthorisationServer
) -> None:
    clock.advance(LIFETIME - EARLY)
    assert grant_of(process).endpoint.auth == "issued-access-token-1"
    assert grant_of(process.another()).endpoint.auth == "issued-access-token-1"
    assert server.asked == [("oauth.bitrix.info", CLIENT_ID, FIRST_REFRESH)]
    assert process.record().refreshed_at == pytest.approx(clock.now(), abs=1)


def test_pair_is_used_until_it_expires_while_the_server_is_down(
    process: Renewing, clock: ManualClock, server: FakeAuthorisationServer
) -> None:
    server.failure = OUTAGE
    clock.advance(LIFETIME - 2)
    assert grant_of(process).endpoint.auth == FIRST_ACCESS
    clock.advance(2)
    with pytest.raises(PortalUnavailable):
        grant_of(process)


def test_access_token_of_a_dead_grant_is_used_until_it_expires(
    process: Renewing, clock: ManualClock, server: FakeAuthorisationServer
) -> None:
    server.failure = BitrixError("invalid_grant", 400, method="oauth/token")
    clock.advance(LIFETIME - 30)
    assert grant_of(process).endpoint.auth == FIRST_ACCESS
    assert process.record().state is PortalState.REAUTHORISE
    assert len(server.asked) == 1
    clock.advance(30)
    with pytest.raises(PortalReauthorise):
        grant_of(process)


def test_grant_that_the_server_refused_in_error_is_renewed_by_a_later_probe(
    process: Renewing, clock: ManualClock, server: FakeAuthorisationServer
) -> None:
    server.failure = BitrixError("invalid_grant", 400, method="oauth/token")
    clock.advance(LIFETIME)
    with pytest.raises(PortalReauthorise):
        grant_of(process)
    closed = process.record()
    assert closed.state is PortalState.REAUTHORISE
    assert closed.retry_at == pytest.approx(clock.now() + FIRST_LOOK)
    clock.advance(FIRST_LOOK)
    with pytest.raises(PortalReauthorise):
        process.call(process.portals.get(MEMBER_ID))
    assert process.record().retry_at == pytest.approx(clock.now() + 2 * FIRST_LOOK, abs=10)
    server.failure = None
    clock.advance(2 * FIRST_LOOK)
    process.bitrix24.answers("im.chat.get", {"ID": 1437})
    assert process.call(process.portals.get(MEMBER_ID)) == {"ID": 1437}
    assert process.record().state is PortalState.ACTIVE
    assert process.recoveries.reported == [(MEMBER_ID, "reauthorise", "invalid_grant")]


def test_endpoint_of_the_pair_is_the_latest_one_of_the_server(
    process: Renewing, clock: ManualClock, server: FakeAuthorisationServer
) -> None:
    server.grants(FIRST_REFRESH, host="acme-group.bitrix24.com")
    clock.advance(LIFETIME)
    assert grant_of(process).endpoint.base_url == "https://acme-group.bitrix24.com/rest/"


def test_pair_of_another_portal_is_refused(
    process: Renewing, clock: ManualClock, server: FakeAuthorisationServer
) -> None:
    before = process.record().token_version
    server.grants(FIRST_REFRESH, member_id="0" * 32)
    clock.advance(LIFETIME)
    with pytest.raises(PortalUnavailable):
        grant_of(process)
    assert process.record().token_version == before


def test_both_secrets_are_accepted_during_a_rotation(
    process: Renewing, clock: ManualClock, server: FakeAuthorisationServer
) -> None:
    application = process.applications.keys(CLIENT_ID)[0]
    process.applications.rotate_secret(replace(application, client_secret="n0t-kn0wn-yet"), Deadline.after(5, clock))
    clock.advance(LIFETIME)
    assert grant_of(process).endpoint.auth == "issued-access-token-1"
    server.secrets[CLIENT_ID] = "n0t-kn0wn-yet"
    clock.advance(LIFETIME)
    assert grant_of(process).endpoint.auth == "issued-access-token-2"


def test_portal_of_an_unknown_application_is_misconfigured(
    process: Renewing, stores: Stores, clock: ManualClock, server: FakeAuthorisationServer
) -> None:
    key = {"pk": {"S": f"APP#{CLIENT_ID}"}, "sk": {"S": "APPLICATION"}}
    stores.dynamodb.delete_item(TableName=stores.portal_table, Key=key)
    clock.advance(LIFETIME)
    with pytest.raises(PortalMisconfigured) as raised:
        grant_of(process)
    assert raised.value.portal_error == "wrong_client"
    assert server.asked == []


def test_valid_pair_is_used_while_another_process_renews_it(
    process: Renewing, stores: Stores, clock: ManualClock, server: FakeAuthorisationServer
) -> None:
    clock.advance(LIFETIME - EARLY)
    held(process, stores, seconds=EARLY + 20)
    began = clock.now()
    assert grant_of(process).endpoint.auth == FIRST_ACCESS
    assert clock.now() == began
    clock.advance(EARLY)
    with pytest.raises(PortalUnavailable):
        grant_of(process)
    assert server.asked == []


# -- after a wait ------------------------------------------------------------------------------------------------------


def held(process: Renewing, stores: Stores, *, seconds: float) -> None:
    """Another process holds the lock for so many seconds."""
    pointers = Pointers(stores.portal_rows)
    seen = pointers.read(MEMBER_ID)
    assert seen is not None
    assert pointers.claim(MEMBER_ID, seen, "another", process.clock.now() + seconds, ())


def after_wait(process: Renewing, grant: Grant, seconds: float = 10) -> Grant:
    deadline = Deadline.after(seconds, process.clock, end=FUNCTION)
    return process.tokens.after_wait(process.record(), grant, deadline)


def test_current_grant_is_used_unchanged_after_a_wait(process: Renewing) -> None:
    grant = grant_of(process)
    assert after_wait(process, grant) is grant


def test_grant_renewed_by_another_process_during_a_wait_is_read_again(
    process: Renewing, clock: ManualClock, server: FakeAuthorisationServer
) -> None:
    portal, grant = process.portals.get(MEMBER_ID), grant_of(process)
    process.another().tokens.check(portal, Deadline.after(10, clock, end=FUNCTION))
    assert after_wait(process, grant).endpoint.auth == "issued-access-token-1"
    assert len(server.asked) == 1


def test_grant_of_a_new_installation_during_a_wait_is_read_from_its_own_secret(
    process: Renewing, server: FakeAuthorisationServer
) -> None:
    grant = grant_of(process)
    server.grants("second-refresh")
    fields = process.install_again("second-access", "second-refresh")
    assert after_wait(process, grant).endpoint.auth == "second-access"
    assert fields.secret_arn == process.record().secret_arn


@pytest.mark.parametrize("state", [PortalState.UNINSTALLED, PortalState.REAUTHORISE])
def test_portal_closed_with_another_pair_during_a_wait_raises(process: Renewing, state: PortalState) -> None:
    grant = grant_of(process)
    process.portals.save(process.record()._replace(token_version=str(uuid.uuid4()), state=state))
    with pytest.raises(ChatLookupError):
        after_wait(process, grant)


@pytest.mark.parametrize(
    ("passed", "seconds", "waits"),
    [(0, 3, True), (LIFETIME - 30, 3, False), (LIFETIME + 1, 3, True)],
    ids=["refused before it expires", "about to end", "expired"],
)
def test_grant_under_renewal_is_waited_for_unless_it_is_still_valid(
    process: Renewing, stores: Stores, clock: ManualClock, passed: float, seconds: float, waits: bool
) -> None:
    grant = grant_of(process)
    clock.advance(passed)
    held(process, stores, seconds=seconds)
    began = clock.now()
    assert (after_wait(process, grant).endpoint.auth == "issued-access-token-1") is waits
    assert (clock.now() - began >= seconds) is waits


def test_unreadable_record_after_a_wait_fails_no_call(
    process: Renewing, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    grant = grant_of(process)
    portal = process.record()

    def throttled(**_: object) -> object:
        raise ClientError({"Error": {"Code": "ThrottlingException"}}, "GetItem")

    monkeypatch.setattr(stores.dynamodb, "get_item", throttled)
    deadline = Deadline.after(10, process.clock, end=FUNCTION)
    assert process.tokens.after_wait(portal, grant, deadline) is grant


# -- only copies -------------------------------------------------------------------------------------------------------


@pytest.fixture
def unsaved(process: Renewing, stores: Stores, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> Renewing:
    """The process after Secrets Manager failed between the reservation and the save."""
    works = stores.secrets.put_secret_value

    def fails(**arguments: Any) -> object:
        if "VersionStages" not in arguments:
            raise ClientError({"Error": {"Code": "InternalServiceError"}}, "PutSecretValue")
        return works(**arguments)

    clock.advance(LIFETIME)
    with monkeypatch.context() as patch:
        patch.setattr(stores.secrets, "put_secret_value", fails)
        with pytest.raises(StoreUnavailable):
            grant_of(process)
        process.tokens.bring_in()
    return process


@pytest.mark.parametrize("judged", [False, True])
def test_unsaved_pair_is_saved_by_the_next_invocation_in_every_state_of_the_portal(
    unsaved: Renewing, clock: ManualClock, server: FakeAuthorisationServer, judged: bool
) -> None:
    clock.advance(61)
    if judged:
        with pytest.raises(PortalReauthorise):
            grant_of(unsaved.another())
        assert unsaved.record().state is PortalState.REAUTHORISE
    unsaved.tokens.bring_in()
    assert unsaved.record().state is PortalState.ACTIVE
    assert grant_of(unsaved.another()).endpoint.auth == "issued-access-token-1"
    assert len(server.asked) == 1 + judged


@pytest.mark.parametrize("meanwhile", ["forgotten", "installed again"])
def test_unsaved_pair_that_no_portal_needs_is_dropped(
    unsaved: Renewing, clock: ManualClock, server: FakeAuthorisationServer, meanwhile: str
) -> None:
    clock.advance(61)
    if meanwhile == "forgotten":
        unsaved.portals.delete(unsaved.record())
    else:
        server.grants("second-refresh")
        unsaved.install_again("second-access", "second-refresh")
    for _ in range(2):
        unsaved.tokens.bring_in()
    if meanwhile == "installed again":
        assert grant_of(unsaved).endpoint.auth == "second-access"
    assert unsaved.vault.only_copies() == []


def test_unsaved_pair_that_still_cannot_be_saved_is_kept_and_raises_nothing(
    unsaved: Renewing, stores: Stores, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock.advance(61)

    def throttled(**_: object) -> object:
        raise ClientError({"Error": {"Code": "ThrottlingException"}}, "UpdateItem")

    for name in ("get_item", "update_item"):
        with monkeypatch.context() as patch:
            patch.setattr(stores.dynamodb, name, throttled)
            unsaved.tokens.bring_in()
        clock.advance(6)
    pointer = unsaved.record().token_version
    unsaved.tokens.bring_in()
    assert unsaved.record().token_version != pointer
    assert grant_of(unsaved.another()).endpoint.auth == "issued-access-token-1"


# -- renewal -----------------------------------------------------------------------------------------------------------


def test_valid_pair_is_renewed_on_request(
    process: Renewing, clock: ManualClock, server: FakeAuthorisationServer
) -> None:
    process.tokens.check(process.record(), Deadline.after(10, clock, end=FUNCTION))
    assert len(server.asked) == 1
    assert grant_of(process).endpoint.auth == "issued-access-token-1"


def test_renewed_pair_is_not_renewed_again(
    process: Renewing, clock: ManualClock, server: FakeAuthorisationServer
) -> None:
    before = process.record()
    process.tokens.check(before, Deadline.after(10, clock, end=FUNCTION))
    renewed = process.another().tokens.renewed(before, before.token_version, Deadline.after(10, clock, end=FUNCTION))
    assert renewed.endpoint.auth == "issued-access-token-1"
    assert len(server.asked) == 1


@pytest.mark.parametrize("closed", ["uninstalled", "forgotten"])
def test_pair_of_an_uninstalled_portal_is_not_renewed(
    process: Renewing, clock: ManualClock, server: FakeAuthorisationServer, closed: str
) -> None:
    before = process.record()
    if closed == "forgotten":
        process.portals.delete(before)
    else:
        process.portals.save(before._replace(state=PortalState.UNINSTALLED))
    clock.advance(LIFETIME)
    with pytest.raises(PortalNotInstalled):
        process.tokens.grant(before, Deadline.after(10, clock, end=FUNCTION))
    assert server.asked == []


def test_portal_closed_by_a_renewal_is_closed_at_once_in_the_memory_of_the_process(
    process: Renewing, clock: ManualClock, server: FakeAuthorisationServer
) -> None:
    clock.advance(LIFETIME)
    remembered = process.portals.get(MEMBER_ID)
    server.failure = BitrixError("PAYMENT_REQUIRED", 401, method="oauth/token")
    with pytest.raises(ChatLookupError):
        process.tokens.grant(remembered, Deadline.after(10, clock, end=FUNCTION))
    with pytest.raises(ChatLookupError):
        process.portals.get(MEMBER_ID)
    assert len(server.asked) == 1


@pytest.mark.parametrize("secret", [{}, {"access_token": "a", "refresh_token": "r"}, {"webhook_url": "https://x"}])
def test_secret_without_a_pair_is_a_configuration_error(
    process: Renewing, stores: Stores, secret: dict[str, str]
) -> None:
    portal = process.record()
    version = str(uuid.uuid4())
    stores.secrets.put_secret_value(
        SecretId=portal.secret_arn, SecretString=json.dumps(secret), ClientRequestToken=version
    )
    process.portals.save(portal._replace(token_version=version))
    with pytest.raises(PortalMisconfigured) as raised:
        grant_of(process)
    assert raised.value.__suppress_context__


def test_oauth_grant_does_not_show_its_token(process: Renewing) -> None:
    grant = grant_of(process)
    for shown in (repr(grant), str(grant), f"{grant}", repr(grant.endpoint)):
        assert FIRST_ACCESS not in shown
