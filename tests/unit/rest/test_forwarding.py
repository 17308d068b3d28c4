"""Calls that /rest forwards to the portal: unchanged parameters, within its rate, in few requests."""

from urllib.parse import quote_plus

import pytest

from chat_lookup.bitrix24.client import Command
from chat_lookup.bootstrap.services import Services
from chat_lookup.portals.portal import Portal
from chat_lookup.rest.forwarding import FORWARDED, command_of
from chat_lookup.rest.requests import RestCall
from tests.support.fakes import MEMBER_ID, FakeBitrix24
from tests.support.in_process_service import Service, install
from tests.support.rest_function import DEAL, answered, command, event, refused, result, spellings_of

FOUND = {"ID": 1437}


@pytest.fixture
def key(booted: Services, portal: Portal) -> str:
    return booted.keys.create(portal.member_id, "shop", ["rest"], None)[0]


@pytest.fixture
def opening(booted: Services, portal: Portal) -> str:
    """A key that allows three methods of the portal."""
    methods = ["crm.deal.get", "CRM.Deal.Add", "im.chat.get"]
    return booted.keys.create(portal.member_id, "shop", ["rest", "passthrough"], None, passthrough=methods)[0]


# -- one method --------------------------------------------------------------------------------------------------------


def test_portal_method_is_forwarded_with_unchanged_parameters(key: str, bitrix24: FakeBitrix24) -> None:
    details = {"id": 1437, "name": "Büro 😀", "restrictions": {"send": True}, "mute_list": []}
    sent = {"Dialog_Id": "chat1437", "n": 1.5, "list": [1, {"a": None}]}
    for method in sorted({*FORWARDED.values()} - {"imbot.v2.Chat.get"}):
        bitrix24.answers(method, details)
        assert result(key, method.upper(), {**sent, "auth": "stolen"}) == details
        assert (bitrix24.calls[-1].method, bitrix24.calls[-1].params) == (method, sent)
    result(key, "profile")
    assert len(bitrix24.calls) == len(FORWARDED), "forwarded answers are not cached"


def test_bot_of_another_application_is_replaced_by_ours(
    service: Service, booted: Services, bitrix24: FakeBitrix24
) -> None:
    bitrix24.answers("imbot.v2.Chat.get", {"chat": {"id": 7}})
    sent = {"botId": 39, "BotToken": "theirs", "dialogId": "chat7"}
    portal = install(service)
    key = booted.keys.create(portal.member_id, "shop", ["rest"], None)[0]
    result(key, "imbot.v2.chat.get", sent)
    assert bitrix24.calls[-1].params == sent, "without our own bot it is sent unchanged"
    service.portals.save(portal._replace(bot_id=456))
    booted.portals.forget(portal.member_id)
    result(key, "imbot.v2.chat.get", sent)
    assert bitrix24.calls[-1].params == {"botId": 456, "dialogId": "chat7"}


@pytest.mark.parametrize("variable", ["botId", "botToken"])
def test_bot_of_another_application_is_replaced_in_any_spelling_that_php_reads(portal: Portal, variable: str) -> None:
    ours = portal._replace(bot_id=456)
    theirs = {"botId": 39, "botToken": "theirs"}
    for name in spellings_of(variable):
        given: dict[str, object] = {**theirs, name: "x", "dialogId": "chat7"}
        sent = command_of(ours, "imbot.v2.Chat.get", RestCall("imbot.v2.Chat.get", given))
        assert sent.params == {"botId": 456, "dialogId": "chat7"}, name
        sent = command_of(ours, "imbot.v2.Chat.get", RestCall("imbot.v2.Chat.get", {f"{variable}[": [39], **theirs}))
        assert sent.params == {"botId": 456}


def test_command_of_a_batch_reaches_the_portal_without_token_and_bot_in_any_spelling(
    service: Service, booted: Services, bitrix24: FakeBitrix24
) -> None:
    service.portals.save(install(service)._replace(bot_id=456))
    key = booted.keys.create(MEMBER_ID, "shop", ["rest"], None)[0]
    bitrix24.answers("imbot.v2.Chat.get", {"chat": {"id": 7}})
    bitrix24.answers("scope", [])
    names = [name for variable in ("auth", "access_token", "botId", "botToken") for name in spellings_of(variable)]
    fields = "&".join(f"{quote_plus(name)}=stolen" for name in names)
    result(key, "batch", {"cmd": [f"imbot.v2.Chat.get?{fields}&dialogId=chat7", "scope?a=1&+aUth%00=stolen"]})
    (call,) = bitrix24.calls
    assert call.params["cmd"] == [
        Command("imbot.v2.Chat.get", {"dialogId": "chat7", "botId": 456}),
        Command("scope", {"a": "1"}),
    ]


def test_other_methods_are_unknown_here(key: str, bitrix24: FakeBitrix24) -> None:
    for method in ("crm.deal.get", "im.chat.add", "oauth", "im..chat.get", "x" * 101, "%00"):
        assert refused(key, method) == (404, "ERROR_METHOD_NOT_FOUND")
    assert answered(event(f"1/{key}/a/b"))[0] == 403, "a longer address names no key"
    assert bitrix24.calls == []


