"""The pointer to a portal's true tokens and the lock around it: what a write that is repeated does, and must not do."""

from collections.abc import Callable
from dataclasses import replace

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


def standing(pointers: Pointers) -> Pointer:
    found = pointers.read(MEMBER_ID)
    assert found is not None
    return found


def claimed(pointers: Pointers, owner: str, until: float, *pending: str) -> bool:
    """Claims the lock as it stands."""
    return pointers.claim(MEMBER_ID, standing(pointers), owner, until, pending)


def switched(pointers: Pointers, old: str, new: str, now: float = 7.0) -> bool:
    return pointers.switch(MEMBER_ID, old, new, "acme.bitrix24.com", now)


def test_a_new_record_has_a_pointer_and_no_trace_of_a_renewal(pointers: Pointers) -> None:
    assert standing(pointers) == Pointer("v1")
    assert pointers.read("0" * 32) is None


def test_only_one_of_those_who_saw_the_lock_free_takes_it(pointers: Pointers) -> None:
    seen = standing(pointers)
    assert pointers.claim(MEMBER_ID, seen, "first", 100.0, ("v2",))
    assert not pointers.claim(MEMBER_ID, seen, "second", 101.0, ("v3",))
    assert (standing(pointers).lock_owner, standing(pointers).pending) == ("first", ("v2",))


def test_a_lock_that_lapsed_is_taken_over_with_the_versions_that_it_left(
    pointers: Pointers, clock: ManualClock
) -> None:
    assert claimed(pointers, "dead", clock.now() + LEASE, "v2")
    seen = standing(pointers)
    assert claimed(pointers, "heir", clock.now() + 2 * LEASE, *seen.pending, "v3")
    assert standing(pointers).pending == ("v2", "v3")


@pytest.mark.parametrize("before", [0.0, 1_763_000_000.123456])
def test_who_saw_the_lock_before_another_took_and_left_it_does_not_lose_the_others_version(
    pointers: Pointers, before: float
) -> None:
    if before:
        assert claimed(pointers, "dead", before)
    slow = standing(pointers)
    assert claimed(pointers, "quick", 1_763_000_020.654321, "v2")
    assert not pointers.claim(MEMBER_ID, slow, "slow", 1_763_000_040.0, ("v3",))
    assert standing(pointers).pending == ("v2",)


def test_who_saw_a_lock_that_lapsed_does_not_take_the_place_of_one_that_was_taken_and_cleared_since(
    pointers: Pointers,
) -> None:
    assert claimed(pointers, "dead", 1_763_000_000.0)
    slow = standing(pointers)
    assert claimed(pointers, "quick", 1_763_000_020.0, "v2")
    pointers.close(MEMBER_ID, "v1", PortalState.UNPAID, "PAYMENT_REQUIRED", 90.0)
    assert not pointers.claim(MEMBER_ID, slow, "slow", 1_763_000_040.0, ("v3",))
    assert standing(pointers).pending == ("v2",)


def test_a_lock_given_back_can_be_taken_and_one_that_shall_rest_is_seen_to_rest(pointers: Pointers) -> None:
    assert claimed(pointers, "first", 100.0, "v2")
    pointers.release(MEMBER_ID, "first", (), 0.0)
    assert standing(pointers) == Pointer("v1")
    assert claimed(pointers, "second", 100.0, "v2")
    pointers.release(MEMBER_ID, "second", ("v2",), 55.0)
    assert (standing(pointers).lock_until, standing(pointers).pending) == (55.0, ("v2",))


def test_nobody_gives_back_what_another_holds(pointers: Pointers) -> None:
    assert claimed(pointers, "holder", 100.0, "v2")
    pointers.release(MEMBER_ID, "somebody else", (), 0.0)
    assert standing(pointers).lock_owner == "holder"


