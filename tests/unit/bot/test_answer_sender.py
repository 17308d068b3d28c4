"""The bot's message is sent once, by the method of its API, invisible to customers; and its delivery status."""

import pytest
from botocore.exceptions import BotoCoreError

from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.bot.answer_sender import AnswerSender, Delivery, Place
from chat_lookup.clock import Deadline
from chat_lookup.errors import PortalBlocked, PortalBusy, PortalReauthorise, PortalUnavailable
from chat_lookup.portals.portal import Portal, PortalState
from tests.support.events.bot_questions import SEND_METHODS
from tests.support.fakes import FakeBitrix24
from tests.support.in_process_service import Service, install

MESSAGE = Place("v2", 456, "chat1437", 789, None, open_line=False)
COMMAND = MESSAGE._replace(command_id=78)
SENTENCE = "CRM DEAL|1663: chat 1437."
SEND = SEND_METHODS["v2", False]


def send(service: Service, portal: Portal, place: Place = MESSAGE, seconds: float = 10) -> Delivery:
    sender = AnswerSender(service.calls, service.clock)
    with service.telemetry.invocation("test"):
        return sender.send(portal, place, SENTENCE, Deadline.after(seconds, service.clock))


@pytest.mark.parametrize(
    ("place", "method", "params"),
    [
        (
            MESSAGE,
            "imbot.v2.Chat.Message.send",
            {
                "botId": 456,
                "dialogId": "chat1437",
                "fields": {"message": SENTENCE, "urlPreview": False},
            },
        ),
        (
            COMMAND,
            "imbot.v2.Command.answer",
            {
                "botId": 456,
                "commandId": 78,
                "messageId": 789,
                "dialogId": "chat1437",
                "fields": {"message": SENTENCE, "urlPreview": False, "system": False},
            },
        ),
        (
            MESSAGE._replace(api="v1", dialog_id="27"),
            "imbot.message.add",
            {"BOT_ID": 456, "DIALOG_ID": "27", "MESSAGE": SENTENCE, "URL_PREVIEW": "N", "SKIP_CONNECTOR": "N"},
        ),
        (
            COMMAND._replace(api="v1"),
            "imbot.command.answer",
            {"COMMAND_ID": 78, "MESSAGE_ID": 789, "MESSAGE": SENTENCE, "URL_PREVIEW": "N", "SYSTEM": "N"},
        ),
    ],
    ids=["v2 message", "v2 command", "v1 message", "v1 command"],
)
def test_each_api_has_its_methods_for_messages_and_for_commands(
    service: Service, portal: Portal, bitrix24: FakeBitrix24, place: Place, method: str, params: dict[str, object]
) -> None:
    bitrix24.answers(method, {"id": 790})
    assert send(service, portal, place) is Delivery.SENT
    assert [(call.method, call.params) for call in bitrix24.calls] == [(method, params)]


@pytest.mark.parametrize(
    ("api", "command_id", "way"),
    [
        ("v1", None, {"SKIP_CONNECTOR": "Y"}),
        ("v1", 78, {"SYSTEM": "Y"}),
        ("v2", None, {"skipConnector": True}),
        ("v2", 78, {"system": True}),
    ],
)
def test_message_in_an_open_line_is_hidden_from_customers(
    service: Service,
    portal: Portal,
    bitrix24: FakeBitrix24,
    api: str,
    command_id: int | None,
    way: dict[str, object],
) -> None:
    bitrix24.answers(SEND_METHODS[api, command_id is not None], True)
    send(service, portal, Place(api, 456, "chat1777", 789, command_id, open_line=True))
    (params,) = [call.params for call in bitrix24.calls]
    fields = params.get("fields", params)
    assert isinstance(fields, dict)
    assert way.items() <= fields.items()


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("TIMEOUT", 0),
        ("INTERNAL_SERVER_ERROR", 500),
        ("HTTP_5XX", 502),
        ("NOT_JSON", 500),
        ("PROTOCOL", 200),
        ("SENDING_FAILED", 400),
        ("COMMAND_ANSWER_FAILED", 400),
    ],
)
def test_delivery_is_doubtful_if_the_message_may_have_been_sent(
    service: Service, portal: Portal, bitrix24: FakeBitrix24, code: str, status: int
) -> None:
    bitrix24.fails(SEND, code, status)
    assert send(service, portal) is Delivery.DOUBTFUL
    assert bitrix24.methods == [SEND], "sent a second time"


