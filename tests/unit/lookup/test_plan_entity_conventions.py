"""Fallback methods for open lines, smart invoices and tasks that the usual method does not find."""

from collections.abc import Mapping
from typing import Any

import pytest

from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.entity import EntityRef
from chat_lookup.lookup.model import ChatReply, Method
from chat_lookup.lookup.plan import is_final, most_calls
from tests.support.fakes import FakeBitrix24
from tests.support.in_process_service import DEAL, Service, ask, with_scopes

LINE = EntityRef("LINES", "telegrambot|2|209607941|744")
TASK = EntityRef("TASK", "8293")


# -- open lines --------------------------------------------------------------------------------------------------------


OPEN_LINE = {"id": 1763, "dialog_id": "chat1763", "entity_type": "LINES", "entity_id": LINE.entity_id}


def test_open_line_that_the_usual_method_does_not_find_is_read_by_its_own_method(
    service: Service, bitrix24: FakeBitrix24
) -> None:
    bitrix24.answers("im.chat.get", None)
    bitrix24.answers("imopenlines.dialog.get", OPEN_LINE)
    assert ask(service, with_scopes(service, "im", "imopenlines"), LINE) == ChatReply(1763, "imopenlines.dialog.get")
    assert bitrix24.calls[-1].params == {"USER_CODE": LINE.entity_id}


def test_open_line_that_the_usual_method_finds_costs_one_call(service: Service, bitrix24: FakeBitrix24) -> None:
    bitrix24.answers("im.chat.get", 1763)
    assert ask(service, with_scopes(service, "im", "imopenlines"), LINE) == ChatReply(1763, "im.chat.get")
    assert bitrix24.methods == ["im.chat.get"]


def test_refusal_of_the_open_line_method_means_not_found(service: Service, bitrix24: FakeBitrix24) -> None:
    bitrix24.answers("im.chat.get", None)
    bitrix24.fails("imopenlines.dialog.get", "ACCESS_ERROR", 400)
    assert ask(service, with_scopes(service, "im", "imopenlines"), LINE).chat_id is None


def test_failure_of_the_open_line_method_does_not_mean_not_found(service: Service, bitrix24: FakeBitrix24) -> None:
    bitrix24.answers("im.chat.get", None)
    bitrix24.fails("imopenlines.dialog.get", "QUERY_LIMIT_EXCEEDED", 503)
    with pytest.raises(BitrixError):
        ask(service, with_scopes(service, "im", "imopenlines"), LINE)


@pytest.mark.parametrize(
    ("scopes", "ref", "method"),
    [
        (["im"], LINE, Method.AUTO),
        (["im", "imopenlines"], DEAL, Method.AUTO),
        (["im", "imopenlines"], LINE, Method.IM),
    ],
)
def test_open_line_method_is_called_only_for_lines_with_the_scope_and_without_a_requested_method(
    service: Service, bitrix24: FakeBitrix24, scopes: list[str], ref: EntityRef, method: Method
) -> None:
    bitrix24.answers("im.chat.get", None)
    assert ask(service, with_scopes(service, *scopes), ref, method=method).chat_id is None
    assert bitrix24.methods == ["im.chat.get"]


# -- smart invoices ----------------------------------------------------------------------------------------------------

INVOICE = EntityRef("CRM", "DYNAMIC_31|8")
BY_OTHER_NAME = EntityRef("CRM", "SMART_INVOICE|8")


def by_id(known: Mapping[str, int]) -> Any:
    return lambda params: known.get(params["ENTITY_ID"])


@pytest.mark.parametrize(("ref", "other"), [(INVOICE, BY_OTHER_NAME), (BY_OTHER_NAME, INVOICE)])
def test_smart_invoice_is_looked_up_by_its_other_name_too(
    service: Service, bitrix24: FakeBitrix24, ref: EntityRef, other: EntityRef
) -> None:
    bitrix24.answers_by("im.chat.get", by_id({other.entity_id: 77}))
    assert ask(service, with_scopes(service, "im"), ref) == ChatReply(77, "im.chat.get")
    assert [called.params["ENTITY_ID"] for called in bitrix24.calls] == [ref.entity_id, other.entity_id]


def test_found_smart_invoice_costs_one_call(service: Service, bitrix24: FakeBitrix24) -> None:
    bitrix24.answers_by("im.chat.get", by_id({INVOICE.entity_id: 77, BY_OTHER_NAME.entity_id: 78}))
    assert ask(service, with_scopes(service, "im"), INVOICE).chat_id == 77
    assert len(bitrix24.calls) == 1


@pytest.mark.parametrize(
    ("ref", "method"),
    [
        (INVOICE, Method.IM),
        (DEAL, Method.AUTO),
        (EntityRef("CRM", "DYNAMIC_310|8"), Method.AUTO),
        (EntityRef("CRM", "DYNAMIC_31"), Method.AUTO),
        (EntityRef("CRM", "DYNAMIC_31|" + "8" * 244), Method.AUTO),
        (EntityRef("my.app", "DYNAMIC_31|8"), Method.AUTO),
    ],
)
def test_second_name_is_tried_only_for_smart_invoices_and_without_a_requested_method(
    service: Service, bitrix24: FakeBitrix24, ref: EntityRef, method: Method
) -> None:
    bitrix24.answers("im.chat.get", None)
    assert ask(service, with_scopes(service, "im"), ref, method=method).chat_id is None
    assert len(bitrix24.calls) == 1


@pytest.mark.parametrize("ref", [INVOICE, BY_OTHER_NAME])
def test_not_found_under_one_name_of_an_invoice_is_not_final_for_a_requested_method(ref: EntityRef) -> None:
    assert (most_calls(ref, Method.AUTO), most_calls(ref, Method.IM)) == (2, 1)
    assert is_final(ref, Method.AUTO)
    assert not is_final(ref, Method.IM)


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
def test_task_is_looked_up_by_the_new_card_then_by_the_old_one(
    service: Service, bitrix24: FakeBitrix24, known: dict[str, int], chat_id: int | None, tried: list[str]
) -> None:
    bitrix24.answers_by("im.chat.get", by_type(known))
    assert ask(service, with_scopes(service, "im"), TASK).chat_id == chat_id
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
def test_chat_of_a_task_that_neither_card_finds_is_read_from_the_task(
    service: Service, bitrix24: FakeBitrix24, result: object, chat_id: int | None
) -> None:
    bitrix24.answers("im.chat.get", None)
    bitrix24.answers("tasks.task.get", result)
    assert ask(service, with_scopes(service, "im", "task"), TASK) == ChatReply(chat_id, "tasks.task.get")
    assert bitrix24.calls[-1].params["taskId"] == "8293"


@pytest.mark.parametrize(("code", "status"), [("100", 400), ("ERROR_NOT_FOUND", 404), ("ACCESS_ERROR", 403)])
def test_refused_task_is_not_found(service: Service, bitrix24: FakeBitrix24, code: str, status: int) -> None:
    bitrix24.answers("im.chat.get", None)
    bitrix24.fails("tasks.task.get", code, status)
    assert ask(service, with_scopes(service, "im", "task"), TASK).chat_id is None


@pytest.mark.parametrize("ref", [EntityRef("TASKS_TASK", "8293"), EntityRef("TASKS", "8293")])
def test_requested_card_has_no_fallback(service: Service, bitrix24: FakeBitrix24, ref: EntityRef) -> None:
    bitrix24.answers("im.chat.get", None)
    assert ask(service, with_scopes(service, "im", "task"), ref).chat_id is None
    assert bitrix24.methods == ["im.chat.get"]
