"""Open lines over HTTPS: a line's chat, and the chats of an object of the CRM (bitrix24.md 10.1)."""

from collections.abc import Iterator
from typing import Any

import pytest

from local.portal.content.open_lines import STATUSES
from tests.support.portals.portal_probe import PortalProbe

CHATS, LAST = "imopenlines.crm.chat.get", "imopenlines.crm.chat.getLastId"
DIALOG = "imopenlines.dialog.get"
TELEGRAM = {"CHAT_ID": "1764", "CONNECTOR_ID": "telegrambot", "CONNECTOR_TITLE": "Telegram"}
LIVE_CHAT = {"CHAT_ID": "1763", "CONNECTOR_ID": "livechat", "CONNECTOR_TITLE": "Live Chat"}


@pytest.fixture(scope="module")
def shared_probe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PortalProbe]:
    with PortalProbe(tmp_path_factory.mktemp("portal")) as probe:
        yield probe


@pytest.fixture
def probe(shared_probe: PortalProbe) -> PortalProbe:
    shared_probe.tell("/reset", {})
    shared_probe.tell("/scopes", {"scopes": ["crm", "im", "imbot", "imopenlines"]})
    return shared_probe


def chats(probe: PortalProbe, kind: str, number: int, **params: object) -> list[str | None]:
    found = probe.result(CHATS, CRM_ENTITY_TYPE=kind, CRM_ENTITY=number, **params)
    return [row["CHAT_ID"] for row in found]


def line(probe: PortalProbe, kind: str, number: int, **fields: object) -> Any:
    """The control's answer to a new session that is bound to one object."""
    return probe.tell("/lines", {"connector": "telegrambot", "crm": [{"type": kind, "id": number}], **fields})


def token_of(probe: PortalProbe, user_id: int) -> str:
    application = probe.tell("/applications", {"scopes": ["imopenlines"]})
    client_id = application["client_id"]
    probe.tell("/install", {"client_id": client_id, "send": False, "service_url": "https://127.0.0.1:9"})
    return str(probe.tell("/grants", {"client_id": client_id, "user_id": user_id})["access_token"])


def as_user(probe: PortalProbe, token: str, method: str, **params: object) -> tuple[int, Any]:
    response = probe.http.request("POST", f"{probe.portal.portal_url}/rest/{method}", json={**params, "auth": token})
    return response.status, response.json()


@pytest.mark.parametrize("kind", ["contact", "CONTACT", "Contact"])
@pytest.mark.parametrize("number", [42, "42"])
def test_chats_of_an_object_are_listed_changed_last_first(probe: PortalProbe, kind: str, number: object) -> None:
    of_contact = {"CRM_ENTITY_TYPE": kind, "CRM_ENTITY": number}
    assert probe.result(CHATS, **of_contact, ACTIVE_ONLY="N") == [TELEGRAM, LIVE_CHAT]
    for active in ({}, {"ACTIVE_ONLY": "Y"}, {"ACTIVE_ONLY": "x"}):
        assert probe.result(CHATS, **of_contact, **active) == [TELEGRAM]
    assert probe.result(LAST, **of_contact) == 1764


@pytest.mark.parametrize("status", STATUSES)
def test_conversation_is_active_from_its_acceptance_until_it_closes(probe: PortalProbe, status: int) -> None:
    number = 500 + status
    chat_id = line(probe, "lead", number, status=status)["chat_id"]
    assert chats(probe, "lead", number, ACTIVE_ONLY="N") == [str(chat_id)]
    assert chats(probe, "lead", number) == ([str(chat_id)] if 10 <= status < 50 else [])
    assert probe.result(LAST, CRM_ENTITY_TYPE="lead", CRM_ENTITY=number) == chat_id


def test_change_moves_a_session_to_the_front_and_a_chat_with_two_sessions_is_listed_once(probe: PortalProbe) -> None:
    first = line(probe, "company", 600)["chat_id"]
    second = line(probe, "company", 600, connector="livechat")["chat_id"]
    assert chats(probe, "company", 600) == [str(second), str(first)]
    probe.tell("/lines/close", {"chat_id": first})
    assert chats(probe, "company", 600, ACTIVE_ONLY="N") == [str(first), str(second)]
    again = line(probe, "company", 600, chat_id=second, connector="livechat")
    assert again["chat_id"] == second
    assert chats(probe, "company", 600, ACTIVE_ONLY="N") == [str(second), str(first)]
    assert chats(probe, "company", 600) == [str(second)]


