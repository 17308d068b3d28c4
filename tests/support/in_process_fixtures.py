"""Fixtures of the tests in one process: stores in memory, the service built on them, and no network at all.

tests/unit/conftest.py and tests/fuzz/conftest.py import them by name.
"""

import itertools
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING, NoReturn, cast

import pytest

from local.template.reader import Template
from tests.support.fakes import CLIENT_ID, CLIENT_SECRET, FakeBitrix24, ManualClock, Stores
from tests.support.repository import ROOT
from tests.support.stores.memory_stores import memory_stores

if TYPE_CHECKING:
    from botocore.session import Session
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_secretsmanager import SecretsManagerClient

    from chat_lookup.bootstrap.services import Services
    from chat_lookup.observability.telemetry import Telemetry
    from chat_lookup.portals.portal import Portal
    from tests.support.fakes import FakeAuthorisationServer
    from tests.support.in_process_service import Service

_counter = itertools.count()


@pytest.fixture(autouse=True, scope="module")
def no_network() -> Iterator[None]:
    def refuse(*_: object) -> NoReturn:
        raise AssertionError("a unit test tried to reach the network")

    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex"):
            patch.setattr(socket.socket, name, refuse)
        yield


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def bitrix24(clock: ManualClock) -> FakeBitrix24:
    return FakeBitrix24(clock)


@pytest.fixture
def stores() -> Stores:
    """Tables and secrets in memory, empty."""
    return memory_stores()


@pytest.fixture(scope="session")
def moto() -> Iterator["Session"]:
    """A session whose clients are served by moto in this process: for tests of what a client or an engine does."""
    from botocore.session import Session  # noqa: PLC0415 - most tests need no moto, which takes long to import
    from moto import mock_aws  # noqa: PLC0415 - as above

    with mock_aws():
        yield Session()


@pytest.fixture
def moto_stores(moto: "Session") -> Stores:
    """The template's tables at moto, empty; its secrets are those of earlier tests, too."""
    dynamodb = cast("DynamoDBClient", moto.create_client("dynamodb", region_name="us-east-1"))
    secrets = cast("SecretsManagerClient", moto.create_client("secretsmanager", region_name="us-east-1"))
    suffix = f"-{next(_counter)}"
    for table in Template.load(ROOT / "template.yaml", table_suffix=suffix).tables:
        dynamodb.create_table(**table)  # type: ignore[arg-type]  # the template's own properties
    return Stores(dynamodb, secrets, f"PortalTable{suffix}", f"CacheTable{suffix}")


@pytest.fixture
def service(stores: Stores, clock: ManualClock, bitrix24: FakeBitrix24, telemetry: "Telemetry") -> "Service":
    from tests.support.in_process_service import build  # noqa: PLC0415 - most tests need no whole service

    return build(stores, clock, bitrix24, telemetry)


@pytest.fixture
def another_process(stores: Stores, clock: ManualClock, bitrix24: FakeBitrix24, telemetry: "Telemetry") -> "Service":
    from tests.support.in_process_service import build  # noqa: PLC0415 - as above

    return build(stores, clock, bitrix24, telemetry)


@pytest.fixture
def portal(service: "Service") -> "Portal":
    """A portal that is installed by webhook and grants `im` and `imbot`."""
    from tests.support.in_process_service import install  # noqa: PLC0415 - as above

    return install(service)


@pytest.fixture
def booted(
    stores: Stores,
    clock: ManualClock,
    bitrix24: FakeBitrix24,
    telemetry: "Telemetry",
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator["Services"]:
    """What `bootstrap` builds, where the handlers find it: a separate process on the same stores."""
    from chat_lookup.bootstrap import aws_clients, core, process  # noqa: PLC0415 - as above

    for name, value in (
        ("PORTAL_TABLE", stores.portal_table),
        ("CACHE_TABLE", stores.cache_table),
        ("SECRET_PREFIX", "unit"),
    ):
        monkeypatch.setenv(name, value)
    # What a local run in the same process has set is none of a deployed function's.
    for name in ("BX24_SCRIPT", "PORTAL_PAGE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(process, "clock", clock)
    monkeypatch.setattr(process, "telemetry", lambda: telemetry)
    monkeypatch.setattr(aws_clients, "dynamodb", lambda *_: stores.dynamodb)
    monkeypatch.setattr(aws_clients, "secrets", lambda *_: stores.secrets)
    monkeypatch.setattr(core, "Bitrix24Client", lambda *_, **__: bitrix24)
    process.built.cache_clear()
    yield process.services()
    process.built.cache_clear()


@pytest.fixture
def server(clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> "FakeAuthorisationServer":
    """The authorisation server of all services that are built after it."""
    from chat_lookup.bootstrap import core  # noqa: PLC0415 - as above
    from tests.support.fakes import FakeAuthorisationServer  # noqa: PLC0415 - as above

    fake = FakeAuthorisationServer(clock)
    monkeypatch.setattr(core, "AuthorisationServer", lambda *_: fake)
    return fake


@pytest.fixture
def settled(
    server: "FakeAuthorisationServer", booted: "Services", bitrix24: FakeBitrix24, clock: ManualClock
) -> "Services":
    """The service with the keys of one portal's application, which is not installed yet."""
    from chat_lookup.clock import Deadline  # noqa: PLC0415 - as above
    from chat_lookup.http.json_fields import Fields  # noqa: PLC0415 - as above
    from tests.support.portals import first_contact  # noqa: PLC0415 - as above

    add = {"command": "apps.add", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "kind": "local"}
    booted.admin().run(Fields({**add, "domain": first_contact.DOMAIN}), Deadline.after(10, clock))
    first_contact.answer_as_a_portal(bitrix24)
    assert server.asked == []
    return booted