def test_method_on_the_keys_list_is_forwarded_and_no_other(opening: str, bitrix24: FakeBitrix24) -> None:
    bitrix24.answers("crm.deal.get", {"ID": "1663", "TITLE": "Chairs"})
    assert result(opening, "crm.deal.get", {"id": 1663}) == {"ID": "1663", "TITLE": "Chairs"}
    assert result(opening, "crm.deal.get", {"id": 1663}) == {"ID": "1663", "TITLE": "Chairs"}
    assert bitrix24.methods == ["crm.deal.get"] * 2, "forwarded answers are never cached"
    assert refused(opening, "crm.deal.delete", {"id": 1663}) == (404, "ERROR_METHOD_NOT_FOUND")
    bitrix24.answers("im.chat.get", FOUND)
    assert [result(opening, "im.chat.get", DEAL) for _ in range(2)] == [FOUND] * 2
    assert bitrix24.methods.count("im.chat.get") == 1, "our methods are still cached"


def test_possibly_executed_write_is_not_repeated_and_not_reported_as_retryable(
    opening: str, bitrix24: FakeBitrix24
) -> None:
    bitrix24.fails("crm.deal.add", "TIMEOUT", 0)
    assert refused(opening, "crm.deal.add", {"fields": {}}) == (500, "INTERNAL_SERVER_ERROR")
    assert bitrix24.methods == ["crm.deal.add"]


def test_limit_error_of_an_unexecuted_write_is_passed_on_unchanged(opening: str, bitrix24: FakeBitrix24) -> None:
    bitrix24.fails("crm.deal.add", "QUERY_LIMIT_EXCEEDED", 503)
    assert refused(opening, "crm.deal.add", {"fields": {}}) == (503, "QUERY_LIMIT_EXCEEDED")


# -- batch -------------------------------------------------------------------------------------------------------------


def test_fifty_look_ups_cost_the_portal_one_request(key: str, bitrix24: FakeBitrix24) -> None:
    bitrix24.answers_by("im.chat.get", lambda params: {"ID": int(str(params["ENTITY_ID"]))})
    commands = {f"c{n}": command("im.chat.get", ENTITY_TYPE="ORDER", ENTITY_ID=f"{n}") for n in range(1, 51)}
    outcomes = result(key, "batch", {"cmd": commands})
    assert outcomes["result"] == {f"c{n}": {"ID": n} for n in range(1, 51)}
    assert outcomes["result_time"].keys() == commands.keys()
    assert bitrix24.methods == ["batch"]
    result(key, "batch", {"cmd": commands})
    assert bitrix24.methods == ["batch"], "no request the second time"


def test_chain_of_commands_reads_the_details_of_a_pair(key: str, bitrix24: FakeBitrix24) -> None:
    bitrix24.answers("im.chat.get", FOUND)
    bitrix24.answers_by("im.dialog.get", lambda params: {"dialog_id": params["DIALOG_ID"]})
    chain = {"a": command("im.chat.get", **DEAL), "b": "im.dialog.get?DIALOG_ID=chat$result[a][ID]"}
    assert result(key, "batch", {"cmd": chain})["result"]["b"] == {"dialog_id": "chat1437"}


def test_error_of_a_command_is_reported_at_its_position(key: str, bitrix24: FakeBitrix24) -> None:
    bitrix24.answers("im.chat.get", FOUND)
    bitrix24.fails("im.dialog.get", "ACCESS_ERROR", 403)
    commands = [command("im.chat.get", **DEAL), "im.dialog.get?DIALOG_ID=chat7", "scope.x", "im.chat.get"]
    outcomes = result(key, "batch", {"cmd": commands})
    assert outcomes["result"] == {"0": FOUND, "3": None}
    assert outcomes["result_error"] == {
        "1": {"error": "ACCESS_ERROR", "error_description": "description by the portal"},
        "2": {"error": "ERROR_METHOD_NOT_FOUND", "error_description": "Method not found!"},
    }


def test_allowed_methods_of_a_batch_are_forwarded_in_one_request_and_in_order(
    opening: str, bitrix24: FakeBitrix24
) -> None:
    bitrix24.answers_by("crm.deal.get", lambda params: params["id"])
    commands = [f"crm.deal.get?id={number}" for number in range(3)]
    assert result(opening, "batch", {"cmd": commands})["result"] == ["0", "1", "2"]
    (call,) = bitrix24.calls
    assert call.params["cmd"] == [Command("crm.deal.get", {"id": str(number)}) for number in range(3)]


def test_text_that_the_portal_would_read_as_a_reference_is_sent_outside_of_a_batch(
    key: str, bitrix24: FakeBitrix24
) -> None:
    bitrix24.answers("im.dialog.get", {"id": 7})
    commands = ["im.dialog.get?DIALOG_ID=%24time%5Bx%5D", "im.dialog.get?DIALOG_ID=chat7"]
    assert result(key, "batch", {"cmd": commands})["result"] == [{"id": 7}] * 2
    assert bitrix24.methods == ["im.dialog.get"] * 2
    assert bitrix24.calls[0].params == {"DIALOG_ID": "$time[x]"}
