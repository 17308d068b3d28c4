"""An uninstall event is accepted by its application token, and deletes a grant only if the portal refuses it."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.bootstrap.services import Services
from chat_lookup.errors import PortalNotInstalled
from chat_lookup.portals.application_tokens import hashed
from chat_lookup.portals.portal import Portal, PortalState
from functions.install import app
from tests.support.fakes import MEMBER_ID, FakeAuthorisationServer, FakeBitrix24, Output, Stores, lambda_context
from tests.support.in_process_service import Service
from tests.support.portals.first_contact import APPLICATION_TOKEN, Changes, answer_as_a_portal, event, frame, refusing
from tests.support.portals.known_portal import install_application

if TYPE_CHECKING:
    from collections.abc import Mapping

Read = Callable[[], Portal]


@pytest.fixture
def read(settled: Services, server: FakeAuthorisationServer) -> Read:
    """The stored record of an installed portal."""
    install_application(server)

    def work() -> Portal:
        portal = settled.portals.read(MEMBER_ID)
        assert portal is not None
        return portal

    return work


def uninstall(auth: Changes | None = None) -> dict[str, Any]:
    return app.handler(event("ONAPPUNINSTALL", auth), lambda_context())


def is_wiped(stores: Stores, arn: str) -> bool:
    """Whether a secret is deleted or empty."""
    try:
        secret = stores.secrets.get_secret_value(SecretId=arn)["SecretString"]
    except stores.secrets.exceptions.ClientError:
        return True
    return "issued" not in secret


@pytest.mark.parametrize("code", ["ERROR_OAUTH", "APPLICATION_NOT_FOUND", "NOT_INSTALLED", "authorization_error"])
def test_grant_that_the_portal_refuses_is_deleted(
    read: Read, stores: Stores, bitrix24: FakeBitrix24, another_process: Service, code: str
) -> None:
    before = read()
    bitrix24.answers_by("app.info", refusing(code, 401))
    answer = uninstall()
    assert (answer["statusCode"], json.loads(answer["body"])) == (200, {"status": "success"})
    after = read()
    assert (after.state, after.generation) == (PortalState.UNINSTALLED, before.generation + 1)
    assert is_wiped(stores, before.secret_arn)
    with pytest.raises(PortalNotInstalled):
        another_process.portals.get(MEMBER_ID)


@pytest.mark.parametrize("failure", ["invalid_grant", "invalid_client", "wrong_client", "NOT_INSTALLED"])
def test_grant_that_only_the_authorisation_server_refuses_is_deleted(
    read: Read, stores: Stores, bitrix24: FakeBitrix24, server: FakeAuthorisationServer, failure: str
) -> None:
    before = read()
    bitrix24.answers_by("app.info", refusing("expired_token", 401))
    server.failure = BitrixError(failure, 401, method="oauth/token")
    assert uninstall()["statusCode"] == 200
    assert read().state is PortalState.UNINSTALLED
    assert is_wiped(stores, before.secret_arn)


def test_late_uninstall_event_deletes_nothing(read: Read, stores: Stores, output: Output) -> None:
    before = read()
    assert uninstall()["statusCode"] == 200
    assert read() == before
    assert not is_wiped(stores, before.secret_arn)
    assert output.metric("EventsRejected", reason="late") == 1


@pytest.mark.parametrize("code", ["TIMEOUT", "TRANSPORT", "HTTP_5XX"])
def test_portal_that_does_not_answer_is_not_changed(
    read: Read, stores: Stores, bitrix24: FakeBitrix24, code: str
) -> None:
    before = read()
    bitrix24.answers_by("app.info", refusing(code, 0))
    assert uninstall()["statusCode"] == 503
    assert read() == before
    assert not is_wiped(stores, before.secret_arn)


@pytest.mark.parametrize(
    "auth",
    [
        {"application_token": "another-application-token"},
        {"application_token": None},
        {"application_token": hashed(APPLICATION_TOKEN)},
        {"member_id": "f0e1d2c3b4a5968778695a4b3c2d1e0f"},
        {"member_id": None},
    ],
)
def test_unproved_event_is_refused_and_no_call_is_made(
    read: Read, stores: Stores, bitrix24: FakeBitrix24, output: Output, auth: Changes
) -> None:
    before, calls = read(), len(bitrix24.calls)
    bitrix24.answers_by("app.info", refusing("ERROR_OAUTH", 401))
    assert uninstall(auth)["statusCode"] == 403
    assert read() == before
    assert not is_wiped(stores, before.secret_arn)
    assert len(bitrix24.calls) == calls
    assert output.metric("EventsRejected", reason="application_token") == 1


def test_repeated_uninstall_event_changes_nothing_more(read: Read, bitrix24: FakeBitrix24) -> None:
    read()
    bitrix24.answers_by("app.info", refusing("ERROR_OAUTH", 401))
    assert uninstall()["statusCode"] == uninstall()["statusCode"] == 200
    assert read().state is PortalState.UNINSTALLED


def test_new_installation_reopens_the_portal_and_old_answers_are_not_served(
    read: Read, stores: Stores, bitrix24: FakeBitrix24, server: FakeAuthorisationServer
) -> None:
    first = read()
    bitrix24.answers_by("app.info", refusing("ERROR_OAUTH", 401))
    uninstall()
    answer_as_a_portal(bitrix24)
    server.grants("again-refresh-token")
    assert app.handler(frame(form={"REFRESH_ID": "again-refresh-token"}), lambda_context())["statusCode"] == 200
    again = read()
    assert (again.state, again.bot_id) == (PortalState.ACTIVE, 456)
    assert again.generation > first.generation + 1
    assert not is_wiped(stores, again.secret_arn)


def test_installation_during_an_uninstall_event_keeps_its_secret(
    read: Read, stores: Stores, bitrix24: FakeBitrix24, server: FakeAuthorisationServer
) -> None:
    former = read()

    def install_meanwhile(_: "Mapping[str, object]") -> object:
        answer_as_a_portal(bitrix24)
        server.grants("again-refresh-token")
        assert app.handler(frame(form={"REFRESH_ID": "again-refresh-token"}), lambda_context())["statusCode"] == 200
        raise BitrixError("ERROR_OAUTH", 401, method="app.info")

    bitrix24.answers_by("app.info", install_meanwhile)
    assert uninstall()["statusCode"] == 200
    now = read()
    assert now.secret_arn != former.secret_arn
    assert now.state is PortalState.ACTIVE
    assert not is_wiped(stores, now.secret_arn)
