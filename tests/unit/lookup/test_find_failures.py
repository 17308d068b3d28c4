"""When the portal fails: the error, the cached rows, and the stale answers."""

import pytest

from chat_lookup.cache.rows import FRESH_NEGATIVE, FRESH_POSITIVE, USABLE_POSITIVE
from chat_lookup.calls.operating_budget import BUCKET
from chat_lookup.entity import EntityRef
from chat_lookup.errors import (
    ChatLookupError,
    ChatNotAccessible,
    ChatNotFound,
    PortalBlocked,
    PortalBusy,
    PortalMisconfigured,
    PortalNotInstalled,
    PortalRefused,
    PortalUnavailable,
)
from chat_lookup.portals.portal import Portal
from tests.support.fakes import FakeBitrix24, ManualClock, Output
from tests.support.in_process_service import Service, find, install

PASSING = [
    ("TRANSPORT", 0, PortalUnavailable),
    ("TIMEOUT", 0, PortalUnavailable),
    ("INTERNAL_SERVER_ERROR", 500, PortalUnavailable),
    ("QUERY_LIMIT_EXCEEDED", 503, PortalBusy),
    ("OPERATION_TIME_LIMIT", 429, PortalBusy),
    ("OVERLOAD_LIMIT", 503, PortalBlocked),
]
LASTING = [
    ("APPLICATION_NOT_FOUND", 401, PortalNotInstalled),
    ("ACCESS_ERROR", 403, ChatNotAccessible),
    ("INVALID_CREDENTIALS", 401, PortalMisconfigured),
    ("INVALID_ARG_VALUE", 400, PortalRefused),
]


@pytest.mark.parametrize(("code", "status", "error"), PASSING + LASTING)
def test_failure_raises_its_class_with_the_portals_code_and_is_not_cached(
    service: Service,
    portal: Portal,
    bitrix24: FakeBitrix24,
    clock: ManualClock,
    code: str,
    status: int,
    error: type[ChatLookupError],
) -> None:
    for method in ("im.chat.get", "imbot.chat.get"):
        bitrix24.fails(method, code, status)
    with pytest.raises(error) as raised:
        find(service, portal)
    assert raised.value.portal_error == (None if status == 0 else code)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__
    bitrix24.answers("im.chat.get", 1437)
    clock.advance(BUCKET + 1)
    assert find(service, portal).source == "portal"


@pytest.mark.parametrize(("code", "status", "error"), PASSING)
def test_last_answer_is_served_for_a_week_while_the_portal_fails(
    service: Service,
    portal: Portal,
    bitrix24: FakeBitrix24,
    clock: ManualClock,
    code: str,
    status: int,
    error: type[ChatLookupError],
) -> None:
    bitrix24.answers("im.chat.get", 1437)
    find(service, portal)
    for method in ("im.chat.get", "imbot.chat.get"):
        bitrix24.fails(method, code, status)
    clock.advance(FRESH_POSITIVE + 1)
    stale = find(service, portal)
    assert (stale.chat_id, stale.source) == (1437, "stale")
    assert stale.age_seconds == pytest.approx(FRESH_POSITIVE + 1, abs=10)
    clock.advance(USABLE_POSITIVE - FRESH_POSITIVE)
    with pytest.raises(error):
        find(service, portal)


@pytest.mark.parametrize(("code", "status", "error"), LASTING)
def test_stale_answer_is_not_served_after_the_portal_withdrew_a_right(
    service: Service,
    portal: Portal,
    bitrix24: FakeBitrix24,
    clock: ManualClock,
    code: str,
    status: int,
    error: type[ChatLookupError],
) -> None:
    bitrix24.answers("im.chat.get", 1437)
    find(service, portal)
    clock.advance(FRESH_POSITIVE + 1)
    bitrix24.fails("im.chat.get", code, status)
    with pytest.raises(error):
        find(service, portal)


def test_fresh_answer_is_served_without_the_portal(service: Service, portal: Portal, bitrix24: FakeBitrix24) -> None:
    bitrix24.answers("im.chat.get", 1437)
    find(service, portal)
    bitrix24.fails("im.chat.get", "TRANSPORT", 0)
    assert find(service, portal).source == "cache"


def test_stale_not_found_is_never_served(
    service: Service, portal: Portal, bitrix24: FakeBitrix24, clock: ManualClock
) -> None:
    bitrix24.answers("im.chat.get", None)
    with pytest.raises(ChatNotFound):
        find(service, portal)
    clock.advance(FRESH_NEGATIVE + 1)
    bitrix24.fails("im.chat.get", "TRANSPORT", 0)
    with pytest.raises(PortalUnavailable):
        find(service, portal)


def test_last_answer_is_served_if_no_slot_is_free_in_time(
    service: Service, bitrix24: FakeBitrix24, clock: ManualClock
) -> None:
    portal = install(service, rate=0.1, burst=1)
    bitrix24.answers("im.chat.get", 1437)
    find(service, portal)
    clock.advance(FRESH_POSITIVE + 1)
    find(service, portal, EntityRef("CRM", "DEAL|7"))
    assert find(service, portal, seconds=2).source == "stale"
    with pytest.raises(PortalBusy):
        find(service, portal, EntityRef("CRM", "DEAL|8"), seconds=2)


def test_description_of_the_portal_is_logged_and_not_in_the_error(
    service: Service, portal: Portal, bitrix24: FakeBitrix24, output: Output
) -> None:
    bitrix24.fails("im.chat.get", "INVALID_ARG_VALUE", 400)
    with pytest.raises(PortalRefused) as raised:
        find(service, portal)
    assert "description by the portal" not in repr(vars(raised.value))
    assert output.lines[0]["portal_description"] == "description by the portal"
