"""Whatever fails behind a route of the page is a problem of its contract, and a sentence in the user's language."""

import json
from collections.abc import Callable, Mapping
from typing import Final

import pytest

from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.bootstrap import process
from chat_lookup.install.page_texts import page_text
from chat_lookup.languages import Language
from chat_lookup.page.texts import in_script
from chat_lookup.portals.portal import Portal, PortalState
from tests.support.fakes import FakeBitrix24
from tests.support.portals.page_visitors import ADMINISTRATOR, Visitors, ask, session_in, visit
from tests.support.reply_checks import problems_of, routes_of_the_page

pytestmark = pytest.mark.usefixtures("visitors")

CLASSES: Final[Mapping[str, tuple[str, int]]] = {
    "refresh": ("expired_token", 401),
    "reauthorise": ("invalid_grant", 400),
    "portal": ("PAYMENT_REQUIRED", 401),
    "uninstalled": ("APPLICATION_NOT_FOUND", 401),
    "retry": ("INTERNAL_SERVER_ERROR", 500),
    "object": ("ACCESS_DENIED", 403),
    "not_found": ("ACCESS_ERROR", 403),
    "caller": ("ID_EMPTY", 400),
    "limit": ("QUERY_LIMIT_EXCEEDED", 503),
    "config": ("insufficient_scope", 403),
}
"""A code of the portal's for each class of errors (bitrix24.md 7)."""
OF_THE_APPLICATION: Final = ("im.chat.get", "crm.item.get", "imopenlines.crm.chat.get", "app.info")
OF_THE_VIEWER: Final = ("profile", "im.dialog.get")
REQUESTS: Final[Mapping[tuple[str, str], tuple[object, ...]]] = {
    ("POST", "session"): (None,),
    ("POST", "find"): ({"query": "deal 1663"}, {"query": "ORDER 2026-0815"}, {"query": "chat 1437"}),
    ("GET", "doctor"): (None,),
    ("GET", "keys"): (None,),
    ("POST", "keys"): ({"label": "x", "days": 1},),
    ("DELETE", "keys/{key_id}"): (None,),
}
"""The routes of the page, each with its bodies."""
OF_A_BATCH: Final = {"response-full"}
"""A problem of single answers in a batch of /v1, which is in the description that these routes share."""


def failing(code: str, status: int) -> Callable[[Mapping[str, object]], object]:
    def fail(_: Mapping[str, object]) -> object:
        raise BitrixError(code, status, description="description by the portal")

    return fail


def asked(session: str) -> None:
    """Ask each route, and hold each problem against the contract and the texts."""
    for (verb, path), bodies in REQUESTS.items():
        for body in bodies:
            answer = ask(verb, path, body, session=session, token=ADMINISTRATOR)
            if answer["statusCode"] != 200:
                assert_known(verb, path, json.loads(answer["body"]))


def assert_known(verb: str, path: str, problem: Mapping[str, object]) -> None:
    code = str(problem["type"]).rpartition(":")[2]
    assert (problem["status"], code) in problems_of(verb, f"/v1/page/{path}"), (verb, path, problem)
    assert code in in_script(Language.GERMAN), problem


def test_each_route_of_the_contract_is_asked() -> None:
    assert {(verb, f"/v1/page/{path}") for verb, path in REQUESTS} == routes_of_the_page()


@pytest.mark.parametrize("route", sorted(routes_of_the_page()), ids=" ".join)
def test_each_problem_of_a_route_has_a_sentence_of_its_own_in_three_languages(route: tuple[str, str]) -> None:
    codes = {code for _, code in problems_of(*route)} - OF_A_BATCH
    assert {"page-session-rejected", "portal-busy"} <= codes
    for language in Language:
        texts = in_script(language)
        assert codes <= texts.keys()
        assert texts["failed"] not in {texts[code] for code in codes}
    for code in codes:
        assert len({in_script(language)[code] for language in Language}) == len(Language), code


@pytest.mark.parametrize("methods", [OF_THE_APPLICATION, OF_THE_VIEWER], ids=["application", "viewer"])
@pytest.mark.parametrize(("code", "status"), CLASSES.values(), ids=CLASSES)
def test_failure_of_the_portal_is_a_problem_of_the_contract(
    bitrix24: FakeBitrix24, methods: tuple[str, ...], code: str, status: int
) -> None:
    session = session_in(visit())
    for method in methods:
        bitrix24.answers_by(method, failing(code, status))
    asked(session)


@pytest.mark.parametrize("state", [each for each in PortalState if each is not PortalState.ACTIVE])
def test_closed_portal_is_a_problem_of_the_contract(known: Portal, state: PortalState) -> None:
    session = session_in(visit())
    states = process.services().portals.states
    if state is PortalState.STOPPED:
        states.stop(known)
    else:
        states.close(known, state, "CODE")
    asked(session)


def test_parameter_in_the_address_is_a_problem_of_the_contract(visitors: Visitors) -> None:
    del visitors
    session = session_in(visit())
    for verb, path in REQUESTS.keys() - {("POST", "session")}:
        answer = ask(verb, path, {}, session=session, token=ADMINISTRATOR, query="a=b")
        assert_known(verb, path, json.loads(answer["body"]))


@pytest.mark.parametrize(("code", "status"), CLASSES.values(), ids=CLASSES)
def test_frame_that_cannot_be_opened_shows_why_in_the_users_language(
    bitrix24: FakeBitrix24, code: str, status: int
) -> None:
    bitrix24.answers_by("profile", failing(code, status))
    answer = visit(query={"LANG": "de"})
    assert answer["statusCode"] in {403, 429, 503}
    assert page_text("internal-error", Language.GERMAN) not in answer["body"]
    assert 'lang="de"' in answer["body"]
