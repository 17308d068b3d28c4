"""Fixtures of the unit tests: moto's stores inside this process, the service built upon them, and no network at all."""

import itertools
import socket
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, NoReturn, cast

import pytest
from botocore.session import Session
from chat_lookup.admin import Admin
from chat_lookup.asking import Asking
from chat_lookup.cache import Cache
from chat_lookup.calls import PortalCalls
from chat_lookup.keys import Keys
from chat_lookup.limiter import Limiter
from chat_lookup.lookup import Lookup
from chat_lookup.portals import Portals
from chat_lookup.records import Portal
from chat_lookup.telemetry import Telemetry
from chat_lookup.tokens import Tokens
from moto import mock_aws

from local.template import Template
from tests.fakes import WEBHOOK_URL, FakeBitrix24, ManualClock, Output

if TYPE_CHECKING:
    from chat_lookup.bitrix24.client import Bitrix24Client
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_secretsmanager import SecretsManagerClient

ROOT = Path(__file__).parents[2]
MEMBER_ID = "d41d8cd98f00b204e9800998ecf8427e"
_counter = itertools.count()


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> NoReturn:
        raise AssertionError("a unit test tried to reach the network")

    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, refuse)


@dataclass(frozen=True, slots=True)
class Stores:
    """DynamoDB and Secrets Manager inside this process, with the template's two tables."""

    dynamodb: "DynamoDBClient"
    secrets: "SecretsManagerClient"
    portal_table: str
    cache_table: str


@dataclass(frozen=True, slots=True)
class Service:
    """One process of the service. Two upon the same stores share nothing else, their memories least of all."""

    clock: ManualClock
    bitrix24: FakeBitrix24
    telemetry: Telemetry
    portals: Portals
    keys: Keys
    tokens: Tokens
    cache: Cache
    limiter: Limiter
    calls: PortalCalls
    asking: Asking
    lookup: Lookup
    admin: Admin


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def bitrix24(clock: ManualClock) -> FakeBitrix24:
    return FakeBitrix24(clock)


@pytest.fixture(scope="session")
def _clients() -> Iterator[tuple["DynamoDBClient", "SecretsManagerClient"]]:
    with mock_aws():
        session = Session()
        yield (
            cast("DynamoDBClient", session.create_client("dynamodb", region_name="us-east-1")),
            cast("SecretsManagerClient", session.create_client("secretsmanager", region_name="us-east-1")),
        )


@pytest.fixture
def stores(_clients: tuple["DynamoDBClient", "SecretsManagerClient"]) -> Stores:
    dynamodb, secrets = _clients
    suffix = f"-{next(_counter)}"
    for table in Template.load(ROOT / "template.yaml", table_suffix=suffix).tables:
        dynamodb.create_table(**table)  # type: ignore[arg-type]  # the template's own properties
    return Stores(dynamodb, secrets, f"PortalTable{suffix}", f"CacheTable{suffix}")


@pytest.fixture
def output(capsys: pytest.CaptureFixture[str]) -> Output:
    return Output(capsys)


@pytest.fixture
def telemetry(output: Output) -> Telemetry:  # noqa: ARG001 - printed lines are captured from here on
    # A name of its own: Powertools keeps one logger per service, with the output it began with.
    return Telemetry(service=f"unit-{next(_counter)}", namespace="ChatLookup", level="INFO")


def build(stores: Stores, clock: ManualClock, bitrix24: FakeBitrix24, telemetry: Telemetry) -> Service:
    """Build one process of the service upon the stores, as `bootstrap` does."""
    portals = Portals(stores.dynamodb, stores.portal_table, clock)
    keys = Keys(stores.dynamodb, stores.portal_table, clock)
    tokens = Tokens(stores.secrets, "unit", clock, telemetry.redactor)
    limiter = Limiter(stores.dynamodb, stores.cache_table, clock)
    calls = PortalCalls(cast("Bitrix24Client", bitrix24), tokens, limiter, telemetry, clock)
    asking = Asking(calls, portals, telemetry)
    cache = Cache(stores.dynamodb, stores.cache_table, clock, Random(7))
    lookup = Lookup(asking, cache, telemetry, clock)
    admin = Admin(portals, keys, tokens, calls, telemetry, clock)
    return Service(
        clock, bitrix24, telemetry, portals, keys, tokens, cache, limiter, calls, asking, lookup, admin
    )  # fmt: skip


@pytest.fixture
def service(stores: Stores, clock: ManualClock, bitrix24: FakeBitrix24, telemetry: Telemetry) -> Service:
    return build(stores, clock, bitrix24, telemetry)


@pytest.fixture
def another_process(stores: Stores, clock: ManualClock, bitrix24: FakeBitrix24, telemetry: Telemetry) -> Service:
    return build(stores, clock, bitrix24, telemetry)


@pytest.fixture
def portal(service: Service) -> Portal:
    """A portal that is installed by webhook and grants `im` and `imbot`."""
    return install(service, scopes=frozenset({"im", "imbot"}))


def install(service: Service, **fields: object) -> Portal:
    """Store one more portal, with these fields of its record."""
    arn, version = service.tokens.create(WEBHOOK_URL, bot_token=None)
    portal = Portal(MEMBER_ID, "acme.bitrix24.com", arn, version)
    return service.portals.save(replace(portal, **fields))  # type: ignore[arg-type]  # the record's own fields
