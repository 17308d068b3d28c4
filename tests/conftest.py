"""Fixtures: a whole stack, a portal, stores; one of each per process. Unit tests have their own conftest.py."""

import itertools
import os
import signal
import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from chat_lookup.observability.telemetry import Telemetry
from local.aws import environment
from local.aws.embedded import EmbeddedAws
from local.net.certificates import LOCAL_NAMES, Authority
from local.shared_clock import SharedClock
from local.stack import Settings, running
from local.template.reader import Template
from tests.support.fakes import Output
from tests.support.hostile_server import HOSTILE_NAMES
from tests.support.portals.portal_bots import BotProbe
from tests.support.portals.portal_service import ApplicationProbe
from tests.support.portals.unknown_portal import Stage, staged
from tests.support.repository import ROOT
from tests.support.service import Service
from tests.support.stores.dynamodb_engine import DynamoDbEngine
from tests.support.stores.moto_tables import MotoTables
from tests.support.stores.tables import Tables, tables_in

_counter = itertools.count()

# On a busy machine examples are slow to generate and to run: that is no failure of the code.
settings.register_profile("busy machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy machine")


def pytest_configure() -> None:
    """Let SIGTERM and SIGINT end the tests in order, so that all fixtures end what they started.

    SIGINT, too: pytest-xdist ends its workers by it, and a shell starts processes in the background with it ignored.
    """
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _no_account() -> Iterator[None]:
    """Remove the user's own AWS settings, so that a test without stores cannot reach an account."""
    with environment.replaced({}):
        yield


@pytest.fixture
def output(capsys: pytest.CaptureFixture[str]) -> Output:
    return Output(capsys)


class _Stdout:
    """Writes to the current `sys.stdout`: pytest replaces it before the test begins."""

    def write(self, text: str) -> int:
        return sys.stdout.write(text)

    def flush(self) -> None:
        sys.stdout.flush()


@pytest.fixture
def telemetry(monkeypatch: pytest.MonkeyPatch) -> Telemetry:
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", _Stdout())
        # A unique name: Powertools keeps one logger per service, with its first output.
        return Telemetry(service=f"unit-{next(_counter)}", namespace="ChatLookup", level="INFO")


@pytest.fixture(scope="session")
def only_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The process's only stack; tests use `service`, which resets it."""
    state_dir = tmp_path_factory.mktemp("stack")
    # The stack takes an authority that is there: this one also permits the names of the forger's server.
    Authority(state_dir / "authority", names=(*LOCAL_NAMES, *HOSTILE_NAMES))
    with (
        running(Settings(state_dir, dynamodb=DynamoDbEngine(), by_webhook=True)) as stack,
        pytest.MonkeyPatch.context() as environ,
    ):
        # No public authority signed a certificate here, and reading them takes half of each cold start.
        environ.setenv("SSL_CERT_FILE", os.devnull)
        yield Service(stack)


@pytest.fixture(scope="module")
def running_service(only_service: Service) -> Service:
    """The stack with the portal's content of its start: what one module adds is not there in the next one."""
    only_service.put_content_back()
    return only_service


@pytest.fixture
def service(running_service: Service) -> Service:
    """Portal, stores, functions and API, reset to their state after the installation."""
    running_service.reset()
    return running_service


@pytest.fixture
def leaping_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pause of portal or service moves their clock and takes no time: for tests with one caller at a time."""
    monkeypatch.setattr(SharedClock, "sleep", lambda clock, seconds: clock.advance(max(0.0, seconds)))


@pytest.fixture(scope="module")
def one_stage(running_service: Service) -> Iterator[Stage]:
    """The module's unknown portal beside the stack; tests use `stage`, which resets it."""
    running_service.reset()
    with staged(running_service.stack) as stage:
        yield stage


@pytest.fixture
def stage(one_stage: Stage) -> Stage:
    """A portal that the service does not know, and the forger's listener."""
    one_stage.reset()
    return one_stage


@pytest.fixture(scope="session")
def embedded_aws() -> Iterator[EmbeddedAws]:
    """Stores apart from those of the stack: moto keeps them by region."""
    aws = EmbeddedAws(Template.load(ROOT / "template.yaml"), region="eu-central-1")
    aws.start()
    yield aws
    aws.stop()


@pytest.fixture
def tables(embedded_aws: EmbeddedAws) -> Tables:
    """moto's tables, empty. They prove nothing about concurrency (design 3.6)."""
    found = Tables(embedded_aws.endpoint_url, "eu-central-1", "PortalTable", "CacheTable")
    for table in (found.portal, found.cache):
        MotoTables("eu-central-1").empty(table)
    return found


@pytest.fixture
def often_interrupted() -> Iterator[None]:
    """Switch threads so often that steps that are not atomic are interleaved."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.fixture
def real_tables() -> Iterator[Tables]:
    """Tables in the vendor's own engine, DynamoDB Local, created for this test; skipped without that engine."""
    url = os.environ.get("DYNAMODB_LOCAL_URL")
    if not url:
        pytest.skip("DYNAMODB_LOCAL_URL names no DynamoDB Local")
    with tables_in(url) as found:
        yield found


@pytest.fixture(scope="module")
def shared_probe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApplicationProbe]:
    """A portal without a stack, for all tests of a module; they use `probe`, which resets it."""
    with ApplicationProbe(tmp_path_factory.mktemp("portal")) as probe:
        yield probe


@pytest.fixture(scope="module")
def bot_probe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BotProbe]:
    """A portal for tests of bots, which use `v1` or `v2`."""
    with BotProbe(tmp_path_factory.mktemp("portal")) as probe:
        yield probe


@pytest.fixture
def probe(shared_probe: ApplicationProbe) -> ApplicationProbe:
    """A portal with a freshly installed application, and no bots."""
    return shared_probe.installed_afresh()


@pytest.fixture
def v1(bot_probe: BotProbe) -> BotProbe:
    """A portal with one bot of the API's first version."""
    bot_probe.with_bot("v1")
    return bot_probe


@pytest.fixture
def v2(bot_probe: BotProbe) -> BotProbe:
    """A portal with one bot of the API's second version."""
    bot_probe.with_bot("v2")
    return bot_probe
