"""The pointer to a portal's current tokens and the lock around it: what a repeated write does and must not do."""

from collections.abc import Callable

import pytest

from chat_lookup.credentials.renewal import LEASE, Pointer
from chat_lookup.credentials.token_pointer import Pointers
from chat_lookup.portals.portal import Portal, PortalKind, PortalState
from chat_lookup.portals.store import Portals
from tests.support.fakes import MEMBER_ID, ManualClock, Stores

ACME = Portal(MEMBER_ID, "acme.bitrix24.com", "arn", "v1", kind=PortalKind.OAUTH)


@pytest.fixture
def portals(stores: Stores, clock: ManualClock) -> Portals:
    portals = Portals(stores.portal_rows, clock)
    portals.save(ACME)
    return portals


@pytest.fixture
def pointers(stores: Stores, portals: Portals) -> Pointers:
    del portals  # the record is what counts
    return Pointers(stores.portal_rows)


def stored(pointers: Pointers) -> Pointer:
    found = pointers.read(MEMBER_ID)
    assert found is not None
    return found


def claimed(pointers: Pointers, owner: str, until: float, *pending: str) -> bool:
    """Claims the lock in its stored state."""
    return pointers.claim(MEMBER_ID, stored(pointers), owner, until, pending)


def switched(pointers: Pointers, old: str, new: str, now: float = 7.0) -> bool:
    return pointers.switch(MEMBER_ID, old, new, "acme.bitrix24.com", now)


def test_new_record_has_a_pointer_and_no_renewal_fields(pointers: Pointers) -> None:
    assert stored(pointers) == Pointer("v1")
    assert pointers.read("0" * 32) is None


def test_free_lock_is_taken_by_one_of_several_claims(pointers: Pointers) -> None:
    seen = stored(pointers)
    assert pointers.claim(MEMBER_ID, seen, "first", 100.0, ("v2",))
    assert not pointers.claim(MEMBER_ID, seen, "second", 101.0, ("v3",))
    assert (stored(pointers).lock_owner, stored(pointers).pending) == ("first", ("v2",))


def test_expired_lock_is_taken_over_with_its_pending_versions(pointers: Pointers, clock: ManualClock) -> None:
    assert claimed(pointers, "dead", clock.now() + LEASE, "v2")
    seen = stored(pointers)
    assert claimed(pointers, "heir", clock.now() + 2 * LEASE, *seen.pending, "v3")
    assert stored(pointers).pending == ("v2", "v3")


@pytest.mark.parametrize("before", [0.0, 1_763_000_000.123456])
def test_claim_by_an_outdated_read_does_not_drop_the_pending_version_of_another_holder(
    pointers: Pointers, before: float
) -> None:
    if before:
        assert claimed(pointers, "dead", before)
    slow = stored(pointers)
    assert claimed(pointers, "quick", 1_763_000_020.654321, "v2")
    assert not pointers.claim(MEMBER_ID, slow, "slow", 1_763_000_040.0, ("v3",))
    assert stored(pointers).pending == ("v2",)


def test_claim_by_an_outdated_read_of_an_expired_lock_is_refused_after_another_holder_released_it(
    pointers: Pointers,
) -> None:
    assert claimed(pointers, "dead", 1_763_000_000.0)
    slow = stored(pointers)
    assert claimed(pointers, "quick", 1_763_000_020.0, "v2")
    pointers.close(MEMBER_ID, "v1", PortalState.UNPAID, "PAYMENT_REQUIRED", 90.0)
    assert not pointers.claim(MEMBER_ID, slow, "slow", 1_763_000_040.0, ("v3",))
    assert stored(pointers).pending == ("v2",)


def test_released_lock_can_be_taken_and_one_released_with_a_pause_keeps_its_pause(pointers: Pointers) -> None:
    assert claimed(pointers, "first", 100.0, "v2")
    pointers.release(MEMBER_ID, "first", (), 0.0)
    assert stored(pointers) == Pointer("v1")
    assert claimed(pointers, "second", 100.0, "v2")
    pointers.release(MEMBER_ID, "second", ("v2",), 55.0)
    assert (stored(pointers).lock_until, stored(pointers).pending) == (55.0, ("v2",))


