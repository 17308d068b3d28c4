"""Fakes of what a test cannot have: time, a portal, Lambda. One fake per port, shared by all tests."""

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from chat_lookup.bitrix24.client import Answer, BatchAnswer, Command, Endpoint, OperatingTime
from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.bitrix24.http import Wire
from chat_lookup.bitrix24.oauth import Application, AuthorisationServer, TokenPair
from chat_lookup.clock import Deadline
from chat_lookup.dynamodb import Table
from chat_lookup.portals.portal import Portal

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_secretsmanager import SecretsManagerClient

MEMBER_ID = "d41d8cd98f00b204e9800998ecf8427e"
WEBHOOK_CODE = "s3cr3tw3bh00kc0d3"
WEBHOOK_URL = f"https://acme.bitrix24.com/rest/1/{WEBHOOK_CODE}/"


@dataclass(frozen=True, slots=True)
class Stores:
    """DynamoDB and Secrets Manager with the template's two tables."""

    dynamodb: "DynamoDBClient"
    secrets: "SecretsManagerClient"
    portal_table: str
    cache_table: str

    @property
    def portal_rows(self) -> Table:
        """PortalTable as the package's stores use it."""
        return Table(self.dynamodb, self.portal_table)

    @property
    def cache_rows(self) -> Table:
        """CacheTable as the package's stores use it."""
        return Table(self.dynamodb, self.cache_table)


