"""Refresh tokens are renewed before they expire, spread over the days, and at most once a day."""

import itertools
from typing import TYPE_CHECKING, Any

import pytest

from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.bitrix24.oauth import TokenPair
from chat_lookup.bootstrap.services import Services
from chat_lookup.clock import DAY
from chat_lookup.credentials.keepalive import LAPSES_AFTER, RENEWED_BEFORE, SPREAD_DAYS, is_due
from chat_lookup.portals.portal import Portal, PortalKind, PortalState
from chat_lookup.portals.updates import PortalFacts
from functions.keepalive import app
from tests.support.fakes import CLIENT_ID, FakeAuthorisationServer, ManualClock, Output, Stores, lambda_context
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
        refreshed_at = service.clock.now() - days * DAY
        return service.portals.save(portal._replace(refreshed_at=refreshed_at, **fields))

    return work


def run(seconds: float = 300) -> dict[str, Any]:
    return app.handler({}, lambda_context(seconds))


def counts(**given: int) -> dict[str, int]:
    return {"renewed": 0, "refused": 0, "failed": 0, "postponed": 0} | given


def test_expiring_refresh_token_is_renewed(
    add: "Callable[..., Portal]", service: Service, clock: ManualClock, output: Output
) -> None:
    portal = add(NAMES[0])
    assert run() == counts(renewed=1)
    renewed = service.portals.read(portal.member_id)
    assert renewed is not None
    assert renewed.refreshed_at == pytest.approx(clock.now(), abs=1)
    assert renewed.token_version != portal.token_version
    assert output.metric("KeepaliveRuns", outcome="renewed") == 1
    assert output.metric("TokenAge") == pytest.approx(179 * DAY, rel=0.01)


def test_portals_without_an_expiring_refresh_token_are_not_renewed(
    add: "Callable[..., Portal]", service: Service, server: FakeAuthorisationServer
) -> None:
    add(NAMES[0], days=100)
    add(NAMES[1], days=100, state=PortalState.REFUSED)
    add(NAMES[2], state=PortalState.UNINSTALLED)
    install(service)  # by webhook
    assert run() == counts()
    assert server.asked == []


def test_refresh_token_of_a_stopped_portal_is_renewed_and_the_portal_stays_stopped(
    add: "Callable[..., Portal]", service: Service, output: Output
) -> None:
    portal = add(NAMES[0])
    service.portals.states.stop(portal)
    assert run() == counts(renewed=1)
    renewed = service.portals.named(portal.member_id)
    assert renewed.token_version != portal.token_version
    assert renewed.state is PortalState.STOPPED
    assert output.metric("PortalRecoveries") == 0


@pytest.mark.parametrize("state", [PortalState.UNPAID, PortalState.MISCONFIGURED, PortalState.REFUSED])
def test_closed_portal_opened_by_the_keepalive_counts_as_a_recovery(
    add: "Callable[..., Portal]", service: Service, output: Output, state: PortalState
) -> None:
    portal = add(NAMES[0], state=state)
    assert run() == counts(renewed=1)
    assert service.portals.named(portal.member_id).state is PortalState.ACTIVE
    assert output.metric("PortalRecoveries", state=state) == 1


def test_portal_is_renewed_at_most_once_a_day(
    add: "Callable[..., Portal]", server: FakeAuthorisationServer, clock: ManualClock
) -> None:
    add(NAMES[0])
    server.failure = BitrixError("PAYMENT_REQUIRED", 401, method="oauth/token")
    clock.advance(DAY - clock.now() % DAY + 1)  # early on a day
    assert run() == counts(refused=1)
    assert run() == counts()
    assert len(server.asked) == 1
    server.failure = None
    clock.advance(DAY)
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


def test_failure_of_one_portal_does_not_stop_the_others(
    add: "Callable[..., Portal]", service: Service, server: FakeAuthorisationServer
) -> None:
    for name in NAMES[:3]:
        add(name)
    broken = service.portals.read(NAMES[1])
    assert broken is not None
    service.tokens.wipe(broken)
    assert run() == counts(renewed=2, failed=1)
    assert len(server.asked) == 2


def test_portals_without_time_left_are_postponed_and_counted(
    add: "Callable[..., Portal]", server: FakeAuthorisationServer, output: Output
) -> None:
    for name in NAMES:
        add(name)
    assert run(seconds=20) == counts(postponed=5)
    assert output.values("KeepaliveRuns", outcome="postponed") == [1] * 5
    assert server.asked == []
    assert run() == counts(renewed=5)  # on the same day: no portal was renewed before


