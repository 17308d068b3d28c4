"""`X-Bitrix24-Token`: an answer for one user of the portal; the token is never stored (design 3.1)."""

import json
from collections.abc import Callable
from urllib.parse import urlencode

import pytest

from tests.support.portals.unknown_portal import ADMINISTRATOR, EMPLOYEE, Stage
from tests.support.reply_checks import found, only_line, problem
from tests.support.service import Reply

CHAT = 99001437
CLOSED = {"entity_type": "CRM", "entity_id": "DEAL|99", "chat_id": CHAT, "members": [ADMINISTRATOR]}
PAIR = {"entity_type": "CRM", "entity_id": "DEAL|99"}
ABSENT = {"entity_type": "CRM", "entity_id": "DEAL|98"}
FIND = "/v1/chats?" + urlencode(PAIR)
REVERSE = f"/v1/chats/{CHAT}"


@pytest.fixture(scope="module")
def installed(one_stage: Stage) -> tuple[Stage, str]:
    """The portal, installed by OAuth, with a chat of the administrator alone, and a key: no test changes either."""
    one_stage.reset()
    one_stage.install()
    one_stage.tell("/chats", CLOSED)
    fields = {"label": "test", "scopes": ["lookup", "details"]}
    return one_stage, one_stage.service.admin("keys.create", portal=one_stage.portal.member_id, **fields)["key"]


@pytest.fixture
def stage(installed: tuple[Stage, str]) -> Stage:
    installed[0].begin_again()
    return installed[0]


@pytest.fixture
def key(installed: tuple[Stage, str]) -> str:
    return installed[1]


def request_by(stage: Stage, key: str, token: str, path: str = FIND) -> Reply:
    return stage.service.get(path, {"X-Api-Key": key, "X-Bitrix24-Token": token})


def token_of(stage: Stage, user_id: int) -> str:
    token: str = stage.grant(user_id)["access_token"]
    return token


# -- membership in the chat --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [FIND, FIND + "&expand=chat", FIND + "&fresh=true", REVERSE])
def test_member_gets_the_chat_from_the_portal_and_from_the_cache(stage: Stage, key: str, path: str) -> None:
    member = token_of(stage, ADMINISTRATOR)
    for _ in range(2):
        assert found(request_by(stage, key, member, path))["chat_id"] == CHAT
    # Membership is checked each time: it may end at any moment.
    assert stage.calls().count("im.dialog.get") == 2


def nothing(stage: Stage, key: str) -> None:
    del stage, key


def cached(stage: Stage, key: str) -> None:
    assert found(stage.look_up(key, **PAIR))["chat_id"] == CHAT


def cached_for_another_process(stage: Stage, key: str) -> None:
    cached(stage, key)
    stage.service.cold_start()


def stale_while_the_portal_fails(stage: Stage, key: str) -> None:
    cached(stage, key)
    stage.service.clock.advance(2 * 24 * 3600)
    stage.answers("im.chat.get", error="INTERNAL_SERVER_ERROR")
    assert found(stage.look_up(key, **PAIR))["source"] == "stale"


def looked_up_by_a_member(stage: Stage, key: str) -> None:
    assert found(request_by(stage, key, token_of(stage, ADMINISTRATOR)))["chat_id"] == CHAT


CACHED = [nothing, cached, cached_for_another_process, stale_while_the_portal_fails, looked_up_by_a_member]


@pytest.mark.parametrize("path", [FIND, FIND + "&expand=chat", REVERSE])
@pytest.mark.parametrize("prepare", CACHED)
def test_user_outside_the_chat_gets_no_id_whatever_is_cached(
    stage: Stage, key: str, prepare: Callable[[Stage, str], None], path: str
) -> None:
    prepare(stage, key)
    reply = request_by(stage, key, token_of(stage, EMPLOYEE), path)
    body = problem(reply, 403, "chat-not-accessible")
    assert not body.keys() & {"chat_id", "dialog_id", "known", "chat"}
    assert str(CHAT) not in json.dumps(body)
    assert "DEAL" not in json.dumps(body)
    assert str(CHAT) not in str(dict(reply.headers))


def test_former_member_of_the_chat_gets_no_id(stage: Stage, key: str) -> None:
    stage.tell("/chats", {**CLOSED, "members": [ADMINISTRATOR, EMPLOYEE]})
    employee = token_of(stage, EMPLOYEE)
    assert found(request_by(stage, key, employee))["chat_id"] == CHAT
    stage.tell("/chats", CLOSED)
    problem(request_by(stage, key, employee), 403, "chat-not-accessible")


def test_failed_membership_check_gives_no_id(stage: Stage, key: str) -> None:
    member = token_of(stage, ADMINISTRATOR)
    stage.answers("im.dialog.get", status=503)
    reply = request_by(stage, key, member)
    problem(reply, 503, "portal-unavailable")
    assert str(CHAT) not in reply.body.decode()


# -- a token that the portal rejects -----------------------------------------------------------------------------------


def expired(stage: Stage, token: str) -> str:
    stage.tell("/expire_tokens", {"user_id": EMPLOYEE})
    return token


def unknown(stage: Stage, token: str) -> str:
    del stage
    return token[::-1]


