"""An installation: what is stored, what is registered in the portal, and that a repetition changes nothing."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from chat_lookup.bootstrap.services import Services
from chat_lookup.clock import Deadline
from chat_lookup.errors import PortalBlocked, PortalUnavailable
from chat_lookup.install.installation import Installed
from chat_lookup.install.offers import Offer
from chat_lookup.install.registration import Remark
from chat_lookup.portals.application_tokens import hashed
from chat_lookup.portals.portal import Portal, PortalKind, PortalState
from chat_lookup.portals.store import Portals
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
from tests.support.in_process_service import Service
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
Install = Callable[..., Installed]


@pytest.fixture
def install(settled: Services, server: FakeAuthorisationServer, clock: ManualClock, telemetry: "Telemetry") -> Install:
    """Install by a valid offer; each call has its own grant."""

    def work(offer: Offer = OFFER, *, own_address: str = OWN_ADDRESS, seconds: float = 25) -> Installed:
        server.grants(offer.refresh_token)
        with telemetry.invocation("request"):
            return settled.install().installation.install(offer, own_address, SOURCE, Deadline.after(seconds, clock))

    return work


@pytest.fixture
def read(settled: Services) -> Callable[[], Portal]:
    """The stored record."""

    def work() -> Portal:
        portal = settled.portals.read(MEMBER_ID)
        assert portal is not None
        return portal

    return work


@pytest.fixture
def before(stores: Stores, settled: Services) -> set[str]:
    """The secrets of other tests."""
    del settled
    return secret_arns(stores)


def test_answer_of_the_authorisation_server_is_stored_and_not_the_offer(
    install: Install, read: Callable[[], Portal], stores: Stores, before: set[str], clock: ManualClock
) -> None:
    install()
    portal = read()
    assert (portal.domain, portal.kind, portal.state) == (DOMAIN, PortalKind.OAUTH, PortalState.ACTIVE)
    assert (portal.client_id, portal.server, portal.owner_id) == (CLIENT_ID, "oauth.bitrix.info", 1)
    assert portal.refreshed_at == pytest.approx(clock.now())
    assert portal.public_url == OWN_ADDRESS
    assert secret_arns(stores) - before == {portal.secret_arn}
    secret = json.loads(stores.secrets.get_secret_value(SecretId=portal.secret_arn)["SecretString"])
    assert (secret["access_token"], secret["refresh_token"]) == ("issued-access-token-1", "issued-refresh-token-1")


def test_capabilities_of_the_portal_are_stored(install: Install, read: Callable[[], Portal]) -> None:
    installed = install()
    portal = read()
    assert portal.scopes == frozenset({"im", "imbot"})
    assert portal.bot_revision == 36
    assert (portal.bot_id, portal.bot_api, portal.command_id) == (456, "v2", 42)
    assert (portal.rate, portal.burst) == (2.0, 50)
    assert installed.remarks == ()


def test_only_the_hash_of_the_application_token_is_stored(
    install: Install, read: Callable[[], Portal], stores: Stores, output: Output
) -> None:
    install()
    assert read().application_tokens == {hashed(APPLICATION_TOKEN)}
    kept = json.dumps(stores.dynamodb.scan(TableName=stores.portal_table)["Items"])
    assert output.lines
    for secret in (
        APPLICATION_TOKEN,
        "offered-refresh-token",
        "issued-access-token-1",
        "issued-refresh-token-1",
        CLIENT_SECRET,
    ):
        assert secret not in kept
        assert secret not in output.text


def test_installed_portal_accepts_look_ups(
    install: Install, service: Service, bitrix24: FakeBitrix24, clock: ManualClock
) -> None:
    install()
    bitrix24.answers("im.chat.get", {"ID": 1437})
    with service.telemetry.invocation("request"):
        portal = service.portals.find(DOMAIN)
        answer = service.calls.call(portal, "im.chat.get", {}, Deadline.after(10, clock))
    assert answer.result == {"ID": 1437}
    assert bitrix24.calls[-1].endpoint.auth == "issued-access-token-1"


def test_second_installation_keeps_one_record_and_one_secret_and_deletes_the_former_one(
    install: Install, read: Callable[[], Portal], stores: Stores, before: set[str]
) -> None:
    install()
    first = read()
    install()
    second = read()
    assert second.secret_arn != first.secret_arn
    assert secret_arns(stores) - before == {second.secret_arn}
    records = [each for each in stores.dynamodb.scan(TableName=stores.portal_table)["Items"] if "domain" in each]
    assert sum(each["sk"]["S"] == "RECORD" for each in records) == 1
    # What was cached before is not found again.
    assert (second.generation, second.created_at) == (first.generation + 1, first.created_at)


def test_new_application_token_replaces_the_former_ones(install: Install, read: Callable[[], Portal]) -> None:
    install()
    install(Offer(DOMAIN, MEMBER_ID, SERVER_ENDPOINT, "offered-refresh-token", "", "the-next-one"))
    assert read().application_tokens == {hashed("the-next-one")}


def test_offer_without_an_application_token_keeps_the_stored_one(install: Install, read: Callable[[], Portal]) -> None:
    install()
    install(Offer(DOMAIN, MEMBER_ID, SERVER_ENDPOINT, "offered-refresh-token"))
    assert read().application_tokens == {hashed(APPLICATION_TOKEN)}


def test_rate_set_by_an_operator_survives_an_installation(
    install: Install, settled: Services, read: Callable[[], Portal], telemetry: "Telemetry", clock: ManualClock
) -> None:
    from chat_lookup.http.json_fields import Fields  # noqa: PLC0415 - this test's only

    install()
    with telemetry.invocation("admin"):
        chosen = {"command": "portal.set", "portal": DOMAIN, "rate": 9, "burst": 90}
        settled.admin().run(Fields(chosen), Deadline.after(10, clock))
    install()
    assert (read().rate, read().burst) == (9.0, 90)


def test_largest_plan_has_the_higher_rate(install: Install, read: Callable[[], Portal], bitrix24: FakeBitrix24) -> None:
    bitrix24.answers("app.info", {"LICENSE": "de_ent10000", "LICENSE_FAMILY": "ent"})
    install()
    assert (read().rate, read().burst) == (5.0, 250)


def test_missing_bot_scope_gives_a_remark_and_no_bot(
    install: Install, read: Callable[[], Portal], bitrix24: FakeBitrix24
) -> None:
    bitrix24.answers("scope", ["im"])
    assert install().remarks == (Remark.NO_BOT_SCOPE,)
    assert (read().bot_id, read().bot_api) == (None, "")
    assert not [method for method in bitrix24.methods if method.startswith("imbot")]


def test_missing_chat_scope_gives_a_remark(install: Install, bitrix24: FakeBitrix24) -> None:
    bitrix24.answers("scope", ["crm"])
    assert install().remarks == (Remark.NO_CHAT_SCOPE, Remark.NO_BOT_SCOPE)


def test_refused_bot_gives_a_remark_and_an_active_portal(
    install: Install, read: Callable[[], Portal], bitrix24: FakeBitrix24
) -> None:
    bitrix24.answers_by("imbot.v2.Bot.register", refusing("BOT_LIMIT_EXCEEDED", 400))
    assert install().remarks == (Remark.BOT_REFUSED,)
    assert (read().state, read().bot_id) == (PortalState.ACTIVE, None)


def test_refused_bindings_give_a_remark(install: Install, bitrix24: FakeBitrix24) -> None:
    bitrix24.answers_by("event.bind", refusing("ACCESS_DENIED", 403))
    assert install().remarks == (Remark.BINDINGS_REFUSED,)


@pytest.mark.parametrize(
    ("method", "attempts"),
    [("scope", 3), ("imbot.v2.Bot.register", 1), ("imbot.v2.Command.update", 1), ("event.bind", 1)],
)
def test_installation_fails_if_the_portal_does_not_answer_and_no_write_is_repeated(
    install: Install, bitrix24: FakeBitrix24, method: str, attempts: int
) -> None:
    bitrix24.answers_by(method, refusing("TIMEOUT", 0))
    with pytest.raises(PortalUnavailable):
        install()
    assert bitrix24.methods.count(method) == attempts


def test_installation_after_a_failed_attempt_succeeds(
    install: Install, read: Callable[[], Portal], bitrix24: FakeBitrix24, stores: Stores, before: set[str]
) -> None:
    bitrix24.answers_by("imbot.v2.Bot.update", refusing("TIMEOUT", 0))
    with pytest.raises(PortalUnavailable):
        install()
    bitrix24.answers("imbot.v2.Bot.update", {"bot": {"id": 456}})
    install()
    assert read().bot_id == 456
    assert secret_arns(stores) - before == {read().secret_arn}


def test_plan_without_rest_requests_blocks_the_installation(install: Install, bitrix24: FakeBitrix24) -> None:
    bitrix24.answers_by("profile", refusing("ACCESS_DENIED", 403))
    with pytest.raises(PortalBlocked):
        install()


def test_failed_write_of_the_record_deletes_the_new_secret(
    install: Install, settled: Services, stores: Stores, before: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Portal) -> Portal:
        raise ClientError({"Error": {"Code": "InternalServerError"}}, "TransactWriteItems")

    monkeypatch.setattr(type(settled.portals), "save", lambda _, portal, **__: fail(portal))
    with pytest.raises(ClientError):
        install()
    assert secret_arns(stores) == before


def test_record_written_despite_a_lost_answer_keeps_its_secret(
    install: Install, settled: Services, stores: Stores, before: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    save = type(settled.portals).save

    def lose(portals: Portals, portal: Portal, **options: bool) -> Portal:
        save(portals, portal, **options)
        raise ClientError({"Error": {"Code": "InternalServerError"}}, "TransactWriteItems")

    monkeypatch.setattr(type(settled.portals), "save", lose)
    with pytest.raises(ClientError):
        install()
    named = settled.portals.read(MEMBER_ID)
    assert named is not None
    assert secret_arns(stores) - before == {named.secret_arn}


def test_failed_deletion_of_the_former_secret_does_not_fail_the_installation(
    install: Install,
    read: Callable[[], Portal],
    stores: Stores,
    output: Output,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    install()
    first = read().secret_arn

    def fail(**_: object) -> None:
        raise ClientError({"Error": {"Code": "InternalServiceError"}}, "DeleteSecret")

    with monkeypatch.context() as failing:
        failing.setattr(stores.secrets, "delete_secret", fail)
        install()
    assert read().secret_arn != first
    assert first in str(output.lines[-1]["former_secrets_left"])
    # The record names it until it is deleted.
    assert read().former_secrets == {first}
    install()
    assert read().former_secrets == frozenset()
    assert first not in secret_arns(stores)
