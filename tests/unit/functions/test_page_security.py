"""What no request to the page's routes gives away or changes, by every sender who lacks a proof."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pytest

from chat_lookup.bootstrap import process
from chat_lookup.cache.chat_cache import Cache
from chat_lookup.cache.learned_rows import LearnedRows
from chat_lookup.entity import EntityRef
from chat_lookup.portals.portal import Portal, PortalState
from tests.support.fakes import (
    MEMBER_ID,
    FakeAuthorisationServer,
    FakeBitrix24,
    FixedRandom,
    ManualClock,
    Output,
    Stores,
)
from tests.support.lookup_function import PAIR
from tests.support.lookup_function import http as look_up
from tests.support.portals.known_portal import install_application
from tests.support.portals.page_visitors import (
    ADMINISTRATOR,
    EMPLOYEE,
    OUTSIDER,
    Visitors,
    ask,
    code,
    session_in,
    visit,
)
from tests.support.reply_checks import routes_of_the_page

pytestmark = pytest.mark.usefixtures("visitors")

Route = tuple[str, str, object]
RENEWAL: Route = ("POST", "session", None)
FIND: Route = ("POST", "find", {"query": "deal 1663"})
NEW: Route = ("POST", "keys", {"label": "crm sync", "days": 30})
FOR_ADMINISTRATORS: tuple[Route, ...] = (
    ("GET", "doctor", None), ("GET", "keys", None), NEW, ("DELETE", "keys/0123456789ab", None),
)  # fmt: skip
ROUTES = (FIND, *FOR_ADMINISTRATORS)
by_route = pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route[0]} {route[1]}")
for_administrators = pytest.mark.parametrize("route", FOR_ADMINISTRATORS, ids=lambda route: f"{route[0]} {route[1]}")


def send(route: Route, session: str | None, token: str | None) -> dict[str, Any]:
    return ask(*route, session=session, token=token)


def made_key(session: str, token: str = ADMINISTRATOR) -> Mapping[str, Any]:
    made: Mapping[str, Any] = json.loads(send(NEW, session, token)["body"])
    return made


# -- sessions ----------------------------------------------------------------------------------------------------------


@by_route
@pytest.mark.parametrize("session", [None, "", "a.b", "x" * 2_000])
def test_request_without_a_session_is_refused_before_anything_is_called(
    route: Route, session: str | None, bitrix24: FakeBitrix24
) -> None:
    calls = len(bitrix24.calls)
    assert code(send(route, session, ADMINISTRATOR)) == "401 page-session-rejected"
    assert len(bitrix24.calls) == calls


@by_route
def test_session_ends_after_ten_minutes(route: Route, clock: ManualClock) -> None:
    session = session_in(visit())
    clock.advance(600)
    assert code(send(route, session, ADMINISTRATOR)) == "401 page-session-rejected"


@by_route
@pytest.mark.parametrize("token", [None, "", "unknown-access-token", EMPLOYEE, "blank in it"])
def test_stolen_session_is_of_no_use_without_its_users_token(
    route: Route, token: str | None, visitors: Visitors
) -> None:
    visitors.profiles[EMPLOYEE]["ADMIN"] = True
    session = session_in(visit())
    answer = send(route, session, token)
    assert code(answer) == "401 caller-token-rejected"
    assert "1437" not in answer["body"]
    assert not list(process.services().keys.of(MEMBER_ID))


def test_stolen_session_is_of_no_use_for_another_portal(known: Portal) -> None:
    session = session_in(visit())
    process.services().portals.save(known._replace(member_id="0" * 32, domain="globex.bitrix24.com"))
    renamed = session.replace(session[:8], session[8:16] or "", 1)
    assert code(send(FIND, renamed, ADMINISTRATOR)) == "401 page-session-rejected"


@by_route
def test_uninstallation_ends_all_sessions(route: Route, known: Portal) -> None:
    session = session_in(visit())
    process.services().portals.states.close(known, PortalState.UNINSTALLED, "")
    assert code(send(route, session, ADMINISTRATOR)) == "401 page-session-rejected"


def uninstalled(portal: Portal) -> None:
    process.services().portals.states.close(portal, PortalState.UNINSTALLED, "")


def forgotten(portal: Portal) -> None:
    process.services().portals.forget(portal.member_id)


def still_there(_: Portal) -> None:
    """The event of the uninstallation never came."""


@pytest.mark.parametrize("end", [uninstalled, forgotten, still_there])
def test_session_of_an_earlier_installation_is_refused_by_every_route_and_not_renewed(
    end: Callable[[Portal], None], known: Portal, server: FakeAuthorisationServer, clock: ManualClock
) -> None:
    session = session_in(visit())
    end(known)
    clock.advance(1)
    install_application(server)
    for route in (RENEWAL, *ROUTES):
        assert code(send(route, session, ADMINISTRATOR)) == "401 page-session-rejected", route
    assert code(send(FIND, session_in(visit()), ADMINISTRATOR)) == "200"


def test_session_opens_no_look_up_of_programs_and_an_api_key_no_route_of_the_page() -> None:
    session = session_in(visit())
    assert look_up("GET /v1/chats", PAIR, key=session)["statusCode"] == 401
    key = made_key(session)["key"]
    assert code(send(FIND, key, ADMINISTRATOR)) == "401 page-session-rejected"


@pytest.mark.parametrize("seconds", [0, 599, 600, 3_600])
def test_fresh_token_of_the_same_user_renews_a_session(seconds: float, clock: ManualClock) -> None:
    session = session_in(visit(EMPLOYEE))
    clock.advance(seconds)
    answer = ask("POST", "session", session=session, token=EMPLOYEE)
    renewed = json.loads(answer["body"])
    assert (answer["statusCode"], renewed["expires_in"], renewed["administrator"]) == (200, 600, False)
    assert code(send(FIND, renewed["session"], EMPLOYEE)) == "200"


@pytest.mark.parametrize("token", [None, OUTSIDER, "unknown-access-token"])
def test_other_user_renews_no_session(token: str | None, clock: ManualClock) -> None:
    session = session_in(visit(EMPLOYEE))
    clock.advance(601)
    assert ask("POST", "session", session=session, token=token)["statusCode"] == 401


def test_session_that_ended_a_day_ago_is_not_renewed(clock: ManualClock) -> None:
    session = session_in(visit(EMPLOYEE))
    clock.advance(25 * 3_600)
    assert code(ask("POST", "session", session=session, token=EMPLOYEE)) == "401 page-session-rejected"


# -- administrators ----------------------------------------------------------------------------------------------------


@for_administrators
def test_user_who_is_no_administrator_gets_nothing_of_theirs(route: Route) -> None:
    assert 'data-test="doctor"' not in visit(EMPLOYEE)["body"]
    answer = send(route, session_in(visit(EMPLOYEE)), EMPLOYEE)
    assert code(answer) == "403 administrator-required"
    assert not list(process.services().keys.of(MEMBER_ID))


@for_administrators
def test_portal_decides_who_administers_it_at_each_request(route: Route, visitors: Visitors) -> None:
    session = session_in(visit())
    visitors.profiles[ADMINISTRATOR]["ADMIN"] = False
    assert code(send(route, session, ADMINISTRATOR)) == "403 administrator-required"


def test_administrators_see_the_doctors_report() -> None:
    page = visit()["body"]
    for name in ("doctor", "key-label", "key-create"):
        assert f'data-test="{name}"' in page
    report = json.loads(send(FOR_ADMINISTRATORS[0], session_in(visit()), ADMINISTRATOR)["body"])
    assert report["state"] == "active"
    assert report["token_age_seconds"] == 0
    assert {"code", "title", "detail", "remedy"} == set(report["findings"][0])


def test_examination_changes_nothing_of_the_portal(known: Portal) -> None:
    assert code(send(FOR_ADMINISTRATORS[0], session_in(visit()), ADMINISTRATOR)) == "200"
    assert process.services().portals.get(MEMBER_ID) == known


# -- API keys ----------------------------------------------------------------------------------------------------------


def test_key_is_shown_once_looks_up_and_is_refused_when_it_is_revoked(clock: ManualClock) -> None:
    session = session_in(visit())
    made = made_key(session)
    assert made["scopes"] == ["lookup"]
    assert look_up("GET /v1/chats", PAIR, key=made["key"])["statusCode"] == 200
    (listed,) = json.loads(send(("GET", "keys", None), session, ADMINISTRATOR)["body"])["keys"]
    assert (listed["label"], listed["valid"], "key" in listed) == ("crm sync", True, False)
    assert code(send(("DELETE", f"keys/{made['key_id']}", None), session, ADMINISTRATOR)) == "200"
    clock.advance(30)
    assert look_up("GET /v1/chats", PAIR, key=made["key"])["statusCode"] == 401
    assert json.loads(send(("GET", "keys", None), session, ADMINISTRATOR)["body"])["keys"] == []


@pytest.mark.parametrize(
    "body",
    [
        {"label": "x", "days": 366},
        {"label": "x", "days": 0},
        {"label": "x"},
        {"days": 3},
        {"label": "x\n", "days": 3},
        {"label": "x", "days": 3, "scopes": ["rest"]},
        {"label": "x", "days": 3, "passthrough": ["crm.deal.get"]},
        {"label": "x", "days": 3, "details": "yes"},
    ],
    ids=str,
)
def test_key_beyond_look_ups_and_a_year_is_not_made(body: object) -> None:
    assert code(send(("POST", "keys", body), session_in(visit()), ADMINISTRATOR)) == "400 invalid-request"
    assert not list(process.services().keys.of(MEMBER_ID))


def test_sixth_key_is_refused_and_a_revoked_one_makes_room() -> None:
    session = session_in(visit())
    keys = [made_key(session) for _ in range(5)]
    assert code(send(NEW, session, ADMINISTRATOR)) == "400 invalid-request"
    send(("DELETE", f"keys/{keys[2]['key_id']}", None), session, ADMINISTRATOR)
    assert "key" in made_key(session)


def test_operators_keys_are_neither_shown_nor_revoked_on_the_page() -> None:
    session = session_in(visit())
    _, operators = process.services().keys.create(MEMBER_ID, "operator's", ["rest"], None)
    assert json.loads(send(("GET", "keys", None), session, ADMINISTRATOR)["body"])["keys"] == []
    answer = send(("DELETE", f"keys/{operators.key_id}", None), session, ADMINISTRATOR)
    assert code(answer) == "400 invalid-request"
    assert [key.key_id for key in process.services().keys.of(MEMBER_ID)] == [operators.key_id]


def test_operators_may_keep_all_keys_to_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTAL_ADMIN_KEYS", "off")
    process.built.cache_clear()
    page = visit()
    assert 'data-test="key-create"' not in page["body"]
    for route in FOR_ADMINISTRATORS[1:]:
        assert code(send(route, session_in(page), ADMINISTRATOR)) == "404 route-not-found"


# -- what the cache has ------------------------------------------------------------------------------------------------

AGAIN_S = 10.0
"""Seconds after which the page's pace has room for the requests of a view."""
QUERIES = ("deal 1663", "ORDER 2026-0815", "chat 1437", "chat 1763", "contact 42")


