"""Calls to a portal with tokens: a refused token is renewed once, and no refusal starts a loop."""

from collections.abc import Mapping
from contextlib import suppress
from itertools import pairwise

import pytest

from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.clock import Deadline
from chat_lookup.errors import (
    ChatLookupError,
    PortalBlocked,
    PortalMisconfigured,
    PortalNotInstalled,
    PortalReauthorise,
    PortalUnavailable,
)
from chat_lookup.observability.telemetry import Telemetry
from chat_lookup.portals.failures import FIRST_LOOK
from chat_lookup.portals.portal import Portal, PortalState
from chat_lookup.portals.states import RENEWED_EVERY
from chat_lookup.portals.updates import PortalFacts
from tests.support.fakes import CLIENT_ID, MEMBER_ID, FakeAuthorisationServer, FakeBitrix24, ManualClock, Output, Stores
from tests.support.tokens.renewal_scene import FIRST_ACCESS, FIRST_REFRESH, FUNCTION, LIFETIME, Renewing, build

CHAT = {"ID": 1437}


class TokenedPortal(FakeBitrix24):
    """A portal that looks at the access token: those that are `refused` get that error, all others an answer."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self.refused: dict[str | None, tuple[str, int]] = {}
        for method in ("im.chat.get", "profile", "scope"):
            self.answers_by(method, self._answered)

    def _answered(self, _: Mapping[str, object]) -> object:
        endpoint = self.calls[-1].endpoint
        code = self.refused.get(endpoint.auth) or self.refused.get(endpoint.host)
        if code:
            raise BitrixError(*code, method=self.calls[-1].method, description="description by the portal")
        return CHAT

    @property
    def tokens(self) -> list[str | None]:
        """The access token of each call."""
        return [call.endpoint.auth for call in self.calls]


@pytest.fixture
def bitrix24(clock: ManualClock) -> TokenedPortal:
    return TokenedPortal(clock)


@pytest.fixture
def server(clock: ManualClock) -> FakeAuthorisationServer:
    return FakeAuthorisationServer(clock)


@pytest.fixture
def process(
    stores: Stores,
    clock: ManualClock,
    bitrix24: TokenedPortal,
    server: FakeAuthorisationServer,
    telemetry: Telemetry,
) -> Renewing:
    return build(stores, clock, bitrix24, server, telemetry)


@pytest.fixture
def portal(process: Renewing) -> Portal:
    return process.install()


# -- one renewal -------------------------------------------------------------------------------------------------------


def test_a_good_token_is_used_and_nothing_is_renewed(
    process: Renewing, portal: Portal, bitrix24: TokenedPortal, server: FakeAuthorisationServer
) -> None:
    assert process.call(portal) == CHAT
    assert bitrix24.tokens == [FIRST_ACCESS]
    assert server.asked == []


@pytest.mark.parametrize("code", ["expired_token", "NO_AUTH_FOUND", "invalid_token", "EXPIRED_TOKEN"])
def test_a_refused_token_is_renewed_once_and_the_call_is_made_again(
    process: Renewing, portal: Portal, bitrix24: TokenedPortal, server: FakeAuthorisationServer, code: str
) -> None:
    bitrix24.refused[FIRST_ACCESS] = (code, 401)
    assert process.call(portal) == CHAT
    assert bitrix24.tokens == [FIRST_ACCESS, "issued-access-token-1"]
    assert server.asked == [("oauth.bitrix.info", CLIENT_ID, FIRST_REFRESH)]
    assert process.record().state is PortalState.ACTIVE


def test_a_token_is_renewed_a_minute_before_its_end_without_asking_the_portal_with_it(
    process: Renewing, portal: Portal, bitrix24: TokenedPortal, clock: ManualClock
) -> None:
    clock.advance(LIFETIME - 61)
    process.call(portal)
    clock.advance(2)
    process.call(portal)
    assert bitrix24.tokens == [FIRST_ACCESS, "issued-access-token-1"]


def test_process_refused_for_a_token_that_another_has_renewed_uses_the_new_one(
    process: Renewing, portal: Portal, bitrix24: TokenedPortal, server: FakeAuthorisationServer
) -> None:
    other = process.another()
    bitrix24.refused[FIRST_ACCESS] = ("expired_token", 401)
    assert process.call(portal) == CHAT
    assert other.call(portal) == CHAT
    assert bitrix24.tokens == [FIRST_ACCESS, "issued-access-token-1", FIRST_ACCESS, "issued-access-token-1"]
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("ACCESS_ERROR", 503),
        ("insufficient_scope", 503),
        ("QUERY_LIMIT_EXCEEDED", 503),
        ("HTTP_5XX", 503),
        ("CONNECTION_ERROR", 401),
        ("HTTP_4XX", 401),
        ("PORTAL_BLOCKED_BY_LICENSE_SCANNER", 401),
        ("NOT_JSON", 401),
        ("NOT_JSON", 302),
    ],
)
def test_error_that_is_not_about_the_token_renews_nothing(
    process: Renewing, portal: Portal, bitrix24: TokenedPortal, server: FakeAuthorisationServer, code: str, status: int
) -> None:
    bitrix24.refused[FIRST_ACCESS] = (code, status)
    with pytest.raises(BitrixError) as raised:
        process.call(portal)
    assert raised.value.code == code
    assert server.asked == []
    assert process.record().state is PortalState.ACTIVE


# -- no loop -----------------------------------------------------------------------------------------------------------


def test_portal_that_refuses_the_renewed_token_too_is_not_called_until_the_next_look(
    process: Renewing, portal: Portal, bitrix24: TokenedPortal, server: FakeAuthorisationServer, clock: ManualClock
) -> None:
    bitrix24.refused["acme.bitrix24.com"] = ("invalid_token", 401)
    with pytest.raises(BitrixError, match="invalid_token"):
        process.call(portal)
    assert bitrix24.methods == ["im.chat.get", "im.chat.get", "profile"]
    assert len(server.asked) == 1
    for _ in range(3):
        with pytest.raises(PortalReauthorise) as refused:
            process.portals.get(MEMBER_ID)
        assert refused.value.portal_error == "invalid_token"
    clock.advance(FIRST_LOOK)
    del bitrix24.refused["acme.bitrix24.com"]
    assert process.call(process.portals.get(MEMBER_ID)) == CHAT
    assert process.record().state is PortalState.ACTIVE
    assert len(server.asked) == 1
    assert process.recoveries.reported == [(MEMBER_ID, "refused", "invalid_token")]


HOURS = 24


def test_a_portal_that_never_accepts_a_token_costs_a_refresh_after_10_20_40_minutes_and_then_one_an_hour(
    process: Renewing, portal: Portal, bitrix24: TokenedPortal, server: FakeAuthorisationServer, clock: ManualClock
) -> None:
    del portal
    bitrix24.refused["acme.bitrix24.com"] = ("NO_AUTH_FOUND", 401)
    began = clock.now()
    refreshed_at: list[float] = []
    for _ in range(HOURS * 60):
        clock.advance(60)
        asked = len(server.asked)
        with pytest.raises((BitrixError, PortalReauthorise)):
            process.call(process.portals.get(MEMBER_ID))
        refreshed_at += [clock.now() - began] * (len(server.asked) - asked)
    gaps = [later - sooner for sooner, later in pairwise(refreshed_at)]
    assert all(gap >= least for gap, least in zip(gaps, (600, 1200, 2400), strict=False))
    # A pair that reached its end is renewed besides, by the look that meets it, and is at hand for the next looks.
    assert min(gaps) >= RENEWED_EVERY
    assert len(server.asked) <= HOURS + 4
    assert bitrix24.methods.count("profile") <= HOURS + 10
    assert bitrix24.methods.count("im.chat.get") == 2


@pytest.mark.usefixtures("portal")
def test_refusals_renew_a_portal_once_in_ten_minutes_even_with_successes_between(
    process: Renewing, bitrix24: TokenedPortal, server: FakeAuthorisationServer, clock: ManualClock
) -> None:
    """A portal that takes each token for a minute, and refuses it from then on."""
    began = clock.now()
    while clock.now() - began < RENEWED_EVERY:
        bitrix24.refused = {bitrix24.tokens[-1] if bitrix24.tokens else FIRST_ACCESS: ("expired_token", 401)}
        for _ in range(6):
            with suppress(BitrixError, PortalReauthorise):
                process.call(process.portals.get(MEMBER_ID))
            clock.advance(10)
    assert len(server.asked) == 1


@pytest.mark.parametrize("age", [0.0, 30.0, LIFETIME / 2])
def test_first_refusal_renews_at_once_at_any_age_of_the_token(
    process: Renewing,
    portal: Portal,
    bitrix24: TokenedPortal,
    server: FakeAuthorisationServer,
    clock: ManualClock,
    age: float,
) -> None:
    clock.advance(age)
    bitrix24.refused[FIRST_ACCESS] = ("expired_token", 401)
    assert process.call(portal) == CHAT
    assert len(server.asked) == 1


def test_an_outage_of_the_authorisation_server_does_not_use_up_the_renewal(
    process: Renewing, portal: Portal, bitrix24: TokenedPortal, server: FakeAuthorisationServer, clock: ManualClock
) -> None:
    bitrix24.refused[FIRST_ACCESS] = ("expired_token", 401)
    server.failure = BitrixError("HTTP_5XX", 502, method="oauth/token")
    with pytest.raises(PortalUnavailable):
        process.call(portal)
    server.failure = None
    clock.advance(5)
    assert process.another().call(portal) == CHAT


# -- a new address -----------------------------------------------------------------------------------------------------


def test_renamed_portal_is_called_at_the_authorisation_servers_address_and_not_at_the_redirects(
    process: Renewing, portal: Portal, bitrix24: TokenedPortal, server: FakeAuthorisationServer
) -> None:
    bitrix24.refused["acme.bitrix24.com"] = ("PORTAL_RENAMED", 302)
    server.grants(FIRST_REFRESH, host="acme-group.bitrix24.com")
    assert process.call(portal) == CHAT
    assert [call.endpoint.host for call in bitrix24.calls] == ["acme.bitrix24.com", "acme-group.bitrix24.com"]
    assert process.record().domain == "acme-group.bitrix24.com"


def test_authorisation_server_that_has_no_other_address_is_not_asked_at_every_call(
    process: Renewing, portal: Portal, bitrix24: TokenedPortal, server: FakeAuthorisationServer
) -> None:
    bitrix24.refused["acme.bitrix24.com"] = ("PORTAL_RENAMED", 302)
    with pytest.raises(BitrixError, match="PORTAL_RENAMED"):
        process.call(portal)
    assert bitrix24.methods == ["im.chat.get", "profile"]
    assert len(server.asked) == 1
    with pytest.raises(PortalReauthorise):
        process.portals.get(MEMBER_ID)


# -- the state after a refusal -----------------------------------------------------------------------------------------

REFUSALS = [
    ("authorization_error", 401, PortalState.REAUTHORISE, PortalReauthorise),
    ("PAYMENT_REQUIRED", 401, PortalState.UNPAID, PortalBlocked),
]


@pytest.mark.parametrize(("code", "status", "state", "error"), REFUSALS)
@pytest.mark.parametrize("renewed", ["", "before the call", "after the call"])
def test_portal_that_admits_nothing_any_more_is_marked_at_any_age_of_the_token(
    process: Renewing,
    portal: Portal,
    bitrix24: TokenedPortal,
    clock: ManualClock,
    code: str,
    status: int,
    state: PortalState,
    error: type[ChatLookupError],
    renewed: str,
) -> None:
    bitrix24.refused["acme.bitrix24.com"] = (code, status)
    if renewed == "before the call":
        clock.advance(LIFETIME)
    if renewed == "after the call":
        bitrix24.refused[FIRST_ACCESS] = ("expired_token", 401)
    with pytest.raises(BitrixError, match=code):
        process.call(portal)
    assert process.record().state is state
    with pytest.raises(error):
        process.portals.get(MEMBER_ID)


def test_a_portal_that_was_unpaid_and_answers_again_is_open_again(
    process: Renewing, portal: Portal, bitrix24: TokenedPortal, clock: ManualClock
) -> None:
    bitrix24.refused[FIRST_ACCESS] = ("PAYMENT_REQUIRED", 401)
    with pytest.raises(BitrixError):
        process.call(portal)
    assert process.record().state is PortalState.UNPAID
    clock.advance(LIFETIME + 1)
    assert process.call(process.portals.get(MEMBER_ID)) == CHAT
    assert process.record().state is PortalState.ACTIVE


@pytest.mark.parametrize("code", ["", "PAYMENT_REQUIRED", "authorization_error"])
def test_outcome_of_a_slow_call_does_not_reopen_a_portal_that_was_uninstalled_meanwhile(
    process: Renewing, stores: Stores, bitrix24: TokenedPortal, clock: ManualClock, code: str
) -> None:
    portal = process.install(state=PortalState.UNPAID, retry_at=clock.now() + 60)
    facts = PortalFacts(stores.portal_rows, process.portals)

    def uninstalled_meanwhile(_: Mapping[str, object]) -> object:
        assert facts.uninstalled(portal)
        if code:
            raise BitrixError(code, 401, method="im.chat.get")
        return CHAT

    bitrix24.answers_by("im.chat.get", uninstalled_meanwhile)
    try:
        process.call(portal)
    except BitrixError:
        assert code
    assert process.record().state is PortalState.UNINSTALLED


# -- the authorisation server refuses ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("PAYMENT_REQUIRED", 401, PortalBlocked),
        ("NOT_INSTALLED", 401, PortalNotInstalled),
        ("invalid_grant", 400, PortalReauthorise),
        ("wrong_client", 200, PortalMisconfigured),
        ("HTTP_5XX", 502, PortalUnavailable),
    ],
)
def test_reason_for_a_failed_renewal_is_raised_to_the_caller(
    process: Renewing,
    portal: Portal,
    bitrix24: TokenedPortal,
    server: FakeAuthorisationServer,
    output: Output,
    code: str,
    status: int,
    error: type[ChatLookupError],
) -> None:
    bitrix24.refused[FIRST_ACCESS] = ("expired_token", 401)
    server.failure = BitrixError(code, status, method="oauth/token")
    with pytest.raises(error):
        process.call(portal)
    assert len(server.asked) == 1
    assert output.metric("PortalErrors", code=code) == 1


def test_no_token_is_logged_at_success_or_failure(
    process: Renewing, portal: Portal, bitrix24: TokenedPortal, output: Output
) -> None:
    bitrix24.refused[FIRST_ACCESS] = ("expired_token", 401)
    process.call(portal)
    bitrix24.refused["issued-access-token-1"] = (f"not issued-access-token-1 nor {FIRST_ACCESS}", 400)
    with pytest.raises(BitrixError):
        process.call(process.record())
    assert output.lines
    for token in (FIRST_ACCESS, FIRST_REFRESH, "issued-access-token-1", "issued-refresh-token-1"):
        assert token not in output.text


def test_outcome_of_a_renewal_is_counted(
    process: Renewing, portal: Portal, bitrix24: TokenedPortal, clock: ManualClock, output: Output
) -> None:
    clock.advance(500)
    bitrix24.refused[FIRST_ACCESS] = ("expired_token", 401)
    process.call(portal)
    assert output.metric("TokenRefreshes", outcome="refreshed") == 1
    assert output.metric("TokenAge") == pytest.approx(500, abs=1)
    assert output.metric("PortalErrors", code="expired_token") == 1


def test_the_second_call_waits_for_a_slot_of_its_own(
    process: Renewing, bitrix24: TokenedPortal, clock: ManualClock
) -> None:
    portal = process.install(rate=0.5, burst=1)
    bitrix24.refused[FIRST_ACCESS] = ("expired_token", 401)
    began = clock.now()
    assert process.call(portal) == CHAT
    assert [call.at - began for call in bitrix24.calls] == pytest.approx([0, 2], abs=0.01)


def test_a_deadline_bounds_the_call_the_renewal_and_the_second_call_together(
    process: Renewing, portal: Portal, bitrix24: TokenedPortal, clock: ManualClock
) -> None:
    bitrix24.refused[FIRST_ACCESS] = ("expired_token", 401)
    bitrix24.seconds = 4
    began = clock.now()
    deadline = Deadline.after(6, clock)
    with process.telemetry.invocation("test"), pytest.raises(PortalUnavailable):
        process.calls.call(portal, "im.chat.get", {}, deadline)
    assert clock.now() - began <= 6
    assert len(bitrix24.calls) == 1


# -- a slow authorisation server ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize(("seconds", "server_takes"), [(10, 15), (7.5, 15), (10, 25)])
def test_the_one_request_that_renews_is_answered_late_and_within_its_function(
    process: Renewing, portal: Portal, bitrix24: TokenedPortal, server: FakeAuthorisationServer, clock: ManualClock,
    late: bool, seconds: float, server_takes: float,
) -> None:  # fmt: skip
    if late:
        clock.advance(LIFETIME)
    else:
        bitrix24.refused[FIRST_ACCESS] = ("expired_token", 401)
    server.seconds = server_takes
    began = clock.now()
    assert process.call(portal, seconds) == CHAT
    assert seconds < server_takes <= clock.now() - began <= FUNCTION - 1
    assert bitrix24.tokens[-1] == "issued-access-token-1"
