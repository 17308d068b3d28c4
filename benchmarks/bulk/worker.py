"""One process of bulk work within a portal's rate limit: with the service's limiter and client."""

from collections.abc import Iterator
from typing import Final, cast

from benchmarks.bulk.scenario import Scenario, Surroundings, Work
from chat_lookup.bitrix24.client import Bitrix24Client, Endpoint
from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.calls.gcra import Pace, Share
from chat_lookup.calls.rate_limiter import Limiter
from chat_lookup.clock import Deadline, SystemClock
from chat_lookup.dynamodb import Table
from chat_lookup.errors import PortalBusy

_MEMBER_ID: Final = "benchmark"
_READ_SECONDS: Final = 25.0
_PERSON_SECONDS: Final = 10.0
"""As a look-up has (design 3.1)."""
BETWEEN_QUESTIONS: Final = 2.0
QUESTION: Final = "profile"
"""The method of the person's questions: the portal counts it like any other, and no batch of ours contains it, so that
its delay can be set alone."""


def paced(surroundings: Surroundings) -> Work:
    """Our own worker: one batch after the other, each in its own slot."""
    scenario = surroundings.scenario
    limiter, client, endpoint = _process(surroundings)

    def work(numbers: Iterator[int]) -> int:
        return sum(
            _answers(limiter, client, endpoint, scenario.pace, _commands(scenario, number)) for number in numbers
        )

    return work


def questions(surroundings: Surroundings) -> tuple[tuple[float, float], ...]:
    """A person's questions, one every two seconds; returns the seconds of each for its slot and in all."""
    clock, scenario = SystemClock(), surroundings.scenario
    limiter, client, endpoint = _process(surroundings)
    first = clock.now() + scenario.asked_after
    waits = []
    for number in range(scenario.questions):
        clock.sleep(first + number * BETWEEN_QUESTIONS - clock.now())
        asked_at, deadline = clock.now(), Deadline.after(_PERSON_SECONDS, clock)
        slot = limiter.wait(_MEMBER_ID, scenario.pace, Share.INTERACTIVE, deadline)
        client.call(endpoint, QUESTION, {}, deadline)
        waits.append((slot, clock.now() - asked_at))
    return tuple(waits)


def _process(surroundings: Surroundings) -> tuple[Limiter, Bitrix24Client, Endpoint]:
    clock, tables = SystemClock(), surroundings.tables
    endpoint = Endpoint.from_webhook(surroundings.webhook_url)
    client = Bitrix24Client(clock, local_hosts=frozenset({endpoint.host}), ca_pem=surroundings.ca_file.read_text())
    return Limiter(Table(tables.client(), tables.cache), clock), client, endpoint


def _answers(limiter: Limiter, client: Bitrix24Client, endpoint: Endpoint, pace: Pace, commands: dict[str, str]) -> int:
    """Call until the portal answers; returns the number of commands answered."""
    clock = SystemClock()
    while True:
        deadline = Deadline.after(_READ_SECONDS, clock)
        try:
            limiter.wait(_MEMBER_ID, pace, Share.BULK, deadline)
            answer = client.call(endpoint, "batch", {"cmd": commands}, deadline, read_seconds=_READ_SECONDS)
        except PortalBusy as busy:
            clock.sleep(busy.retry_after or 1.0)
        except BitrixError as error:
            if not error.too_many:
                raise
            limiter.refused(_MEMBER_ID, pace, error.retry_at)
        else:
            result = cast("dict[str, dict[str, object]]", answer.result)
            return len(result["result"].keys() & commands.keys())


def _commands(scenario: Scenario, number: int) -> dict[str, str]:
    return {f"c{pair}": f"im.chat.get?ENTITY_TYPE=CRM&ENTITY_ID=DEAL%7C{pair}" for pair in scenario.deals(number)}
