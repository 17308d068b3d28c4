"""An environment of samconfig.toml: the stack, the parameters and the account that `sam deploy --config-env` uses."""

import re
import shlex
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, ProfileNotFound
from botocore.exceptions import ConnectionError as NotConnectedError
from botocore.session import Session

from local.template.intrinsics import mapping, parsed

ENVIRONMENTS: Final = ("dev", "staging", "prod")
ROOT: Final = Path(__file__).resolve().parent.parent
_ASSIGNMENT: Final = re.compile(r"(?:ParameterKey=)?(\w+)(?:,ParameterValue)?=(.*)", re.DOTALL)
_PATIENT: Final = Config(connect_timeout=10, read_timeout=60, retries={"mode": "standard", "max_attempts": 8})

Clients = Callable[[str], Any]
"""Returns the client of a service by its name, as `cloudformation`."""


class ToolError(Exception):
    """A deployment, check or clean-up cannot go on; the text contains what the operator does next."""


@dataclass(frozen=True, slots=True)
class Environment:
    """What samconfig.toml and the template define for one environment."""

    name: str
    stack: str
    region: str
    asks: bool
    """Whether a person confirms each change set (`confirm_changeset`)."""

    overrides: Mapping[str, str]
    defaults: Mapping[str, str]

    def parameters(self, deployed: Mapping[str, str]) -> dict[str, str]:
        """The values that a deployment uses: an existing stack keeps each value that samconfig.toml does not name."""
        kept = {name: value for name, value in deployed.items() if name in self.defaults}
        return {**self.defaults, **kept, **self.overrides}

    def command(self, verb: str) -> str:
        return f"make {verb} ENV={self.name}"


def opened(environ: Mapping[str, str], root: Path = ROOT, config: Config = _PATIENT) -> tuple[Environment, Clients]:
    """The environment that `ENV` names, and clients for its account and region. Raises ToolError."""
    settings = _settings(environ.get("ENV", ""), root)
    session = _session(settings)
    region = _text(settings, "region") or environ.get("AWS_REGION") or session.get_config_variable("region")
    if not region:
        raise ToolError(
            f"No region: set AWS_REGION, as AWS_REGION=eu-central-1, or `region` of {environ['ENV']} in samconfig.toml"
        )
    environment = Environment(
        name=environ["ENV"],
        stack=_text(settings, "stack_name"),
        region=str(region),
        asks=settings.get("confirm_changeset") is True,
        overrides=_overrides(settings.get("parameter_overrides", "")),
        defaults=_defaults(root),
    )
    return environment, lambda service: session.create_client(service, region_name=environment.region, config=config)


def explained(error: BotoCoreError | ClientError) -> str:
    """A failure of AWS with what the operator does about it: no credentials mend a connection."""
    if isinstance(error, NotConnectedError | HTTPClientError):
        return f"{error}. Check the network, and the region: AWS_REGION, or `region` in samconfig.toml"
    return f"{error}. Credentials: AWS_PROFILE, or `aws login`"


def _settings(env: str, root: Path) -> Mapping[str, object]:
    if env not in ENVIRONMENTS:
        raise ToolError(f"ENV must be one of {', '.join(ENVIRONMENTS)}: samconfig.toml has the settings of each")
    config = tomllib.loads((root / "samconfig.toml").read_text("utf-8"))
    settings: dict[str, object] = config[env]["deploy"]["parameters"]
    return settings


def _session(settings: Mapping[str, object]) -> Session:
    try:
        session = Session(profile=_text(settings, "profile") or None)
        session.get_config_variable("region")
    except ProfileNotFound as error:
        raise ToolError(f"{error}. samconfig.toml or AWS_PROFILE names it; `aws configure list-profiles`") from None
    return session


def _text(settings: Mapping[str, object], name: str) -> str:
    value = settings.get(name, "")
    return value if isinstance(value, str) else ""


def _overrides(value: object) -> dict[str, str]:
    """Parameters as SAM reads them: a list of `Name=value`, or one text of them with blanks between."""
    words = shlex.split(value) if isinstance(value, str) else [str(each) for each in value or ()]  # type: ignore[attr-defined]
    found = (_ASSIGNMENT.fullmatch(word) for word in words)
    return {each[1]: each[2] for each in found if each}


def _defaults(root: Path) -> dict[str, str]:
    template = mapping(parsed((root / "template.yaml").read_text("utf-8")), "template.yaml")
    parameters = mapping(template["Parameters"], "Parameters")
    return {name: str(mapping(each, name).get("Default", "")) for name, each in parameters.items()}