class ManualClock:
    """A clock that only the test moves, by `advance` or by a sleep. `slept` lists the seconds of each sleep."""

    def __init__(self, now: float = 1_763_000_000.123456) -> None:
        self._now = now
        self.slept: list[float] = []

    def now(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            self.slept.append(seconds)
            self._now += seconds

    def advance(self, seconds: float) -> None:
        self._now += seconds


class UnmovedClock(ManualClock):
    """A clock that a sleep does not move: other users of it go on at the same moment."""

    def sleep(self, seconds: float) -> None:
        self.slept.append(max(0.0, seconds))


class FixedRandom(Random):
    """Returns the same share of any interval, its middle by default."""

    def __init__(self, share: float = 0.5) -> None:
        super().__init__()
        self._share = share

    def uniform(self, a: float, b: float) -> float:
        return a + (b - a) * self._share


@dataclass(frozen=True, slots=True)
class Called:
    """One call to the fake portal."""

    method: str
    params: Mapping[str, object]
    endpoint: Endpoint
    at: float


@dataclass(slots=True)
class FakeRecoveries:
    """Fake of `Recoveries`: records the former state and code of each portal that is open again."""

    reported: list[tuple[str, str, str]] = field(default_factory=list)

    def report(self, portal: Portal, state: str, code: str) -> None:
        self.reported.append((portal.member_id, str(state), code.strip("-")))


Reply = Callable[[Mapping[str, object]], object]


@dataclass(slots=True)
class FakeBitrix24:
    """Fake of `Bitrix24Client`: answers each method as scripted and records the calls."""

    clock: ManualClock
    calls: list[Called] = field(default_factory=list)
    seconds: float = 0.0
    """How long each call takes, in seconds."""
    deadlines: list[float] = field(default_factory=list)
    """How many seconds each call had left."""
    time: OperatingTime = field(default_factory=OperatingTime)
    """The operating time that each answer reports."""
    wire: None = None
    """The client lends its connections to the authorisation server, which webhooks do not use."""
    _replies: dict[str, Reply] = field(default_factory=lambda: {"profile": lambda _: {"ID": "1", "ADMIN": True}})
    _refusal: tuple[str, int] | None = None

    def refuses(self, code: str, status: int) -> None:
        """Make every method fail with this error, as a closed portal does."""
        self._refusal = (code, status)

    def recovers(self) -> None:
        """End the failure set by `refuses`."""
        self._refusal = None

    def _reply_of(self, method: str, params: Mapping[str, object]) -> object:
        if self._refusal is not None:
            raise BitrixError(*self._refusal, method=method, description="description by the portal", webhook=True)
        if method not in self._replies:
            raise AssertionError(f"the test sets no answer for {method}")
        return self._replies[method](params)

    def answers(self, method: str, result: object) -> None:
        """Make a method return this result from now on."""
        self._replies[method] = lambda _: result

    def answers_by(self, method: str, reply: Reply) -> None:
        """Compute a method's result from its parameters."""
        self._replies[method] = reply

    def fails(self, method: str, code: str, status: int, *, reset_at: float | None = None) -> None:
        """Make a method fail as a portal reached by webhook does."""

        def fail(_: Mapping[str, object]) -> object:
            raise BitrixError(
                code, status, method=method, description="description by the portal", reset_at=reset_at, webhook=True
            )

        self._replies[method] = fail

    def call(self, endpoint: Endpoint, method: str, params: Mapping[str, object], deadline: Deadline) -> Answer:
        self.calls.append(Called(method, dict(params), endpoint, self.clock.now()))
        self.deadlines.append(deadline.left())
        assert deadline.left() > 0, f"{method} was called after the deadline"
        self.clock.advance(self.seconds)
        return Answer(self._reply_of(method, params), self.time, self.seconds)

    def batch(self, endpoint: Endpoint, commands: Sequence[Command], deadline: Deadline) -> BatchAnswer:
        """Each command has the outcome of its own call; or the batch fails, if the test set that."""
        self.calls.append(Called("batch", {"cmd": list(commands)}, endpoint, self.clock.now()))
        assert deadline.left() > 0, "a batch was called after the deadline"
        self.clock.advance(self.seconds)
        if self._refusal is not None or "batch" in self._replies:
            self._reply_of("batch", {})
        outcomes = tuple(self._outcome(command) for command in commands)
        return BatchAnswer(outcomes, self.time, self.seconds)

    def _outcome(self, command: Command) -> Answer | BitrixError:
        try:
            return Answer(self._reply_of(command.method, command.params), self.time, self.seconds)
        except BitrixError as error:
            return error

    @property
    def methods(self) -> list[str]:
        """The names of the called methods, in order."""
        return [call.method for call in self.calls]


@dataclass(slots=True)
class Output:
    """What a function printed: its log lines and its metrics (EMF blobs)."""

    capsys: pytest.CaptureFixture[str]
    text: str = ""

    def _printed(self) -> list[dict[str, object]]:
        captured = self.capsys.readouterr()
        self.text += captured.out + captured.err
        return [cast("dict[str, object]", json.loads(line)) for line in self.text.splitlines() if line.startswith("{")]

    @property
    def lines(self) -> list[dict[str, object]]:
        return [each for each in self._printed() if "_aws" not in each]

    @property
    def blobs(self) -> list[dict[str, object]]:
        return [each for each in self._printed() if "_aws" in each]

    def metric(self, name: str, **dimensions: str) -> float:
        """The sum of a metric over all blobs with these dimensions."""
        return sum(self.values(name, **dimensions))

    def values(self, name: str, **dimensions: str) -> list[float]:
        """Every value of a metric, as `SampleCount` counts them, in all blobs with these dimensions."""
        return [
            value
            for blob in self.blobs
            if name in blob and dimensions.items() <= blob.items()
            for value in cast("list[float]", blob[name])
        ]


def lambda_context(seconds_left: float = 29.0) -> "LambdaContext":
    """The context that Lambda passes to a handler: the request id and the time left."""
    context = SimpleNamespace(
        aws_request_id="c0ffee00-0000-4000-8000-000000000001",
        get_remaining_time_in_millis=lambda: int(seconds_left * 1000),
    )
    return cast("LambdaContext", context)


CLIENT_ID = "local.0123456789abcd.01234567"
CLIENT_SECRET = "cl13nts3cr3tcl13nts3cr3t"


@dataclass(frozen=True, slots=True)
class Granted:
    """The grant behind a refresh token or a code at the fake authorisation server."""

    member_id: str
    host: str
    user_id: int
    client_id: str


class FakeAuthorisationServer(AuthorisationServer):
    """Fake of `AuthorisationServer`: accepts each issued token once, as the real one does."""

    def __init__(self, clock: ManualClock, wire: object = None) -> None:
        super().__init__(clock, cast("Wire", wire or Wire(clock)))
        self.clock = clock
        self.asked: list[tuple[str, str, str]] = []
        """Server, client id and grant of each request."""
        self.secrets = {CLIENT_ID: CLIENT_SECRET}
        self.failure: BitrixError | None = None
        self.seconds = 0.0
        """Seconds that each answer takes: a pair is issued when the request arrives, and lost after the deadline."""
        self._grants: dict[str, Granted] = {}
        self._numbers = itertools.count(1)

    def grants(
        self, token: str, *, member_id: str = MEMBER_ID, host: str = "acme.bitrix24.com", user_id: int = 1,
        client_id: str = CLIENT_ID,
    ) -> str:  # fmt: skip
        """Make a refresh token, or a code, valid for one pair of this portal and user."""
        self._grants[token] = Granted(member_id, host, user_id, client_id)
        return token

    def refresh(
        self,
        server: str,
        application: Application,
        refresh_token: str,
        deadline: Deadline,
        former: TokenPair | None = None,
    ) -> TokenPair:
        del former  # supplies fields that an answer lacks: this answer has all
        self.asked.append((server, application.client_id, refresh_token))
        assert deadline.left() > 0, "asked after the deadline"
        if self.failure is not None:
            raise self.failure
        if self.secrets.get(application.client_id) != application.client_secret:
            raise BitrixError("invalid_client", 401, method="oauth/token")
        granted = self._grants.get(refresh_token)
        if granted is None or granted.client_id != application.client_id:
            raise BitrixError("invalid_grant", 400, method="oauth/token")
        del self._grants[refresh_token]
        issued = self._issued(granted, server)
        left = deadline.left()
        self.clock.sleep(min(self.seconds, left))
        if self.seconds > left:
            raise BitrixError("TIMEOUT", method="oauth/token")
        return issued

    def exchange(self, server: str, application: Application, code: str, deadline: Deadline) -> TokenPair:
        return self.refresh(server, application, code, deadline)

    def _issued(self, granted: Granted, server: str) -> TokenPair:
        number = next(self._numbers)
        self._grants[f"issued-refresh-token-{number}"] = granted
        return TokenPair(
            access_token=f"issued-access-token-{number}",
            refresh_token=f"issued-refresh-token-{number}",
            expires_at=self.clock.now() + 3600,
            member_id=granted.member_id,
            client_endpoint=f"https://{granted.host}/rest/",
            server=server,
            user_id=granted.user_id,
            scopes=frozenset({"im", "imbot"}),
            status="L",
        )
