"""One request at most, none to a closed portal, nothing changed, and no failure of a store that stops the report."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from chat_lookup.bitrix24.batch import BatchAnswer
from chat_lookup.bitrix24.client import Answer, Command, OperatingTime
from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.calls.circuit_state import State
from chat_lookup.calls.gcra import Pace, RateState
from chat_lookup.clock import Deadline
from chat_lookup.credentials.applications import ApplicationKind, ApplicationRecord
from chat_lookup.doctor.examination import CLOCKS_AGREE, Doctor
from chat_lookup.doctor.findings import FindingCode
from chat_lookup.errors import PortalBusy, PortalReauthorise, StoreUnavailable
from chat_lookup.portals.api_keys import ApiKey
from chat_lookup.portals.portal import Portal, PortalKind, PortalState
from tests.support.fakes import ManualClock
from tests.support.portals.healthy_replies import APPLICATION, HEALTHY

DENIED = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "secret-5ecret"}}, "GetItem")
SILENT = EndpointConnectionError(endpoint_url="https://dynamodb.us-east-1.amazonaws.com")


@dataclass
class Ports:
    """The doctor's ports: each returns what the test sets, or raises it."""

    clock: ManualClock
    record: object = None
    circuit: object = field(default_factory=State)
    pace: object = field(default_factory=RateState)
    application: object = field(
        default_factory=lambda: ApplicationRecord("local.1", ApplicationKind.LOCAL, "acme.bitrix24.com", "arn", "v")
    )
    keys: object = ()
    finished_at: float | None = None
    failure: Exception | None = None
    takes: float = 0.0
    calls: int = 0

    def read(self, _: str) -> Portal | None:
        return cast("Portal | None", _given(self.record))

    def of(self, _: str) -> list[ApiKey]:
        return cast("list[ApiKey]", _given(self.keys))

    def inspect(self, _: Portal, commands: tuple[Command, ...], __: Deadline) -> BatchAnswer:
        self.calls += 1
        self.clock.advance(self.takes)
        if self.failure:
            raise self.failure
        outcomes = tuple(Answer(HEALTHY[each.method], OperatingTime(), 0.1) for each in commands)
        return BatchAnswer(outcomes, OperatingTime(finished_at=self.finished_at), 0.1)


def _given(value: object) -> object:
    if isinstance(value, Exception):
        raise value
    return value


@dataclass
class Reading:
    """A port with one method, which returns or raises what `value` gives."""

    value: Callable[[], object]

    def state_of(self, _: str, __: Pace | None = None) -> Any:
        return _given(self.value())

    def record(self, _: str) -> Any:
        return _given(self.value())


HEALTHY_RECORD = APPLICATION._replace(
    client_id="local.1", application_tokens=frozenset({"hash"}), refreshed_at=ManualClock().now()
)


@pytest.fixture
def ports(clock: ManualClock) -> Ports:
    return Ports(clock, record=HEALTHY_RECORD)


def codes(ports: Ports, portal: Portal = HEALTHY_RECORD) -> list[FindingCode]:
    circuits, paces, applications = (
        Reading(lambda: ports.circuit), Reading(lambda: ports.pace), Reading(lambda: ports.application),
    )  # fmt: skip
    doctor = Doctor(ports, ports, circuits, paces, applications, ports, ports.clock)
    found = doctor.examine(portal, "", Deadline.after(30, ports.clock))
    assert "5ecret" not in repr(found)
    return [each.code for each in found]


def test_healthy_portal_is_asked_once_and_has_no_findings(ports: Ports) -> None:
    assert codes(ports) == []
    assert ports.calls == 1


def key_of(uninstalls: int, expires_at: float | None = None) -> ApiKey:
    return ApiKey("0123456789ab", "", frozenset({"lookup"}), "shop", 0.0, expires_at, frozenset(), uninstalls)


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        ([], []),
        ([key_of(1)], []),
        ([key_of(1), key_of(0)], [FindingCode.KEYS_SUSPENDED]),
        ([key_of(0)] * 7, [FindingCode.KEYS_SUSPENDED]),
        ([key_of(0, expires_at=1.0)], []),
        (DENIED, [FindingCode.NOT_CHECKED]),
    ],
)
def test_keys_that_an_uninstallation_suspended_are_found_once_the_portal_is_installed_again(
    ports: Ports, keys: object, found: list[FindingCode]
) -> None:
    ports.record, ports.keys = HEALTHY_RECORD._replace(uninstalls=1), keys
    assert codes(ports, HEALTHY_RECORD._replace(uninstalls=1)) == found


def test_suspended_keys_of_an_uninstalled_portal_are_no_finding(ports: Ports) -> None:
    ports.record, ports.keys = HEALTHY_RECORD._replace(uninstalls=1, state=PortalState.UNINSTALLED), [key_of(0)]
    assert codes(ports, HEALTHY_RECORD._replace(state=PortalState.UNINSTALLED)) == [FindingCode.UNINSTALLED]