def test_lock_is_not_released_by_another_owner(pointers: Pointers) -> None:
    assert claimed(pointers, "holder", 100.0, "v2")
    pointers.release(MEMBER_ID, "another", (), 0.0)
    assert stored(pointers).lock_owner == "holder"


def test_switch_clears_the_renewal_fields_and_stores_time_and_domain(pointers: Pointers, portals: Portals) -> None:
    assert claimed(pointers, "holder", 100.0, "v2")
    pointers.refused(MEMBER_ID, "v1", 50.0, "invalid_grant")
    pointers.close(MEMBER_ID, "v1", PortalState.UNPAID, "PAYMENT_REQUIRED", 90.0)
    assert pointers.switch(MEMBER_ID, "v1", "v2", "new.bitrix24.com", 77.0)
    assert stored(pointers) == Pointer("v2")
    record = portals.read(MEMBER_ID)
    assert record is not None
    assert (record.state, record.state_code, record.retry_at) == (PortalState.ACTIVE, "", 0.0)
    assert (record.domain, record.refreshed_at) == ("new.bitrix24.com", 77.0)


def test_switch_to_a_new_domain_stores_the_former_one(pointers: Pointers, portals: Portals) -> None:
    assert pointers.switch(MEMBER_ID, "v1", "v2", "second.bitrix24.com", 1.0, former="acme.bitrix24.com")
    assert pointers.switch(MEMBER_ID, "v2", "v3", "third.bitrix24.com", 2.0, former="second.bitrix24.com")
    assert pointers.switch(MEMBER_ID, "v3", "v4", "third.bitrix24.com", 3.0, former="third.bitrix24.com")
    record = portals.read(MEMBER_ID)
    assert record is not None
    assert record.former_domains == {"acme.bitrix24.com", "second.bitrix24.com"}


def test_pointer_is_not_moved_back(pointers: Pointers) -> None:
    assert switched(pointers, "v1", "v2")
    assert switched(pointers, "v2", "v3")
    assert not switched(pointers, "v1", "late")
    assert not switched(pointers, "v1", "v2")
    assert stored(pointers).version == "v3"


def test_repeated_switch_keeps_the_lock_of_the_next_renewal(pointers: Pointers) -> None:
    assert switched(pointers, "v1", "v2")
    assert claimed(pointers, "next", 100.0, "v3")
    assert switched(pointers, "v1", "v2")
    assert (stored(pointers).lock_owner, stored(pointers).pending) == ("next", ("v3",))


REPEATED: dict[str, Callable[[Pointers], object]] = {
    "claim": lambda pointers: pointers.claim(MEMBER_ID, Pointer("v1"), "me", 100.0, ("v2",)),
    "release": lambda pointers: pointers.release(MEMBER_ID, "me", ("v2",), 60.0),
    "asking": lambda pointers: pointers.asking(MEMBER_ID, "v1", "me"),
    "refused": lambda pointers: pointers.refused(MEMBER_ID, "v1", 50.0, "invalid_grant"),
    "close": lambda pointers: pointers.close(MEMBER_ID, "v1", PortalState.REAUTHORISE, "invalid_grant", 0.0),
    "switch": lambda pointers: switched(pointers, "v1", "v2"),
}


@pytest.mark.parametrize("write", REPEATED.values(), ids=REPEATED)
def test_repeated_write_after_a_lost_answer_returns_the_same(
    pointers: Pointers, write: Callable[[Pointers], object]
) -> None:
    first, after = write(pointers), stored(pointers)
    assert write(pointers) == first
    assert stored(pointers) == after


# -- the spending holder and lost answers ------------------------------------------------------------------------------


def test_only_the_lock_holder_may_spend_the_current_pair(pointers: Pointers) -> None:
    assert claimed(pointers, "holder", 100.0, "v2")
    assert not pointers.asking(MEMBER_ID, "v1", "another")
    assert not pointers.asking(MEMBER_ID, "v0", "holder")
    assert not stored(pointers).answer_lost
    assert pointers.asking(MEMBER_ID, "v1", "holder")
    assert stored(pointers).answer_lost  # unless the holder releases the lock with the answer