def test_the_switch_clears_every_trace_and_tells_when_and_where(pointers: Pointers, portals: Portals) -> None:
    assert claimed(pointers, "holder", 100.0, "v2")
    pointers.refused(MEMBER_ID, "v1", 50.0, "invalid_grant")
    pointers.close(MEMBER_ID, "v1", PortalState.UNPAID, "PAYMENT_REQUIRED", 90.0)
    assert pointers.switch(MEMBER_ID, "v1", "v2", "new.bitrix24.com", 77.0)
    assert standing(pointers) == Pointer("v2")
    record = portals.read(MEMBER_ID)
    assert record is not None
    assert (record.state, record.state_code, record.retry_at) == (PortalState.ACTIVE, "", 0.0)
    assert (record.domain, record.refreshed_at) == ("new.bitrix24.com", 77.0)


def test_a_renewal_that_finds_the_portal_renamed_remembers_where_it_was(pointers: Pointers, portals: Portals) -> None:
    assert pointers.switch(MEMBER_ID, "v1", "v2", "second.bitrix24.com", 1.0, former="acme.bitrix24.com")
    assert pointers.switch(MEMBER_ID, "v2", "v3", "third.bitrix24.com", 2.0, former="second.bitrix24.com")
    assert pointers.switch(MEMBER_ID, "v3", "v4", "third.bitrix24.com", 3.0, former="third.bitrix24.com")
    record = portals.read(MEMBER_ID)
    assert record is not None
    assert record.former_domains == {"acme.bitrix24.com", "second.bitrix24.com"}


def test_a_pointer_that_moved_on_is_not_moved_back(pointers: Pointers) -> None:
    assert switched(pointers, "v1", "v2")
    assert switched(pointers, "v2", "v3")
    assert not switched(pointers, "v1", "late")
    assert not switched(pointers, "v1", "v2")
    assert standing(pointers).version == "v3"


def test_a_repeated_switch_leaves_the_lock_of_whoever_renews_the_new_version(pointers: Pointers) -> None:
    assert switched(pointers, "v1", "v2")
    assert claimed(pointers, "next", 100.0, "v3")
    assert switched(pointers, "v1", "v2")
    assert (standing(pointers).lock_owner, standing(pointers).pending) == ("next", ("v3",))


REPEATED: dict[str, Callable[[Pointers], object]] = {
    "claim": lambda pointers: pointers.claim(MEMBER_ID, Pointer("v1"), "me", 100.0, ("v2",)),
    "release": lambda pointers: pointers.release(MEMBER_ID, "me", ("v2",), 60.0),
    "asking": lambda pointers: pointers.asking(MEMBER_ID, "v1", "me"),
    "refused": lambda pointers: pointers.refused(MEMBER_ID, "v1", 50.0, "invalid_grant"),
    "close": lambda pointers: pointers.close(MEMBER_ID, "v1", PortalState.REAUTHORISE, "invalid_grant", 0.0),
    "switch": lambda pointers: switched(pointers, "v1", "v2"),
}


@pytest.mark.parametrize("write", REPEATED.values(), ids=REPEATED)
def test_a_write_whose_answer_was_lost_says_the_same_when_it_is_repeated(
    pointers: Pointers, write: Callable[[Pointers], object]
) -> None:
    first, after = write(pointers), standing(pointers)
    assert write(pointers) == first
    assert standing(pointers) == after


# -- who asks, and what was lost ---------------------------------------------------------------------------------------


def test_only_the_holder_of_the_lock_may_spend_the_pair_that_is_true(pointers: Pointers) -> None:
    assert claimed(pointers, "holder", 100.0, "v2")
    assert not pointers.asking(MEMBER_ID, "v1", "another")
    assert not pointers.asking(MEMBER_ID, "v0", "holder")
    assert not standing(pointers).answer_lost
    assert pointers.asking(MEMBER_ID, "v1", "holder")
    assert standing(pointers).answer_lost  # unless the holder comes back with it


