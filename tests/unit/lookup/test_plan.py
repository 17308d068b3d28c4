"""Which method is called for an id and for details: the granted one, else its deprecated predecessor."""

import pytest

from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.clock import Deadline
from chat_lookup.entity import EntityRef
from chat_lookup.errors import PortalMisconfigured
from chat_lookup.lookup.model import ChatReply, Method
from chat_lookup.portals.portal import Portal
from tests.support.fakes import MEMBER_ID, FakeBitrix24, ManualClock, Output
from tests.support.in_process_service import Service, ask, install, with_scopes


def test_current_method_is_called_first_and_alone_if_it_answers(service: Service, bitrix24: FakeBitrix24) -> None:
    bitrix24.answers("im.chat.get", {"ID": 1437})
    assert ask(service, with_scopes(service, "im", "imbot")) == ChatReply(1437, "im.chat.get")
    assert bitrix24.methods == ["im.chat.get"]
    assert bitrix24.calls[0].params == {"ENTITY_TYPE": "CRM", "ENTITY_ID": "DEAL|1663"}


@pytest.mark.parametrize("result", [10, {"ID": 10}, {"id": 10}, "10", {"ID": "10"}])
@pytest.mark.parametrize(("scope", "method"), [("im", "im.chat.get"), ("imbot", "imbot.chat.get")])
def test_every_documented_shape_of_a_result_is_read(
    service: Service, bitrix24: FakeBitrix24, result: object, scope: str, method: str
) -> None:
    bitrix24.answers(method, result)
    assert ask(service, with_scopes(service, scope)) == ChatReply(10, method)


@pytest.mark.parametrize("result", [None, False, [], {}, 0, "", {"ID": None}])
def test_every_empty_result_means_not_found(service: Service, bitrix24: FakeBitrix24, result: object) -> None:
    bitrix24.answers("im.chat.get", result)
    assert ask(service, with_scopes(service, "im")).chat_id is None


def test_unreadable_result_is_an_error_and_counted(service: Service, bitrix24: FakeBitrix24, output: Output) -> None:
    bitrix24.answers("im.chat.get", {"chat": "seven"})
    with pytest.raises(BitrixError):
        ask(service, with_scopes(service, "im"))
    assert output.metric("PortalErrors", code="PROTOCOL") == 1
    assert output.metric("ResultShape", shape="object") == 1


def test_deprecated_method_is_called_alone_if_only_it_is_granted(service: Service, bitrix24: FakeBitrix24) -> None:
    bitrix24.answers("imbot.chat.get", 10)
    assert ask(service, with_scopes(service, "imbot")) == ChatReply(10, "imbot.chat.get")
    assert bitrix24.methods == ["imbot.chat.get"]


@pytest.mark.parametrize(
    ("code", "status"), [("insufficient_scope", 403), ("INSUFFICIENT_SCOPE", 401), ("ERROR_METHOD_NOT_FOUND", 404)]
)
def test_method_found_not_granted_is_replaced_and_not_tried_again(
    service: Service, another_process: Service, bitrix24: FakeBitrix24, code: str, status: int
) -> None:
    portal = with_scopes(service, "im", "imbot")
    bitrix24.fails("im.chat.get", code, status)
    bitrix24.answers("imbot.chat.get", 10)
    assert ask(service, portal) == ChatReply(10, "imbot.chat.get")
    assert ask(service, service.portals.get(MEMBER_ID)) == ChatReply(10, "imbot.chat.get")
    assert ask(service, another_process.portals.get(MEMBER_ID)) == ChatReply(10, "imbot.chat.get")
    assert bitrix24.methods == ["im.chat.get"] + ["imbot.chat.get"] * 3


def test_last_refusal_is_raised_if_no_method_is_granted(service: Service, bitrix24: FakeBitrix24) -> None:
    bitrix24.fails("im.chat.get", "insufficient_scope", 403)
    bitrix24.fails("imbot.chat.get", "insufficient_scope", 403)
    with pytest.raises(BitrixError) as raised:
        ask(service, with_scopes(service, "im", "imbot"))
    assert raised.value.code == "insufficient_scope"
    assert bitrix24.methods == ["im.chat.get", "imbot.chat.get"]


@pytest.mark.parametrize(("code", "status"), [("QUERY_LIMIT_EXCEEDED", 503), ("ACCESS_ERROR", 403), ("X", 500)])
def test_other_errors_do_not_cause_a_call_of_another_method(
    service: Service, bitrix24: FakeBitrix24, code: str, status: int
) -> None:
    bitrix24.fails("im.chat.get", code, status)
    with pytest.raises(BitrixError):
        ask(service, with_scopes(service, "im", "imbot"))
    assert set(bitrix24.methods) == {"im.chat.get"}


@pytest.mark.parametrize(("method", "asked"), [(Method.IM, "im.chat.get"), (Method.IMBOT, "imbot.chat.get")])
@pytest.mark.parametrize("scopes", [["im", "imbot"], ["im"], ["imbot"], ["crm"]])
def test_only_the_requested_method_is_called(
    service: Service, bitrix24: FakeBitrix24, method: Method, asked: str, scopes: list[str]
) -> None:
    bitrix24.fails(asked, "insufficient_scope", 403)
    with pytest.raises(BitrixError):
        ask(service, with_scopes(service, *scopes), method=method)
    assert bitrix24.methods == [asked]


def test_bot_id_is_sent_to_the_requested_method_and_else_to_the_deprecated_one_which_takes_it(
    service: Service, bitrix24: FakeBitrix24
) -> None:
    portal = with_scopes(service, "im", "imbot")
    for method in Method:
        bitrix24.answers(f"{method}.chat.get", 10)
    for method in Method:
        for bot_id in (None, 17):
            ask(service, portal, method=method, bot_id=bot_id)
    im, imbot = "im.chat.get", "imbot.chat.get"
    assert [(called.method, called.params.get("BOT_ID")) for called in bitrix24.calls] == [
        *[(im, None), (imbot, 17)],
        *[(im, None), (im, 17)],
        *[(imbot, None), (imbot, 17)],
    ]