def found_before(session: str) -> None:
    for query in QUERIES:
        assert code(send(("POST", "find", {"query": query}), session, ADMINISTRATOR)) == "200"


class Scene(NamedTuple):
    """What `others_found` and the like change."""

    portal: Portal
    bitrix24: FakeBitrix24
    stores: Stores
    clock: ManualClock


def nothing_found(_: Scene) -> None:
    pass


def others_found(_: Scene) -> None:
    found_before(session_in(visit()))


def event_taught(scene: Scene) -> None:
    cache = Cache(scene.stores.cache_rows, scene.clock, FixedRandom())
    learned = LearnedRows(cache, scene.stores.cache_rows, scene.clock, FixedRandom())
    learned.learn(MEMBER_ID, scene.portal.generation, EntityRef("ORDER", "2026-0815"), 1437, scene.clock.now())


def others_found_before_the_portal_failed(scene: Scene) -> None:
    found_before(session_in(visit()))
    scene.clock.advance(1.5 * 24 * 3_600)
    for method in ("im.chat.get", "imopenlines.crm.chat.get", "crm.item.get"):
        scene.bitrix24.fails(method, "INTERNAL_SERVER_ERROR", 500)


@pytest.fixture
def scene(known: Portal, bitrix24: FakeBitrix24, stores: Stores, clock: ManualClock) -> Scene:
    return Scene(known, bitrix24, stores, clock)


