"""Which method is asked: the one that the portal grants, its elder, and the neighbours that know more."""

from collections.abc import Mapping
from typing import Any

import pytest

from chat_lookup.asking import Method, Said
from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.clock import Deadline
from chat_lookup.entity import EntityRef
from chat_lookup.errors import PortalMisconfigured
from chat_lookup.records import Portal
from tests.building import Service, install
from tests.fakes import MEMBER_ID, FakeBitrix24, ManualClock, Output

DEAL = EntityRef("CRM", "DEAL|1663")
LINE = EntityRef("LINES", "telegrambot|2|209607941|744")
TASK = EntityRef("TASK", "8293")


@pytest.fixture
def deadline(clock: ManualClock) -> Deadline:
    return Deadline.after(10, clock)


@pytest.fixture
def ask(service: Service, deadline: Deadline) -> Any:
    def asked(portal: Portal, ref: EntityRef = DEAL, method: Method = Method.AUTO, bot_id: int | None = None) -> Said:
        with service.telemetry.invocation("test"):
            return service.asking.chat_id(portal, ref, deadline, method=method, bot_id=bot_id)

    return asked


def with_scopes(service: Service, *scopes: str) -> Portal:
    return install(service, scopes=frozenset(scopes))


# -- im.chat.get and its elder -----------------------------------------------------------------------------------------


def test_the_current_method_is_asked_first_and_alone_if_it_answers(
    service: Service, bitrix24: FakeBitrix24, ask: Any
) -> None:
    bitrix24.answers("im.chat.get", {"ID": 1437})
    assert ask(with_scopes(service, "im", "imbot")) == Said(1437, "im.chat.get")
    assert bitrix24.methods == ["im.chat.get"]
    assert bitrix24.calls[0].params == {"ENTITY_TYPE": "CRM", "ENTITY_ID": "DEAL|1663"}


@pytest.mark.parametrize("result", [10, {"ID": 10}, {"id": 10}, "10", {"ID": "10"}])
@pytest.mark.parametrize(("scope", "method"), [("im", "im.chat.get"), ("imbot", "imbot.chat.get")])
def test_every_documented_shape_of_a_result_is_understood(
    service: Service, bitrix24: FakeBitrix24, ask: Any, result: object, scope: str, method: str
) -> None:
    bitrix24.answers(method, result)
    assert ask(with_scopes(service, scope)) == Said(10, method)


@pytest.mark.parametrize("result", [None, False, [], {}, 0, "", {"ID": None}])
def test_every_shape_of_nothing_means_not_found(
    service: Service, bitrix24: FakeBitrix24, ask: Any, result: object
) -> None:
    bitrix24.answers("im.chat.get", result)
    assert ask(with_scopes(service, "im")).chat_id is None


def test_a_result_that_cannot_be_read_is_an_error_and_counted(
    service: Service, bitrix24: FakeBitrix24, ask: Any, output: Output
) -> None:
    bitrix24.answers("im.chat.get", {"chat": "seven"})
    with pytest.raises(BitrixError):
        ask(with_scopes(service, "im"))
    assert output.metric("PortalErrors", code="PROTOCOL") == 1
    assert output.metric("ResultShape", shape="object") == 1


def test_only_the_elder_is_asked_where_only_that_is_granted(service: Service, bitrix24: FakeBitrix24, ask: Any) -> None:
    bitrix24.answers("imbot.chat.get", 10)
    assert ask(with_scopes(service, "imbot")) == Said(10, "imbot.chat.get")
    assert bitrix24.methods == ["imbot.chat.get"]


