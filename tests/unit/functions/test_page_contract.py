"""What the page answers conforms to docs/openapi.yaml, and the contract has no other operation of the page."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from functions.page import app
from tests.support.portals.page_visitors import ADMINISTRATOR, EMPLOYEE, ask, session_in, visit
from tests.support.reply_checks import contract, refused_by, routes_of_the_page

pytestmark = pytest.mark.usefixtures("visitors")
PREFIX = "/v1/page/"


def schema_of(verb: str, path: str, status: int) -> Any:
    response = contract()["paths"][path][verb.lower()]["responses"][str(status)]
    if "$ref" in response:
        response = contract()["components"]["responses"][response["$ref"].rpartition("/")[2]]
    (content,) = [each for kind, each in response["content"].items() if "problem" in kind or status == 200]
    return content["schema"]


@pytest.mark.parametrize(
    ("verb", "path", "body", "token", "status"),
    [
        ("POST", "session", None, EMPLOYEE, 200),
        ("POST", "find", {"query": "deal 1663"}, EMPLOYEE, 200),
        ("POST", "find", {"query": "deal 404"}, EMPLOYEE, 404),
        ("POST", "find", {"query": "?"}, EMPLOYEE, 400),
        ("POST", "find", {"query": "deal 1663"}, "unknown-access-token", 401),
        ("GET", "doctor", None, ADMINISTRATOR, 200),
        ("GET", "doctor", None, EMPLOYEE, 403),
        ("GET", "keys", None, ADMINISTRATOR, 200),
        ("POST", "keys", {"label": "x", "days": 1, "details": True}, ADMINISTRATOR, 200),
        ("POST", "keys", {"label": "x", "days": 366}, ADMINISTRATOR, 400),
    ],
)
def test_answer_conforms_to_the_contract(verb: str, path: str, body: object, token: str, status: int) -> None:
    session = session_in(visit(token if token in (EMPLOYEE, ADMINISTRATOR) else EMPLOYEE))
    answer = ask(verb, path, body, session=session, token=token)
    assert answer["statusCode"] == status, answer["body"]
    assert refused_by(schema_of(verb, PREFIX + path, status), json.loads(answer["body"])) == []


def test_contract_has_the_pages_operations_and_no_others() -> None:
    answered = {
        (verb, f"{PREFIX}{name}{'/{key_id}' if follows else ''}")
        for (name, follows), by_verb in app._ANSWERS.items()
        for verb in by_verb
    }
    assert answered == routes_of_the_page()


OFFSETS: tuple[object, ...] = (0, 1, 100_000, 100_001, -1, 0.5, 1.0, True, "0", [], None)
QUERIES: tuple[object, ...] = ("deal 1663" + " " * 1991, "deal 1663" + " " * 1992, "", 7, None, [])
LABELS: tuple[object, ...] = ("x" * 100, "x" * 101, "", "a\nb", "a\x85", "a\x7f", "Ключ", 7, None, [])
DAYS: tuple[object, ...] = (1, 365, 366, 0, -1, 1.5, 2.0, True, "1", 10**30, None, [])
ODD: Mapping[str, list[object]] = {
    "find": [
        *({"query": "deal 1663", "offset": offset} for offset in OFFSETS),
        *({"query": query} for query in QUERIES),
        *({"query": "deal 1663", "x": 1}, {}, {"offset": 0}, [], None, "deal 1663"),
    ],
    "keys": [
        *({"label": label, "days": 1} for label in LABELS),
        *({"label": "x", "days": days} for days in DAYS),
        *({"label": "x", "days": 1, "details": details} for details in (True, False, "true", 1, None)),
        *({"label": "x", "days": 1, "scopes": ["rest"]}, {}, {"label": "x"}, [], None, 7),
    ],
}


@pytest.mark.parametrize(("path", "body"), [(path, body) for path, bodies in ODD.items() for body in bodies])
def test_body_is_taken_if_the_contract_admits_it_and_refused_if_not(path: str, body: object) -> None:
    content = contract()["paths"][PREFIX + path]["post"]["requestBody"]["content"]["application/json"]
    admitted = refused_by(content["schema"], body) == []
    session = session_in(visit(ADMINISTRATOR))
    answer = ask("POST", path, body, session=session, token=ADMINISTRATOR)
    assert answer["statusCode"] == (200 if admitted else 400), answer["body"]