def test_removed_chat_leaves_a_row_without_an_id_among_all_and_none_among_the_active(probe: PortalProbe) -> None:
    chat_id = line(probe, "deal", 610)["chat_id"]
    probe.tell("/delete", {"chat_id": chat_id})
    assert chats(probe, "deal", 610, ACTIVE_ONLY="N") == [None]
    assert chats(probe, "deal", 610) == []
    assert probe.error(LAST, CRM_ENTITY_TYPE="deal", CRM_ENTITY=610) == (400, "CRM_CHAT_EMPTY_CRM_DATA")
    assert probe.error(DIALOG, CHAT_ID=chat_id) == (400, "ACCESS_ERROR")


@pytest.mark.parametrize(
    ("params", "listed", "last"),
    [
        ({}, (400, "ERROR_ARGUMENT"), (400, "CRM_CHAT_EMPTY_CRM_DATA")),
        ({"CRM_ENTITY_TYPE": "deal"}, (400, "ERROR_ARGUMENT"), (400, "CRM_CHAT_EMPTY_CRM_DATA")),
        ({"CRM_ENTITY": 1663}, (400, "ERROR_ARGUMENT"), (400, "CRM_CHAT_EMPTY_CRM_DATA")),
        ({"CRM_ENTITY_TYPE": "deal", "CRM_ENTITY": "x"}, (400, "ERROR_ARGUMENT"), (400, "ERROR_ARGUMENT")),
        ({"CRM_ENTITY_TYPE": "deal", "CRM_ENTITY": -1}, (400, "ERROR_ARGUMENT"), (400, "ERROR_ARGUMENT")),
        ({"CRM_ENTITY_TYPE": "deal", "CRM_ENTITY": 99}, [], (400, "CRM_CHAT_EMPTY_CRM_DATA")),
        ({"CRM_ENTITY_TYPE": "quote", "CRM_ENTITY": 1663}, [], (400, "CRM_CHAT_EMPTY_CRM_DATA")),
        ({"CRM_ENTITY_TYPE": "dwarf", "CRM_ENTITY": 1663}, [], (400, "CRM_CHAT_EMPTY_CRM_DATA")),
    ],
)
def test_bad_argument_is_refused_and_an_object_without_chats_has_none(
    probe: PortalProbe, params: dict[str, object], listed: object, last: tuple[int, str]
) -> None:
    status, body = probe.call(CHATS, **params)
    assert body["result"] == listed if status == 200 else (status, body["error"]) == listed
    assert probe.error(LAST, **params) == last


def test_object_that_the_caller_may_not_read_is_refused(probe: PortalProbe) -> None:
    line(probe, "deal", 620)
    probe.tell("/crm", {"type": "deal", "id": 620, "readable": False})
    assert probe.error(CHATS, CRM_ENTITY_TYPE="deal", CRM_ENTITY=620) == (403, "ACCESS_DENIED")
    assert probe.error(LAST, CRM_ENTITY_TYPE="deal", CRM_ENTITY=620) == (400, "CRM_CHAT_EMPTY_CRM_DATA")


def test_missing_scope_is_refused_alone_and_in_a_batch(probe: PortalProbe) -> None:
    probe.tell("/scopes", {"scopes": ["im"]})
    of_deal = {"CRM_ENTITY_TYPE": "deal", "CRM_ENTITY": 1663}
    for method in (CHATS, LAST):
        assert probe.error(method, **of_deal) == (403, "insufficient_scope")
    assert probe.error("crm.item.get", entityTypeId=2, id=1663) == (403, "insufficient_scope")
    batch = probe.result("batch", cmd={"a": f"{CHATS}?CRM_ENTITY_TYPE=deal&CRM_ENTITY=1663"})
    assert batch["result_error"] == {"a": {"error": "insufficient_scope", "error_description": ""}}


@pytest.mark.parametrize(
    "params",
    [
        {"USER_CODE": "telegrambot|2|209607941|744"},
        {"USER_CODE": "imol|telegrambot|2|209607941|744"},
        {"CHAT_ID": 1764},
        {"DIALOG_ID": "chat1764"},
        {"SESSION_ID": 343},
        {"CHAT_ID": 1764, "DIALOG_ID": "chat1763"},
        {"DIALOG_ID": "chat1764", "SESSION_ID": 311},
        {"SESSION_ID": 343, "USER_CODE": "livechat|22|1775|599"},
    ],
)
def test_open_line_is_found_by_the_first_of_its_parameters(probe: PortalProbe, params: dict[str, object]) -> None:
    dialog = probe.result(DIALOG, **params)
    assert (dialog["id"], dialog["entity_type"], dialog["message_type"]) == (1764, "LINES", "L")
    assert dialog["entity_data_1"] == "Y|DEAL|1663|N|N|343|1773682918|0|0|0"
    assert dialog["entity_data_2"] == "LEAD|0|COMPANY|0|CONTACT|42|DEAL|1663"
    assert (dialog["entity_data_3"], dialog["owner"], dialog["manager_list"]) == ("N", 1, [1])


