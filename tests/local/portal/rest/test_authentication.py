"""Calls by access token: their user, and when they are refused (bitrix24.md 2.2, 7.1)."""

from urllib.parse import urlencode

import pytest

from tests.support.portals.portal_service import ApplicationProbe

PAIR = {"ENTITY_TYPE": "CRM", "ENTITY_ID": "DEAL|1663"}


@pytest.mark.parametrize(
    ("verb", "kind"),
    [("POST", "application/json"), ("POST", "application/x-www-form-urlencoded"), ("GET", "")],
)
def test_token_is_read_from_body_form_and_query(probe: ApplicationProbe, verb: str, kind: str) -> None:
    params = {**PAIR, "auth": probe.grant()["access_token"]}
    url = f"{probe.portal.portal_url}/rest/im.chat.get"
    if kind == "application/json":
        response = probe.http.request(verb, url, json=params)
    elif kind:
        response = probe.http.request(verb, url, body=urlencode(params), headers={"Content-Type": kind})
    else:
        response = probe.http.request(verb, url, fields=params)
    assert response.json()["result"] == {"ID": 1437}


def test_token_calls_as_its_user_and_profile_has_the_admin_flag(probe: ApplicationProbe) -> None:
    for user_id, admin in ((1, True), (2, False), (3, False)):
        profile = probe.result_with(probe.grant(user_id)["access_token"], "profile")
        assert (profile["ID"], profile["ADMIN"]) == (str(user_id), admin)


def test_another_administrator_can_be_added(probe: ApplicationProbe) -> None:
    user_id = probe.tell("/users", {"name": "Олена", "admin": True})["user_id"]
    profile = probe.result_with(probe.grant(user_id)["access_token"], "profile")
    assert (profile["ID"], profile["NAME"], profile["ADMIN"]) == (str(user_id), "Олена", True)


def test_chat_id_is_found_by_every_user_and_details_by_members_only(probe: ApplicationProbe) -> None:
    chat = {"entity_type": "CRM", "entity_id": "DEAL|77", "members": [2]}
    chat_id = probe.tell("/chats", chat)["chat_id"]
    member, non_member = (probe.grant(user_id)["access_token"] for user_id in (2, 3))
    for token in (member, non_member):
        assert probe.result_with(token, "im.chat.get", ENTITY_TYPE="CRM", ENTITY_ID="DEAL|77") == {"ID": chat_id}
    for method in ("im.dialog.get", "imbot.dialog.get"):
        assert probe.result_with(member, method, DIALOG_ID=f"chat{chat_id}")["id"] == chat_id
        assert probe.error_with(non_member, method, DIALOG_ID=f"chat{chat_id}") == (403, "ACCESS_ERROR")


def test_unknown_token_is_refused_as_no_authorisation(probe: ApplicationProbe) -> None:
    assert probe.error_with("unknown", "profile") == (401, "NO_AUTH_FOUND")
    assert probe.error_with("", "profile") == (401, "NO_AUTH_FOUND")


def test_tokens_of_one_user_or_all_can_be_expired(probe: ApplicationProbe) -> None:
    first, second = probe.grant(1), probe.grant(2)
    assert probe.tell("/expire_tokens", {"user_id": 1})["expired"] >= 1
    assert probe.error_with(first["access_token"], "profile") == (401, "expired_token")
    assert probe.result_with(second["access_token"], "profile")["ID"] == "2"
    assert probe.refresh(first["refresh_token"])[0] == 200
    probe.tell("/expire_tokens", {"refresh": True})
    assert probe.error_with(second["access_token"], "profile") == (401, "expired_token")
    assert probe.refresh(second["refresh_token"])[1]["error"] == "invalid_grant"


def test_token_can_be_granted_with_a_short_lifetime(probe: ApplicationProbe) -> None:
    granted = probe.grant(lifetime_s=5)
    probe.tell("/clock", {"advance_s": 5})
    assert probe.error_with(granted["access_token"], "profile") == (401, "expired_token")


