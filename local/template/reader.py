"""Reads functions, routes, tables and queues from `template.yaml` for the local run: one source, so that the two
cannot differ.

What is not supported (a resource, an event, an intrinsic, a table's property) raises a `TemplateError` that names the
place: a local run that left something out without an error would prove nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from local.template.applications import APPLICATION, applications
from local.template.functions import FUNCTION, Function, alias_of, aliases
from local.template.intrinsics import ACCOUNT, REGION, Intrinsics, TemplateError, admit, mapping, parsed
from local.template.queues import (
    QUEUE,
    Asynchronous,
    EventSource,
    Queue,
    arn_of,
    read_asynchronous,
    read_queue,
    read_source,
)

__all__ = ["ACCOUNT", "DEFAULT_ROUTE", "REGION", "Function", "Route", "Template", "TemplateError"]

DEFAULT_ROUTE = "$default"

# Resources that have no effect on a request on this machine.
WITHOUT_LOCAL_EFFECT = (
    "AWS::ApiGatewayV2::ApiMapping",
    "AWS::ApiGatewayV2::DomainName",
    "AWS::CloudWatch::",
    "AWS::IAM::",
    "AWS::Lambda::Permission",
    "AWS::Logs::",
    "AWS::Route53::",
    "AWS::SNS::",
    "AWS::SQS::QueuePolicy",
    "AWS::Serverless::LayerVersion",
)
# There are no schedules on this machine: scheduled functions are invoked by hand.
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
SECRET_PROPERTIES = frozenset({"Description", "GenerateSecretString", "KmsKeyId", "Name", "Tags"})
# Either would define routes, or a form of events, that this module does not read.
API_PROPERTIES_REFUSED = frozenset({"DefinitionBody", "DefinitionUri"})
ROUTE_PROPERTIES = frozenset({"ApiId", "Method", "Path", "PayloadFormatVersion", "TimeoutInMillis"})


@dataclass(frozen=True, slots=True)
class Route:
    """One route of the HTTP API: `method` in capitals or ANY, `path` as declared or `$default`, logical id."""

    method: str
    path: str
    function: str

    @property
    def key(self) -> str:
        """The route's `routeKey` in the gateway's events."""
        return DEFAULT_ROUTE if self.path == DEFAULT_ROUTE else f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class Template:
    """The template as the local run needs it; `tables` are arguments for DynamoDB's CreateTable."""

    functions: Mapping[str, Function]
    routes: tuple[Route, ...]
    tables: tuple[Mapping[str, object], ...]
    queues: tuple[Queue, ...] = ()
    sources: tuple[EventSource, ...] = ()
    secrets: tuple[str, ...] = ()
    """The names of secrets that are made with the stack; each has one text of chance, under `key`."""

    @classmethod
    def load(cls, path: Path, *, table_suffix: str = "") -> "Template":
        """Read a template file; tables are named by their logical ids and the suffix, which also go into `Ref`.

        Raises TemplateError where the template is not supported.
        """
        document = mapping(_parsed_once(path.read_text("utf-8")), path.name)
        return _Reader(document, path.parent, table_suffix).template()

    def declared(self) -> frozenset[str]:
        """Every environment variable that some function declares; nothing else reaches a function in a container."""
        return frozenset(name for function in self.functions.values() for name in function.environment)

    def queue_variables(self) -> Mapping[str, str]:
        """The environment variables that hold a queue's URL, each with the name of its queue."""
        queues = {queue.name for queue in self.queues}
        declared = (each for function in self.functions.values() for each in function.environment.items())
        return {variable: value for variable, value in declared if value in queues}


@lru_cache(maxsize=4)
def _parsed_once(text: str) -> object:
    """Parsing takes nearly all the time of a load, and tests load one template thousands of times. Only read from."""
    return parsed(text)