@pytest.mark.parametrize("state", [each for each in PortalState if each is not PortalState.ACTIVE])
def test_closed_portal_is_not_called(ports: Ports, state: PortalState) -> None:
    ports.record = HEALTHY_RECORD._replace(state=state)
    assert codes(ports, ports.record) == [FindingCode(state.value)]
    assert ports.calls == 0


@pytest.mark.parametrize(
    ("circuit", "code"),
    [
        (State("OVERLOAD_LIMIT", 503, probe_at=9e8), FindingCode.BLOCKED),
        (State("PORTAL_DELETED", 500), FindingCode.BLOCKED),
        (State("TRANSPORT", 0, host="acme.bitrix24.com", connection="refused"), FindingCode.UNREACHABLE),
        (State("HTTP_5XX", 502), FindingCode.UNREACHABLE),
    ],
)
def test_portal_with_an_open_circuit_is_not_called_even_if_its_probe_is_due(
    ports: Ports, circuit: State, code: FindingCode
) -> None:
    ports.circuit = circuit
    assert codes(ports) == [code]
    assert ports.calls == 0


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (PortalBusy(retry_after=3), FindingCode.NOT_ASKED),
        (StoreUnavailable(), FindingCode.NOT_ASKED),
        (DENIED, FindingCode.NOT_CHECKED),
        (SILENT, FindingCode.NOT_CHECKED),
        (BitrixError("PORTAL_RENAMED", 302), FindingCode.MOVED),
        (BitrixError("expired_token", 401), FindingCode.TOKEN_REFUSED),
        (BitrixError("INVALID_CREDENTIALS", 401, webhook=True), FindingCode.TOKEN_REFUSED),
        (BitrixError("TIMEOUT"), FindingCode.PORTAL_FAILED),
        (BitrixError("NEW_CODE", 418), FindingCode.PORTAL_FAILED),
    ],
)
def test_each_failure_of_the_request_is_one_finding(ports: Ports, failure: Exception, code: FindingCode) -> None:
    ports.failure = failure
    assert codes(ports) == [code]


def test_portal_that_the_renewal_of_its_tokens_closed_is_reported_by_its_state_alone(ports: Ports) -> None:
    ports.failure = PortalReauthorise()
    ports.record = HEALTHY_RECORD._replace(state=PortalState.REAUTHORISE)
    assert codes(ports, HEALTHY_RECORD) == [FindingCode.REAUTHORISE]


@pytest.mark.parametrize("failing", ["record", "circuit", "pace", "application"])
@pytest.mark.parametrize("failure", [DENIED, SILENT], ids=["denied", "silent"])
def test_store_that_cannot_be_read_is_a_finding_beside_all_others(
    ports: Ports, failing: str, failure: Exception
) -> None:
    setattr(ports, failing, failure)
    assert codes(ports, HEALTHY_RECORD._replace(public_url="https://chats.example.com")) == [FindingCode.NOT_CHECKED]
    assert ports.calls == 1


def test_pace_is_a_finding_while_it_is_lowered(ports: Ports, clock: ManualClock) -> None:
    now = clock.now()
    ports.pace = RateState(factor=0.5, lowered_at=now)
    assert codes(ports) == [FindingCode.PACE_LOWERED]
    ports.pace = RateState(blocked_until=now + 9, lowered_at=now, unavailable=True)
    assert codes(ports) == [FindingCode.PACE_LOWERED]
    ports.pace = RateState(factor=0.5, lowered_at=now - 400)
    assert codes(ports) == []


@pytest.mark.parametrize(
    ("off", "found"),
    [
        (0.0, []), (CLOCKS_AGREE, []), (CLOCKS_AGREE + 1, [FindingCode.CLOCK_OFF]), (-5.0 - CLOCKS_AGREE, []),
        (-6.0 - CLOCKS_AGREE, [FindingCode.CLOCK_OFF]), (None, []),
    ],
)  # fmt: skip
def test_clocks_are_compared_with_the_time_of_the_request_left_out(
    ports: Ports, clock: ManualClock, off: float | None, found: list[FindingCode]
) -> None:
    ports.takes = 5.0
    ports.finished_at = None if off is None else clock.now() + 5.0 + off
    assert codes(ports) == found


def test_old_tokens_are_reported_and_not_renewed_by_a_call(ports: Ports, clock: ManualClock) -> None:
    ports.record = HEALTHY_RECORD._replace(refreshed_at=clock.now() - 172 * 86_400)
    assert codes(ports, ports.record) == [FindingCode.TOKEN_OLD]
    assert ports.calls == 0


def test_application_without_its_keys_is_a_finding_of_oauth_portals_only(ports: Ports) -> None:
    ports.application = None
    assert codes(ports) == [FindingCode.APPLICATION_MISSING]
    webhook = HEALTHY_RECORD._replace(kind=PortalKind.WEBHOOK, bot_id=None)
    ports.record = webhook
    assert codes(ports, webhook) == []