@pytest.mark.parametrize(
    ("before", "query", "source"),
    [
        (nothing_found, "deal 1663", "portal"),
        (others_found, "deal 1663", "cache"),
        (event_taught, "ORDER 2026-0815", "event"),
        (others_found_before_the_portal_failed, "ORDER 2026-0815", "stale"),
    ],
)
def test_user_who_may_see_no_chat_gets_no_id_by_any_route_whatever_the_cache_has(
    before: Callable[[Scene], None], query: str, source: str, scene: Scene
) -> None:
    before(scene)
    scene.clock.advance(AGAIN_S)
    session = session_in(visit(OUTSIDER))
    first = send(("POST", "find", {"query": query}), session, OUTSIDER)
    assert json.loads(first["body"])["source"] == source
    finds = [("POST", "find", {"query": each, "offset": offset}) for each in QUERIES for offset in (0, 1, 49)]
    for route in (RENEWAL, *ROUTES, *finds):
        scene.clock.advance(AGAIN_S)
        answer = send(route, session, OUTSIDER)
        assert answer["statusCode"] != 429
        body = json.loads(answer["body"])
        assert body.get("chats", []) == []
        # The object that the user names is in the answer; no chat of it is, nor its contact.
        assert not re.search(r"1437|1763|CONTACT.42", json.dumps(body | {"entity_id": None})), (route, body)