def test_token_is_invalid_while_its_user_is_inactive(probe: ApplicationProbe) -> None:
    token = probe.grant(2)["access_token"]
    probe.tell("/deactivate", {"user_id": 2})
    assert probe.error_with(token, "profile") == (401, "authorization_error")
    assert "no such user" in probe.refused("/grants", {"user_id": 2})
    probe.tell("/deactivate", {"user_id": 2, "active": True})
    assert probe.result_with(token, "profile")["ID"] == "2"


def test_token_of_a_user_without_access_to_the_application_is_refused(probe: ApplicationProbe) -> None:
    admitted, other = (probe.grant(user_id)["access_token"] for user_id in (1, 2))
    probe.tell("/restrict", {"user_ids": [1]})
    assert probe.result_with(admitted, "profile")["ID"] == "1"
    assert probe.error_with(other, "profile") == (403, "user_access_error")
    probe.tell("/restrict", {"user_ids": None})
    assert probe.result_with(other, "profile")["ID"] == "2"


def test_tokens_of_a_former_installation_stay_invalid_after_a_new_one(probe: ApplicationProbe) -> None:
    granted = probe.grant()
    probe.tell("/uninstall", {})
    assert probe.error_with(granted["access_token"], "profile") == (401, "ERROR_OAUTH")
    assert probe.refresh(granted["refresh_token"]) == (
        401,
        {"error": "NOT_INSTALLED", "error_description": "Application not installed"},
    )
    assert probe.refused("/grants", {}) == "the application is not installed"
    probe.tell("/install", {})
    assert probe.error_with(granted["access_token"], "profile") == (401, "invalid_token")
    assert probe.refresh(granted["refresh_token"])[1]["error"] == "invalid_grant"


def test_application_may_call_methods_in_the_scopes_of_its_card(probe: ApplicationProbe) -> None:
    token = probe.grant()["access_token"]
    assert probe.result_with(token, "scope") == ["im", "imbot"]
    assert probe.error_with(token, "user.current") == (403, "insufficient_scope")
    card = {"client_id": probe.application.client_id, "scopes": ["imbot", "user_brief"]}
    probe.tell("/scopes", card)
    assert probe.error_with(token, "im.chat.get", **PAIR) == (403, "insufficient_scope")
    assert probe.result_with(token, "imbot.chat.get", **PAIR) == {"ID": 1437}
    assert probe.result_with(token, "user.current")["ID"] == "1"
    assert probe.refresh(probe.grant()["refresh_token"])[1]["scope"] == "imbot,user_brief"


def test_im_user_get_returns_users_by_id(probe: ApplicationProbe) -> None:
    token = probe.grant(2)["access_token"]
    assert probe.result_with(token, "im.user.get")["name"] == "John Smith"
    assert probe.result_with(token, "im.user.get", ID=1)["first_name"] == "Anna"
    assert probe.error_with(token, "im.user.get", ID=99) == (400, "USER_NOT_EXISTS")


def test_operating_time_is_shared_by_all_tokens_of_an_application(probe: ApplicationProbe) -> None:
    probe.tell("/plan", {"operating_limit": 1, "operating_cost_ms": 600})
    token = probe.grant(2)["access_token"]
    command = "im.chat.get?ENTITY_TYPE=CRM&ENTITY_ID=DEAL%7C1663"
    found = probe.result_with(token, "batch", cmd={"a": command, "me": "profile", "b": command, "c": command})
    assert found["result"]["me"]["ID"] == "2"
    assert found["result_error"] == {
        "c": {"error": "OPERATION_TIME_LIMIT", "error_description": "Method is blocked due to operation time limit."}
    }
    assert probe.error_with(probe.grant(3)["access_token"], "im.chat.get", **PAIR)[1] == "OPERATION_TIME_LIMIT"
    assert probe.result("im.chat.get", **PAIR) == {"ID": 1437}


def test_webhook_call_ignores_a_token(probe: ApplicationProbe) -> None:
    assert probe.result("profile", auth="unknown")["ID"] == "1"
