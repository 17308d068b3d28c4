"""The metrics of a renewal of a portal's tokens: outcome, age of the pair, and each error of the server."""

from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.clock import Deadline
from chat_lookup.credentials.renewal import OUTAGE_PAUSE
from chat_lookup.errors import ChatLookupError, StoreUnavailable
from chat_lookup.observability.telemetry import Telemetry
from tests.support.fakes import FakeAuthorisationServer, FakeBitrix24, ManualClock, Output, Stores
from tests.support.tokens.renewal_scene import FUNCTION, Renewing, build


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


def renew(process: Renewing) -> ChatLookupError | None:
    """Renew the portal's pair, as one invocation; the error that the caller gets, if there is one."""
    with process.telemetry.invocation("test"):
        try:
            process.tokens.check(process.record(), Deadline.after(20, process.clock, end=FUNCTION))
        except ChatLookupError as error:
            return error
    return None


@pytest.mark.parametrize(
    ("code", "status", "outcome"),
    [
        (None, 200, "refreshed"),
        ("invalid_grant", 400, "dead"),
        ("NOT_INSTALLED", 401, "dead"),
        ("PAYMENT_REQUIRED", 401, "unpaid"),
        ("wrong_client", 200, "failed"),
        ("HTTP_5XX", 502, "failed"),
        ("TIMEOUT", 0, "lost"),
    ],
)
def test_outcome_of_a_renewal_is_counted(
    process: Renewing, server: FakeAuthorisationServer, output: Output, code: str | None, status: int, outcome: str
) -> None:
    server.failure = BitrixError(code, status, method="oauth/token") if code else None
    assert (renew(process) is None) == (code is None)
    assert output.values("TokenRefreshes", outcome=outcome) == [1]
    assert output.values("TokenRefreshes") == [1]


@pytest.mark.parametrize("spent", [False, True])
def test_store_that_cannot_be_written_is_counted_as_failed_and_its_pair_as_adopted_when_it_is_saved(
    process: Renewing, stores: Stores, output: Output, monkeypatch: pytest.MonkeyPatch, spent: bool
) -> None:
    works = stores.secrets.put_secret_value

    def fail(**arguments: Any) -> object:
        if spent and "VersionStages" in arguments:
            return works(**arguments)  # the reservation of a successor, before the token is spent
        raise EndpointConnectionError(endpoint_url="https://secretsmanager.example")

    with monkeypatch.context() as outage:
        outage.setattr(stores.secrets, "put_secret_value", fail)
        assert isinstance(renew(process), StoreUnavailable)
    assert output.values("TokenRefreshes", outcome="failed") == [1]
    assert renew(process) is None
    assert output.values("TokenRefreshes", outcome="adopted" if spent else "refreshed") == [1]
    assert len(output.values("TokenRefreshes")) == 2


def test_grant_that_is_dead_after_a_lost_answer_is_counted_as_lost(
    process: Renewing, server: FakeAuthorisationServer, output: Output
) -> None:
    server.seconds = 60
    assert renew(process) is not None
    assert output.values("TokenRefreshes", outcome="lost") == [1]
    server.seconds = 0
    process.clock.advance(OUTAGE_PAUSE + 0.1)
    assert renew(process) is not None
    assert output.values("TokenRefreshes", outcome="lost") == [1, 1]
    assert output.values("TokenRefreshes", outcome="dead") == []


def test_age_of_a_pair_is_counted_when_it_is_renewed(process: Renewing, clock: ManualClock, output: Output) -> None:
    clock.advance(500)
    renew(process)
    assert output.values("TokenAge") == [pytest.approx(500, abs=1)]


@pytest.mark.parametrize(
    ("code", "status", "error_class"),
    [
        ("invalid_grant", 400, "reauthorise"),
        ("NOT_INSTALLED", 401, "uninstalled"),
        ("PAYMENT_REQUIRED", 401, "portal"),
        ("wrong_client", 200, "config"),
        ("HTTP_5XX", 502, "retry"),
    ],
)
def test_error_of_the_authorisation_server_is_counted_by_code_and_by_class(
    process: Renewing, server: FakeAuthorisationServer, output: Output, code: str, status: int, error_class: str
) -> None:
    server.failure = BitrixError(code, status, method="oauth/token")
    assert renew(process) is not None
    assert output.values("PortalErrors", code=code) == [1]
    assert output.values("PortalErrors", **{"class": error_class}) == [1]