@pytest.mark.parametrize(
    ("code", "status"), [("insufficient_scope", 403), ("INSUFFICIENT_SCOPE", 401), ("ERROR_METHOD_NOT_FOUND", 404)]
)
def test_a_method_that_turns_out_not_granted_gives_way_and_is_not_tried_again(
    service: Service, another_process: Service, bitrix24: FakeBitrix24, ask: Any, code: str, status: int
) -> None:
    portal = with_scopes(service, "im", "imbot")
    bitrix24.fails("im.chat.get", code, status)
    bitrix24.answers("imbot.chat.get", 10)
    assert ask(portal) == Said(10, "imbot.chat.get")
    assert ask(service.portals.get(MEMBER_ID)) == Said(10, "imbot.chat.get")
    assert ask(another_process.portals.get(MEMBER_ID)) == Said(10, "imbot.chat.get")
    assert bitrix24.methods == ["im.chat.get"] + ["imbot.chat.get"] * 3


def test_when_no_method_is_granted_the_last_refusal_is_told(service: Service, bitrix24: FakeBitrix24, ask: Any) -> None:
    bitrix24.fails("im.chat.get", "insufficient_scope", 403)
    bitrix24.fails("imbot.chat.get", "insufficient_scope", 403)
    with pytest.raises(BitrixError) as raised:
        ask(with_scopes(service, "im", "imbot"))
    assert raised.value.code == "insufficient_scope"
    assert bitrix24.methods == ["im.chat.get", "imbot.chat.get"]


@pytest.mark.parametrize(("code", "status"), [("QUERY_LIMIT_EXCEEDED", 503), ("ACCESS_ERROR", 403), ("X", 500)])
def test_any_other_error_is_no_reason_to_ask_another_method(
    service: Service, bitrix24: FakeBitrix24, ask: Any, code: str, status: int
) -> None:
    bitrix24.fails("im.chat.get", code, status)
    with pytest.raises(BitrixError):
        ask(with_scopes(service, "im", "imbot"))
    assert bitrix24.methods == ["im.chat.get"]


@pytest.mark.parametrize(("method", "asked"), [(Method.IM, "im.chat.get"), (Method.IMBOT, "imbot.chat.get")])
@pytest.mark.parametrize("scopes", [["im", "imbot"], ["im"], ["imbot"], ["crm"]])
def test_a_caller_who_names_a_method_gets_that_one_and_no_other(
    service: Service, bitrix24: FakeBitrix24, ask: Any, method: Method, asked: str, scopes: list[str]
) -> None:
    bitrix24.fails(asked, "insufficient_scope", 403)
    with pytest.raises(BitrixError):
        ask(with_scopes(service, *scopes), method=method)
    assert bitrix24.methods == [asked]


def test_the_bot_is_named_to_the_elder_only_and_only_if_the_caller_named_it(
    service: Service, bitrix24: FakeBitrix24, ask: Any
) -> None:
    portal = with_scopes(service, "im", "imbot")
    for method in (Method.IM, Method.IMBOT):
        bitrix24.answers(f"{method}.chat.get", 10)
        for bot_id in (None, 17):
            ask(portal, method=method, bot_id=bot_id)
    assert [called.params.get("BOT_ID") for called in bitrix24.calls] == [None, None, None, 17]


def test_a_portal_that_would_not_say_what_it_grants_is_asked_all_the_same(
    service: Service, bitrix24: FakeBitrix24, ask: Any
) -> None:
    bitrix24.fails("im.chat.get", "insufficient_scope", 403)
    bitrix24.answers("imbot.chat.get", 10)
    assert ask(install(service, scopes=None)) == Said(10, "imbot.chat.get")


# -- open lines --------------------------------------------------------------------------------------------------------

OPEN_LINE = {"id": 1763, "dialog_id": "chat1763", "entity_type": "LINES", "entity_id": LINE.entity_id}


def test_an_open_line_that_the_usual_method_does_not_know_is_asked_of_its_own(
    service: Service, bitrix24: FakeBitrix24, ask: Any
) -> None:
    bitrix24.answers("im.chat.get", None)
    bitrix24.answers("imopenlines.dialog.get", OPEN_LINE)
    assert ask(with_scopes(service, "im", "imopenlines"), LINE) == Said(1763, "imopenlines.dialog.get")
    assert bitrix24.calls[-1].params == {"USER_CODE": LINE.entity_id}


