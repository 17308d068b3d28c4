"""docs/openapi.yaml is complete: each operation has examples that its own schemas admit, each problem is in it."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # stubs: a package more for one name

from chat_lookup import errors
from chat_lookup.errors import ChatLookupError
from chat_lookup.http.responses import PROBLEM_TYPE
from tests.support.reply_checks import contract
from tests.support.repository import ROOT

PAGES = "text/html"
DETAILED = {PROBLEM_TYPE + each for each in ("invalid-request", "body-too-large", "key-rejected", "scope-missing",
                                             "method-not-allowed", "route-not-found")}  # fmt: skip
"""Problems whose detail is of the request."""


def resolved(node: Mapping[str, Any]) -> Mapping[str, Any]:
    """The node, or the component that it refers to."""
    while "$ref" in node:
        _, _, kind, name = node["$ref"].split("/")
        node = contract()["components"][kind][name]
    return node


def operations() -> list[tuple[str, Mapping[str, Any]]]:
    return [
        (f"{verb.upper()} {path}", operation)
        for path, verbs in contract()["paths"].items()
        if not path.startswith("/rest/")
        for verb, operation in verbs.items()
    ]


def contents(operation: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """The place, the media type and the content of the request and of each response."""
    for media_type, media in resolved(operation.get("requestBody", {})).get("content", {}).items():
        yield "request", media_type, media
    for status, response in operation["responses"].items():
        for media_type, media in resolved(response).get("content", {}).items():
            yield status, media_type, media


def examples(described: Mapping[str, Any]) -> list[Any]:
    """The examples of a parameter or of a content."""
    named = [resolved(each)["value"] for each in described.get("examples", {}).values()]
    return [*named, *([described["example"]] if "example" in described else [])]


def refused(schema: Mapping[str, Any], example: object) -> list[str]:
    """Why a schema refuses an example."""
    validator = Draft202012Validator({**schema, "components": contract()["components"]})
    return [error.message for error in validator.iter_errors(example)]


every_operation = pytest.mark.parametrize(
    "operation", [each for _, each in operations()], ids=[name for name, _ in operations()]
)


@every_operation
def test_each_parameter_has_an_example_that_its_schema_admits(operation: Mapping[str, Any]) -> None:
    for parameter in map(resolved, operation.get("parameters", [])):
        found = examples(parameter)
        assert found, parameter["name"]
        assert [refused(parameter["schema"], each) for each in found] == [[]] * len(found), parameter["name"]


@every_operation
def test_each_request_and_response_has_examples_that_its_schema_admits(operation: Mapping[str, Any]) -> None:
    for place, media_type, media in contents(operation):
        found = examples(media)
        assert found, (place, media_type)
        assert [refused(media["schema"], each) for each in found] == [[]] * len(found), (place, media_type)


@every_operation
def test_example_of_a_problem_has_the_status_of_its_response_and_the_texts_of_the_service(
    operation: Mapping[str, Any],
) -> None:
    kinds = {each.code: each for each in leaves()}
    for status, response in operation["responses"].items():
        media = resolved(response).get("content", {}).get("application/problem+json", {})
        for example in examples(media):
            kind = kinds[example["type"].removeprefix(PROBLEM_TYPE)]
            assert (example["title"], example["status"]) == (kind.title, kind.status)
            assert example["detail"] == kind.detail or example["type"] in DETAILED, example["type"]
            assert status in (str(kind.status), f"{kind.status // 100}XX"), example["type"]


@every_operation
def test_each_operation_that_takes_a_body_documents_the_refusal_of_too_large_a_one(
    operation: Mapping[str, Any],
) -> None:
    assert "requestBody" not in operation or operation["responses"].keys() & {"413", "4XX"}


def leaves() -> list[type[ChatLookupError]]:
    return [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, ChatLookupError)]


def test_each_problem_type_is_listed_and_described_by_a_response_of_its_status() -> None:
    listed = contract()["components"]["schemas"]["ProblemType"]["enum"]
    assert sorted(listed) == sorted(PROBLEM_TYPE + each.code for each in leaves())
    assert [each.code for each in leaves() if not described(each)] == []


def described(kind: type[ChatLookupError]) -> bool:
    statuses = {str(kind.status), f"{kind.status // 100}XX"}
    texts = [
        resolved(response)["description"]
        for _, operation in operations()
        for status, response in operation["responses"].items()
        if status in statuses
    ]
    return any(f"`{kind.code}`" in text for text in texts)


def test_named_problems_exist() -> None:
    text = (ROOT / "docs/openapi.yaml").read_text("utf-8")
    assert set(re.findall(rf"{PROBLEM_TYPE}([a-z-]+)", text)) == {each.code for each in leaves()}


def test_each_operation_has_an_id_of_its_own_and_a_known_tag() -> None:
    tags = {tag["name"] for tag in contract()["tags"]}
    ids = [operation["operationId"] for _, operation in operations()]
    assert len(set(ids)) == len(ids)
    assert all(set(operation["tags"]) <= tags for _, operation in operations())


@pytest.mark.parametrize("url", ["https://a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com", "http://127.0.0.1:3000"])
def test_servers_are_a_deployed_stack_and_a_local_run(url: str) -> None:
    urls = [
        server["url"].format(**{name: each["default"] for name, each in server.get("variables", {}).items()})
        for server in contract()["servers"]
    ]
    assert url in urls
