"""The settings of an environment, read from samconfig.toml as `sam` reads them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, NoReturn

import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ProxyConnectionError,
    ReadTimeoutError,
    SSLError,
)

from tools import deploy, preflight, prune
from tools.environment import ENVIRONMENTS, ToolError, opened
from tools.lookup import target
from tools.lookup.case import Case, Refused
from tools.setup import steps
from tools.setup.progress import Progress

TEMPLATE = """
Parameters:
  LogRetentionDays: { Type: Number, Default: 30 }
  EventBus: { Type: String, Default: default }
  WorkerConcurrency: { Type: Number, Default: 2 }
"""
KEYS = {"AWS_ACCESS_KEY_ID": "access", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_CONFIG_FILE": "/nowhere"}


@pytest.fixture(autouse=True)
def without_a_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_DEFAULT_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)


def written(folder: Path, parameters: str) -> Path:
    (folder / "template.yaml").write_text(TEMPLATE)
    sections = (f'[{env}.deploy.parameters]\nstack_name = "it-{env}"\n{parameters}\n' for env in ENVIRONMENTS)
    (folder / "samconfig.toml").write_text("".join(sections))
    return folder


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_every_environment_of_samconfig_is_read(env: str) -> None:
    environment, _ = opened({"ENV": env, "AWS_REGION": "eu-central-1"})

    assert environment.stack == {"prod": "chat-lookup"}.get(env, f"chat-lookup-{env}")
    assert environment.asks is (env != "dev")
    assert environment.overrides.keys() <= environment.defaults.keys()
    assert environment.region == "eu-central-1"


@pytest.mark.parametrize(
    "overrides",
    [
        'parameter_overrides = ["LogRetentionDays=7", "EventBus="]',
        'parameter_overrides = "LogRetentionDays=7 EventBus="',
        "parameter_overrides = \"LogRetentionDays='7' EventBus=''\"",
        'parameter_overrides = "ParameterKey=LogRetentionDays,ParameterValue=7 ParameterKey=EventBus,ParameterValue="',
    ],
)
def test_every_form_of_parameters_is_read(tmp_path: Path, overrides: str) -> None:
    environment, _ = opened({"ENV": "dev", "AWS_REGION": "eu-central-1"}, written(tmp_path, overrides))

    assert environment.overrides == {"LogRetentionDays": "7", "EventBus": ""}


def test_existing_stack_keeps_the_values_that_samconfig_does_not_name(tmp_path: Path) -> None:
    root = written(tmp_path, 'parameter_overrides = ["LogRetentionDays=7"]')
    environment, _ = opened({"ENV": "dev", "AWS_REGION": "eu-central-1"}, root)

    deployed = {"LogRetentionDays": "14", "WorkerConcurrency": "10", "Former": "gone"}
    assert environment.parameters(deployed) == {
        "LogRetentionDays": "7", "WorkerConcurrency": "10", "EventBus": "default"
    }  # fmt: skip
    assert environment.parameters({})["WorkerConcurrency"] == "2"


@pytest.mark.parametrize(
    ("settings", "environ", "region"),
    [
        ('region = "eu-west-1"', {"AWS_REGION": "eu-central-1"}, "eu-west-1"),
        ("", {"AWS_REGION": "eu-central-1"}, "eu-central-1"),
        ("", {}, "ap-south-1"),
    ],
    ids=["samconfig", "AWS_REGION", "AWS_DEFAULT_REGION"],
)
def test_region_is_that_of_samconfig_then_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: str, environ: dict[str, str], region: str
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-south-1")
    environment, clients = opened({"ENV": "dev", **environ}, written(tmp_path, settings))

    assert environment.region == region
    assert clients("sts").meta.region_name == region


def test_missing_region_is_refused_with_the_settings_that_name_one(tmp_path: Path) -> None:
    # `./lookup` shows it, too: so it names no command.
    with pytest.raises(ToolError, match=r"AWS_REGION=eu-central-1, or `region` of prod in samconfig\.toml$"):
        opened({"ENV": "prod"}, written(tmp_path, ""))


def test_unknown_profile_is_refused_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="missing"):
        opened({"ENV": "prod", "AWS_REGION": "eu-central-1"}, written(tmp_path, 'profile = "missing"'))


@pytest.mark.parametrize("env", ["", "default", "production", "dev prod"])
def test_unknown_environment_is_refused(env: str) -> None:
    with pytest.raises(ToolError, match="dev, staging, prod"):
        opened({"ENV": env})


URL: Final = "https://sts.eu-centrl-1.amazonaws.com/"
NOT_CONNECTED: Final = "Check the network, and the region: AWS_REGION"
NO_RIGHTS: Final = "Credentials: AWS_PROFILE, or `aws login`"
FAILURES: Final[Mapping[str, tuple[BotoCoreError | ClientError, str]]] = {
    "no such host": (EndpointConnectionError(endpoint_url=URL), NOT_CONNECTED),
    "no connection in time": (ConnectTimeoutError(endpoint_url=URL), NOT_CONNECTED),
    "no answer in time": (ReadTimeoutError(endpoint_url=URL), NOT_CONNECTED),
    "certificate": (SSLError(endpoint_url=URL, error=ValueError("self-signed")), NOT_CONNECTED),
    "proxy": (ProxyConnectionError(proxy_url="http://proxy:3128"), NOT_CONNECTED),
    "no credentials": (NoCredentialsError(), NO_RIGHTS),
    "expired": (ClientError({"Error": {"Code": "ExpiredToken", "Message": "expired"}}, "GetCallerIdentity"), NO_RIGHTS),
}


def unreached(error: Exception) -> Callable[..., NoReturn]:
    def opens(*_: object, **__: object) -> NoReturn:
        raise error

    return opens


def of_lookup(environ: Mapping[str, str]) -> None:
    target.found("dev", environ)


def of_setup(_: Mapping[str, str]) -> None:
    ports = steps.Ports(account=steps.opened, can_build=lambda: True)  # type: ignore[attr-defined]
    steps.account(steps.Setup(Case({"CHAT_LOOKUP_ENV": "dev"}), ports, Progress(Path("/-"))))


DOORS: Final[Mapping[str, Callable[[Mapping[str, str]], object]]] = {
    "make preflight": preflight.main,
    "make deploy": deploy.main,
    "make prune": prune.main,
    "./lookup": of_lookup,
    "./lookup setup": of_setup,
}


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("door", DOORS)
def test_operator_reads_what_mends_a_failure_of_aws(
    door: str, failure: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    error, remedy = FAILURES[failure]

    for module in (preflight, deploy, prune, target, steps):
        monkeypatch.setattr(module, "opened", unreached(error))
    try:
        DOORS[door]({"ENV": "dev"})
        printed = capsys.readouterr().err
    except Refused as refused:
        printed = refused.detail

    assert f"{error}. {remedy}" in printed
