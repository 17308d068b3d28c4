"""The functions of an environment: of a stack in AWS, or of a `make run` on this machine."""

import json
import os
import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError, ReadTimeoutError
from botocore.session import Session

from tools.environment import ROOT, Clients, Environment, ToolError, explained, opened
from tools.lookup.case import Refused
from tools.stack import ABSENT, state_of

ALIAS: Final = "live"
"""The version that callers are served by; without it the newest code would run, after a rollback, too."""

_ONCE: Final = Config(connect_timeout=10, read_timeout=90, retries={"total_max_attempts": 1})
"""A command is sent once: AdminFunction has a minute, and a second `keys.create` would make a second key."""

_LARGEST_FACTS: Final = 64 * 1024
_ROOT_USER: Final = 0

_AGAIN: Final = re.compile(r"; try again in (\d+) s$")
"""The end of a function's error that may be repeated (`observability.invocation`)."""


@dataclass(frozen=True)
class Target:
    """`clients` are those of the account, or of the stand-ins; `facts` are a run's `run.json`, of a stack empty."""

    env: str
    clients: Clients
    functions: Mapping[str, str]
    """The name in Lambda by the name in the template; one that is missing is called by that."""
    facts: Mapping[str, Any]

    def invoke(self, function: str, event: object) -> dict[str, Any]:
        """Raises Refused with the function's own error, or for one that does not answer."""
        name = self.functions.get(function, function)
        try:
            answer = self.clients("lambda").invoke(
                FunctionName=name, Qualifier=ALIAS, Payload=json.dumps(event).encode()
            )
            content = dict(json.loads(answer["Payload"].read()))
        except EndpointConnectionError:
            raise Refused(f"Nothing answers for {function} in {self.env}: {self._remedy()}", "NotReached") from None
        except ReadTimeoutError:
            raise Refused(f"{function} has not answered in time; what it does may still be done", "NoAnswer") from None
        except ClientError as error:
            code = error.response["Error"]["Code"]
            raise Refused(str(error), code, 1.0 if code == "TooManyRequestsException" else None) from None
        except BotoCoreError as error:
            raise Refused(str(error), type(error).__name__) from None
        except (ValueError, TypeError):
            raise Refused(f"What answers for {function} in {self.env} is no function: its answer is no JSON") from None
        if "FunctionError" in answer:
            detail = str(content.get("errorMessage"))
            later = _AGAIN.search(detail)
            raise Refused(detail, str(content.get("errorType", "FunctionError")), float(later[1]) if later else None)
        return content

    def _remedy(self) -> str:
        return "is its `make run` over? Start it again" if self.facts else "is the network there?"


def found(env: str, environ: Mapping[str, str]) -> Target:
    """Raises Refused where no run or no stack is found."""
    return _run(environ) if env == "local" else _stack(env, environ)


def state_dir(environ: Mapping[str, str]) -> Path:
    """The folder of a local run."""
    return Path(environ.get("STATE_DIR") or ROOT / ".local")


def _run(environ: Mapping[str, str]) -> Target:
    facts = _facts(state_dir(environ) / "run.json")
    url = facts["aws_endpoint_url"]
    session = Session()
    # Of a run no credentials are checked, and the operator's own are not for it.
    session.set_credentials("local", "local")
    config = _ONCE.merge(Config(proxies={}))

    def client(service: str) -> Any:
        return session.create_client(service, region_name="us-east-1", endpoint_url=url, config=config)

    return Target("local", client, {}, facts)


def _facts(path: Path) -> Mapping[str, Any]:
    """The content of a `run.json`. Secrets are sent to the address in it, so it has to be the operator's own file."""
    try:
        with path.open(encoding="utf-8") as file:
            _refuse_others(path, os.fstat(file.fileno()))
            facts = dict(json.loads(file.read(_LARGEST_FACTS)))
        url = urlsplit(facts["aws_endpoint_url"])
        if url.scheme in ("http", "https") and url.hostname and url.port != 0:
            return facts
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass
    raise Refused(f"No run is ready: {path} is missing. Start one: make run; STATE_DIR names another folder", "NoRun")


def _refuse_others(path: Path, status: os.stat_result) -> None:
    if status.st_uid not in (os.getuid(), _ROOT_USER) or status.st_mode & stat.S_IWOTH:
        raise Refused(f"{path} belongs to another user, or others can change it: secrets go where it points", "NoRun")


def _stack(env: str, environ: Mapping[str, str]) -> Target:
    with account_errors():
        return of_stack(*opened({**environ, "ENV": env}, config=_ONCE))


@contextmanager
def account_errors() -> Iterator[None]:
    """Inside, what samconfig.toml or the account refuses is raised as Refused."""
    try:
        yield
    except ToolError as error:
        raise Refused(str(error)) from None
    except (BotoCoreError, ClientError) as error:
        raise Refused(explained(error), type(error).__name__) from None


def of_stack(environment: Environment, clients: Clients) -> Target:
    """The functions that a stack's outputs name. Raises Refused where it is not deployed, and ClientError."""
    state = state_of(clients("cloudformation"), environment.stack)
    if state.status == ABSENT:
        where = f"{environment.stack} in {environment.region}"
        raise Refused(f"There is no stack {where}: {environment.command('deploy')}", "NoStack")
    functions = {
        output.removesuffix("Name"): value.partition(":")[0]
        for output, value in state.outputs.items()
        if output.endswith("FunctionName")
    }
    return Target(environment.name, clients, functions, {})
