"""Answers at most once: claimed by one attempt, settled for good; a dead worker is counted by the next attempt.

Each test runs without faults, and with the first response to every write lost after the commit (design 4).
"""

import pytest

from chat_lookup.bot.answer_claims import HELD, KEPT, LONGEST_ATTEMPT, Claim, Claims, ClaimState
from chat_lookup.dynamodb import Table
from tests.support.fakes import MEMBER_ID, ManualClock, Stores
from tests.support.stores.faulty_dynamodb import FaultyDynamoDB


@pytest.fixture(params=[False, True], ids=["received", "lost"])
def store(stores: Stores, request: pytest.FixtureRequest) -> FaultyDynamoDB:
    return FaultyDynamoDB(stores.dynamodb, repeats=request.param)


@pytest.fixture
def claims(store: FaultyDynamoDB, stores: Stores, clock: ManualClock) -> Claims:
    return Claims(Table(store.client, stores.cache_table), clock)


def attempt(message: str = "789", bot_id: int = 456, member_id: str = MEMBER_ID) -> Claim:
    return Claim.to(member_id, bot_id, message)


def test_first_attempt_gets_the_claim_and_another_is_refused(claims: Claims) -> None:
    assert claims.take(attempt()) is ClaimState.OURS
    assert claims.take(attempt()) is ClaimState.IN_PROGRESS


@pytest.mark.parametrize(
    "other",
    [attempt("790"), attempt("789#78"), attempt(bot_id=457), attempt(member_id="another portal's")],
    ids=["message", "command", "bot", "portal"],
)
def test_other_answer_has_its_own_claim(claims: Claims, other: Claim) -> None:
    claims.take(attempt())
    assert claims.take(other) is ClaimState.OURS


@pytest.mark.parametrize("seconds", [1, HELD + 1, KEPT + 1])
@pytest.mark.parametrize("given", [True, False], ids=["answered", "unsent"])
def test_settled_answer_is_never_claimed_again(claims: Claims, clock: ManualClock, given: bool, seconds: float) -> None:
    claim = attempt()
    claims.take(claim)
    (claims.answered if given else claims.unsent)(claim)
    clock.advance(seconds)
    assert claims.take(attempt()) is ClaimState.SETTLED


def test_dead_attempt_is_found_by_one_attempt_which_takes_over_its_claim(claims: Claims, clock: ManualClock) -> None:
    claims.take(attempt())
    clock.advance(HELD - 1)
    assert claims.take(attempt()) is ClaimState.IN_PROGRESS
    clock.advance(1)
    heir = attempt()
    assert claims.take(heir) is ClaimState.DIED
    assert claims.take(attempt()) is ClaimState.IN_PROGRESS
    claims.unsent(heir)
    assert claims.take(attempt()) is ClaimState.SETTLED


def test_claim_of_a_second_dead_attempt_is_taken_over_too(claims: Claims, clock: ManualClock) -> None:
    claims.take(attempt())
    for _ in range(2):
        clock.advance(HELD)
        assert claims.take(attempt()) is ClaimState.DIED


def test_attempt_counted_as_dead_can_no_longer_change_the_claim(claims: Claims, clock: ManualClock) -> None:
    slow, heir = attempt(), attempt()
    claims.take(slow)
    clock.advance(HELD)
    claims.take(heir)
    for settle in (claims.unsent, claims.answered, claims.release):
        settle(slow)
        assert claims.take(attempt()) is ClaimState.IN_PROGRESS


def test_longest_attempt_is_shorter_than_the_claim() -> None:
    assert LONGEST_ATTEMPT < HELD


def test_released_claim_can_be_taken_again(claims: Claims) -> None:
    claim = attempt()
    claims.take(claim)
    claims.release(claim)
    assert claims.take(attempt()) is ClaimState.OURS


def test_released_claim_cannot_be_settled_by_its_former_attempt(claims: Claims) -> None:
    first, second = attempt(), attempt()
    claims.take(first)
    claims.release(first)
    claims.unsent(first)
    assert claims.take(second) is ClaimState.OURS
    claims.release(first)
    claims.answered(second)
    assert claims.take(attempt()) is ClaimState.SETTLED


def test_claim_is_not_released_by_another_attempt(claims: Claims) -> None:
    claims.take(attempt())
    claims.release(attempt())
    assert claims.take(attempt()) is ClaimState.IN_PROGRESS


def test_settled_claim_is_not_released(claims: Claims) -> None:
    claim = attempt()
    claims.take(claim)
    claims.answered(claim)
    claims.release(claim)
    assert claims.take(attempt()) is ClaimState.SETTLED


def test_unsent_answer_stays_unsent(claims: Claims) -> None:
    claim = attempt()
    claims.take(claim)
    claims.unsent(claim)
    claims.answered(claim)
    claims.release(claim)
    assert claims.take(attempt()) is ClaimState.SETTLED


def test_failed_release_keeps_the_claim_and_raises_nothing(claims: Claims, store: FaultyDynamoDB) -> None:
    claim = attempt()
    claims.take(claim)
    store.down.add("update_item")
    claims.release(claim)
    assert claims.take(attempt()) is ClaimState.IN_PROGRESS


def test_claim_is_kept_for_a_week(claims: Claims, stores: Stores, clock: ManualClock) -> None:
    claim = attempt()
    claims.take(claim)
    item = stores.dynamodb.get_item(TableName=stores.cache_table, Key={"pk": {"S": claim.key}})["Item"]
    assert int(item["expires_at"]["N"]) == int(clock.now() + KEPT)
