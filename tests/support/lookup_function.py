"""The look-up function as an HTTP API invokes it, and its response."""

import json
from typing import Any

from functions.lookup import app
from tests.support.fakes import lambda_context

PAIR = "entity_type=CRM&entity_id=DEAL%7C1663"


def http(route: str, query: str = "", *, key: str | None = None, seconds: float = 29, **fields: Any) -> dict[str, Any]:
    """Invoke the function as the gateway does; `route` is as in the template."""
    verb, _, path = route.partition(" ")
    event = {
        "version": "2.0",
        "routeKey": route,
        "rawPath": path,
        "rawQueryString": query,
        "headers": {"authorization": f"Bearer {key}"} if key else {},
        "requestContext": {"requestId": "request-1", "http": {"method": verb, "path": path}},
        "isBase64Encoded": False,
    }
    return app.handler(event | fields, lambda_context(seconds))


def body(response: dict[str, Any]) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(response["body"])
    return read


def refused(response: dict[str, Any], status: int, code: str) -> dict[str, Any]:
    """The problem document of a response, which must have this status and code."""
    problem = body(response)
    assert response["headers"]["content-type"] == "application/problem+json"
    assert (response["statusCode"], problem["status"], problem["request_id"]) == (status, status, "request-1")
    assert problem["type"].endswith(f":{code}"), problem
    return problem
