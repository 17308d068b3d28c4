"""What `template.yaml` says of functions, routes and tables, for the local run: one source, so the two cannot drift.

Whatever must be read and is not understood (a resource, an event, an intrinsic, a table's property) is a
`TemplateError` that names the place: a local run that quietly left something out would prove nothing.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

REGION = "us-east-1"
ACCOUNT = "123456789012"
DEFAULT_ROUTE = "$default"

PSEUDO_PARAMETERS: Mapping[str, str] = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::StackName": "chat-lookup",
    "AWS::URLSuffix": "amazonaws.com",
}
# Resources that change nothing in what a request meets on this machine.
WITHOUT_LOCAL_EFFECT = (
    "AWS::CloudWatch::",
    "AWS::IAM::",
    "AWS::Lambda::Permission",
    "AWS::Logs::",
    "AWS::SNS::",
    "AWS::Serverless::LayerVersion",
)
# Nobody is woken on this machine: whatever runs on a schedule is invoked by hand.
EVENTS_WITHOUT_LOCAL_EFFECT = frozenset({"Schedule"})
TABLE_PROPERTIES = frozenset({"AttributeDefinitions", "BillingMode", "GlobalSecondaryIndexes", "KeySchema"})
# Safety and billing of the real table. Its name, too: a local table is named by its logical id (design 3.6).
TABLE_PROPERTIES_OF_THE_CLOUD = frozenset(
    {
        "DeletionProtectionEnabled",
        "OnDemandThroughput",
        "PointInTimeRecoverySpecification",
        "SSESpecification",
        "TableName",
        "Tags",
        "TimeToLiveSpecification",
    }
)
# Either would give the API routes, or its events a form, that this module does not see.
API_PROPERTIES_REFUSED = frozenset({"DefinitionBody", "DefinitionUri"})
ROUTE_PROPERTIES = frozenset({"ApiId", "Method", "Path", "PayloadFormatVersion", "TimeoutInMillis"})


class TemplateError(Exception):
    """The template says something that the local run cannot follow."""


@dataclass(frozen=True, slots=True)
class Function:
    """One function: `timeout` in seconds, `memory_size` in MB, `environment` is the Globals' and its own, resolved."""

    logical_id: str
    code_uri: Path
    handler: str
    timeout: float
    memory_size: int
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Route:
    """One route of the HTTP API: `method` in capitals or ANY, `path` as declared or `$default`, logical id."""

    method: str
    path: str
    function: str

    @property
    def key(self) -> str:
        """As the gateway calls it in `routeKey`."""
        return DEFAULT_ROUTE if self.path == DEFAULT_ROUTE else f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class Template:
    """The template as the local run needs it; `tables` are arguments for DynamoDB's CreateTable."""

    functions: Mapping[str, Function]
    routes: tuple[Route, ...]
    tables: tuple[Mapping[str, object], ...]

    @classmethod
    def load(cls, path: Path, *, table_suffix: str = "") -> "Template":
        """Read a template file; tables are named by their logical ids and the suffix, which also go into `Ref`.

        Raises TemplateError where the template cannot be followed.
        """
        # The loader below is a SafeLoader: it makes plain data only.
        document = yaml.load(path.read_text("utf-8"), _Loader)  # noqa: S506
        return _Reader(_mapping(document, path.name), path.parent, table_suffix).template()

    def declared(self) -> frozenset[str]:
        """Every environment variable that some function declares; nothing else reaches a function in a container."""
        return frozenset(name for function in self.functions.values() for name in function.environment)


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short tags in their long form: `!Ref X` becomes `{"Ref": "X"}`."""


def _intrinsic(loader: _Loader, name: str, node: yaml.Node) -> dict[str, object]:
    value: object
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_object(node, deep=True)
    return {name if name in ("Ref", "Condition") else f"Fn::{name}": value}


yaml.add_multi_constructor("!", _intrinsic, _Loader)


class _Reader:
    """Walks one parsed template; relative `CodeUri` start in `folder`."""

    def __init__(self, document: Mapping[str, object], folder: Path, table_suffix: str) -> None:
        self._folder = folder
        self._parameters = _mapping(document.get("Parameters", {}), "Parameters")
        self._resources = {
            logical_id: _mapping(resource, logical_id)
            for logical_id, resource in _mapping(document.get("Resources"), "Resources").items()
        }
        shared = _mapping(document.get("Globals", {}), "Globals")
        self._globals = _mapping(shared.get("Function", {}), "Globals.Function")
        self._names = {
            logical_id: logical_id + (table_suffix if resource.get("Type") == "AWS::DynamoDB::Table" else "")
            for logical_id, resource in self._resources.items()
        }
        self._functions: dict[str, Function] = {}
        self._routes: list[Route] = []
        self._tables: list[Mapping[str, object]] = []
        self._readers: Mapping[str, Callable[[str, Mapping[str, object]], None]] = {
            "AWS::DynamoDB::Table": self._read_table,
            "AWS::Serverless::Function": self._read_function,
            "AWS::Serverless::HttpApi": self._read_api,
        }

    def template(self) -> Template:
        for logical_id, resource in self._resources.items():
            kind = str(resource.get("Type"))
            if kind.startswith(WITHOUT_LOCAL_EFFECT):
                continue
            if kind not in self._readers:
                raise TemplateError(f"{logical_id}: the local run has no {kind}")
            if "Condition" in resource:
                raise TemplateError(f"{logical_id}: the local run does not follow conditions on a {kind}")
            self._readers[kind](logical_id, _mapping(resource.get("Properties", {}), logical_id))
        return Template(self._functions, tuple(self._routes), tuple(self._tables))

    def _read_function(self, logical_id: str, own: Mapping[str, object]) -> None:
        properties = {**self._globals, **own}
        environment = {**self._variables(self._globals, "Globals"), **self._variables(own, logical_id)}
        self._functions[logical_id] = Function(
            logical_id,
            self._folder / self._text(properties.get("CodeUri"), f"{logical_id}.CodeUri"),
            self._text(properties.get("Handler"), f"{logical_id}.Handler"),
            # Lambda's own defaults: 3 seconds, 128 MB.
            timeout=float(self._text(properties.get("Timeout", 3), f"{logical_id}.Timeout")),
            memory_size=int(self._text(properties.get("MemorySize", 128), f"{logical_id}.MemorySize")),
            environment=environment,
        )
        for name, event in _mapping(own.get("Events", {}), f"{logical_id}.Events").items():
            self._read_event(f"{logical_id}.Events.{name}", logical_id, _mapping(event, name))

    def _read_event(self, place: str, function: str, event: Mapping[str, object]) -> None:
        if event.get("Type") in EVENTS_WITHOUT_LOCAL_EFFECT:
            return
        if event.get("Type") != "HttpApi":
            raise TemplateError(f"{place}: the local run has no events of type {event.get('Type')}")
        properties = _mapping(event.get("Properties", {}), place)
        _admit(properties, ROUTE_PROPERTIES, place)
        if str(properties.get("PayloadFormatVersion", "2.0")) != "2.0":
            raise TemplateError(f"{place}: the local run speaks payload format 2.0 only")
        # SAM's own rule: an event that gives neither path nor method is the default route.
        path = self._text(properties.get("Path", DEFAULT_ROUTE), f"{place}.Path")
        method = self._text(properties.get("Method", "ANY"), f"{place}.Method").upper()
        self._routes.append(Route("ANY" if method == "X-AMAZON-APIGATEWAY-ANY-METHOD" else method, path, function))

    def _read_table(self, logical_id: str, properties: Mapping[str, object]) -> None:
        _admit(properties, TABLE_PROPERTIES | TABLE_PROPERTIES_OF_THE_CLOUD, logical_id)
        taken = {
            name: self._plain(properties[name], f"{logical_id}.{name}") for name in properties.keys() & TABLE_PROPERTIES
        }
        self._tables.append({"TableName": self._names[logical_id], **taken})

    @staticmethod
    def _read_api(logical_id: str, properties: Mapping[str, object]) -> None:
        if refused := properties.keys() & API_PROPERTIES_REFUSED:
            raise TemplateError(f"{logical_id}: routes stand with the functions, not in {', '.join(sorted(refused))}")

    def _variables(self, properties: Mapping[str, object], place: str) -> dict[str, str]:
        environment = _mapping(properties.get("Environment", {}), f"{place}.Environment")
        variables = _mapping(environment.get("Variables", {}), f"{place}.Environment.Variables")
        return {name: self._text(value, f"{place}.{name}") for name, value in variables.items()}

    def _plain(self, value: object, place: str) -> object:
        """The value with every intrinsic resolved."""
        if isinstance(value, list):
            return [self._plain(each, place) for each in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1 and (name := next(iter(value))) in ("Ref", "Fn::Sub"):
            return self._reference(value[name], place) if name == "Ref" else self._substituted(value[name], place)
        if unknown := [name for name in value if name.startswith("Fn::") or name in ("Ref", "Condition")]:
            raise TemplateError(f"{place}: the local run does not follow {', '.join(unknown)}")
        return {name: self._plain(each, place) for name, each in value.items()}

    def _text(self, value: object, place: str) -> str:
        plain = self._plain(value, place)
        if isinstance(plain, bool):
            return str(plain).lower()  # as CloudFormation writes it into the environment
        if not isinstance(plain, str | int | float):
            raise TemplateError(f"{place} is not text")
        return str(plain)

    def _reference(self, name: object, place: str) -> str:
        known = {**self._names, **PSEUDO_PARAMETERS}
        if name in self._parameters:
            parameter = _mapping(self._parameters[str(name)], f"Parameters.{name}")
            return self._text(parameter.get("Default"), f"{place}: the default of parameter {name}")
        if name not in known:
            raise TemplateError(f"{place} refers to {name}, which is not there")
        return known[str(name)]

    def _substituted(self, pattern: object, place: str) -> str:
        if not isinstance(pattern, str):
            raise TemplateError(f"{place}: the local run follows Fn::Sub with one text only")
        # "${!Literal}" stands for "${Literal}" and is none of ours.
        filled = re.sub(r"\$\{([^!}]+)\}", lambda found: self._reference(found[1], place), pattern)
        return filled.replace("${!", "${")


def _mapping(value: object, place: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise TemplateError(f"{place} is not a mapping")
    return value


def _admit(properties: Mapping[str, object], admitted: frozenset[str], place: str) -> None:
    if unknown := sorted(properties.keys() - admitted):
        raise TemplateError(f"{place}: the local run does not know {', '.join(unknown)}")
