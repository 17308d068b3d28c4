"""The clients, each with what its users call: a method, a batch, and more commands than a batch holds."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from b24pysdk import BitrixApp, BitrixToken, BitrixWebhook  # type: ignore[import-untyped]  # it has no py.typed
from b24pysdk.errors import BitrixAPIError  # type: ignore[import-untyped]  # as above

from tests.sdk.calls import Command, Outcome, Params
from tests.sdk.doors import Door
from tests.sdk.drivers import Driver

Outcomes = Mapping[str, Outcome]


class Client(Protocol):
    """What every client has."""

    def call(self, door: Door, method: str, params: Params) -> Outcome: ...


class Batching(Client, Protocol):
    """A client with calls of up to fifty commands; errors within have no status."""

    def batch(self, door: Door, commands: Mapping[str, Command], halt: bool) -> Outcomes: ...


class Splitting(Batching, Protocol):
    """A client that splits more commands into batches."""

    def many(self, door: Door, commands: Sequence[Command]) -> Outcome: ...


def of_door(door: Door) -> Any:
    """b24pysdk's client of a door."""
    if door.mode == "webhook":
        return BitrixWebhook(domain=door.host, webhook_token=door.code)
    application = BitrixApp(**door.keys._asdict())
    tokens = {"auth_token": door.access_token, "refresh_token": door.refresh_token}
    expires = datetime.now(UTC) + timedelta(days=-1 if door.expired else 1)
    return BitrixToken(domain=door.host, bitrix_app=application, expires=expires, **tokens)


class Python:
    """b24pysdk."""

    def __init__(self) -> None:
        self._clients: dict[Door, Any] = {}

    def call(self, door: Door, method: str, params: Params) -> Outcome:
        return self._outcome(lambda: self._of(door).call_method(method, dict(params))["result"])

    def batch(self, door: Door, commands: Mapping[str, Command], halt: bool) -> Outcomes:
        return of_batch(self._of(door).call_batch(dict(commands), halt=halt)["result"])

    def many(self, door: Door, commands: Sequence[Command]) -> Outcome:
        # It returns a map from places to results.
        return self._outcome(lambda: list(self._of(door).call_batches(commands)["result"]["result"].values()))

    def _of(self, door: Door) -> Any:
        if door not in self._clients:
            self._clients[door] = of_door(door)
        return self._clients[door]

    @staticmethod
    def _outcome(call: Callable[[], object]) -> Outcome:
        try:
            return Outcome(call())
        except BitrixAPIError as error:
            return Outcome(error=error.error, status=error.response.status_code)


@dataclass(frozen=True)
class JavaScript:
    """b24jssdk."""

    driver: Driver

    def call(self, door: Door, method: str, params: Params) -> Outcome:
        return Outcome.of(self.driver.ask(do="call", door=door.as_json(), method=method, params=params))

    def batch(self, door: Door, commands: Mapping[str, Command], halt: bool) -> Outcomes:
        answer = self.driver.ask(do="batch", door=door.as_json(), calls=dict(commands), halt=halt)
        return {name: Outcome.of({**each, "status": 0}) for name, each in answer["result"].items()}

    def many(self, door: Door, commands: Sequence[Command]) -> Outcome:
        return Outcome.of(self.driver.ask(do="chunks", door=door.as_json(), calls=commands))


@dataclass(frozen=True)
class Page:
    """A page that calls BX24, whose library has OAuth mode only."""

    driver: Driver

    def call(self, door: Door, method: str, params: Params) -> Outcome:
        return Outcome.of(self.driver.ask(do="page", door=door.as_json(), method=method, params=params))


@dataclass(frozen=True)
class Php:
    """A client of clients.php, by its name there."""

    driver: Driver
    name: str

    def call(self, door: Door, method: str, params: Params) -> Outcome:
        answer = self.driver.ask(do="call", client=self.name, door=door.as_json(), method=method, params=params)
        return Outcome.of(answer)


class CRest(Php):
    """The one of them with batches."""

    def batch(self, door: Door, commands: Mapping[str, Command], halt: bool) -> Outcomes:
        calls = {name: {"method": method, "params": params} for name, (method, params) in commands.items()}
        answer = self.driver.ask(do="batch", client=self.name, door=door.as_json(), calls=calls, halt=halt)
        return of_batch(answer["result"])


def of_batch(result: Mapping[str, Any]) -> Outcomes:
    """The outcomes in the platform's answer to a batch of named commands; an empty map is a list there."""
    found, failed = dict(result["result"] or {}), dict(result["result_error"] or {})
    errors = {name: Outcome(error=each["error"], status=0) for name, each in failed.items()}
    return {**{name: Outcome(each) for name, each in found.items()}, **errors}
