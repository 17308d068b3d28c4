"""One process of bulk work inside a portal's pace: the limiter and the client that the service has."""

from collections.abc import Iterator
from typing import Final, cast

from benchmarks.bulk.scenario import Scenario, Surroundings, Work
from chat_lookup.bitrix24.client import Bitrix24Client, Endpoint
from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.calls.gcra import Pace, Share
from chat_lookup.calls.rate_limiter import Limiter
from chat_lookup.clock import Deadline, SystemClock
from chat_lookup.errors import PortalBusy

_MEMBER_ID: Final = "benchmark"
_READ_SECONDS: Final = 25.0


def paced(surroundings: Surroundings) -> Work:
    """Our own way: one batch after the other, each in a slot of its own."""
    clock, scenario = SystemClock(), surroundings.scenario
    limiter = Limiter(surroundings.tables.client(), surroundings.tables.cache, clock)
    endpoint = Endpoint.from_webhook(surroundings.webhook_url)
    client = Bitrix24Client(clock, local_hosts=frozenset({endpoint.host}), ca_pem=surroundings.ca_file.read_text())

    def work(numbers: Iterator[int]) -> int:
        return sum(
            _answers(limiter, client, endpoint, scenario.pace, _commands(scenario, number)) for number in numbers
        )

    return work


def _answers(limiter: Limiter, client: Bitrix24Client, endpoint: Endpoint, pace: Pace, commands: dict[str, str]) -> int:
    """Ask until the portal answers; how many of the commands it answered."""
    clock = SystemClock()
    while True:
        deadline = Deadline.after(_READ_SECONDS, clock)
        try:
            limiter.wait(_MEMBER_ID, pace, Share.BULK, deadline)
            answer = client.call(endpoint, "batch", {"cmd": commands}, deadline, read_seconds=_READ_SECONDS)
        except PortalBusy as busy:
            clock.sleep(busy.retry_after or 1.0)
        except BitrixError as error:
            if error.metric_code != "QUERY_LIMIT_EXCEEDED":
                raise
            limiter.refused(_MEMBER_ID, pace, error.reset_at)
        else:
            result = cast("dict[str, dict[str, object]]", answer.result)
            return len(result["result"].keys() & commands.keys())


def _commands(scenario: Scenario, number: int) -> dict[str, str]:
    return {f"c{pair}": f"im.chat.get?ENTITY_TYPE=CRM&ENTITY_ID=DEAL%7C{pair}" for pair in scenario.deals(number)}