def fail_on_the_way(bitrix24: FakeBitrix24, *, unreached: bool) -> None:
    def reply(_: object) -> object:
        # The description of the error decides nothing.
        raise BitrixError("TRANSPORT", method=SEND, description="connect", unreached=unreached)

    bitrix24.answers_by(SEND, reply)


def test_delivery_is_doubtful_after_a_broken_connection(
    service: Service, portal: Portal, bitrix24: FakeBitrix24
) -> None:
    fail_on_the_way(bitrix24, unreached=False)
    assert send(service, portal) is Delivery.DOUBTFUL


def test_delivery_without_a_connection_raises_and_is_not_doubtful(
    service: Service, portal: Portal, bitrix24: FakeBitrix24
) -> None:
    fail_on_the_way(bitrix24, unreached=True)
    with pytest.raises(PortalUnavailable):
        send(service, portal)


@pytest.mark.parametrize(
    ("code", "status"),
    [("QUERY_LIMIT_EXCEEDED", 503), ("OPERATION_TIME_LIMIT", 429), ("HTTP_4XX", 429), ("SOMETHING_NEW", 429)],
)
def test_delivery_beyond_the_portals_limits_raises_and_is_not_doubtful(
    service: Service, portal: Portal, bitrix24: FakeBitrix24, code: str, status: int
) -> None:
    bitrix24.fails(SEND, code, status)
    with pytest.raises((PortalBusy, PortalUnavailable)):
        send(service, portal)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("ACCESS_DENIED", 403),
        ("BOT_NOT_FOUND", 400),
        ("BOT_OWNERSHIP_ERROR", 403),
        ("EMPTY_MESSAGE", 400),
        ("insufficient_scope", 403),
        ("OVERLOAD_LIMIT", 503),
        ("PORTAL_DELETED", 500),
        ("APPLICATION_NOT_FOUND", 401),
    ],
)
def test_message_that_the_portal_refuses_is_refused_for_good(
    service: Service, portal: Portal, bitrix24: FakeBitrix24, code: str, status: int
) -> None:
    bitrix24.fails(SEND, code, status)
    assert send(service, portal) is Delivery.REFUSED


def test_message_without_a_slot_in_time_is_not_sent(service: Service, bitrix24: FakeBitrix24) -> None:
    portal = install(service, rate=0.1, burst=1)
    bitrix24.answers(SEND, {"id": 790})
    send(service, portal)
    with pytest.raises(PortalBusy):
        send(service, portal)
    assert bitrix24.methods == [SEND]


def test_delivery_succeeds_though_the_store_fails_after_the_send(
    service: Service, bitrix24: FakeBitrix24, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise BotoCoreError

    def accept(_: object) -> object:
        # The probe stored before that the portal is open again.
        monkeypatch.setattr(service.portals.states, "change", fail)
        return {"id": 790}

    portal = install(service, state=PortalState.UNPAID)
    bitrix24.answers_by(SEND, accept)
    assert send(service, portal) is Delivery.SENT
    assert bitrix24.methods == ["profile", SEND]


def test_message_is_not_sent_to_a_portal_that_is_still_closed(service: Service, bitrix24: FakeBitrix24) -> None:
    portal = install(service, state=PortalState.UNPAID)
    bitrix24.answers(SEND, {"id": 790})
    bitrix24.fails("profile", "PAYMENT_REQUIRED", 401)
    with pytest.raises(PortalBlocked):
        send(service, portal)
    assert bitrix24.methods == ["profile"]


def test_message_is_not_sent_with_a_dead_grant(
    service: Service, portal: Portal, bitrix24: FakeBitrix24, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dead(*_: object) -> None:
        raise PortalReauthorise

    monkeypatch.setattr(service.tokens, "grant", dead)
    with pytest.raises(PortalReauthorise):
        send(service, portal)
    assert bitrix24.calls == []
