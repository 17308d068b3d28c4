"""Checks of a request's results: its response, its log line and its metrics."""

import json
import re
from functools import cache
from typing import Any

import yaml
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # stubs: a package more for one name

from chat_lookup import errors
from tests.support.repository import ROOT
from tests.support.service import Reply, Service

PROBLEM = "urn:bitrix24-chat-lookup:problem:"
_CODES = {each.code for each in vars(errors).values() if hasattr(each, "code") and hasattr(each, "title")}


def problem(reply: Reply, status: int, name: str) -> dict[str, Any]:
    """The problem document of a reply, after a check of all required fields (design 3.1, RFC 9457)."""
    assert (reply.status, reply.headers.get("content-type")) == (status, "application/problem+json"), reply.body
    body: dict[str, Any] = reply.json
    conforms(body, "Problem")
    assert (body["type"], body["status"]) == (PROBLEM + name, status)
    assert body["title"]
    assert body["detail"] not in ("", body["title"])
    assert body["request_id"] == reply.headers["apigw-requestid"]
    if status in (429, 503):
        assert int(reply.headers["retry-after"]) >= 1
    return body


def found(reply: Reply) -> dict[str, Any]:
    """The chat in a reply."""
    assert (reply.status, reply.headers.get("content-type")) == (200, "application/json"), reply.body
    body: dict[str, Any] = reply.json
    conforms(body, "Chat")
    assert body["dialog_id"] == f"chat{body['chat_id']}"
    return body


def conforms(body: object, schema: str) -> None:
    """Assert that a body conforms to docs/openapi.yaml and has no undocumented field."""
    properties = contract()["components"]["schemas"][schema]["properties"]
    assert isinstance(body, dict)
    assert body.keys() <= properties.keys()
    _validator(schema).validate(body)


def routes_of_the_page() -> set[tuple[str, str]]:
    """Verb and path of each operation that the page's script asks for."""
    paths = {path: verbs for path, verbs in contract()["paths"].items() if path.startswith("/v1/page/")}
    return {(verb.upper(), path) for path, verbs in paths.items() for verb in verbs}


def problems_of(verb: str, path: str) -> set[tuple[int, str]]:
    """Status and code of each problem that an operation of the contract has, by the words and examples of its
    responses."""
    found = set()
    named = contract()["components"]["responses"]
    for status, each in contract()["paths"][path][verb.lower()]["responses"].items():
        response = named[each["$ref"].rpartition("/")[2]] if "$ref" in each else each
        words = {*re.findall(r"`([a-z-]+)`", response["description"]), *re.findall(r"problem:([a-z-]+)", str(response))}
        found |= {(int(status), word) for word in words & _CODES}
    return found


def refused_by(schema: dict[str, Any], body: object) -> list[str]:
    """Why a schema of the contract refuses a body."""
    validator = Draft202012Validator({**schema, "components": contract()["components"]})
    return [error.message for error in validator.iter_errors(body)]


@cache
def contract() -> dict[str, Any]:
    """The OpenAPI document of the native API."""
    document: dict[str, Any] = yaml.safe_load((ROOT / "docs" / "openapi.yaml").read_text("utf-8"))
    return document


@cache
def _validator(schema: str) -> Draft202012Validator:
    # OpenAPI 3.1 schemas are JSON Schema 2020-12.
    return Draft202012Validator({"$ref": f"#/components/schemas/{schema}", "components": contract()["components"]})


def only_line(service: Service) -> dict[str, Any]:
    """The only log line since the last mark; fails if there are more, or none."""
    lines = service.logs()
    assert len(lines) == 1, json.dumps(lines, indent=2)
    return lines[0]


def counted(service: Service, name: str, **dimensions: str) -> float:
    """The sum of a metric since the last mark, over all blobs with exactly these dimensions and `service`."""
    total = 0.0
    for blob in service.metrics():
        for directive in blob["_aws"]["CloudWatchMetrics"]:
            assert len(directive["Dimensions"]) == 1, "metrics that share a blob share its dimensions"
            if {metric["Name"] for metric in directive["Metrics"]}.isdisjoint({name}):
                continue
            if set(directive["Dimensions"][0]) == {"service", *dimensions} and dimensions.items() <= blob.items():
                total += sum(blob[name])
    return total
