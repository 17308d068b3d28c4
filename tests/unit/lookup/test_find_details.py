"""A chat's details with its id, and the reverse look-up: the entity of a chat."""

import pytest

from chat_lookup.clock import Deadline
from chat_lookup.errors import ChatLookupError, ChatNotAccessible, PortalBlocked, PortalBusy, PortalUnavailable
from chat_lookup.lookup.model import Found
from chat_lookup.portals.portal import Portal
from tests.support.fakes import FakeBitrix24
from tests.support.in_process_service import DEAL, Service, find, install

# -- details -----------------------------------------------------------------------------------------------------------


CHAT = {"id": 1437, "type": "chat", "name": "Tyres", "owner": 1, "user_counter": 3}


def test_details_are_read_only_on_request(service: Service, portal: Portal, bitrix24: FakeBitrix24) -> None:
    bitrix24.answers("im.chat.get", 1437)
    bitrix24.answers("im.dialog.get", CHAT)
    assert find(service, portal).expanded is False
    found = find(service, portal, expand=True)
    assert found.chat is not None
    assert (found.chat.title, found.chat.type, found.chat.owner_id, found.chat.members) == ("Tyres", "chat", 1, 3)
    assert (found.source, bitrix24.methods) == ("cache", ["im.chat.get", "im.dialog.get"])


@pytest.mark.parametrize(
    ("code", "status"), [("ACCESS_ERROR", 403), ("insufficient_scope", 403), ("TRANSPORT", 0), ("OVERLOAD_LIMIT", 503)]
)
def test_details_that_are_refused_are_null_and_never_fail_the_look_up(
    service: Service, portal: Portal, bitrix24: FakeBitrix24, code: str, status: int
) -> None:
    bitrix24.answers("im.chat.get", 1437)
    for method in ("im.dialog.get", "imbot.dialog.get"):
        bitrix24.fails(method, code, status)
    found = find(service, portal, expand=True)
    assert (found.chat_id, found.chat, found.expanded) == (1437, None, True)


def test_details_without_a_slot_are_null(service: Service, bitrix24: FakeBitrix24) -> None:
    portal = install(service, rate=0.1, burst=1)
    bitrix24.answers("im.chat.get", 1437)
    assert find(service, portal, seconds=5, expand=True).chat is None


# -- the reverse -------------------------------------------------------------------------------------------------------


def reverse(service: Service, portal: Portal, chat_id: int = 1437) -> Found:
    with service.telemetry.invocation("test"):
        return service.lookup.reverse(portal, chat_id, Deadline.after(10, service.clock))


def test_reverse_look_up_returns_the_entity_of_the_chat(
    service: Service, portal: Portal, bitrix24: FakeBitrix24
) -> None:
    bitrix24.answers("im.dialog.get", CHAT | {"entity_type": "CRM", "entity_id": "DEAL|1663"})
    found = reverse(service, portal)
    assert (found.ref, found.chat_id, found.source, found.method) == (DEAL, 1437, "portal", "im.dialog.get")
    assert found.chat is not None


@pytest.mark.parametrize(
    "fields", [{}, {"entity_type": "", "entity_id": ""}, {"entity_type": "THREAD", "entity_id": ""}]
)
def test_chat_of_no_object_has_no_entity(
    service: Service, portal: Portal, bitrix24: FakeBitrix24, fields: dict[str, str]
) -> None:
    bitrix24.answers("im.dialog.get", CHAT | fields)
    assert reverse(service, portal).ref is None


def test_inaccessible_chat_is_reported_with_the_cached_entity(
    service: Service, portal: Portal, bitrix24: FakeBitrix24
) -> None:
    bitrix24.answers("im.chat.get", 1437)
    find(service, portal)
    for method in ("im.dialog.get", "imbot.dialog.get"):
        bitrix24.fails(method, "ACCESS_ERROR", 403)
    with pytest.raises(ChatNotAccessible) as raised:
        reverse(service, portal)
    assert raised.value.extra == {"chat_id": 1437, "known": {"entity_type": "CRM", "entity_id": "DEAL|1663"}}
    with pytest.raises(ChatNotAccessible) as raised:
        reverse(service, portal, 99)
    assert raised.value.extra == {"chat_id": 99, "known": None}


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("TRANSPORT", 0, PortalUnavailable),
        ("QUERY_LIMIT_EXCEEDED", 503, PortalBusy),
        ("OVERLOAD_LIMIT", 503, PortalBlocked),
    ],
)
def test_failure_of_the_portal_is_not_reported_as_an_inaccessible_chat(
    service: Service, portal: Portal, bitrix24: FakeBitrix24, code: str, status: int, error: type[ChatLookupError]
) -> None:
    bitrix24.fails("im.dialog.get", code, status)
    with pytest.raises(error):
        reverse(service, portal)
