"""A user is requested once by many processes at the same time, on the real engine."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from chat_lookup.clock import Deadline, SystemClock
from chat_lookup.dynamodb import Table
from chat_lookup.observability.telemetry import Telemetry
from chat_lookup.portals.portal import Portal
from chat_lookup.rest.errors import RestFailures
from chat_lookup.rest.profiles import Profiles
from chat_lookup.rest.responses import RestOutcome, Result
from tests.support.stores.tables import Tables

pytestmark = pytest.mark.dynamodb_local

CALLERS = 16
USER = Result({"ID": "1", "ADMIN": True}, {})


@pytest.mark.parametrize("generation", range(1, 6))
def test_callers_that_begin_together_make_one_call(real_tables: Tables, telemetry: Telemetry, generation: int) -> None:
    clock, table = SystemClock(), Table(real_tables.client(), real_tables.cache)
    portal = Portal("0123", "acme.bitrix24.com", "arn", "version", generation=generation)
    calls, together = [], Barrier(CALLERS)

    def ask(asked: Portal, _: Deadline) -> RestOutcome:
        calls.append(asked)
        return USER

    def caller(_: int) -> RestOutcome:
        profiles = Profiles(ask, RestFailures(telemetry, clock), table, clock)
        together.wait(30)
        return profiles.of(portal, Deadline.after(20, clock))

    with ThreadPoolExecutor(CALLERS) as pool:
        assert list(pool.map(caller, range(CALLERS))) == [USER] * CALLERS
    assert calls == [portal]
