"""The local portal's methods over HTTPS, as bitrix24.md section 1 describes them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.portals.portal_probe import PortalProbe

LOOKUPS = ("im.chat.get", "imbot.chat.get")


@pytest.fixture(scope="module")
def shared_probe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PortalProbe]:
    with PortalProbe(tmp_path_factory.mktemp("portal")) as probe:
        yield probe


@pytest.fixture
def probe(shared_probe: PortalProbe) -> PortalProbe:
    shared_probe.tell("/reset", {})
    shared_probe.tell("/shape", {"result": "object"})
    shared_probe.tell("/scopes", {"scopes": ["im", "imbot", "imopenlines", "task", "tasks"]})
    return shared_probe


@pytest.mark.parametrize("method", LOOKUPS)
@pytest.mark.parametrize(
    ("entity_type", "entity_id", "chat_id"),
    [
        ("CRM", "DEAL|1663", 1437),
        ("CRM", "LEAD|13", 10),
        ("CHAT", "13", 2725),
        ("CHAT", 13, 2725),
        ("LINES", "telegrambot|2|209607941|744", 1764),
        ("TASKS_TASK", "8293", 1582),
        ("SONET_GROUP", "133", 1103),
    ],
)
def test_documented_pairs_have_chats(
    probe: PortalProbe, method: str, entity_type: str, entity_id: object, chat_id: int
) -> None:
    assert probe.result(method, ENTITY_TYPE=entity_type, ENTITY_ID=entity_id) == {"ID": chat_id}


@pytest.mark.parametrize("method", LOOKUPS)
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"ENTITY_TYPE": "CRM"},
        {"ENTITY_TYPE": "CRM", "ENTITY_ID": ""},
        {"ENTITY_TYPE": "CRM", "ENTITY_ID": "0"},
        {"ENTITY_TYPE": "CRM", "ENTITY_ID": 0},
        {"ENTITY_TYPE": "CRM", "ENTITY_ID": None},
        {"ENTITY_TYPE": "CRM", "ENTITY_ID": ["DEAL|1663"]},
        {"ENTITY_TYPE": "CRM", "ENTITY_ID": "DEAL|1"},
        {"ENTITY_TYPE": "crm", "ENTITY_ID": "DEAL|1663"},
        {"ENTITY_TYPE": "CRM", "ENTITY_ID": "deal|1663"},
        {"ENTITY_TYPE": "CRM", "ENTITY_ID": "DEAL|1663 "},
    ],
)
def test_unknown_pair_and_bad_input_both_return_null(
    probe: PortalProbe, method: str, params: dict[str, object]
) -> None:
    assert probe.result(method, **params) is None


@pytest.mark.parametrize("method", LOOKUPS)
def test_older_shape_of_the_result_is_a_number(probe: PortalProbe, method: str) -> None:
    probe.tell("/shape", {"result": "int"})
    assert probe.result(method, ENTITY_TYPE="CRM", ENTITY_ID="LEAD|13") == 10
    assert probe.result(method, ENTITY_TYPE="CRM", ENTITY_ID="LEAD|14") is None


def test_any_text_can_be_an_entity_id_and_is_matched_exactly(probe: PortalProbe) -> None:
    odd = "telegrambot|2|Пётр 😀 +%2B&=|744"
    made = probe.tell("/chats", {"entity_type": "LINES", "entity_id": odd})
    assert probe.result("im.chat.get", ENTITY_TYPE="LINES", ENTITY_ID=odd) == {"ID": made["chat_id"]}


def test_chat_is_found_by_non_members_but_its_details_are_for_members_only(probe: PortalProbe) -> None:
    chat_id = probe.tell("/chats", {"entity_type": "CRM", "entity_id": "DEAL|7", "members": [2, 3]})["chat_id"]
    assert probe.result("im.chat.get", ENTITY_TYPE="CRM", ENTITY_ID="DEAL|7") == {"ID": chat_id}
    for method in ("im.dialog.get", "imbot.dialog.get"):
        assert probe.error(method, DIALOG_ID=f"chat{chat_id}") == (403, "ACCESS_ERROR")


def test_dialog_has_the_documented_fields(probe: PortalProbe) -> None:
    dialog = probe.result("im.dialog.get", DIALOG_ID="chat1437")
    assert dialog["id"] == 1437
    assert (dialog["entity_type"], dialog["entity_id"], dialog["type"]) == ("CRM", "DEAL|1663", "crm")
    assert dialog["entity_link"] == {"type": "DEAL", "url": "/crm/deal/details/1663/", "id": "DEAL|1663"}
    assert (dialog["user_counter"], dialog["role"], dialog["dialog_id"]) == (3, "owner", "chat1437")
    assert probe.result("imbot.dialog.get", DIALOG_ID="chat1437") == dialog


def test_group_alias_and_user_id_are_dialog_ids_too(probe: PortalProbe) -> None:
    assert probe.result("im.dialog.get", DIALOG_ID="sg133")["id"] == 1103
    private = probe.result("im.dialog.get", DIALOG_ID="2")
    assert (private["type"], private["name"], private["message_type"]) == ("private", "John Smith", "P")


@pytest.mark.parametrize(
    ("method", "dialog_id", "answer"),
    [
        ("im.dialog.get", "", (400, "DIALOG_ID_EMPTY")),
        ("im.dialog.get", "chat", (400, "DIALOG_ID_EMPTY")),
        ("im.dialog.get", "1437 ", (400, "DIALOG_ID_EMPTY")),
        ("im.dialog.get", "chat99999", (403, "ACCESS_ERROR")),
        ("im.dialog.get", "sg99999", (403, "ACCESS_ERROR")),
        ("im.dialog.get", "99999", (403, "ACCESS_ERROR")),
        ("imbot.dialog.get", "sg133", (400, "DIALOG_ID_EMPTY")),
    ],
)
def test_unknown_dialog_is_refused(probe: PortalProbe, method: str, dialog_id: str, answer: tuple[int, str]) -> None:
    assert probe.error(method, DIALOG_ID=dialog_id) == answer


def test_second_chat_of_a_group_is_found_by_the_pair_and_the_first_by_the_alias(probe: PortalProbe) -> None:
    first = probe.tell("/chats", {"entity_type": "SONET_GROUP", "entity_id": "77"})["chat_id"]
    second = probe.result("im.chat.add", TYPE="CHAT", ENTITY_TYPE="SONET_GROUP", ENTITY_ID="77")
    assert probe.result("im.chat.get", ENTITY_TYPE="SONET_GROUP", ENTITY_ID="77") == {"ID": second}
    assert probe.result("im.dialog.get", DIALOG_ID="sg77")["id"] == first


def test_of_several_chats_with_one_pair_the_shape_decides_which_is_found(probe: PortalProbe) -> None:
    pair = {"ENTITY_TYPE": "ORDER", "ENTITY_ID": "one of many"}
    chats = [probe.result("im.chat.add", **pair) for _ in range(3)]

    def found(which: str) -> set[int]:
        assert probe.tell("/shape", {"same_pair": which})["same_pair"] == which
        return {probe.result("im.chat.get", **pair)["ID"] for _ in range(6)}

    assert found("oldest") == {chats[0]}
    assert found("any") == set(chats)
    assert found("youngest") == {chats[-1]}


def test_letter_case_of_a_pair_counts_unless_the_shape_ignores_it(probe: PortalProbe) -> None:
    pair = {"ENTITY_TYPE": "crm", "ENTITY_ID": "deal|1663"}
    assert probe.result("im.chat.get", **pair) is None
    probe.tell("/shape", {"pair_case": "ignored"})
    assert probe.result("im.chat.get", **pair) == {"ID": 1437}
    probe.tell("/shape", {"pair_case": "exact"})


def test_new_chat_has_its_description_and_colour_and_a_title_by_colour(probe: PortalProbe) -> None:
    chat_id = probe.result("im.chat.add", DESCRIPTION="Where it is discussed", COLOR="light_blue")
    dialog = probe.result("im.dialog.get", DIALOG_ID=f"chat{chat_id}")
    assert (dialog["description"], dialog["color"]) == ("Where it is discussed", "#4ba5c3")
    assert dialog["name"] == "Light blue chat №1"
    second = probe.result("im.dialog.get", DIALOG_ID=f"chat{probe.result('im.chat.add', COLOR='LIGHT_BLUE')}")
    assert second["name"] == "Light blue chat №2"


def test_chat_of_the_crm_allows_less_and_has_a_path(probe: PortalProbe) -> None:
    in_crm = probe.result("im.dialog.get", DIALOG_ID="chat1437")["restrictions"]
    assert (in_crm["rename"], in_crm["send"], in_crm["path"], in_crm["path_title"]) == (False, True, "", "")
    plain = probe.result("im.dialog.get", DIALOG_ID="chat2725")["restrictions"]
    assert (plain["rename"], plain.keys() & {"path", "path_title"}) == (True, set())


def test_bot_sees_an_unbound_chat_without_link_and_parents(probe: PortalProbe) -> None:
    bot = probe.tell("/bots", {})
    chat_id = probe.result("im.chat.add", USERS=[bot["bot_id"]])
    own = {"botId": bot["bot_id"], "botToken": bot["bot_token"]}
    chat = probe.result("imbot.v2.Chat.get", **own, dialogId=f"chat{chat_id}")["chat"]
    assert (chat["entityLink"], chat["parentChatId"], chat["lastMessageViews"]) == ({}, None, "{}")


def test_messengers_user_has_the_fields_of_the_page_and_needs_an_id_above_zero(probe: PortalProbe) -> None:
    user = probe.result("im.user.get", ID=2)
    assert (user["type"], user["avatar_hr"], user["website"], user["email"], user["bot_data"]) == (
        "user", "", "", "", None,
    )  # fmt: skip
    bot = probe.tell("/bots", {"code": "helper"})
    assert probe.result("im.user.get", ID=bot["bot_id"])["bot_data"]["code"] == "helper"
    assert probe.result("im.user.get")["id"] == 1
    for bad in (0, -1, "two", ""):
        assert probe.error("im.user.get", ID=bad) == (400, "ID_EMPTY")
    assert probe.error("im.user.get", ID=404) == (400, "USER_NOT_EXISTS")


def test_chat_with_a_new_pair_is_not_found_by_the_former_one(probe: PortalProbe) -> None:
    chat_id = probe.tell("/chats", {"entity_type": "CRM", "entity_id": "LEAD|70"})["chat_id"]
    probe.tell("/chats", {"chat_id": chat_id, "entity_type": "CRM", "entity_id": "LEAD|71"})
    assert probe.result("im.chat.get", ENTITY_TYPE="CRM", ENTITY_ID="LEAD|70") is None
    assert probe.result("im.chat.get", ENTITY_TYPE="CRM", ENTITY_ID="LEAD|71") == {"ID": chat_id}


def test_chats_are_created_by_users_and_by_bots(probe: PortalProbe) -> None:
    own = probe.result("im.chat.add", USERS=[2, "3", 99999], TITLE="Hall", ENTITY_TYPE="OPEN", ENTITY_ID="13")
    dialog = probe.result("im.dialog.get", DIALOG_ID=f"chat{own}")
    assert (dialog["name"], dialog["user_counter"], dialog["owner"]) == ("Hall", 3, 1)
    bot = probe.tell("/bots", {"bot_token": "client"})
    bots = probe.result("imbot.chat.add", CLIENT_ID="client", ENTITY_TYPE="OPEN", ENTITY_ID="14", USERS=[1])
    assert probe.result("imbot.chat.get", ENTITY_TYPE="OPEN", ENTITY_ID="14") == {"ID": bots}
    assert probe.result("im.dialog.get", DIALOG_ID=f"chat{bots}")["owner"] == bot["bot_id"]


@pytest.mark.parametrize(
    ("params", "answer"),
    [
        ({}, (403, "ACCESS_DENIED")),
        ({"CLIENT_ID": "unknown"}, (400, "BOT_ID_ERROR")),
        ({"CLIENT_ID": "unknown", "BOT_ID": 551}, (403, "APP_ID_ERROR")),
        ({"CLIENT_ID": "mine", "BOT_ID": 551, "USERS": "2"}, (400, "INVALID_FORMAT")),
        ({"CLIENT_ID": "mine", "BOT_ID": 551, "USERS": ["x"]}, (400, "INVALID_FORMAT")),
    ],
)
def test_chat_of_a_bot_can_be_created_by_its_owner_only(
    probe: PortalProbe, params: dict[str, object], answer: tuple[int, str]
) -> None:
    probe.tell("/bots", {"bot_id": 551, "bot_token": "mine"})
    assert probe.error("imbot.chat.add", **params) == answer


def test_bot_reads_the_chats_that_it_is_a_member_of(probe: PortalProbe) -> None:
    bot = probe.tell("/bots", {})
    own = {"botId": bot["bot_id"], "botToken": bot["bot_token"]}
    chat_id = probe.tell("/chats", {"entity_type": "CRM", "entity_id": "DEAL|9", "members": [1, bot["bot_id"]]})[
        "chat_id"
    ]
    chat = probe.result("imbot.v2.Chat.get", **own, dialogId=f"chat{chat_id}")["chat"]
    assert (chat["id"], chat["entityType"], chat["entityId"], chat["role"]) == (chat_id, "CRM", "DEAL|9", "member")
    assert probe.error("imbot.v2.Chat.get", **own, dialogId="chat1437") == (403, "ACCESS_DENIED")
    assert probe.error("imbot.v2.Chat.get", **own, dialogId="sg133") == (403, "ACCESS_DENIED")


@pytest.mark.parametrize(
    ("params", "answer"),
    [
        ({"botId": 552}, (400, "BOT_TOKEN_NOT_SPECIFIED")),
        ({"botToken": "mine"}, (400, "BOT_ID_REQUIRED")),
        ({"botId": 553, "botToken": "mine"}, (400, "BOT_NOT_FOUND")),
        ({"botId": 552, "botToken": "other"}, (403, "BOT_OWNERSHIP_ERROR")),
    ],
)
def test_bot_method_needs_the_bots_id_and_token(
    probe: PortalProbe, params: dict[str, object], answer: tuple[int, str]
) -> None:
    probe.tell("/bots", {"bot_id": 552, "bot_token": "mine"})
    assert probe.error("imbot.v2.Chat.get", dialogId="chat1437", **params) == answer


def test_task_names_its_chat_in_both_formats(probe: PortalProbe) -> None:
    task = probe.result("tasks.task.get", taskId=8293, select=["CHAT_ID"])["task"]
    assert (task["id"], task["chatId"]) == ("8293", 1582)
    assert probe.result("tasks.task.get", taskId=1) == []
    assert probe.error("tasks.task.get") == (400, "100")
    assert probe.error("tasks.task.get", taskId="x") == (400, "0")
    new = probe.portal.webhook_url.replace("/rest/", "/rest/api/") + "tasks.task.get"
    item = probe.http.request("POST", new, json={"id": 8293}).json()["result"]["item"]
    assert item == {"id": 8293, "title": "Task: order the chairs", "chatId": 1582}
    selected = {"id": 8293, "select": ["responsible.name", "chat.id", "chat.entityType"]}
    item = probe.http.request("POST", new, json=selected).json()["result"]["item"]
    assert (item["chatId"], item["chat"]) == (1582, {"id": 1582, "entityType": "TASKS_TASK"})
    unknown = probe.http.request("POST", new, json={"id": 1})
    assert unknown.status == 400
    assert unknown.json()["error"]["code"] == "BITRIX_REST_V3_EXCEPTION_ENTITYNOTFOUNDEXCEPTION"


def test_profile_scope_and_app_info_describe_the_webhook(probe: PortalProbe) -> None:
    profile = probe.result("profile")
    assert (profile["ID"], profile["ADMIN"]) == ("1", True)
    assert probe.result("scope") == ["im", "imbot", "imopenlines", "task", "tasks"]
    assert "crm" in probe.result("scope", full=True)
    assert probe.error("app.info") == (400, "ACCESS_DENIED")


@pytest.mark.parametrize(
    ("params", "exists", "available"),
    [
        ({"name": "im.chat.get"}, True, True),
        ({"name": "imbot.v2.chat.get"}, True, False),
        ({"name": "imbot.v2.Chat.get"}, False, False),
        ({"name": "batch"}, True, True),
        ({"name": "im.chat.gett"}, False, False),
        ({"NAME": "im.chat.get"}, False, False),
        ({}, False, False),
    ],
)
def test_method_get_returns_existence_and_availability(
    probe: PortalProbe, params: dict[str, object], exists: bool, available: bool
) -> None:
    probe.tell("/scopes", {"scopes": ["im"]})
    assert probe.result("method.get", **params) == {"isExisting": exists, "isAvailable": available}


def test_missing_scope_is_refused_until_it_is_granted(probe: PortalProbe) -> None:
    probe.tell("/scopes", {"scopes": ["imbot"]})
    pair = {"ENTITY_TYPE": "CRM", "ENTITY_ID": "DEAL|1663"}
    assert probe.error("im.chat.get", **pair) == (403, "insufficient_scope")
    assert probe.result("imbot.chat.get", **pair) == {"ID": 1437}
    assert probe.error("tasks.task.get", taskId=8293) == (403, "insufficient_scope")
    probe.tell("/scopes", {"scopes": ["im"]})
    assert probe.result("im.chat.get", **pair) == {"ID": 1437}


def test_portal_stores_the_authority_only_and_no_chats(tmp_path: Path) -> None:
    with PortalProbe(tmp_path) as first:
        first.tell("/chats", {"entity_type": "CRM", "entity_id": "DEAL|9"})
        pem = first.portal.ca_pem
    with PortalProbe(tmp_path) as second:
        assert second.portal.ca_pem == pem
        assert second.result("im.chat.get", ENTITY_TYPE="CRM", ENTITY_ID="DEAL|9") is None
        assert second.portal.webhook_url != first.portal.webhook_url
