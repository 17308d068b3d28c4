"""How a function starts: from the environment, once, and with an error message if it cannot."""

from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pytest

from chat_lookup.bootstrap import aws_clients, process
from chat_lookup.bootstrap.services import Services
from chat_lookup.config import from_environ
from chat_lookup.errors import ServiceMisconfigured
from tests.support.fakes import Output

ENVIRONMENT = {
    "PORTAL_TABLE": "PortalTable",
    "CACHE_TABLE": "CacheTable",
    "SECRET_PREFIX": "chat-lookup",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "unit",
    "AWS_SECRET_ACCESS_KEY": "unit",
}


@pytest.fixture(autouse=True)
def _cold() -> Iterator[None]:
    """Each test begins and ends with a process that has built nothing."""
    for each in (process.built, process.telemetry, process.layer):
        each.cache_clear()
    yield
    for each in (process.built, process.telemetry, process.layer):
        each.cache_clear()


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    for name in ("LOCAL_HOSTS", "CA_PEM", "AWS_ENDPOINT_URL", "LOG_LEVEL", "POWERTOOLS_SERVICE_NAME"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.mark.parametrize(("start", "built"), [("snap-start", 1), ("on-demand", 0)])
def test_services_are_built_before_a_snapshot_only(start: str, built: int, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", start)
    process.before_snapshot(process.services)
    assert process.built.cache_info().currsize == built


def test_snapshot_of_a_misconfigured_function_is_refused(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", "snap-start")
    environment.delenv("CACHE_TABLE")
    with pytest.raises(ServiceMisconfigured, match="CACHE_TABLE is not set"):
        process.before_snapshot(process.services)


@pytest.mark.usefixtures("environment")
def test_services_are_built_once_and_without_a_call() -> None:
    assert process.services() is process.services()


@pytest.mark.parametrize(
    ("ready", "made"),
    [
        (lambda services: services.lookup, ["dynamodb", "secretsmanager"]),
        (lambda services: services.rest(), ["dynamodb", "secretsmanager"]),
        (lambda services: services.install(), ["dynamodb", "secretsmanager"]),
        (lambda services: services.page(), ["dynamodb", "secretsmanager"]),
        (lambda services: services.keepalive(), ["dynamodb", "secretsmanager"]),
        (lambda services: services.admin(), ["dynamodb", "secretsmanager"]),
        (lambda services: services.worker(), ["dynamodb", "secretsmanager", "events"]),
    ],
    ids=["lookup", "rest", "install", "page", "keepalive", "admin", "worker"],
)
def test_ready_function_has_made_no_client_that_only_a_failure_or_a_command_needs(
    ready: Callable[[Services], object], made: list[str], environment: pytest.MonkeyPatch
) -> None:
    services: list[str] = []

    def client(service: str, *_: object) -> object:
        services.append(service)
        return SimpleNamespace()

    environment.setattr(aws_clients, "_client", client)
    ready(process.services())
    assert services == made


def test_two_threads_that_call_for_clients_get_them_one_after_the_other(environment: pytest.MonkeyPatch) -> None:
    settings = from_environ(ENVIRONMENT)
    session = aws_clients.session()
    make, second = session.create_client, Thread(target=aws_clients.sqs, args=[settings])
    waited: list[bool] = []

    def slowly(*given: Any, **named: Any) -> object:
        if not waited:
            second.start()
            second.join(0.05)
            waited.append(second.is_alive())
        return make(*given, **named)

    environment.setattr(session, "create_client", slowly)
    aws_clients.bus(settings)
    second.join()
    assert waited == [True]


def test_failed_start_is_retried(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("CACHE_TABLE")
    for _ in range(2):
        with pytest.raises(ServiceMisconfigured, match="CACHE_TABLE is not set"):
            process.services()
    environment.setenv("CACHE_TABLE", "CacheTable")
    assert process.services()


def test_telemetry_needs_no_settings_so_that_a_failing_start_can_be_logged(
    environment: pytest.MonkeyPatch, output: Output
) -> None:
    for name in (*ENVIRONMENT, "POWERTOOLS_METRICS_NAMESPACE"):
        environment.delenv(name, raising=False)
    environment.setenv("LOG_LEVEL", "loudly")
    environment.setenv("POWERTOOLS_SERVICE_NAME", "unit-bootstrap")
    with process.telemetry().invocation("request"):
        process.telemetry().count("Lookups", source="none")
    assert [line["service"] for line in output.lines] == ["unit-bootstrap"]
    assert output.metric("Lookups", service="unit-bootstrap") == 1


def test_layer_is_named_by_the_stamp_of_the_build(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    environment.setenv("LAMBDA_TASK_ROOT", str(tmp_path))
    assert process.layer() == "unbuilt"
    process.layer.cache_clear()
    (tmp_path / "layer-stamp").write_text("0a1b2c\n")
    assert process.layer() == "0a1b2c"
