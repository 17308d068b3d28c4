"""Opening an application that needs a new grant: a visit repairs it, but only for an administrator."""

from typing import Any

import pytest

from chat_lookup.bootstrap.services import Services
from chat_lookup.portals.portal import Portal, PortalState
from functions.install import app
from tests.support.fakes import MEMBER_ID, FakeAuthorisationServer, FakeBitrix24, Output, lambda_context
from tests.support.portals.first_contact import Changes, frame
from tests.support.portals.known_portal import install_application
from tests.support.portals.page_visitors import followed

HEALED = "The application is installed."


def visit(form: Changes | None = None, query: Changes | None = None) -> dict[str, Any]:
    return followed(frame("app", form={"REFRESH_ID": "visitors-refresh"} | dict(form or {}), query=query))


@pytest.fixture
def portal(settled: Services, server: FakeAuthorisationServer) -> Portal:
    """A portal that is installed."""
    install_application(server)
    server.asked.clear()
    return read(settled)


def read(services: Services) -> Portal:
    portal = services.portals.read(MEMBER_ID)
    assert portal is not None
    return portal


def test_installation_into_a_stopped_portal_changes_nothing_and_spends_no_offer(
    settled: Services, portal: Portal, server: FakeAuthorisationServer, bitrix24: FakeBitrix24
) -> None:
    settled.portals.states.stop(portal)
    calls = len(bitrix24.calls)
    server.grants("offered-refresh-token")
    answer = app.handler(frame(), lambda_context())
    assert (answer["statusCode"], "has stopped it" in answer["body"]) == (503, True)
    assert "retry-after" not in answer["headers"]
    assert (server.asked, len(bitrix24.calls)) == ([], calls)
    settled.portals.states.start(portal)
    assert app.handler(frame(), lambda_context())["statusCode"] == 200


@pytest.mark.parametrize("state", [PortalState.REAUTHORISE, PortalState.UNPAID, PortalState.REFUSED])
def test_installation_into_a_closed_portal_counts_as_a_recovery(
    settled: Services, portal: Portal, server: FakeAuthorisationServer, output: Output, state: PortalState
) -> None:
    settled.portals.states.close(portal, state, "CODE")
    install_application(server)
    assert output.metric("PortalRecoveries", state=state) == 1


@pytest.mark.parametrize("state", [PortalState.REAUTHORISE, PortalState.UNINSTALLED])
def test_visit_of_an_administrator_repairs_the_grant(
    settled: Services, portal: Portal, server: FakeAuthorisationServer, state: PortalState
) -> None:
    settled.portals.states.close(portal, state, "invalid_grant")
    server.grants("visitors-refresh", user_id=5)
    answer = visit()
    assert (answer["statusCode"], HEALED in answer["body"]) == (200, True)
    healed = read(settled)
    assert (healed.state, healed.owner_id) == (PortalState.ACTIVE, 5)
    assert healed.secret_arn != portal.secret_arn


def test_visit_of_another_user_repairs_nothing_and_refers_to_an_administrator(
    settled: Services, portal: Portal, server: FakeAuthorisationServer, bitrix24: FakeBitrix24
) -> None:
    settled.portals.states.close(portal, PortalState.REAUTHORISE, "invalid_grant")
    before = read(settled)
    server.grants("visitors-refresh", user_id=7)
    bitrix24.answers("profile", {"ID": "7", "ADMIN": False})
    answer = visit({"APPLICATION_TOKEN": "forged-application-token"}, {"LANG": "ru"})
    assert (answer["statusCode"], "администратор" in answer["body"]) == (403, True)
    assert read(settled) == before


def test_visit_repairs_a_renamed_portal(settled: Services, portal: Portal, server: FakeAuthorisationServer) -> None:
    server.grants("visitors-refresh", host="acme-new.bitrix24.com")
    answer = visit(query={"DOMAIN": "acme-new.bitrix24.com"})
    assert HEALED in answer["body"]
    assert read(settled).domain == "acme-new.bitrix24.com"
    assert portal.domain != read(settled).domain


def test_request_of_an_unknown_portal_gets_no_information(portal: Portal) -> None:
    del portal
    for form, query in (
        ({"member_id": None}, None),
        ({"member_id": "f0e1d2c3b4a5968778695a4b3c2d1e0f"}, None),
        (None, {"DOMAIN": "globex.bitrix24.com"}),
    ):
        assert visit(form, query)["statusCode"] == 403