def test_lock_that_expired_during_the_request_of_its_holder_records_a_lost_answer(pointers: Pointers) -> None:
    assert claimed(pointers, "dead", 100.0, "v2")
    assert pointers.asking(MEMBER_ID, "v1", "dead")
    assert claimed(pointers, "heir", 200.0, "v2", "v3")
    pointers.release(MEMBER_ID, "heir", ("v2",), 201.0)
    assert stored(pointers).lost_at == 100.0
    assert stored(pointers).answer_lost


@pytest.mark.parametrize("lost_at", [0.0, 55.5])
def test_release_by_the_holder_stores_whether_the_answer_was_lost(pointers: Pointers, lost_at: float) -> None:
    assert claimed(pointers, "holder", 100.0, "v2")
    assert pointers.asking(MEMBER_ID, "v1", "holder")
    pointers.release(MEMBER_ID, "holder", (), 60.0, lost_at=lost_at)
    assert claimed(pointers, "next", 200.0, "v3")
    assert (stored(pointers).lost_at, stored(pointers).answer_lost) == (lost_at, lost_at > 0)


def test_switch_keeps_the_count_of_renewals_and_clears_the_lost_answer(pointers: Pointers) -> None:
    assert claimed(pointers, "holder", 100.0, "v2")
    assert pointers.asking(MEMBER_ID, "v1", "holder")
    pointers.release(MEMBER_ID, "holder", (), 60.0, lost_at=55.0)
    assert pointers.switch(MEMBER_ID, "v1", "v2", "acme.bitrix24.com", 70.0, charged_until=2470.0)
    assert stored(pointers) == Pointer("v2", charged_until=2470.0)
    assert switched(pointers, "v2", "v3")  # by an operator, who restores a record: that makes no version
    assert stored(pointers) == Pointer("v3", charged_until=2470.0)


def test_only_the_first_refusal_of_the_stored_version_is_stored(pointers: Pointers) -> None:
    pointers.refused(MEMBER_ID, "v0", 40.0, "invalid_grant")
    assert not stored(pointers).refused_at
    pointers.refused(MEMBER_ID, "v1", 50.0, "invalid_grant")
    pointers.refused(MEMBER_ID, "v1", 60.0, "bad_verification_code")
    assert (stored(pointers).refused_at, stored(pointers).refused_code) == (50.0, "invalid_grant")


def test_portal_is_closed_by_the_stored_version_only(pointers: Pointers) -> None:
    pointers.close(MEMBER_ID, "v0", PortalState.REAUTHORISE, "invalid_grant", 0.0)
    assert stored(pointers).state is PortalState.ACTIVE
    assert claimed(pointers, "holder", 100.0, "v2")
    pointers.close(MEMBER_ID, "v1", PortalState.UNPAID, "PAYMENT_REQUIRED", 90.0)
    assert stored(pointers) == Pointer(
        "v1", PortalState.UNPAID, "PAYMENT_REQUIRED", 90.0, lock_until=0.0, pending=("v2",)
    )


@pytest.mark.parametrize("write", ["switch", "close"])
def test_state_of_an_uninstalled_portal_is_not_changed(pointers: Pointers, portals: Portals, write: str) -> None:
    portals.save(ACME._replace(state=PortalState.UNINSTALLED))
    REPEATED[write](pointers)
    assert stored(pointers) == Pointer("v1", PortalState.UNINSTALLED)


def test_switch_of_an_uninstalled_portal_is_refused_though_the_pointer_names_the_new_version(
    pointers: Pointers, portals: Portals
) -> None:
    portals.save(ACME._replace(token_version="v2", state=PortalState.UNINSTALLED))
    assert not switched(pointers, "v1", "v2")


@pytest.mark.parametrize("write", REPEATED.values(), ids=REPEATED)
def test_deleted_record_is_not_created_again(
    pointers: Pointers, portals: Portals, write: Callable[[Pointers], object]
) -> None:
    portals.delete(ACME)
    assert not write(pointers)
    assert pointers.read(MEMBER_ID) is None
