"""Calls to a portal that is opened by tokens: refused ones are renewed once, and no refusal starts a loop."""

from collections.abc import Mapping

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
from chat_lookup.portals.portal import Portal, PortalState
from chat_lookup.portals.updates import PortalFacts
from tests.support.fakes import CLIENT_ID, MEMBER_ID, FakeAuthorisationServer, FakeBitrix24, ManualClock, Output, Stores
from tests.support.tokens.renewal_scene import FIRST_ACCESS, FIRST_REFRESH, LIFETIME, Renewing, build

CHAT = {"ID": 1437}


class TokenedPortal(FakeBitrix24):
    """A portal that looks at the access token: those that are `refused` get that error, all others an answer."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self.refused: dict[str | None, tuple[str, int]] = {}
        self.answers_by("im.chat.get", self._answered)

    def _answered(self, _: Mapping[str, object]) -> object:
        endpoint = self.calls[-1].endpoint
        code = self.refused.get(endpoint.auth) or self.refused.get(endpoint.host)
        if code:
            raise BitrixError(*code, method="im.chat.get", description="what the portal said")
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


@pytest.mark.parametrize("code", ["expired_token", "NO_AUTH_FOUND", "invalid_token", "EXPIRED_TOKEN", "UNHEARD_OF"])
def test_a_refused_token_is_renewed_once_and_the_call_is_made_again(
    process: Renewing, portal: Portal, bitrix24: TokenedPortal, server: FakeAuthorisationServer, code: str
) -> None:
    bitrix24.refused[FIRST_ACCESS] = (code, 401)
    assert process.call(portal) == CHAT
    assert bitrix24.tokens == [FIRST_ACCESS, "issued-access-1"]
    assert server.asked == [("oauth.bitrix.info", CLIENT_ID, FIRST_REFRESH)]
    assert process.record().state is PortalState.ACTIVE


def test_a_token_is_renewed_a_minute_before_its_end_without_asking_the_portal_with_it(
    process: Renewing, portal: Portal, bitrix24: TokenedPortal, clock: ManualClock
) -> None:
    clock.advance(LIFETIME - 61)
    process.call(portal)
    clock.advance(2)
    process.call(portal)
    assert bitrix24.tokens == [FIRST_ACCESS, "issued-access-1"]


def test_who_was_refused_a_token_that_another_has_renewed_uses_the_others(
    process: Renewing, portal: Portal, bitrix24: TokenedPortal, server: FakeAuthorisationServer
) -> None:
    other = process.another()
    bitrix24.refused[FIRST_ACCESS] = ("expired_token", 401)
    assert process.call(portal) == CHAT
    assert other.call(portal) == CHAT
    assert bitrix24.tokens == [FIRST_ACCESS, "issued-access-1", FIRST_ACCESS, "issued-access-1"]
    assert len(server.asked) == 1


@pytest.mark.parametrize("code", ["ACCESS_ERROR", "insufficient_scope", "QUERY_LIMIT_EXCEEDED", "HTTP_5XX"])
def test_what_is_not_about_the_token_renews_nothing(
    process: Renewing, portal: Portal, bitrix24: TokenedPortal, server: FakeAuthorisationServer, code: str
) -> None:
    bitrix24.refused[FIRST_ACCESS] = (code, 503)
    with pytest.raises(BitrixError, match=code):
        process.call(portal)
    assert server.asked == []
    assert process.record().state is PortalState.ACTIVE


# -- no loop -----------------------------------------------------------------------------------------------------------


def test_a_portal_that_refuses_the_renewed_token_too_is_left_alone_for_a_minute(
    process: Renewing, portal: Portal, bitrix24: TokenedPortal, server: FakeAuthorisationServer, clock: ManualClock
) -> None:
    bitrix24.refused["acme.bitrix24.com"] = ("invalid_token", 401)
    with pytest.raises(BitrixError, match="invalid_token"):
        process.call(portal)
    assert len(server.asked) == 1
    for _ in range(3):
        with pytest.raises(PortalReauthorise) as refused:
            process.portals.get(MEMBER_ID)
        assert refused.value.portal_error == "invalid_token"
    clock.advance(61)
    del bitrix24.refused["acme.bitrix24.com"]
    assert process.call(process.portals.get(MEMBER_ID)) == CHAT
    assert process.record().state is PortalState.ACTIVE
    assert len(server.asked) == 1


def test_a_portal_that_never_accepts_a_token_costs_one_refresh_a_minute(
    process: Renewing, portal: Portal, bitrix24: TokenedPortal, server: FakeAuthorisationServer, clock: ManualClock
) -> None:
    del portal
    bitrix24.refused["acme.bitrix24.com"] = ("NO_AUTH_FOUND", 401)
    for _ in range(10 * 6):
        clock.advance(10)
        with pytest.raises((BitrixError, PortalReauthorise)):
            process.call(process.portals.get(MEMBER_ID))
    assert len(server.asked) <= 10


# -- a new address -----------------------------------------------------------------------------------------------------


def test_a_renamed_portal_is_found_where_the_authorisation_server_says_and_the_redirect_is_not_followed(
    process: Renewing, portal: Portal, bitrix24: TokenedPortal, server: FakeAuthorisationServer
) -> None:
    bitrix24.refused["acme.bitrix24.com"] = ("PORTAL_RENAMED", 302)
    server.grants(FIRST_REFRESH, host="acme-group.bitrix24.com")
    assert process.call(portal) == CHAT
    assert [call.endpoint.host for call in bitrix24.calls] == ["acme.bitrix24.com", "acme-group.bitrix24.com"]
    assert process.record().domain == "acme-group.bitrix24.com"


def test_where_the_authorisation_server_knows_no_other_address_nobody_asks_it_at_every_call(
    process: Renewing, portal: Portal, bitrix24: TokenedPortal, server: FakeAuthorisationServer
) -> None:
    bitrix24.refused["acme.bitrix24.com"] = ("PORTAL_RENAMED", 302)
    with pytest.raises(BitrixError, match="PORTAL_RENAMED"):
        process.call(portal)
    assert len(bitrix24.calls) == len(server.asked) == 1
    with pytest.raises(PortalReauthorise):
        process.portals.get(MEMBER_ID)


# -- what refusals leave behind ----------------------------------------------------------------------------------------

REFUSALS = [
    ("authorization_error", 401, PortalState.REAUTHORISE, PortalReauthorise),
    ("PAYMENT_REQUIRED", 401, PortalState.UNPAID, PortalBlocked),
]


@pytest.mark.parametrize(("code", "status", "state", "error"), REFUSALS)
@pytest.mark.parametrize("renewed", ["", "before the call", "after the call"])
def test_a_portal_that_admits_nothing_any_more_is_marked_however_new_the_token_is(
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
    clock.advance(LIFETIME + 1)
    assert process.call(process.portals.get(MEMBER_ID)) == CHAT
    assert process.record().state is PortalState.ACTIVE


@pytest.mark.parametrize("code", ["", "PAYMENT_REQUIRED", "authorization_error"])
def test_whatever_a_slow_call_learns_a_portal_that_was_uninstalled_meanwhile_stays_so(
    process: Renewing, stores: Stores, bitrix24: TokenedPortal, code: str
) -> None:
    portal = process.install(state=PortalState.UNPAID)
    facts = PortalFacts(stores.dynamodb, stores.portal_table, process.portals)

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
def test_what_keeps_a_token_from_being_renewed_is_what_the_caller_is_told(
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


def test_no_token_is_printed_whatever_comes_of_it(
    process: Renewing, portal: Portal, bitrix24: TokenedPortal, output: Output
) -> None:
    bitrix24.refused[FIRST_ACCESS] = ("expired_token", 401)
    process.call(portal)
    bitrix24.refused["issued-access-1"] = (f"not issued-access-1 nor {FIRST_ACCESS}", 400)
    with pytest.raises(BitrixError):
        process.call(process.record())
    assert output.lines
    for token in (FIRST_ACCESS, FIRST_REFRESH, "issued-access-1", "issued-refresh-1"):
        assert token not in output.text


def test_what_a_renewal_was_is_counted(
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