def of_another_portal(stage: Stage, token: str) -> str:
    del token
    other = stage.service.control("/applications", {"service_url": "https://service.example", "interface": False})
    stage.service.control("/install", {"client_id": other["client_id"], "send": False})
    foreign: str = stage.service.control("/grants", {"client_id": other["client_id"]})["access_token"]
    return foreign


def of_a_dismissed_employee(stage: Stage, token: str) -> str:
    stage.tell("/deactivate", {"user_id": EMPLOYEE})
    return token


def of_a_user_without_access_to_the_application(stage: Stage, token: str) -> str:
    stage.tell("/restrict", {"client_id": stage.card.client_id, "user_ids": [ADMINISTRATOR]})
    return token


REJECTED = {
    expired: "expired_token",
    unknown: "NO_AUTH_FOUND",
    of_another_portal: "NO_AUTH_FOUND",
    of_a_dismissed_employee: "authorization_error",
    of_a_user_without_access_to_the_application: "user_access_error",
}


@pytest.mark.parametrize(("spoil", "code"), REJECTED.items())
def test_rejected_caller_token_does_not_change_the_portals_grant(
    stage: Stage, key: str, spoil: Callable[[Stage, str], str], code: str
) -> None:
    assert found(stage.look_up(key, **PAIR))["chat_id"] == CHAT
    before, granted = stage.record(), stage.secret
    token = spoil(stage, token_of(stage, EMPLOYEE))

    body = problem(request_by(stage, key, token), 401, "caller-token-rejected")

    assert body["portal_error"] == code
    assert str(CHAT) not in json.dumps(body)
    assert "oauth/token" not in stage.calls()
    assert (stage.record(), stage.secret) == (before, granted)
    assert found(stage.look_up(key, **PAIR, fresh="true"))["chat_id"] == CHAT


@pytest.mark.parametrize(("spoil", "code"), REJECTED.items())
@pytest.mark.parametrize("known", [False, True], ids=["asked", "cached"])
def test_rejected_caller_token_learns_of_no_pair_that_it_has_no_chat(
    stage: Stage, key: str, spoil: Callable[[Stage, str], str], code: str, known: bool
) -> None:
    if known:
        problem(stage.look_up(key, **ABSENT), 404, "chat-not-found")
    token = spoil(stage, token_of(stage, EMPLOYEE))
    body = problem(request_by(stage, key, token, f"/v1/chats?{urlencode(ABSENT)}"), 401, "caller-token-rejected")
    assert body["portal_error"] == code
    assert not body.keys() & {"hint", "entity_type", "entity_id"}


@pytest.mark.parametrize("code", ["ACCESS_ERROR", "ERROR_NOT_FOUND"])
def test_token_whose_owner_the_portal_does_not_tell_learns_of_no_pair_that_it_has_no_chat(
    stage: Stage, key: str, code: str
) -> None:
    """Of a chat these would say that it is not accessible, or not there; here no chat is asked for."""
    stage.tell("/faults", {"method": "profile", "error": code, "status": 403, "times": 1})
    reply = request_by(stage, key, token_of(stage, ADMINISTRATOR), f"/v1/chats?{urlencode(ABSENT)}")
    problem(reply, 401, "caller-token-rejected")


def test_accepted_caller_token_learns_that_a_pair_has_no_chat(stage: Stage, key: str) -> None:
    reply = request_by(stage, key, token_of(stage, ADMINISTRATOR), f"/v1/chats?{urlencode(ABSENT)}")
    problem(reply, 404, "chat-not-found")
    assert stage.calls() == ["im.chat.get", "profile"]


@pytest.mark.parametrize("token", ["", "two words", "x" * 1025, "жетон"])
def test_invalid_token_text_is_rejected_without_a_call(stage: Stage, key: str, token: str) -> None:
    problem(request_by(stage, key, token.encode().decode("latin-1")), 401, "caller-token-rejected")
    assert stage.calls() == []


def test_token_without_a_key_is_rejected(stage: Stage, key: str) -> None:
    del key
    reply = stage.service.get(FIND, {"X-Bitrix24-Token": token_of(stage, ADMINISTRATOR)})
    problem(reply, 401, "key-rejected")
    assert stage.calls() == []


# -- use of the token --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("user_id", [ADMINISTRATOR, EMPLOYEE])
def test_token_is_sent_only_to_the_portal_of_the_key_and_neither_logged_nor_stored(
    stage: Stage, key: str, user_id: int
) -> None:
    token = token_of(stage, user_id)
    for path in (FIND, REVERSE):
        request_by(stage, key, token, path)
    assert stage.calls() == ["im.chat.get", "im.dialog.get", "im.dialog.get"]
    assert stage.service.calls() == []
    printed = stage.service.output()
    assert "im.dialog.get" in printed
    assert token not in printed
    assert not any(token in item for item in stage.kept().items)
    assert token not in stage.secrets.get_secret_value(SecretId=stage.secret)["SecretString"]


def test_token_echoed_in_a_portal_error_is_masked_in_the_log(stage: Stage, key: str) -> None:
    token = token_of(stage, EMPLOYEE)
    stage.answers("im.dialog.get", error="expired_token", error_description=f"token {token} has expired")
    reply = request_by(stage, key, token)
    problem(reply, 401, "caller-token-rejected")
    assert token not in reply.body.decode()
    line = only_line(stage.service)
    assert line["portal_description"] == "token *** has expired"
