"""Our bot and its command: registered, then always updated, with the methods that the portal has; each write once."""

from typing import TYPE_CHECKING

import pytest

from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.calls.portal_calls import PortalCalls
from chat_lookup.clock import Deadline
from chat_lookup.install.registration import Bot, Bots
from chat_lookup.portals.portal import Portal
from tests.support.fakes import CLIENT_ID, FakeBitrix24, ManualClock
from tests.support.in_process_service import Service, install
from tests.support.portals.first_contact import answer_as_a_portal, refusing

if TYPE_CHECKING:
    from collections.abc import Mapping

HANDLER = "https://chat-lookup.example/bitrix24/events"
V1 = ("imbot.register", "imbot.update", "imbot.command.register", "imbot.command.update")
V2 = ("imbot.v2.Bot.register", "imbot.v2.Bot.update", "imbot.v2.Command.register", "imbot.v2.Command.update")


@pytest.fixture
def portal(service: Service, bitrix24: FakeBitrix24) -> Portal:
    answer_as_a_portal(bitrix24)
    for method, result in zip(V1, (39, True, 99, True), strict=True):
        bitrix24.answers(method, result)
    return install(service, client_id=CLIENT_ID)


def register(calls: PortalCalls, portal: Portal, api: str, clock: ManualClock) -> Bot:
    return Bots(calls).register(portal, api, HANDLER, Deadline.after(20, clock))


def params_of(bitrix24: FakeBitrix24, method: str) -> "Mapping[str, object]":
    (call,) = [call for call in bitrix24.calls if call.method == method]
    return call.params


@pytest.mark.parametrize(("api", "methods", "bot"), [("v2", V2, Bot("v2", 456, 42)), ("v1", V1, Bot("v1", 39, 99))])
def test_bot_and_its_command_are_registered_then_updated(
    service: Service, portal: Portal, bitrix24: FakeBitrix24, api: str, methods: tuple[str, ...], bot: Bot
) -> None:
    assert register(service.calls, portal, api, service.clock) == bot
    assert tuple(bitrix24.methods) == methods


def test_v2_bot_is_registered_with_its_event_mode_and_address(
    service: Service, portal: Portal, bitrix24: FakeBitrix24
) -> None:
    register(service.calls, portal, "v2", service.clock)
    for method in ("imbot.v2.Bot.register", "imbot.v2.Bot.update"):
        fields = params_of(bitrix24, method)["fields"]
        assert isinstance(fields, dict)
        # Without a mode no event is sent at all (bitrix24.md 1.10).
        assert (fields["eventMode"], fields["webhookUrl"]) == ("webhook", HANDLER)
    assert params_of(bitrix24, "imbot.v2.Bot.update")["botId"] == 456


def test_command_is_registered_for_every_chat(service: Service, portal: Portal, bitrix24: FakeBitrix24) -> None:
    register(service.calls, portal, "v2", service.clock)
    registered = params_of(bitrix24, "imbot.v2.Command.register")["fields"]
    updated = params_of(bitrix24, "imbot.v2.Command.update")
    assert isinstance(registered, dict)
    assert isinstance(updated["fields"], dict)
    assert (registered["command"], registered["common"], updated["fields"]["common"]) == ("chatid", True, "Y")
    assert {"en", "de", "ru"} == set(registered["title"])
    assert updated["commandId"] == 42


def test_v1_bot_is_registered_with_one_address_for_all_its_events(
    service: Service, portal: Portal, bitrix24: FakeBitrix24
) -> None:
    register(service.calls, portal, "v1", service.clock)
    registered, updated = (params_of(bitrix24, method) for method in ("imbot.register", "imbot.update"))
    assert (registered["CODE"], registered["EVENT_HANDLER"]) == ("chat_lookup", HANDLER)
    assert isinstance(updated["FIELDS"], dict)
    assert updated["FIELDS"]["EVENT_HANDLER"] == HANDLER
    assert params_of(bitrix24, "imbot.command.register")["COMMON"] == "Y"


@pytest.mark.parametrize(
    ("api", "method", "code"),
    [("v2", "imbot.v2.Bot.register", "BOT_CODE_ALREADY_TAKEN"), ("v1", "imbot.register", "WRONG_REQUEST")],
)
def test_bot_code_taken_by_another_application_is_avoided(
    service: Service, portal: Portal, bitrix24: FakeBitrix24, api: str, method: str, code: str
) -> None:
    codes = []

    def taken(params: "Mapping[str, object]") -> object:
        fields = params.get("fields", params)
        assert isinstance(fields, dict)
        codes.append(fields.get("code") or fields.get("CODE"))
        if len(codes) == 1:
            raise BitrixError(code, 400, method=method)
        return {"bot": {"id": 457}} if api == "v2" else 457

    bitrix24.answers_by(method, taken)
    assert register(service.calls, portal, api, service.clock).bot_id == 457
    first, second = codes
    assert first == "chat_lookup"
    assert str(second).startswith("chat_lookup_")


@pytest.mark.parametrize("method", V2)
def test_failed_write_is_not_repeated(service: Service, portal: Portal, bitrix24: FakeBitrix24, method: str) -> None:
    bitrix24.answers_by(method, refusing("TIMEOUT", 0))
    with pytest.raises(BitrixError):
        register(service.calls, portal, "v2", service.clock)
    assert bitrix24.methods.count(method) == 1
    assert bitrix24.methods[-1] == method


@pytest.mark.parametrize(
    "result",
    [
        None, True, [], {"bot": {}}, {"bot": {"id": 0}}, {"bot": {"id": "x"}}, {"bot": 7}, {"bot": {"id": "9" * 5_000}},
        {"bot": {"id": 2**63}}, {"bot": {"id": "9" * 19}}, {"bot": {"id": "\u0663"}}, {"bot": {"id": [456]}},
    ],
)  # fmt: skip
def test_answer_without_an_id_raises_and_no_update_is_sent(
    service: Service, portal: Portal, bitrix24: FakeBitrix24, result: object
) -> None:
    bitrix24.answers("imbot.v2.Bot.register", result)
    with pytest.raises(BitrixError) as raised:
        register(service.calls, portal, "v2", service.clock)
    assert raised.value.metric_code == "PROTOCOL"
    assert bitrix24.methods == ["imbot.v2.Bot.register"]


def test_id_may_be_text(service: Service, portal: Portal, bitrix24: FakeBitrix24) -> None:
    bitrix24.answers("imbot.register", "39")
    assert register(service.calls, portal, "v1", service.clock).bot_id == 39
