"""Concurrent look-ups of one pair: while the portal is called for one, the others make no call."""

from collections.abc import Callable

import pytest

from chat_lookup.cache.leases import LEASE, CacheQuery, Leases
from chat_lookup.cache.rows import FRESH_POSITIVE
from chat_lookup.entity import EntityRef
from chat_lookup.errors import ChatNotAccessible, ChatNotFound, PortalUnavailable
from chat_lookup.lookup.model import Method
from chat_lookup.portals.portal import Portal
from tests.support.fakes import MEMBER_ID, FakeBitrix24, ManualClock, Output, Stores
from tests.support.in_process_service import DEAL, Service, find, install

LINE = EntityRef("LINES", "whatsapp|2|79161234567|744")


def meanwhile(bitrix24: FakeBitrix24, happens: Callable[[], object]) -> list[object]:
    """The outcomes of an action during the portal call that returns 1437."""
    outcomes: list[object] = []

    def answer(_: object) -> object:
        bitrix24.answers("im.chat.get", {"ID": 2000})
        outcomes.append(happens())
        return {"ID": 1437}

    bitrix24.answers_by("im.chat.get", answer)
    return outcomes


def lease(portal: Portal, stores: Stores, clock: ManualClock) -> None:
    """Another process holds the lease for the pair and dies before its call."""
    Leases(stores.cache_rows, clock).claim(CacheQuery(MEMBER_ID, portal.generation, DEAL), "dead")


def test_stale_row_is_served_while_another_process_calls(
    service: Service, another_process: Service, portal: Portal, bitrix24: FakeBitrix24, clock: ManualClock
) -> None:
    bitrix24.answers("im.chat.get", 7)
    find(service, portal)
    clock.advance(FRESH_POSITIVE + 1)
    outcomes = meanwhile(bitrix24, lambda: find(another_process, portal).source)
    assert find(service, portal).chat_id == 1437
    assert outcomes == ["stale"]
    assert len(bitrix24.calls) == 2


def test_caller_waits_until_its_deadline_without_a_call_while_another_process_calls(
    service: Service, another_process: Service, portal: Portal, bitrix24: FakeBitrix24, clock: ManualClock
) -> None:
    def waits() -> float:
        began = clock.now()
        with pytest.raises(PortalUnavailable):
            find(another_process, portal, seconds=2)
        return clock.now() - began

    outcomes = meanwhile(bitrix24, waits)
    assert find(service, portal).chat_id == 1437
    assert outcomes == [pytest.approx(2, abs=0.2)]
    assert len(bitrix24.calls) == 1


def test_pair_is_requested_after_the_lease_of_a_dead_process_expires(
    service: Service, portal: Portal, bitrix24: FakeBitrix24, clock: ManualClock, stores: Stores
) -> None:
    bitrix24.answers("im.chat.get", 1437)
    lease(portal, stores, clock)
    began = clock.now()
    assert find(service, portal).chat_id == 1437
    assert LEASE < clock.now() - began < LEASE + 1
    assert len(bitrix24.calls) == 1


def test_next_call_is_not_delayed_by_a_failure(
    service: Service, another_process: Service, portal: Portal, bitrix24: FakeBitrix24, clock: ManualClock
) -> None:
    bitrix24.fails("im.chat.get", "ACCESS_ERROR", 403)
    began = clock.now()
    for each in (service, another_process):
        with pytest.raises(ChatNotAccessible):
            find(each, portal)
    assert clock.now() == began
    assert len(bitrix24.calls) == 2


def test_next_call_is_not_delayed_by_a_null_that_is_not_final(
    service: Service, bitrix24: FakeBitrix24, clock: ManualClock
) -> None:
    portal = install(service, scopes=frozenset({"im", "imopenlines"}))
    bitrix24.answers("im.chat.get", None)
    bitrix24.answers("imopenlines.dialog.get", {"id": 1763})
    began = clock.now()
    with pytest.raises(ChatNotFound):
        find(service, portal, LINE, method=Method.IM)
    assert find(service, portal, LINE).chat_id == 1763
    assert clock.now() == began


def test_next_call_is_not_delayed_by_an_unexpected_exception(
    service: Service, portal: Portal, bitrix24: FakeBitrix24, clock: ManualClock
) -> None:
    def fault(_: object) -> object:
        raise ZeroDivisionError

    bitrix24.answers_by("im.chat.get", fault)
    with pytest.raises(ZeroDivisionError):
        find(service, portal)
    bitrix24.answers("im.chat.get", 1437)
    began = clock.now()
    assert find(service, portal).chat_id == 1437
    assert clock.now() == began


def test_lease_is_extended_for_a_call_with_a_later_slot(
    service: Service, bitrix24: FakeBitrix24, clock: ManualClock, stores: Stores
) -> None:
    portal = install(service, rate=0.1, burst=1)
    bitrix24.answers("im.chat.get", 7)
    find(service, portal, EntityRef("CRM", "DEAL|7"))
    leases = Leases(stores.cache_rows, clock)
    wanted = CacheQuery(MEMBER_ID, portal.generation, DEAL)
    outcomes = meanwhile(bitrix24, lambda: leases.read(wanted).lease.until - clock.now())
    assert find(service, portal, seconds=28).chat_id == 1437
    assert outcomes == [pytest.approx(LEASE)]  # counted from the slot, not from ten seconds before
    assert sum(clock.slept) == pytest.approx(10)


def test_portal_is_called_if_the_lease_cannot_be_stored(
    service: Service,
    portal: Portal,
    bitrix24: FakeBitrix24,
    stores: Stores,
    monkeypatch: pytest.MonkeyPatch,
    output: Output,
) -> None:
    from botocore.exceptions import ClientError  # noqa: PLC0415 - what the store itself raises

    update = stores.dynamodb.update_item

    def throttled(**request: object) -> object:
        if "lease_owner" in str(request["UpdateExpression"]):
            raise ClientError({"Error": {"Code": "ThrottlingException"}}, "UpdateItem")
        return update(**request)  # type: ignore[arg-type]  # unchanged

    monkeypatch.setattr(stores.dynamodb, "update_item", throttled)
    bitrix24.answers("im.chat.get", 1437)
    assert find(service, portal).source == "portal"
    assert output.lines[-1]["lease_error"] == "ClientError"
