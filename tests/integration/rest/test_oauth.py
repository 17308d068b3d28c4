"""/rest with a portal that is called by OAuth: the service renews its tokens, and no client receives them."""

import json

import pytest

from chat_lookup.credentials.renewal import PATIENCE
from tests.support.portals.unknown_portal import Stage
from tests.support.service import Reply

pytestmark = pytest.mark.usefixtures("leaping_clock")

DEAL = {"ENTITY_TYPE": "CRM", "ENTITY_ID": "DEAL|1663"}
FAULT = (503, "INTERNAL_SERVER_ERROR")
CREDENTIALS = (403, "INVALID_CREDENTIALS")


@pytest.fixture
def key(stage: Stage) -> str:
    """A key of the portal, in which the application is installed."""
    stage.install()
    return str(stage.service.admin("keys.create", portal=stage.portal.member_id, label="x", scopes=["rest"])["key"])


def rest(stage: Stage, key: str, method: str, params: object) -> Reply:
    headers = {"Content-Type": "application/json"}
    return stage.service.request("POST", f"/rest/1/{key}/{method}", headers, json.dumps(params).encode())


def refusal(reply: Reply) -> tuple[int, str]:
    assert reply.json.keys() == {"error", "error_description"}, reply.body
    return reply.status, reply.json["error"]


def test_expired_token_is_renewed_within_the_request(stage: Stage, key: str) -> None:
    stage.tell("/expire_tokens", {})
    assert rest(stage, key, "im.chat.get", DEAL).json["result"] == {"ID": 1437}
    assert rest(stage, key, "im.dialog.get", {"DIALOG_ID": "chat1437"}).json["result"]["id"] == 1437


@pytest.mark.parametrize("method", ["im.chat.get", "im.dialog.get"])
@pytest.mark.parametrize("code", ["expired_token", "invalid_token", "NO_AUTH_FOUND"])
def test_refused_token_is_answered_as_a_temporary_error(stage: Stage, key: str, method: str, code: str) -> None:
    stage.answers(method, error=code)
    for _ in range(2):
        assert refusal(rest(stage, key, method, {**DEAL, "DIALOG_ID": "chat1437"})) == FAULT


def test_dead_grant_is_answered_as_invalid_credentials(stage: Stage, key: str) -> None:
    stage.tell("/expire_tokens", {"refresh": True})
    assert refusal(rest(stage, key, "im.chat.get", DEAL)) == FAULT, "the grant is still being checked"
    stage.service.clock.advance(PATIENCE)
    for _ in range(2):
        assert refusal(rest(stage, key, "im.chat.get", DEAL)) == CREDENTIALS
        assert refusal(rest(stage, key, "batch", {"cmd": ["im.dialog.get?DIALOG_ID=chat1437"]})) == CREDENTIALS


def test_failing_authorisation_server_is_answered_as_a_temporary_error(stage: Stage, key: str) -> None:
    stage.tell("/expire_tokens", {})
    stage.answers("oauth/token", status=500)
    assert refusal(rest(stage, key, "im.chat.get", DEAL)) == FAULT


def test_uninstalled_portal_is_answered_with_error_oauth(stage: Stage, key: str) -> None:
    stage.set_state("uninstalled")
    assert refusal(rest(stage, key, "im.chat.get", DEAL)) == (401, "ERROR_OAUTH")


def test_bot_id_of_another_application_is_replaced_by_the_service_bot(stage: Stage, key: str) -> None:
    (bot,) = stage.ask("/bots")
    made = stage.tell("/chats", {"entity_type": "ORDER", "entity_id": "7", "members": [1, bot["bot_id"]]})
    sent = {"botId": bot["bot_id"] + 1000, "botToken": "theirs", "dialogId": f"chat{made['chat_id']}"}
    shown = rest(stage, key, "imbot.v2.Chat.get", sent).json["result"]["chat"]
    assert (shown["id"], shown["entityId"]) == (made["chat_id"], "7")
