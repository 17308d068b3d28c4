"""The choice of the platform's method, and the details of the chat (design 3.1, 5)."""

import pytest

from tests.support.reply_checks import counted, found, only_line, problem
from tests.support.service import Service

DETAILS = {"type": "crm", "title": "Deal: 200 office chairs", "owner_id": 1, "members": 3}


def install_with(service: Service, *scopes: str, **fields: object) -> None:
    """Set the scopes of the portal's webhook and install it again; the calls for that are not counted."""
    service.control("/scopes", {"scopes": scopes})
    webhook_url = service.stack.target.endpoint.base_url
    service.admin("portal.add_webhook", webhook_url=webhook_url, member_id=service.member_id, **fields)
    service.mark()


def methods(service: Service) -> list[str]:
    """Return the methods called since the installation."""
    return [call["method"] for call in service.calls() if call["method"] != "scope"]


@pytest.mark.parametrize(("option", "method"), [("im", "im.chat.get"), ("imbot", "imbot.chat.get")])
def test_caller_chooses_the_method(service: Service, option: str, method: str) -> None:
    assert found(service.look_up("CRM", "DEAL|1663", method=option))["method"] == method
    assert methods(service) == [method]


def test_portal_with_only_the_imbot_scope_is_called_by_imbot_method(service: Service) -> None:
    install_with(service, "imbot")

    assert found(service.look_up("CRM", "DEAL|1663"))["method"] == "imbot.chat.get"
    assert methods(service) == ["imbot.chat.get"]


def test_removed_scope_is_detected_once(service: Service) -> None:
    service.control("/scopes", {"scopes": ["imbot"]})

    assert found(service.look_up("CRM", "DEAL|1663"))["method"] == "imbot.chat.get"
    service.cold_start()
    assert found(service.look_up("CRM", "LEAD|13"))["method"] == "imbot.chat.get"

    assert methods(service) == ["im.chat.get", "imbot.chat.get", "imbot.chat.get"]


def test_method_unknown_to_the_portal_is_replaced_by_the_deprecated_one(service: Service) -> None:
    service.control("/faults", {"method": "im.chat.get", "error": "ERROR_METHOD_NOT_FOUND"})

    assert found(service.look_up("CRM", "DEAL|1663"))["method"] == "imbot.chat.get"


def test_chosen_method_is_not_replaced(service: Service) -> None:
    service.control("/scopes", {"scopes": ["imbot"]})

    body = problem(service.look_up("CRM", "DEAL|1663", method="im"), 502, "portal-misconfigured")

    assert body["portal_error"] == "insufficient_scope"
    assert methods(service) == ["im.chat.get"]


def test_null_of_a_chosen_method_is_not_served_to_a_look_up_without_a_choice(service: Service) -> None:
    line = "telegrambot|2|209607941|744"
    service.control("/faults", {"method": "im.chat.get", "body": {"result": None}})
    problem(service.look_up("LINES", line, method="im"), 404, "chat-not-found")

    answer = found(service.look_up("LINES", line))

    assert (answer["chat_id"], answer["method"]) == (1764, "imopenlines.dialog.get")


def test_portal_without_both_scopes_is_misconfigured(service: Service) -> None:
    service.control("/scopes", {"scopes": ["task"]})

    body = problem(service.look_up("CRM", "DEAL|1663"), 502, "portal-misconfigured")

    assert body["portal_error"] == "insufficient_scope"


def test_details_are_returned_with_the_chat_on_request(service: Service) -> None:
    answer = found(service.look_up("CRM", "DEAL|1663", expand="chat"))

    assert (answer["chat_id"], answer["method"], answer["chat"]) == (1437, "im.chat.get", DETAILS)
    assert methods(service) == ["im.chat.get", "im.dialog.get"]


def test_look_up_without_expand_makes_no_call_for_details(service: Service) -> None:
    assert "chat" not in found(service.look_up("CRM", "DEAL|1663"))
    assert methods(service) == ["im.chat.get"]


