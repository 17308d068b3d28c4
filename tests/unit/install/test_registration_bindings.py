"""The application's own events are bound once each, to the current address and to none of our former ones."""

import pytest

from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.clock import Deadline
from chat_lookup.install.registration import EVENTS, Bindings
from chat_lookup.portals.portal import Portal
from tests.support.fakes import FakeBitrix24
from tests.support.in_process_service import Service
from tests.support.portals.first_contact import answer_as_a_portal, refusing

HERE = "https://chat-lookup.example/bitrix24/install"
BEFORE = "https://former.example/bitrix24/install"


def bind(service: Service, portal: Portal) -> bool:
    return Bindings(service.calls).bind(portal, HERE, Deadline.after(20, service.clock))


def bound(event: str, handler: str, **fields: object) -> dict[str, object]:
    return {"event": event, "handler": handler, "auth_type": "0", "offline": 0, **fields}


@pytest.fixture(autouse=True)
def _portal_answers(bitrix24: FakeBitrix24) -> None:
    answer_as_a_portal(bitrix24)


def bindings_sent(bitrix24: FakeBitrix24, method: str) -> list[tuple[object, object]]:
    return [(call.params["event"], call.params["handler"]) for call in bitrix24.calls if call.method == method]


def test_missing_binding_is_made(service: Service, portal: Portal, bitrix24: FakeBitrix24) -> None:
    assert bind(service, portal)
    assert bindings_sent(bitrix24, "event.bind") == [(event, HERE) for event in EVENTS]
    assert bindings_sent(bitrix24, "event.unbind") == []


def test_existing_binding_is_kept(service: Service, portal: Portal, bitrix24: FakeBitrix24) -> None:
    bitrix24.answers("event.get", [bound(event.lower(), HERE) for event in EVENTS])
    assert bind(service, portal)
    assert bitrix24.methods == ["event.get"]


def test_former_address_is_unbound_after_the_new_one_is_bound(
    service: Service, portal: Portal, bitrix24: FakeBitrix24
) -> None:
    bitrix24.answers("event.get", [bound(EVENTS[0], BEFORE), bound("ONIMBOTMESSAGEADD", BEFORE)])
    assert bind(service, portal)
    assert bindings_sent(bitrix24, "event.unbind") == [(EVENTS[0], BEFORE)]
    assert bitrix24.methods[-1] == "event.unbind"


def test_offline_handler_is_kept(service: Service, portal: Portal, bitrix24: FakeBitrix24) -> None:
    bitrix24.answers("event.get", [bound(EVENTS[0], "", offline=1)])
    assert bind(service, portal)
    assert bindings_sent(bitrix24, "event.unbind") == []


@pytest.mark.parametrize("result", [None, {}, "x", [None, 7, {}], [{"event": 7}]])
def test_unreadable_list_of_handlers_counts_as_empty(
    service: Service, portal: Portal, bitrix24: FakeBitrix24, result: object
) -> None:
    bitrix24.answers("event.get", result)
    assert bind(service, portal)
    assert len(bindings_sent(bitrix24, "event.bind")) == len(EVENTS)


def test_handlers_that_cannot_be_listed_are_bound(service: Service, portal: Portal, bitrix24: FakeBitrix24) -> None:
    bitrix24.answers_by("event.get", refusing("ERROR_METHOD_NOT_FOUND", 404))
    assert bind(service, portal)


@pytest.mark.parametrize("result", ["refused", "false"])
def test_refused_binding_is_reported_and_the_others_are_bound(
    service: Service, portal: Portal, bitrix24: FakeBitrix24, result: str
) -> None:
    if result == "refused":
        bitrix24.answers_by("event.bind", refusing("ACCESS_DENIED", 403))
    else:
        bitrix24.answers("event.bind", False)
    assert not bind(service, portal)
    assert len(bindings_sent(bitrix24, "event.bind")) == len(EVENTS)


def test_portal_that_does_not_answer_raises(service: Service, portal: Portal, bitrix24: FakeBitrix24) -> None:
    bitrix24.answers_by("event.bind", refusing("TRANSPORT", 0))
    with pytest.raises(BitrixError):
        bind(service, portal)
    assert len(bindings_sent(bitrix24, "event.bind")) == 1
