"""What the template's dashboard shows and its saved queries read, and the rules for both."""

import ast
import json
import re
from collections.abc import Callable, Iterator
from typing import Final

from tests.support.repository import ROOT
from tests.template.monitoring.known_metrics import STACK, Watched, access_log_fields, exists, rendered
from tests.template.reading import WRITTEN_FUNCTION, Mapping, Places, of_type, references

_SEARCH: Final = re.compile(r"SEARCH\('\{([\w/,]+)\} MetricName=\"(\w+)\" (\w+)=\"(\$\{[\w:]+\})\"', '(\w+)', 300\)")
_OF_LOGS_INSIGHTS: Final = frozenset({"@timestamp", "@log", "message"})
"""Fields that every line has."""


def _graphs(template: Mapping) -> Iterator[Mapping]:
    for _, dashboard in of_type(template, "AWS::CloudWatch::Dashboard"):
        for widget in json.loads(dashboard["DashboardBody"]["Fn::Sub"])["widgets"]:
            if widget["type"] == "metric":
                yield widget["properties"]


def shown(graph: Mapping) -> Iterator[Watched | str]:
    """The metrics of a graph, those of a search with an empty value for its free dimension; unknown rows as text."""
    for row in graph["metrics"]:
        match row:
            case [str(namespace), str(name), *dimensions, {**options}]:
                pairs = frozenset(zip(dimensions[::2], dimensions[1::2], strict=True))
                yield Watched(namespace, name, pairs, str(options.get("stat", graph.get("stat"))))
            case [{"expression": str(expression)}] if found := _SEARCH.fullmatch(expression):
                namespace, *names = found[1].split(",")
                # The term after the name must be one of the schema's dimensions, or the search finds nothing.
                pairs = frozenset((name, found[4] if name == found[3] else "") for name in names)
                yield Watched(namespace, found[2], pairs, found[5])
            case [{"expression": str(expression)}] if "SEARCH" not in expression:
                continue
            case _:
                yield json.dumps(row)


def shows_what_exists(template: Mapping) -> Places:
    """A graph of a metric that is never counted stays empty."""
    for graph in _graphs(template):
        for each in shown(graph):
            if isinstance(each, str) or not exists(each, template):
                yield f"{graph['title']}: {each}"


def refers_to_what_exists(template: Mapping) -> Places:
    """Each reference is to a resource of the template."""
    for name, dashboard in of_type(template, "AWS::CloudWatch::Dashboard"):
        yield from (f"{name}: {each}" for each in references(dashboard) - template["Resources"].keys())


def shows_each_function_and_its_memory(template: Mapping) -> Places:
    """Gigabyte-seconds use the functions' memory, and each graph of functions has all of them."""
    functions = {f"${{{name}}}" for name, _ in of_type(template, WRITTEN_FUNCTION)}
    for graph in _graphs(template):
        of_lambda = {each.value("FunctionName") for each in shown(graph) if isinstance(each, Watched)} - {""}
        if of_lambda:
            yield from (f"{graph['title']}: {name}" for name in sorted(functions - of_lambda))
        if "GB-seconds" in graph["title"]:
            gigabytes = template["Globals"]["Function"]["MemorySize"] / 1024
            if graph["metrics"][0][0]["expression"] != f"SUM(METRICS()) / 1000 * {gigabytes}":
                yield f"{graph['title']}: {gigabytes} GB"


def _noted() -> set[str]:
    """Every field that the code writes to log lines, by name, in `note`, `invocation` or in a mapping of fields."""
    names: set[str] = set()
    for path in [*(ROOT / "layers").rglob("*.py"), *(ROOT / "functions").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.Call(func=ast.Attribute(attr="note" | "invocation"), keywords=keywords):
                    names |= {keyword.arg for keyword in keywords if keyword.arg}
                case ast.Subscript(value=ast.Name(id="claims" | "facts"), slice=ast.Constant(value=str(name))):
                    names.add(name)
    return names


def reads_fields_that_are_written(template: Mapping) -> Places:
    """Queries read only fields that a line has: another field finds nothing."""
    access_log = access_log_fields(template)
    written = _noted() | access_log | _OF_LOGS_INSIGHTS
    for name, query in of_type(template, "AWS::Logs::QueryDefinition"):
        text = re.sub(r'"[^"]*"', "", query["QueryString"])
        made = set(re.findall(r"\bas (\w+)", text))
        words = {"fields", "filter", "stats", "sort", "limit", "by", "as", "desc", "asc", "or", "and"}
        called = set(re.findall(r"(\w+)\(", text))
        read = set(re.findall(r"@?\b[a-z]\w*", text, re.IGNORECASE)) - made - words - called
        yield from (f"{name} reads {field}" for field in sorted(read - written))


def reads_logs_that_exist(template: Mapping) -> Places:
    """Queries are in a folder of the stack and name log groups of the template."""
    groups = {rendered(group["LogGroupName"]) for _, group in of_type(template, "AWS::Logs::LogGroup")}
    groups |= {rendered({"Ref": name}) for name, _ in of_type(template, "AWS::Logs::LogGroup")}
    for name, query in of_type(template, "AWS::Logs::QueryDefinition"):
        if not query["Name"].get("Fn::Sub", "").startswith(f"{STACK}/"):
            yield f"{name} has the name {query['Name']}"
        yield from (f"{name} reads {group}" for group in query["LogGroupNames"] if rendered(group) not in groups)


RULES: Final[dict[str, Callable[[Mapping], Places]]] = {
    rule.__name__: rule
    for rule in (
        shows_what_exists, refers_to_what_exists, shows_each_function_and_its_memory, reads_fields_that_are_written,
        reads_logs_that_exist,
    )
}  # fmt: skip
"""Each yields a description of its breaches; nothing for a template that keeps the rule."""
