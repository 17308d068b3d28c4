"""One function as `template.yaml` defines it, and the names that it can be invoked by."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from local.template.intrinsics import ACCOUNT, REGION, mapping
from local.template.queues import Asynchronous

FUNCTION = "AWS::Serverless::Function"
LATEST = "$LATEST"


@dataclass(frozen=True, slots=True)
class Function:
    """One function: `timeout` in seconds, `memory_size` in MB, `environment` is the Globals' and its own, resolved.

    The environment contains the name of a queue: its URL is known once the stores are (`queue_variables`).
    Callers use `alias`; there is one version only here.
    """

    logical_id: str
    code_uri: Path
    handler: str
    timeout: float
    memory_size: int
    environment: Mapping[str, str]
    asynchronous: Asynchronous = field(default_factory=Asynchronous)
    alias: str = ""

    def called(self) -> Iterator[str]:
        """The names that it can be invoked by: name or ARN, each with and without its alias."""
        for qualifier in {"", LATEST, self.alias}:
            yield qualified(self.logical_id, qualifier)
            yield function_arn(self.logical_id, qualifier)


def function_arn(name: str, qualifier: str = "") -> str:
    """The ARN of a function, or of one of its versions or aliases."""
    return qualified(f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}", qualifier)


def qualified(name: str, qualifier: str) -> str:
    """A function's name or ARN with a version or an alias, if there is one."""
    return f"{name}:{qualifier}" if qualifier else name


def alias_of(properties: Mapping[str, object]) -> str:
    """The alias that SAM sets to a function's newest version; empty for none."""
    return str(properties.get("AutoPublishAlias", ""))


def aliases(resources: Mapping[str, Mapping[str, object]], shared: Mapping[str, object]) -> dict[str, str]:
    """The values of `LogicalId.Alias` (in a Ref) and `LogicalId.Arn` (in a Sub) for each function; `shared` are the
    Globals of all functions.
    """
    functions = {
        name: {**shared, **mapping(each.get("Properties", {}), name)}
        for name, each in resources.items()
        if each.get("Type") == FUNCTION
    }
    by_alias = {
        f"{name}.Alias": function_arn(name, alias)
        for name, properties in functions.items()
        if (alias := alias_of(properties))
    }
    return by_alias | {f"{name}.Arn": function_arn(name) for name in functions}
