"""A chat's details, by whichever method gives them."""

import pytest

from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.clock import Deadline
from chat_lookup.entity import EntityRef
from chat_lookup.errors import PortalMisconfigured
from chat_lookup.portals.portal import Portal
from tests.support.building import Service, install, with_scopes
from tests.support.fakes import FakeBitrix24, ManualClock, Output

TASK = EntityRef("TASK", "8293")


@pytest.fixture
def deadline(clock: ManualClock) -> Deadline:
    return Deadline.after(10, clock)


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
    assert set(bitrix24.methods) == {"im.dialog.get"}


def test_details_that_cannot_be_read_are_an_error_and_counted(
    service: Service, bitrix24: FakeBitrix24, deadline: Deadline, output: Output
) -> None:
    bitrix24.answers("im.dialog.get", {"id": "seven"})
    with pytest.raises(BitrixError), service.telemetry.invocation("test"):
        details(service, with_scopes(service, "im"), deadline)
    assert output.metric("PortalErrors", code="PROTOCOL") == 1
