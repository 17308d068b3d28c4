"""Errors of each class, from the reply of the portal to the alarm that reports them (design 7).

bitrix24/test_errors_over_the_wire.py has every code, bitrix24/test_connection_errors.py the failures without one, and
tests/template/monitoring/test_alarms.py finds an alarm for each.
With `-s` each code is printed with its class and its alarms.
"""

import sys
from typing import Any

import pytest

from chat_lookup.bitrix24.errors import ROWS, ErrorClass, ErrorRow, Where
from tests.support.error_scenarios import (
    BOT_ID,
    NOT_ASKED,
    OURS,
    WAYS,
    heal,
    looked_up,
    named,
)
from tests.support.portals.unknown_portal import Stage
from tests.support.service import Service
from tests.template.monitoring.alarm_rules import NORMAL, alarms_for

pytestmark = pytest.mark.usefixtures("leaping_clock")

TOKENS_LIFE = 3600.0
"""Seconds after which a token is renewed before the next call (bitrix24.md 3.5)."""

OF_TOKENS = {ErrorClass.REFRESH, ErrorClass.REAUTHORISE}
"""Classes that only a portal with tokens can have: a webhook has none."""


def one_of_each_class(rows: list[ErrorRow]) -> list[ErrorRow]:
    return list({row.error_class: row for row in reversed(rows)}.values())


OF_THE_PORTAL = [row for row in ROWS if row.where is not Where.AUTH_SERVER and row.code not in OURS]
BY_LOOK_UP = one_of_each_class([row for row in OF_THE_PORTAL if row.where in WAYS and row.error_class not in OF_TOKENS])
BY_PASSTHROUGH = one_of_each_class([row for row in OF_THE_PORTAL if row.where in NOT_ASKED])
BY_TOKEN = one_of_each_class([row for row in OF_THE_PORTAL if row.where in WAYS and row.error_class in OF_TOKENS])
OF_THE_SERVER = one_of_each_class([row for row in ROWS if row.where is Where.AUTH_SERVER and row.code not in OURS])


class RequestMetrics:
    """Reads the metrics of one request."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def assert_counted(self, code: str, error_class: str) -> None:
        """Assert that errors of this code and class were counted, and that an alarm watches one or the other."""
        blobs = [blob for blob in self._service.metrics() if "PortalErrors" in blob]
        for blob in blobs:
            self._assert_well_formed(blob)
        by_code = [blob for blob in blobs if blob.get("code") == code]
        by_class = [blob for blob in blobs if blob.get("class") == error_class]
        assert len(by_code) == len(by_class) == 1
        alarms = {alarm for blob in (*by_code, *by_class) for alarm in alarms_for(blob)}
        sys.stdout.write(f"{code} ({error_class}): {', '.join(sorted(alarms)) or NORMAL.get(error_class)}\n")
        assert alarms or error_class in NORMAL, f"no alarm for {code}"

    def _assert_well_formed(self, blob: dict[str, Any]) -> None:
        """As the Embedded Metric Format requires: each dimension and each metric that it names has a value."""
        (directive,) = blob["_aws"]["CloudWatchMetrics"]
        (dimensions,) = directive["Dimensions"]
        assert isinstance(blob["_aws"]["Timestamp"], int)
        assert directive["Namespace"] == "ChatLookup"
        assert directive["Metrics"] == [{"Name": "PortalErrors", "Unit": "Count"}]
        assert set(dimensions) in ({"service", "code"}, {"service", "class"})
        assert all(isinstance(blob[name], str) and blob[name] for name in dimensions)
        assert blob["service"] == self._service.stack.backend.variables["POWERTOOLS_SERVICE_NAME"]
        assert set(blob["PortalErrors"]) == {1.0}


@pytest.fixture(scope="module")
def begun(running_service: Service) -> tuple[Service, str]:
    """The service, and a key for the passthrough of methods that look-ups do not call."""
    running_service.reset()
    running_service.control("/bots", {"bot_id": BOT_ID})
    rights = {"scopes": ["rest", "passthrough"], "passthrough": sorted(NOT_ASKED.values())}
    key = running_service.admin("keys.create", portal=running_service.member_id, label="a test", **rights)["key"]
    # The state to which this service is reset contains the key.
    return Service(running_service.stack), str(key)


@pytest.fixture
def portal(begun: tuple[Service, str]) -> Service:
    heal(begun[0])
    return begun[0]


def each(rows: list[ErrorRow]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("row", rows, ids=named)


def status_of(row: ErrorRow) -> int:
    return row.statuses[0] if row.statuses else 400


@each(BY_LOOK_UP)
def test_code_of_a_look_up_is_counted_and_has_an_alarm(portal: Service, row: ErrorRow) -> None:
    path, methods = WAYS[row.where]
    portal.control("/faults", [{"method": method, "error": row.code, "status": status_of(row)} for method in methods])

    portal.get(path)

    RequestMetrics(portal).assert_counted(row.code, row.error_class)


@each(BY_PASSTHROUGH)
def test_code_of_another_method_is_counted_and_has_an_alarm(
    begun: tuple[Service, str], portal: Service, row: ErrorRow
) -> None:
    method = NOT_ASKED[row.where]
    portal.control("/faults", {"method": method, "error": row.code, "status": status_of(row)})

    portal.request("POST", f"/rest/1/{begun[1]}/{method}", {"Content-Type": "application/json"}, b"{}")

    RequestMetrics(portal).assert_counted(row.code, row.error_class)


# -- a portal with tokens ----------------------------------------------------------------------------------------------


@pytest.fixture
def key(stage: Stage) -> str:
    """A key of a portal that is installed by OAuth."""
    assert stage.contact().status == 200
    key = stage.key()
    stage.tell("/reset", {})
    stage.service.mark()
    return key


@each(BY_TOKEN)
def test_code_about_tokens_is_counted_and_has_an_alarm(stage: Stage, key: str, row: ErrorRow) -> None:
    stage.answers("im.chat.get", error=row.code, status=status_of(row))

    stage.look_up(key)

    RequestMetrics(stage.service).assert_counted(row.code, row.error_class)


@each(OF_THE_SERVER)
def test_code_of_the_authorisation_server_is_counted_and_has_an_alarm(stage: Stage, key: str, row: ErrorRow) -> None:
    stage.service.clock.advance(TOKENS_LIFE)
    stage.answers("oauth/token", error=row.code, status=status_of(row))

    looked_up(stage, key, row.error_class)

    RequestMetrics(stage.service).assert_counted(row.code, row.error_class)


def test_every_class_is_tested() -> None:
    assert {row.error_class for row in [*BY_LOOK_UP, *BY_PASSTHROUGH, *BY_TOKEN, *OF_THE_SERVER]} == set(ErrorClass)