class _Reader:
    """Walks one parsed template; relative `CodeUri` start in `folder`."""

    def __init__(self, document: Mapping[str, object], folder: Path, table_suffix: str) -> None:
        self._folder = folder
        self._resources = {
            logical_id: mapping(resource, logical_id)
            for logical_id, resource in mapping(document.get("Resources"), "Resources").items()
        }
        shared = mapping(document.get("Globals", {}), "Globals")
        self._globals = mapping(shared.get("Function", {}), "Globals.Function")
        self._names = {
            logical_id: logical_id + (table_suffix if resource.get("Type") == "AWS::DynamoDB::Table" else "")
            for logical_id, resource in self._resources.items()
        }
        self._intrinsics = Intrinsics(
            mapping(document.get("Parameters", {}), "Parameters"),
            {**self._names, **aliases(self._resources, self._globals)},
            {
                f"{name}.Arn": arn_of(name)
                for name, resource in self._resources.items()
                if resource.get("Type") == QUEUE
            },
            mapping(document.get("Conditions", {}), "Conditions"),
        )
        self._functions: dict[str, Function] = {}
        self._routes: list[Route] = []
        self._tables: list[Mapping[str, object]] = []
        self._queues: list[Queue] = []
        self._sources: list[EventSource] = []
        self._secrets: list[str] = []
        self._readers: Mapping[str, Callable[[str, Mapping[str, object]], None]] = {
            "AWS::DynamoDB::Table": self._read_table,
            FUNCTION: self._read_function,
            "AWS::Serverless::HttpApi": self._read_api,
            QUEUE: self._read_queue,
            "AWS::SecretsManager::Secret": self._read_secret,
        }

    def template(self) -> Template:
        for logical_id, resource in self._resources.items():
            kind = str(resource.get("Type"))
            if kind.startswith(WITHOUT_LOCAL_EFFECT) or kind == APPLICATION:
                continue
            if kind not in self._readers:
                raise TemplateError(f"{logical_id}: the local run does not support {kind}")
            if "Condition" in resource:
                raise TemplateError(f"{logical_id}: the local run does not support conditions on a {kind}")
            self._readers[kind](logical_id, mapping(resource.get("Properties", {}), logical_id))
        for logical_id, _, location in applications({"Resources": self._resources}):
            self._refuse_effects(logical_id, self._folder / location)
        return Template(
            self._functions,
            tuple(self._routes),
            tuple(self._tables),
            tuple(self._queues),
            tuple(self._sources),
            tuple(self._secrets),
        )

    @staticmethod
    def _refuse_effects(application: str, path: Path) -> None:
        """A nested application has resources without local effect only."""
        nested = mapping(_parsed_once(path.read_text("utf-8")), application)
        for logical_id, resource in mapping(nested.get("Resources"), application).items():
            kind = str(mapping(resource, logical_id).get("Type"))
            if not kind.startswith(WITHOUT_LOCAL_EFFECT):
                raise TemplateError(
                    f"{application}, {logical_id}: the local run does not support {kind} in an application"
                )

    def _read_function(self, logical_id: str, own: Mapping[str, object]) -> None:
        properties = {**self._globals, **own}
        environment = {**self._variables(self._globals, "Globals"), **self._variables(own, logical_id)}
        self._functions[logical_id] = Function(
            logical_id,
            self._folder / self._intrinsics.text(properties.get("CodeUri"), f"{logical_id}.CodeUri"),
            self._intrinsics.text(properties.get("Handler"), f"{logical_id}.Handler"),
            # Lambda's own defaults: 3 seconds, 128 MB.
            timeout=float(self._intrinsics.text(properties.get("Timeout", 3), f"{logical_id}.Timeout")),
            memory_size=int(self._intrinsics.text(properties.get("MemorySize", 128), f"{logical_id}.MemorySize")),
            environment=environment,
            asynchronous=self._read_asynchronous(logical_id, properties),
            alias=alias_of(properties),
        )
        for name, event in mapping(own.get("Events", {}), f"{logical_id}.Events").items():
            self._read_event(f"{logical_id}.Events.{name}", logical_id, mapping(event, name))

    def _read_event(self, place: str, function: str, event: Mapping[str, object]) -> None:
        if event.get("Type") in EVENTS_WITHOUT_LOCAL_EFFECT:
            return
        properties = mapping(event.get("Properties", {}), place)
        if event.get("Type") == "SQS":
            self._sources.append(read_source(function, properties, self._intrinsics, place))
            return
        if event.get("Type") != "HttpApi":
            raise TemplateError(f"{place}: the local run does not support events of type {event.get('Type')}")
        self._read_route(place, function, properties)

    def _read_route(self, place: str, function: str, properties: Mapping[str, object]) -> None:
        admit(properties, ROUTE_PROPERTIES, place)
        if str(properties.get("PayloadFormatVersion", "2.0")) != "2.0":
            raise TemplateError(f"{place}: the local run supports payload format 2.0 only")
        # SAM's own rule: an event that gives neither path nor method is the default route.
        path = self._intrinsics.text(properties.get("Path", DEFAULT_ROUTE), f"{place}.Path")
        method = self._intrinsics.text(properties.get("Method", "ANY"), f"{place}.Method").upper()
        self._routes.append(Route("ANY" if method == "X-AMAZON-APIGATEWAY-ANY-METHOD" else method, path, function))

    def _read_table(self, logical_id: str, properties: Mapping[str, object]) -> None:
        admit(properties, TABLE_PROPERTIES | TABLE_PROPERTIES_OF_THE_CLOUD, logical_id)
        taken = {
            name: self._intrinsics.plain(properties[name], f"{logical_id}.{name}")
            for name in properties.keys() & TABLE_PROPERTIES
        }
        self._tables.append({"TableName": self._names[logical_id], **taken})

    def _read_queue(self, logical_id: str, properties: Mapping[str, object]) -> None:
        self._queues.append(read_queue(logical_id, properties, self._intrinsics))

    def _read_secret(self, logical_id: str, properties: Mapping[str, object]) -> None:
        """A secret of chance; the service reads it by its name."""
        admit(properties, SECRET_PROPERTIES, logical_id)
        made = mapping(properties.get("GenerateSecretString", {}), f"{logical_id}.GenerateSecretString")
        if (made.get("SecretStringTemplate"), made.get("GenerateStringKey")) != ("{}", "key"):
            raise TemplateError(f"{logical_id}: the local run supports secrets with one generated field, key, only")
        self._secrets.append(self._intrinsics.text(properties.get("Name"), f"{logical_id}.Name"))

    def _read_asynchronous(self, logical_id: str, properties: Mapping[str, object]) -> Asynchronous:
        place = f"{logical_id}.EventInvokeConfig"
        return read_asynchronous(mapping(properties.get("EventInvokeConfig", {}), place), self._intrinsics, place)

    @staticmethod
    def _read_api(logical_id: str, properties: Mapping[str, object]) -> None:
        if refused := properties.keys() & API_PROPERTIES_REFUSED:
            raise TemplateError(f"{logical_id}: routes belong to the functions, not to {', '.join(sorted(refused))}")

    def _variables(self, properties: Mapping[str, object], place: str) -> dict[str, str]:
        environment = mapping(properties.get("Environment", {}), f"{place}.Environment")
        variables = mapping(environment.get("Variables", {}), f"{place}.Environment.Variables")
        return {name: self._intrinsics.text(value, f"{place}.{name}") for name, value in variables.items()}
