"""The same simulated faulty day twice: in one process, the same seed gives every look-up the same outcome.

The runs with many processes, real stores and a real portal are in tests/chaos/test_soak.py.
"""

from collections import Counter
from collections.abc import Callable

import pytest

from chat_lookup.bitrix24.errors import classify
from chat_lookup.observability.telemetry import Telemetry
from tests.chaos.soak_alone import Day
from tests.chaos.soak_plan import METHOD, TROUBLES
from tests.support.stores.memory_stores import memory_stores


@pytest.fixture
def day(telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Day]:
    """Begins simulated days, each on its own stores."""
    return lambda seed: Day(memory_stores(), telemetry, monkeypatch, seed)


def test_same_seed_gives_the_same_outcomes_and_another_seed_gives_others(day: Callable[[str], Day]) -> None:
    first = day("1").outcomes()
    assert day("1").outcomes() == first
    second = day("3").outcomes()
    assert second != first
    sources = Counter(source for _, source in first + second)
    assert {"portal", "cache", "chat-not-found", "portal-unavailable", "store-unavailable"} <= sources.keys()


def test_every_fault_of_the_plan_is_classified_by_its_code() -> None:
    assert [
        each for each in TROUBLES if each.code not in ("", classify(METHOD, each.sent_code, each.status).code)
    ] == []
