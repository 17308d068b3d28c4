"""Concurrent updates of a portal's limits, on the engine whose conditional writes are atomic."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.calls.circuit_breaker import Circuit
from chat_lookup.calls.circuit_state import IN_A_ROW
from chat_lookup.calls.gcra import Pace, Share
from chat_lookup.calls.operating_time import Operating
from chat_lookup.calls.rate_limiter import Limiter
from chat_lookup.clock import Deadline, SystemClock
from chat_lookup.dynamodb import Table
from chat_lookup.errors import PortalUnavailable
from tests.support.fakes import MEMBER_ID, UnmovedClock
from tests.support.stores.tables import Tables

pytestmark = pytest.mark.dynamodb_local

CROWD = 16
PACE = Pace(rate=2, burst=50)


def test_concurrent_refusals_halve_the_rate_once(real_tables: Tables) -> None:
    clock = UnmovedClock()
    crowd = [Limiter(Table(real_tables.client(), real_tables.cache), clock) for _ in range(CROWD)]
    deadline = Deadline.after(30, clock)
    with ThreadPoolExecutor(CROWD) as threads:
        list(threads.map(lambda each: each.wait(MEMBER_ID, PACE, Share.INTERACTIVE, deadline), crowd))
        list(threads.map(lambda each: each.refused(MEMBER_ID, PACE), crowd))
    newcomer = Limiter(Table(real_tables.client(), real_tables.cache), clock)
    waited = [newcomer.wait(MEMBER_ID, PACE, Share.INTERACTIVE, deadline) for _ in range(3)]
    assert waited == pytest.approx([4, 5, 6], abs=0.01)


def test_concurrent_failures_are_all_counted_by_the_circuit_breaker(real_tables: Tables) -> None:
    silent = BitrixError("TIMEOUT", method="im.chat.get")
    for round_number in range(20):
        member_id = f"{MEMBER_ID}-{round_number}"
        crowd = [Circuit(Table(real_tables.client(), real_tables.cache), SystemClock()) for _ in range(IN_A_ROW)]
        with ThreadPoolExecutor(IN_A_ROW) as threads:
            entered = list(threads.map(lambda each, who=member_id: each.enter(who), crowd))
            list(threads.map(lambda each, state, who=member_id: each.learn(who, state, silent), crowd, entered))
        with pytest.raises(PortalUnavailable):
            Circuit(Table(real_tables.client(), real_tables.cache), SystemClock()).check(member_id)


def test_stopped_method_is_tried_by_one_process(real_tables: Tables) -> None:
    clock = UnmovedClock()
    crowd = [Operating(Table(real_tables.client(), real_tables.cache), clock) for _ in range(CROWD)]
    until = crowd[0].stop(MEMBER_ID, "im.chat.get")
    clock.advance(until - clock.now() + 0.1)
    with ThreadPoolExecutor(CROWD) as threads:
        stopped = list(threads.map(lambda each: each.stopped_until(MEMBER_ID, "im.chat.get"), crowd))
    assert stopped.count(None) == 1
    assert all(moment is None or moment > clock.now() for moment in stopped)