@pytest.mark.parametrize(
    "params", [{}, {"USER_CODE": "x|1|2|3"}, {"CHAT_ID": 1437}, {"SESSION_ID": 1}, {"DIALOG_ID": "1764"}]
)
def test_unknown_open_line_is_an_access_error_with_400(probe: PortalProbe, params: dict[str, object]) -> None:
    assert probe.error(DIALOG, **params) == (400, "ACCESS_ERROR")


def test_line_that_no_operator_accepted_has_no_owner_and_no_binding_but_what_it_was_given(probe: PortalProbe) -> None:
    chat_id = probe.tell("/lines", {"connector": "viber", "line": 3, "status": 0})["chat_id"]
    dialog = probe.result(DIALOG, CHAT_ID=chat_id)
    assert (dialog["owner"], dialog["manager_list"]) == (0, [])
    assert dialog["entity_data_1"].startswith("N|NONE|0|N|Y|")
    assert dialog["entity_data_2"] == "LEAD|0|COMPANY|0|CONTACT|0|DEAL|0"
    assert dialog["entity_id"].startswith("viber|3|")


def test_employee_sees_a_line_as_a_member_or_by_the_object_that_it_is_bound_to(probe: PortalProbe) -> None:
    token = token_of(probe, 2)
    bound, loose = line(probe, "deal", 630)["chat_id"], probe.tell("/lines", {"connector": "viber"})["chat_id"]
    member = line(probe, "deal", 631, operator_id=2)["chat_id"]
    status, body = as_user(probe, token, DIALOG, CHAT_ID=bound)
    assert (status, body["result"]["role"]) == (200, "none")
    assert as_user(probe, token, DIALOG, CHAT_ID=member)[1]["result"]["role"] == "owner"
    assert as_user(probe, token, DIALOG, CHAT_ID=loose)[1]["error"] == "ACCESS_ERROR"
    probe.tell("/crm", {"type": "deal", "id": 630, "readable": False})
    assert as_user(probe, token, DIALOG, CHAT_ID=bound)[1]["error"] == "ACCESS_ERROR"
    unknown = as_user(probe, token, CHATS, CRM_ENTITY_TYPE="deal", CRM_ENTITY=699)
    assert (unknown[0], unknown[1]["error"]) == (403, "ACCESS_DENIED")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/lines", {}),
        ("/lines", {"connector": "viber", "status": 11}),
        ("/lines", {"connector": "viber", "crm": {"type": "deal", "id": 1}}),
        ("/lines", {"connector": "viber", "crm": [{"type": "quote", "id": 1}]}),
        ("/lines", {"connector": "viber", "crm": [{"type": "deal", "id": 0}]}),
        ("/lines", {"connector": "viber", "crm": [{"type": "deal", "id": 1, "x": 1}]}),
        ("/lines", {"connector": "viber", "chat_id": 1437}),
        ("/lines/close", {"chat_id": 1437}),
        ("/crm", {"type": "dwarf", "id": 1}),
        ("/crm", {"type": "dynamic_", "id": 1}),
        ("/crm", {"type": "deal"}),
        ("/delete", {}),
    ],
)
def test_control_refuses_what_is_no_line_and_no_object(probe: PortalProbe, path: str, body: object) -> None:
    assert probe.http.request("POST", probe.portal.control_url + path, json=body).status == 400


def test_control_shows_the_lines_and_deletes_only_what_there_is(probe: PortalProbe) -> None:
    made = line(probe, "lead", 640, operator_id=3)
    shown = probe.http.request("GET", probe.portal.control_url + "/lines").json()
    assert shown[0] == {
        "chat_id": made["chat_id"], "session_id": made["session_id"], "connector": "telegrambot", "status": 10,
        "active": True, "operator_id": 3, "crm": [{"type": "lead", "id": 640}],
    }  # fmt: skip
    gone = probe.http.request("POST", probe.portal.control_url + "/delete", json={"chat_id": 999_999})
    assert gone.status == 404