# -- second attempts at dead grants ------------------------------------------------------------------------------------


def test_dead_grant_is_tried_once_an_hour_for_a_day(
    add: "Callable[..., Portal]", server: FakeAuthorisationServer, clock: ManualClock, output: Output
) -> None:
    add(NAMES[0], days=1, state=PortalState.REAUTHORISE)
    server.failure = BitrixError("invalid_grant", 400, method="oauth/token")
    asked_at = []
    for _ in range(3 * 24 * 4):
        before = len(server.asked)
        run()
        asked_at += [clock.now()] * (len(server.asked) - before)
        clock.advance(900)
    assert len(asked_at) == 24
    assert all(later - sooner == pytest.approx(3600, abs=301) for sooner, later in itertools.pairwise(asked_at))
    assert asked_at[-1] - asked_at[0] < DAY
    assert output.metric("KeepaliveRuns", outcome="refused") == 24
    assert output.metric("TokenRefreshes", outcome="dead") == 0


def test_grant_that_still_works_opens_its_portal(
    add: "Callable[..., Portal]", service: Service, server: FakeAuthorisationServer, clock: ManualClock, output: Output
) -> None:
    add(NAMES[0], days=1, state=PortalState.REAUTHORISE, state_code="invalid_grant")
    server.failure = BitrixError("HTTP_5XX", 503, method="oauth/token")
    assert run() == counts(refused=1)  # the next round is in an hour; the alarm is for expiring tokens
    server.failure = None
    clock.advance(3600)
    assert run() == counts(renewed=1)
    portal = service.portals.read(NAMES[0])
    assert portal is not None
    assert (portal.state, portal.token_version) != (PortalState.REAUTHORISE, portal.opinion_of)
    assert output.metric("TokenRefreshes", outcome="refreshed") == 1


def test_grant_that_dies_again_is_tried_for_another_day(
    add: "Callable[..., Portal]", service: Service, server: FakeAuthorisationServer, clock: ManualClock
) -> None:
    add(NAMES[0], days=1, state=PortalState.REAUTHORISE)
    run()
    renewed = service.portals.read(NAMES[0])
    assert renewed is not None
    assert renewed.state is PortalState.ACTIVE
    clock.advance(2 * DAY)
    service.portals.states.close(renewed, PortalState.REAUTHORISE, "authorization_error")
    server.failure = BitrixError("invalid_grant", 400, method="oauth/token")
    before = len(server.asked)
    run()
    assert len(server.asked) == before + 1


def test_expiring_tokens_are_renewed_before_dead_grants(
    add: "Callable[..., Portal]", server: FakeAuthorisationServer
) -> None:
    for name in NAMES[:4]:
        add(name, state=PortalState.REAUTHORISE)
    add(NAMES[4])
    assert run()["renewed"] == 5
    assert server.asked[0][2] == f"refresh-{NAMES[4]}"


def test_two_concurrent_rounds_try_a_dead_grant_once(
    add: "Callable[..., Portal]", service: Service, stores: Stores, clock: ManualClock
) -> None:
    portal = add(NAMES[0], state=PortalState.REAUTHORISE)
    facts = PortalFacts(stores.portal_rows, service.portals)
    assert facts.asked_again(portal, clock.now())
    assert facts.asked_again(portal, clock.now())  # its own answer was lost
    assert not facts.asked_again(portal, clock.now() + 1)


def test_portals_installed_on_one_day_are_spread_over_many_days() -> None:
    now = 2_000_000_000.0
    days = set()
    for number in range(200):
        portal = Portal(f"{number:032x}", "x.bitrix24.com", "", "", PortalKind.OAUTH, refreshed_at=now)
        first = next(day for day in range(200) if is_due(portal, now + day * DAY))
        assert (LAPSES_AFTER - RENEWED_BEFORE) / DAY <= first < LAPSES_AFTER / DAY - 5
        days.add(first)
    assert len(days) == SPREAD_DAYS


def test_expired_refresh_token_is_not_renewed() -> None:
    now = 2_000_000_000.0
    portal = Portal(NAMES[0], "x.bitrix24.com", "", "", PortalKind.OAUTH, refreshed_at=now - 182 * DAY)
    assert not is_due(portal, now)
