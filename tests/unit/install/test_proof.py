"""An installation is accepted only if the authorisation server and the portal confirm the offer."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.bootstrap.services import Services
from chat_lookup.clock import Deadline
from chat_lookup.errors import (
    ChatLookupError,
    InstallationRefused,
    PortalBlocked,
    PortalBusy,
    PortalUnavailable,
    TooManyAttempts,
)
from chat_lookup.http.json_fields import Fields
from chat_lookup.install.offers import Offer
from tests.support.fakes import (
    CLIENT_ID,
    CLIENT_SECRET,
    MEMBER_ID,
    FakeAuthorisationServer,
    FakeBitrix24,
    ManualClock,
    Output,
    Stores,
)
from tests.support.portals.first_contact import (
    APPLICATION_TOKEN,
    DOMAIN,
    OWN_ADDRESS,
    SERVER_ENDPOINT,
    SOURCE,
    refusing,
    secret_arns,
)

if TYPE_CHECKING:
    from chat_lookup.observability.telemetry import Telemetry

OFFER = Offer(DOMAIN, MEMBER_ID, SERVER_ENDPOINT, "offered-refresh-token", "", APPLICATION_TOKEN)
OTHER_MEMBER = "f0e1d2c3b4a5968778695a4b3c2d1e0f"
Prove = Callable[..., None]


@pytest.fixture
def prove(settled: Services, telemetry: "Telemetry", clock: ManualClock) -> Prove:
    """Install by an offer."""

    def work(offer: Offer = OFFER, source: str = SOURCE) -> None:
        with telemetry.invocation("request"):
            settled.install().installation.install(offer, OWN_ADDRESS, source, Deadline.after(25, clock))

    return work


@pytest.fixture
def nothing_written(settled: Services, stores: Stores) -> Iterator[None]:
    """Check that the test changes no record and no secret."""

    def kept() -> tuple[list[str], set[str]]:
        items = stores.dynamodb.scan(TableName=stores.portal_table)["Items"]
        return (sorted(map(str, items)), secret_arns(stores) | secret_arns(stores, "application"))

    del settled
    before = kept()
    yield
    assert kept() == before


def reason_of(prove: Prove, offer: Offer = OFFER) -> str:
    with pytest.raises(InstallationRefused) as raised:
        prove(offer)
    return raised.value.reason


def test_grant_of_an_administrator_is_accepted(prove: Prove, server: FakeAuthorisationServer) -> None:
    server.grants("offered-refresh-token")
    prove()
    assert server.asked == [("oauth.bitrix.info", CLIENT_ID, "offered-refresh-token")]


@pytest.mark.usefixtures("nothing_written")
@pytest.mark.parametrize("admin", [False, None, "true", 1, "Y"])
def test_grant_of_an_ordinary_user_is_refused(
    prove: Prove, server: FakeAuthorisationServer, bitrix24: FakeBitrix24, admin: object
) -> None:
    server.grants("offered-refresh-token", user_id=7)
    bitrix24.answers("profile", {"ID": "7", "ADMIN": admin})
    assert reason_of(prove) == "administrator"
    assert bitrix24.methods == ["profile"]


@pytest.mark.usefixtures("nothing_written")
@pytest.mark.parametrize("profile", [[], None, {}, "ADMIN"])
def test_unreadable_profile_makes_no_administrator(
    prove: Prove, server: FakeAuthorisationServer, bitrix24: FakeBitrix24, profile: object
) -> None:
    server.grants("offered-refresh-token")
    bitrix24.answers("profile", profile)
    assert reason_of(prove) == "administrator"


@pytest.mark.usefixtures("nothing_written")
@pytest.mark.parametrize(
    ("offer", "reason"),
    [
        (replace(OFFER, refresh_token=""), "no_refresh_token"),
        (replace(OFFER, server_endpoint="https://oauth.evil.example/rest/"), "server"),
        (replace(OFFER, server_endpoint="https://oauth.bitrix.info.evil.example/rest/"), "server"),
        (replace(OFFER, server_endpoint="https://oauth.bitrix.info@evil.example/rest/"), "server"),
        (replace(OFFER, server_endpoint="https://oauth.bitrix.info:8443/rest/"), "server"),
        (replace(OFFER, server_endpoint="http://oauth.bitrix.info/rest/"), "server"),
        (replace(OFFER, server_endpoint="https://127.0.0.1/rest/"), "server"),
        (replace(OFFER, domain="globex.bitrix24.com"), "application"),
    ],
)
def test_invalid_offer_is_refused_without_a_call(
    prove: Prove, server: FakeAuthorisationServer, bitrix24: FakeBitrix24, offer: Offer, reason: str
) -> None:
    server.grants("offered-refresh-token")
    assert reason_of(prove, offer) == reason
    assert (server.asked, bitrix24.calls) == ([], [])


@pytest.mark.usefixtures("nothing_written")
def test_spent_or_forged_grant_is_refused_and_the_portal_is_not_called(prove: Prove, bitrix24: FakeBitrix24) -> None:
    assert reason_of(prove) == "grant"
    assert bitrix24.calls == []


@pytest.mark.usefixtures("nothing_written")
def test_grant_for_another_application_is_refused(
    prove: Prove, server: FakeAuthorisationServer, bitrix24: FakeBitrix24
) -> None:
    server.grants("offered-refresh-token", client_id="local.fedcba9876543210.76543210")
    assert reason_of(prove) == "grant"
    assert bitrix24.calls == []


@pytest.mark.usefixtures("nothing_written")
@pytest.mark.parametrize(
    "granted", [{"member_id": OTHER_MEMBER}, {"host": "globex.bitrix24.com"}], ids=["member id", "host"]
)
def test_grant_for_another_portal_is_refused_and_no_portal_is_called(
    prove: Prove, server: FakeAuthorisationServer, bitrix24: FakeBitrix24, granted: dict[str, str]
) -> None:
    server.grants("offered-refresh-token", **granted)  # type: ignore[arg-type]  # texts only, by their names
    assert reason_of(prove) == "portal"
    assert bitrix24.calls == []


def test_member_id_of_an_offer_is_optional(prove: Prove, server: FakeAuthorisationServer, settled: Services) -> None:
    server.grants("offered-refresh-token")
    prove(replace(OFFER, member_id=""))
    assert settled.portals.read(MEMBER_ID)


@pytest.mark.usefixtures("nothing_written")
def test_replayed_offer_is_refused(prove: Prove, server: FakeAuthorisationServer, settled: Services) -> None:
    del settled
    server.grants("offered-refresh-token", user_id=7)
    server.failure = BitrixError("invalid_grant", 400, method="oauth/token")
    assert reason_of(prove) == "grant"
    assert reason_of(prove) == "grant"


@pytest.mark.usefixtures("nothing_written")
@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (BitrixError("TRANSPORT", method="oauth/token"), PortalUnavailable),
        (BitrixError("HTTP_5XX", 503, method="oauth/token"), PortalUnavailable),
        (BitrixError("PAYMENT_REQUIRED", 401, method="oauth/token"), PortalBlocked),
        (BitrixError("ADDRESS_REFUSED", 200, method="oauth/token"), "portal"),
        (BitrixError("NOT_INSTALLED", 401, method="oauth/token"), "grant"),
        (BitrixError("invalid_client", 401, method="oauth/token"), "keys"),
        (BitrixError("wrong_client", 200, method="oauth/token"), "keys"),
    ],
)
def test_each_failure_of_the_authorisation_server_has_its_own_error(
    prove: Prove,
    server: FakeAuthorisationServer,
    failure: BitrixError,
    error: type[ChatLookupError] | str,
) -> None:
    server.failure = failure
    if isinstance(error, str):
        assert reason_of(prove) == error
    else:
        with pytest.raises(error):
            prove()


def test_error_of_the_authorisation_server_is_counted_by_code_and_by_class(
    prove: Prove, server: FakeAuthorisationServer, output: Output
) -> None:
    server.failure = BitrixError("invalid_client", 401, method="oauth/token")
    assert reason_of(prove) == "keys"
    assert output.values("PortalErrors", code="invalid_client") == [1]
    assert output.values("PortalErrors", **{"class": "config"}) == [1]


@pytest.mark.usefixtures("nothing_written")
@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("ADDRESS_REFUSED", 0, "portal"),
        ("NO_AUTH_FOUND", 401, "administrator"),
        ("PORTAL_RENAMED", 302, PortalBlocked),
        ("TIMEOUT", 0, PortalUnavailable),
        ("QUERY_LIMIT_EXCEEDED", 503, PortalBusy),
    ],
)
def test_each_failure_of_the_portal_has_its_own_error(
    prove: Prove,
    server: FakeAuthorisationServer,
    bitrix24: FakeBitrix24,
    code: str,
    status: int,
    error: type[ChatLookupError] | str,
) -> None:
    server.grants("offered-refresh-token")
    bitrix24.answers_by("profile", refusing(code, status))
    if isinstance(error, str):
        assert reason_of(prove) == error
    else:
        with pytest.raises(error):
            prove()


def test_rotated_secret_is_tried_before_the_former_one(
    prove: Prove, server: FakeAuthorisationServer, settled: Services, clock: ManualClock
) -> None:
    rotate = {"command": "apps.rotate_secret", "client_id": CLIENT_ID, "client_secret": "n3xts3cr3tn3xts3cr3t"}
    settled.admin().run(Fields(rotate), Deadline.after(10, clock))
    server.grants("offered-refresh-token")
    prove()
    assert len(server.asked) == 2  # the server accepts the former one only
    server.secrets[CLIENT_ID] = "n3xts3cr3tn3xts3cr3t"
    server.grants("offered-refresh-token")
    prove()
    assert len(server.asked) == 3


def test_former_secret_is_tried_for_a_day(
    prove: Prove, server: FakeAuthorisationServer, settled: Services, clock: ManualClock
) -> None:
    rotate = {"command": "apps.rotate_secret", "client_id": CLIENT_ID, "client_secret": "n3xts3cr3tn3xts3cr3t"}
    settled.admin().run(Fields(rotate), Deadline.after(10, clock))
    clock.advance(25 * 3600)
    server.grants("offered-refresh-token")
    assert reason_of(prove) == "keys"
    assert (server.secrets[CLIENT_ID], len(server.asked)) == (CLIENT_SECRET, 1)


@pytest.mark.usefixtures("nothing_written")
def test_too_many_attempts_are_refused_before_the_server_is_called(
    prove: Prove, server: FakeAuthorisationServer
) -> None:
    server.grants("offered-refresh-token")
    for number in range(2):
        assert reason_of(prove, replace(OFFER, refresh_token=f"made-up-{number}")) == "grant"
    with pytest.raises(TooManyAttempts):
        prove()
    assert len(server.asked) == 2


def test_offer_without_a_server_uses_the_stored_one(prove: Prove, server: FakeAuthorisationServer) -> None:
    unnamed = replace(OFFER, server_endpoint="")
    server.grants("offered-refresh-token")
    prove(unnamed)
    server.grants("offered-refresh-token")
    prove(replace(OFFER, server_endpoint="https://oauth.bitrix24.tech/rest/"))
    server.grants("offered-refresh-token")
    prove(unnamed)
    assert [asked[0] for asked in server.asked] == ["oauth.bitrix.info", *["oauth.bitrix24.tech"] * 2]


def test_portal_with_a_new_domain_keeps_its_application(
    prove: Prove, server: FakeAuthorisationServer, settled: Services
) -> None:
    server.grants("offered-refresh-token")
    prove()
    server.grants("offered-refresh-token", host="acme-new.bitrix24.com")
    prove(replace(OFFER, domain="acme-new.bitrix24.com"))
    portal = settled.portals.read(MEMBER_ID)
    assert portal is not None
    assert (portal.domain, portal.client_id) == ("acme-new.bitrix24.com", CLIENT_ID)


def test_issued_tokens_are_registered_with_the_redactor_and_offered_ones_are_not(
    prove: Prove, server: FakeAuthorisationServer, telemetry: "Telemetry"
) -> None:
    server.grants("offered-refresh-token")
    prove()
    for secret in ("issued-access-token-1", "issued-refresh-token-1", CLIENT_SECRET):
        assert secret not in telemetry.redactor.clean(f"so: {secret}")
    for offered in ("offered-refresh-token", APPLICATION_TOKEN):
        assert telemetry.redactor.clean(f"so: {offered}") == f"so: {offered}"


@pytest.mark.parametrize("word", ["request", "installation-refused", "EventsRejected", DOMAIN, '"level":"'])
def test_offered_values_cannot_mask_words_in_the_log(prove: Prove, telemetry: "Telemetry", word: str) -> None:
    for offer in (
        replace(OFFER, refresh_token=word, application_token=word),
        replace(OFFER, refresh_token="", code=word),
    ):
        assert reason_of(prove, offer) == "grant"
    assert telemetry.redactor.clean(word) == word


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only one portal, another one, may install."""
    monkeypatch.setenv("INSTALL_MEMBERS", f"{OTHER_MEMBER}, 0123")


@pytest.mark.usefixtures("listed", "nothing_written")
@pytest.mark.parametrize("member_id", [MEMBER_ID, ""])
def test_installations_can_be_restricted_to_a_list(
    listed: None, server: FakeAuthorisationServer, prove: Prove, bitrix24: FakeBitrix24, member_id: str
) -> None:
    del listed
    server.grants("offered-refresh-token")
    assert reason_of(prove, replace(OFFER, member_id=member_id)) == "member"
    assert bitrix24.calls == []  # without a member_id the server is called, but not the portal
    assert len(server.asked) == (0 if member_id else 1)