def test_an_open_line_that_the_usual_method_knows_costs_one_call(
    service: Service, bitrix24: FakeBitrix24, ask: Any
) -> None:
    bitrix24.answers("im.chat.get", 1763)
    assert ask(with_scopes(service, "im", "imopenlines"), LINE) == Said(1763, "im.chat.get")
    assert bitrix24.methods == ["im.chat.get"]


def test_the_open_lines_own_refusal_means_not_found(service: Service, bitrix24: FakeBitrix24, ask: Any) -> None:
    bitrix24.answers("im.chat.get", None)
    bitrix24.fails("imopenlines.dialog.get", "ACCESS_ERROR", 400)
    assert ask(with_scopes(service, "im", "imopenlines"), LINE).chat_id is None


def test_an_open_lines_failure_is_not_taken_for_not_found(service: Service, bitrix24: FakeBitrix24, ask: Any) -> None:
    bitrix24.answers("im.chat.get", None)
    bitrix24.fails("imopenlines.dialog.get", "QUERY_LIMIT_EXCEEDED", 503)
    with pytest.raises(BitrixError):
        ask(with_scopes(service, "im", "imopenlines"), LINE)


@pytest.mark.parametrize(
    ("scopes", "ref", "method"),
    [
        (["im"], LINE, Method.AUTO),
        (["im", "imopenlines"], DEAL, Method.AUTO),
        (["im", "imopenlines"], LINE, Method.IM),
    ],
)
def test_open_lines_are_asked_only_for_lines_with_the_scope_and_if_the_caller_chose_no_method(
    service: Service, bitrix24: FakeBitrix24, ask: Any, scopes: list[str], ref: EntityRef, method: Method
) -> None:
    bitrix24.answers("im.chat.get", None)
    assert ask(with_scopes(service, *scopes), ref, method=method).chat_id is None
    assert bitrix24.methods == ["im.chat.get"]


# -- tasks -------------------------------------------------------------------------------------------------------------


def by_type(known: Mapping[str, int]) -> Any:
    return lambda params: known.get(params["ENTITY_TYPE"])


@pytest.mark.parametrize(
    ("known", "chat_id", "tried"),
    [
        ({"TASKS_TASK": 1, "TASKS": 2}, 1, ["TASKS_TASK"]),
        ({"TASKS": 2}, 2, ["TASKS_TASK", "TASKS"]),
        ({}, None, ["TASKS_TASK", "TASKS"]),
    ],
)
def test_a_task_is_looked_for_under_the_new_card_then_under_the_old_one(
    service: Service, bitrix24: FakeBitrix24, ask: Any, known: dict[str, int], chat_id: int | None, tried: list[str]
) -> None:
    bitrix24.answers_by("im.chat.get", by_type(known))
    assert ask(with_scopes(service, "im"), TASK).chat_id == chat_id
    assert [called.params["ENTITY_TYPE"] for called in bitrix24.calls] == tried


@pytest.mark.parametrize(
    ("result", "chat_id"),
    [
        ({"task": {"id": "8293", "chatId": "77"}}, 77),
        ({"task": {"id": "8293", "chatId": 77}}, 77),
        ({"task": {"CHAT_ID": "77"}}, 77),
        ({"CHAT_ID": 77}, 77),
        ({"task": {"chat": {"id": 77, "entityType": "TASKS_TASK"}}}, 77),
        ({"task": {"chat": [], "chatId": None, "CHAT_ID": "0"}}, None),
        ({"task": []}, None),
        ([], None),
        (None, None),
    ],
)
def test_a_task_that_neither_card_knows_names_its_chat_itself(
    service: Service, bitrix24: FakeBitrix24, ask: Any, result: object, chat_id: int | None
) -> None:
    bitrix24.answers("im.chat.get", None)
    bitrix24.answers("tasks.task.get", result)
    assert ask(with_scopes(service, "im", "task"), TASK) == Said(chat_id, "tasks.task.get")
    assert bitrix24.calls[-1].params["taskId"] == "8293"


