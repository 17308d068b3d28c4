"""Refresh tokens that would lapse are renewed, spread over the days, and never twice on one."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.bitrix24.oauth import TokenPair
from chat_lookup.bootstrap.services import Services
from chat_lookup.credentials.keepalive import A_DAY, LAPSES_AFTER, RENEWED_BEFORE, SPREAD_DAYS, is_due
from chat_lookup.portals.portal import Portal, PortalKind, PortalState
from functions.keepalive import app
from tests.support.fakes import CLIENT_ID, FakeAuthorisationServer, ManualClock, Output, lambda_context
from tests.support.in_process_service import Service, install

if TYPE_CHECKING:
    from collections.abc import Callable

NAMES = tuple(f"{number:032x}" for number in range(5))


@pytest.fixture
def add(settled: Services, service: Service, server: FakeAuthorisationServer) -> "Callable[..., Portal]":
    """Store a portal whose pair was last renewed so many days ago."""
    del settled

    def work(member_id: str, days: float = 179, **fields: Any) -> Portal:
        host = f"{member_id[-8:]}.bitrix24.com"
        refresh = server.grants(f"refresh-{member_id}", member_id=member_id, host=host)
        pair = TokenPair(
            "access", refresh, 0, member_id, f"https://{host}/rest/", "oauth.bitrix.info", 1, frozenset(), "L"
        )
        arn, version = service.tokens.keep(pair, CLIENT_ID)
        portal = Portal(member_id, host, arn, version, PortalKind.OAUTH, client_id=CLIENT_ID)
        refreshed_at = service.clock.now() - days * A_DAY
        return service.portals.save(replace(portal, refreshed_at=refreshed_at, **fields))

    return work


def run(seconds: float = 300) -> dict[str, Any]:
    return app.handler({}, lambda_context(seconds))


def counts(**told: int) -> dict[str, int]:
    return {"renewed": 0, "refused": 0, "failed": 0, "postponed": 0} | told


def test_a_pair_that_would_lapse_is_renewed(
    add: "Callable[..., Portal]", service: Service, clock: ManualClock, output: Output
) -> None:
    portal = add(NAMES[0])
    assert run() == counts(renewed=1)
    renewed = service.portals.read(portal.member_id)
    assert renewed is not None
    assert renewed.refreshed_at == pytest.approx(clock.now(), abs=1)
    assert renewed.token_version != portal.token_version
    assert output.metric("KeepaliveRuns", outcome="renewed") == 1
    assert output.metric("TokenAge") == pytest.approx(179 * A_DAY, rel=0.01)


def test_nobody_else_is_asked(add: "Callable[..., Portal]", service: Service, server: FakeAuthorisationServer) -> None:
    add(NAMES[0], days=100)
    add(NAMES[1], state=PortalState.REAUTHORISE)
    add(NAMES[2], state=PortalState.UNINSTALLED)
    install(service)  # by webhook
    assert run() == counts()
    assert server.asked == []


def test_a_portal_is_asked_once_a_day(
    add: "Callable[..., Portal]", server: FakeAuthorisationServer, clock: ManualClock
) -> None:
    add(NAMES[0])
    server.failure = BitrixError("PAYMENT_REQUIRED", 401, method="oauth/token")
    clock.advance(A_DAY - clock.now() % A_DAY + 1)  # early on a day
    assert run() == counts(refused=1)
    assert run() == counts()
    assert len(server.asked) == 1
    server.failure = None
    clock.advance(A_DAY)
    assert run() == counts(renewed=1)


@pytest.mark.parametrize(
    ("failure", "outcome"),
    [("invalid_grant", "refused"), ("invalid_client", "refused"), ("TRANSPORT", "failed"), ("HTTP_5XX", "failed")],
)
def test_renewal_that_is_refused_or_fails_is_counted(
    add: "Callable[..., Portal]", server: FakeAuthorisationServer, output: Output, failure: str, outcome: str
) -> None:
    add(NAMES[0])
    server.failure = BitrixError(failure, 401 if failure.startswith("invalid") else 0, method="oauth/token")
    assert run() == counts(**{outcome: 1})
    assert output.metric("KeepaliveRuns", outcome=outcome) == 1


def test_one_portals_failure_stops_no_other(
    add: "Callable[..., Portal]", service: Service, server: FakeAuthorisationServer
) -> None:
    for name in NAMES[:3]:
        add(name)
    broken = service.portals.read(NAMES[1])
    assert broken is not None
    service.tokens.wipe(broken.secret_arn)
    assert run() == counts(renewed=2, failed=1)
    assert len(server.asked) == 2


def test_portals_for_which_no_time_is_left_are_postponed_and_counted(
    add: "Callable[..., Portal]", server: FakeAuthorisationServer, output: Output
) -> None:
    for name in NAMES:
        add(name)
    assert run(seconds=20) == counts(postponed=5)
    assert output.values("KeepaliveRuns", outcome="postponed") == [1] * 5
    assert server.asked == []
    assert run() == counts(renewed=5)  # on the same day: no portal was asked before


def test_portals_of_one_day_are_spread_over_many() -> None:
    now = 2_000_000_000.0
    days = set()
    for number in range(200):
        portal = Portal(f"{number:032x}", "x.bitrix24.com", "", "", PortalKind.OAUTH, refreshed_at=now)
        first = next(day for day in range(200) if is_due(portal, now + day * A_DAY))
        assert (LAPSES_AFTER - RENEWED_BEFORE) / A_DAY <= first < LAPSES_AFTER / A_DAY - 5
        days.add(first)
    assert len(days) == SPREAD_DAYS


def test_what_has_lapsed_is_left_alone() -> None:
    now = 2_000_000_000.0
    portal = Portal(NAMES[0], "x.bitrix24.com", "", "", PortalKind.OAUTH, refreshed_at=now - 182 * A_DAY)
    assert not is_due(portal, now)