def test_details_are_read_by_the_v2_bot_method_where_a_bot_is_registered(service: Service) -> None:
    bot = service.control("/bots", {"bot_id": 343})
    chat = {"chat_id": 51437, "entity_type": "CRM", "entity_id": "DEAL|51437", "title": "With a bot"}
    service.control("/chats", {**chat, "members": [1, 343]})
    install_with(service, "im", "imbot", **bot)

    answer = found(service.look_up("CRM", "DEAL|51437", expand="chat"))

    assert answer["chat"] == {"type": "crm", "title": "With a bot", "owner_id": 1, "members": 2}
    assert methods(service) == ["im.chat.get", "imbot.v2.Chat.get"]
    (call,) = service.calls("imbot.v2.Chat.get")
    assert call["params"] == {"botId": 343, "botToken": "***", "dialogId": "chat51437"}


def test_details_are_read_by_another_method_if_the_bot_is_not_in_the_chat(service: Service) -> None:
    bot = service.control("/bots", {"bot_id": 343})
    install_with(service, "im", "imbot", **bot)

    assert found(service.look_up("CRM", "DEAL|1663", expand="chat"))["chat"] == DETAILS
    assert methods(service) == ["im.chat.get", "imbot.v2.Chat.get", "im.dialog.get"]


def test_details_are_read_by_the_deprecated_method_with_only_the_imbot_scope(service: Service) -> None:
    install_with(service, "imbot")

    assert found(service.look_up("CRM", "DEAL|1663", expand="chat"))["chat"] == DETAILS
    assert methods(service) == ["imbot.chat.get", "imbot.dialog.get"]


@pytest.mark.parametrize(
    "refusal",
    [{"error": "ACCESS_ERROR"}, {"drop": True}, {"status": 502}, {"body": "<html></html>"}, {"body": {"result": []}}],
    ids=["refused", "cut", "502", "html", "no chat in it"],
)
def test_refused_details_do_not_fail_the_look_up(service: Service, refusal: dict[str, object]) -> None:
    service.control("/faults", [{"method": f"{each}.dialog.get", **refusal} for each in ("im", "imbot")])

    answer = found(service.look_up("CRM", "DEAL|1663", expand="chat"))

    assert (answer["chat_id"], answer["chat"]) == (1437, None)


def test_bot_id_of_the_caller_is_sent(service: Service) -> None:
    service.look_up("CRM", "DEAL|1663", method="imbot", bot_id="39")

    (call,) = service.calls()
    assert call["params"]["BOT_ID"] == 39


DECODED = {
    "an object": ({"ID": 2725}, 2725, "object"),
    "a number": (10, 10, "int"),
}
NOTHING: dict[str, tuple[object, str]] = {
    "null": (None, "null"),
    "an empty list, which is PHP's empty object": ([], "list"),
}
NONSENSE = {
    "true": (True, "other"),
}


@pytest.mark.parametrize(("result", "chat_id", "shape"), DECODED.values(), ids=DECODED)
def test_chat_id_is_read_in_every_documented_form(service: Service, result: object, chat_id: int, shape: str) -> None:
    service.control("/faults", {"method": "im.chat.get", "body": {"result": result}})

    assert found(service.look_up("CRM", "DEAL|1663"))["chat_id"] == chat_id
    assert counted(service, "ResultShape", shape=shape) == 1


@pytest.mark.parametrize(("result", "shape"), NOTHING.values(), ids=NOTHING)
def test_every_empty_value_of_php_is_not_found(service: Service, result: object, shape: str) -> None:
    service.control("/faults", {"method": "im.chat.get", "body": {"result": result}})

    problem(service.look_up("CRM", "DEAL|1663"), 404, "chat-not-found")
    assert counted(service, "ResultShape", shape=shape) == 1


@pytest.mark.parametrize(("result", "shape"), NONSENSE.values(), ids=NONSENSE)
def test_invalid_result_is_an_error_and_not_cached(service: Service, result: object, shape: str) -> None:
    service.control("/faults", {"method": "im.chat.get", "body": {"result": result}, "times": 1})

    problem(service.look_up("CRM", "DEAL|1663"), 503, "portal-unavailable")
    assert only_line(service)["portal_error"] == "PROTOCOL"
    assert counted(service, "ResultShape", shape=shape) == 1
    assert counted(service, "PortalErrors", code="PROTOCOL") == 1
    assert found(service.look_up("CRM", "DEAL|1663"))["chat_id"] == 1437