@pytest.mark.parametrize(("code", "status"), [("100", 400), ("ERROR_NOT_FOUND", 404), ("ACCESS_ERROR", 403)])
def test_a_task_that_is_refused_is_not_found(
    service: Service, bitrix24: FakeBitrix24, ask: Any, code: str, status: int
) -> None:
    bitrix24.answers("im.chat.get", None)
    bitrix24.fails("tasks.task.get", code, status)
    assert ask(with_scopes(service, "im", "task"), TASK).chat_id is None


@pytest.mark.parametrize("ref", [EntityRef("TASKS_TASK", "8293"), EntityRef("TASKS", "8293")])
def test_a_card_that_is_named_is_not_second_guessed(
    service: Service, bitrix24: FakeBitrix24, ask: Any, ref: EntityRef
) -> None:
    bitrix24.answers("im.chat.get", None)
    assert ask(with_scopes(service, "im", "task"), ref).chat_id is None
    assert bitrix24.methods == ["im.chat.get"]


# -- details -----------------------------------------------------------------------------------------------------------

FLAT = {"id": 1437, "type": "chat", "name": "Deal: tyres", "owner": 1, "user_counter": 3, "entity_type": "CRM"}


def details(service: Service, portal: Portal, deadline: Deadline, bot_id: int | None = None) -> tuple[str, str]:
    chat, method = service.asking.details(portal, 1437, deadline, bot_id=bot_id)
    return chat.title, method


def test_details_come_from_the_first_method_that_gives_them(
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


def test_the_new_methods_own_form_is_understood(service: Service, bitrix24: FakeBitrix24, deadline: Deadline) -> None:
    bitrix24.answers("imbot.v2.Chat.get", {"chat": {"id": 1437, "dialogId": "chat1437", "name": "Deal: tyres"}})
    assert details(service, install(service), deadline, bot_id=17) == ("Deal: tyres", "imbot.v2.Chat.get")


@pytest.mark.parametrize(
    ("scopes", "methods"), [(["im"], ["im.dialog.get"]), (["imbot"], ["imbot.dialog.get"]), (["task"], [])]
)
def test_only_methods_that_are_granted_are_asked_for_details(
    service: Service, bitrix24: FakeBitrix24, deadline: Deadline, scopes: list[str], methods: list[str]
) -> None:
    for method in ("im.dialog.get", "imbot.dialog.get"):
        bitrix24.fails(method, "ACCESS_ERROR", 403)
    with pytest.raises(BitrixError if methods else PortalMisconfigured):
        details(service, with_scopes(service, *scopes), deadline)
    assert bitrix24.methods == methods


@pytest.mark.parametrize(("code", "status"), [("QUERY_LIMIT_EXCEEDED", 503), ("INTERNAL_SERVER_ERROR", 500)])
def test_a_portal_that_fails_is_not_asked_for_details_by_yet_another_method(
    service: Service, bitrix24: FakeBitrix24, deadline: Deadline, code: str, status: int
) -> None:
    bitrix24.fails("im.dialog.get", code, status)
    with pytest.raises(BitrixError) as raised:
        details(service, install(service), deadline)
    assert raised.value.code == code
    assert bitrix24.methods == ["im.dialog.get"]


def test_details_that_cannot_be_read_are_an_error_and_counted(
    service: Service, bitrix24: FakeBitrix24, deadline: Deadline, output: Output
) -> None:
    bitrix24.answers("im.dialog.get", {"id": "seven"})
    with pytest.raises(BitrixError), service.telemetry.invocation("test"):
        details(service, with_scopes(service, "im"), deadline)
    assert output.metric("PortalErrors", code="PROTOCOL") == 1