def test_a_lock_that_lapsed_while_its_holder_asked_leaves_word_of_a_lost_answer(pointers: Pointers) -> None:
    assert claimed(pointers, "dead", 100.0, "v2")
    assert pointers.asking(MEMBER_ID, "v1", "dead")
    assert claimed(pointers, "heir", 200.0, "v2", "v3")
    pointers.release(MEMBER_ID, "heir", ("v2",), 201.0)
    assert standing(pointers).lost_at == 100.0
    assert standing(pointers).answer_lost


@pytest.mark.parametrize("lost_at", [0.0, 55.5])
def test_a_holder_that_comes_back_says_itself_whether_the_answer_was_lost(pointers: Pointers, lost_at: float) -> None:
    assert claimed(pointers, "holder", 100.0, "v2")
    assert pointers.asking(MEMBER_ID, "v1", "holder")
    pointers.release(MEMBER_ID, "holder", (), 60.0, lost_at=lost_at)
    assert claimed(pointers, "next", 200.0, "v3")
    assert (standing(pointers).lost_at, standing(pointers).answer_lost) == (lost_at, lost_at > 0)


def test_the_switch_keeps_account_of_the_days_renewals_and_nothing_of_what_was_lost(pointers: Pointers) -> None:
    assert claimed(pointers, "holder", 100.0, "v2")
    assert pointers.asking(MEMBER_ID, "v1", "holder")
    pointers.release(MEMBER_ID, "holder", (), 60.0, lost_at=55.0)
    assert pointers.switch(MEMBER_ID, "v1", "v2", "acme.bitrix24.com", 70.0, charged_until=2470.0)
    assert standing(pointers) == Pointer("v2", charged_until=2470.0)
    assert switched(pointers, "v2", "v3")  # by an operator, who restores a record: that makes no version
    assert standing(pointers) == Pointer("v3", charged_until=2470.0)


def test_only_the_first_refusal_is_noted_and_only_of_the_version_that_stands(pointers: Pointers) -> None:
    pointers.refused(MEMBER_ID, "v0", 40.0, "invalid_grant")
    assert not standing(pointers).refused_at
    pointers.refused(MEMBER_ID, "v1", 50.0, "invalid_grant")
    pointers.refused(MEMBER_ID, "v1", 60.0, "bad_verification_code")
    assert (standing(pointers).refused_at, standing(pointers).refused_code) == (50.0, "invalid_grant")


def test_a_portal_is_closed_by_the_version_that_stands_only(pointers: Pointers) -> None:
    pointers.close(MEMBER_ID, "v0", PortalState.REAUTHORISE, "invalid_grant", 0.0)
    assert standing(pointers).state is PortalState.ACTIVE
    assert claimed(pointers, "holder", 100.0, "v2")
    pointers.close(MEMBER_ID, "v1", PortalState.UNPAID, "PAYMENT_REQUIRED", 90.0)
    assert standing(pointers) == Pointer(
        "v1", PortalState.UNPAID, "PAYMENT_REQUIRED", 90.0, lock_until=0.0, pending=("v2",)
    )


@pytest.mark.parametrize("write", ["switch", "close"])
def test_an_uninstalled_portal_is_neither_opened_nor_called_anything_else(
    pointers: Pointers, portals: Portals, write: str
) -> None:
    portals.save(replace(ACME, state=PortalState.UNINSTALLED))
    REPEATED[write](pointers)
    assert standing(pointers) == Pointer("v1", PortalState.UNINSTALLED)


def test_an_uninstalled_portal_does_not_count_as_switched_although_the_pointer_names_the_new_version(
    pointers: Pointers, portals: Portals
) -> None:
    portals.save(replace(ACME, token_version="v2", state=PortalState.UNINSTALLED))
    assert not switched(pointers, "v1", "v2")


@pytest.mark.parametrize("write", REPEATED.values(), ids=REPEATED)
def test_a_record_that_was_forgotten_does_not_come_back(
    pointers: Pointers, portals: Portals, write: Callable[[Pointers], object]
) -> None:
    portals.delete(ACME)
    assert not write(pointers)
    assert pointers.read(MEMBER_ID) is None