def test_portal_with_unknown_scopes_is_called(service: Service, bitrix24: FakeBitrix24) -> None:
    bitrix24.fails("im.chat.get", "insufficient_scope", 403)
    bitrix24.answers("imbot.chat.get", 10)
    assert ask(service, install(service, scopes=None)) == ChatReply(10, "imbot.chat.get")


# -- operating time ----------------------------------------------------------------------------------------------------


def test_other_method_is_called_while_the_operating_time_of_one_is_spent(
    service: Service, bitrix24: FakeBitrix24, clock: ManualClock
) -> None:
    portal = with_scopes(service, "im", "imbot")
    bitrix24.fails("im.chat.get", "OPERATION_TIME_LIMIT", 429, reset_at=clock.now() + 100)
    bitrix24.answers("imbot.chat.get", 1437)
    assert [ask(service, portal).method for _ in range(3)] == ["imbot.chat.get"] * 3
    assert bitrix24.methods == ["im.chat.get", *["imbot.chat.get"] * 3]
    clock.advance(102)
    bitrix24.answers("im.chat.get", 1437)
    assert ask(service, service.portals.get(portal.member_id)).method == "im.chat.get"


@pytest.mark.parametrize("code", ["insufficient_scope", "OPERATION_TIME_LIMIT"])
def test_spent_operating_time_is_raised_if_the_other_method_cannot_answer(
    service: Service, bitrix24: FakeBitrix24, code: str
) -> None:
    bitrix24.fails("im.chat.get", "OPERATION_TIME_LIMIT", 429)
    bitrix24.fails("imbot.chat.get", code, 403)
    with pytest.raises(BitrixError) as raised:
        ask(service, with_scopes(service, "im", "imbot"))
    assert raised.value.code == "OPERATION_TIME_LIMIT"


# -- a chat's details --------------------------------------------------------------------------------------------------


TASK = EntityRef("TASK", "8293")


@pytest.fixture
def deadline(clock: ManualClock) -> Deadline:
    return Deadline.after(10, clock)


FLAT = {"id": 1437, "type": "chat", "name": "Deal: tyres", "owner": 1, "user_counter": 3, "entity_type": "CRM"}


def details(service: Service, portal: Portal, deadline: Deadline, bot_id: int | None = None) -> tuple[str, str]:
    chat, method = service.asking.details(portal, 1437, deadline, bot_id=bot_id)
    return chat.title, method


def test_details_are_read_from_the_first_method_that_returns_them(
    service: Service, bitrix24: FakeBitrix24, deadline: Deadline
) -> None:
    portal = install(service, bot_id=17)
    bitrix24.fails("imbot.v2.Chat.get", "ACCESS_DENIED", 403)
    bitrix24.fails("im.dialog.get", "ACCESS_ERROR", 403)
    bitrix24.answers("imbot.dialog.get", FLAT)
    assert details(service, portal, deadline) == ("Deal: tyres", "imbot.dialog.get")
    assert bitrix24.methods == ["imbot.v2.Chat.get", "im.dialog.get", "imbot.dialog.get"]
    assert [called.params for called in bitrix24.calls] == [
        {"botId": 17, "dialogId": "chat1437"},
        {"DIALOG_ID": "chat1437"},
        {"DIALOG_ID": "chat1437"},
    ]


def test_result_shape_of_the_new_method_is_read(service: Service, bitrix24: FakeBitrix24, deadline: Deadline) -> None:
    bitrix24.answers("imbot.v2.Chat.get", {"chat": {"id": 1437, "dialogId": "chat1437", "name": "Deal: tyres"}})
    assert details(service, install(service), deadline, bot_id=17) == ("Deal: tyres", "imbot.v2.Chat.get")


@pytest.mark.parametrize(
    ("scopes", "methods"), [(["im"], ["im.dialog.get"]), (["imbot"], ["imbot.dialog.get"]), (["task"], [])]
)
def test_only_granted_methods_are_called_for_details(
    service: Service, bitrix24: FakeBitrix24, deadline: Deadline, scopes: list[str], methods: list[str]
) -> None:
    for method in ("im.dialog.get", "imbot.dialog.get"):
        bitrix24.fails(method, "ACCESS_ERROR", 403)
    with pytest.raises(BitrixError if methods else PortalMisconfigured):
        details(service, with_scopes(service, *scopes), deadline)
    assert bitrix24.methods == methods


@pytest.mark.parametrize(("code", "status"), [("QUERY_LIMIT_EXCEEDED", 503), ("INTERNAL_SERVER_ERROR", 500)])
def test_no_other_method_is_called_for_details_after_a_failure_of_the_portal(
    service: Service, bitrix24: FakeBitrix24, deadline: Deadline, code: str, status: int
) -> None:
    bitrix24.fails("im.dialog.get", code, status)
    with pytest.raises(BitrixError) as raised:
        details(service, install(service), deadline)
    assert raised.value.code == code
    assert set(bitrix24.methods) == {"im.dialog.get"}


def test_unreadable_details_are_an_error_and_counted(
    service: Service, bitrix24: FakeBitrix24, deadline: Deadline, output: Output
) -> None:
    bitrix24.answers("im.dialog.get", {"id": "seven"})
    with pytest.raises(BitrixError), service.telemetry.invocation("test"):
        details(service, with_scopes(service, "im"), deadline)
    assert output.metric("PortalErrors", code="PROTOCOL") == 1