def test_user_who_is_no_administrator_finds_nothing_of_keys_in_any_answer() -> None:
    made = made_key(session_in(visit()))
    page = visit(EMPLOYEE)
    asked = (*ROUTES, ("DELETE", f"keys/{made['key_id']}", None), RENEWAL)
    answers = [page["body"], *(send(each, session_in(page), EMPLOYEE)["body"] for each in asked)]
    for secret in (made["key"], made["key_id"], made["label"]):
        assert not [answer for answer in answers if secret in answer]
    assert [key.key_id for key in process.services().keys.of(MEMBER_ID)] == [made["key_id"]]


def test_routes_of_these_tests_are_those_of_the_contract() -> None:
    walked = {(verb, re.sub("keys/.+", "keys/{key_id}", f"/v1/page/{path}")) for verb, path, _ in (RENEWAL, *ROUTES)}
    assert walked == routes_of_the_page()


# -- logs, and routes --------------------------------------------------------------------------------------------------


def test_no_line_has_a_session_a_token_or_a_key(output: Output, stores: Stores) -> None:
    session = session_in(visit())
    key = made_key(session)["key"]
    send(FIND, session, ADMINISTRATOR)
    send(FIND, session, "unknown-access-token")
    send(FOR_ADMINISTRATORS[0], session, ADMINISTRATOR)
    printed = json.dumps([*output.lines])
    for secret in (session, session.partition(".")[2], key, ADMINISTRATOR, "unknown-access-token", "k" * 64):
        assert secret not in printed
    assert key not in str(stores.dynamodb.scan(TableName=stores.portal_table)["Items"])


@pytest.mark.parametrize(
    ("verb", "path", "allowed"),
    [
        ("GET", "find", "POST"),
        ("POST", "doctor", "GET"),
        ("DELETE", "keys", "GET, POST"),
        ("POST", "keys/a", "DELETE"),
        ("GET", "unknown", ""),
        ("GET", "", ""),
        ("POST", "find/a", ""),
    ],
)
def test_other_verb_and_other_path_are_refused(verb: str, path: str, allowed: str) -> None:
    answer = ask(verb, path, session=session_in(visit()), token=ADMINISTRATOR)
    assert code(answer) == ("405 method-not-allowed" if allowed else "404 route-not-found")
    assert answer["headers"].get("allow", "") == allowed


def test_parameter_in_the_address_is_refused() -> None:
    session = session_in(visit())
    answer = ask(*FIND, session=session, token=ADMINISTRATOR, query="query=deal")
    assert code(answer) == "400 invalid-request"
