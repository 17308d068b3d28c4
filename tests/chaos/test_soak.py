"""Thousands of look-ups while portals, stores and the network between them fail in every known way.

LOOKUPS is the number of look-ups, SEED the seed of all random choices.
"""

import os
from collections import Counter
from collections.abc import Iterator
from typing import Final

import pytest

from functions.lookup.app import BATCH_SECONDS, SECONDS
from local.aws.embedded import EmbeddedAws
from tests.chaos.soak_network import SHARES
from tests.chaos.soak_plan import SERVER_TROUBLES, SHARE_OF_TROUBLE, TROUBLES, Plan, is_an_answer, is_right, name_of
from tests.chaos.soak_scene import Soak, running_scene

pytestmark = [pytest.mark.dynamodb_local, pytest.mark.timeout(3600)]

LOOKUPS: Final = int(os.environ.get("LOOKUPS", "3000"))
SEED: Final = os.environ.get("SEED", "1")
A_ROUND: Final = 100
PORTALS: Final = 2
BATCHES: Final = 0.03
LATE: Final = 0.5
"""Seconds by which a busy machine may delay an answer that is ready."""
EXPECTED: Final = {
    404: {"chat-not-found"},
    429: {"portal-busy"},
    400: {"portal-refused"},
    403: {"chat-not-accessible", "portal-not-installed"},
    502: {"portal-misconfigured"},
    503: {"portal-unavailable", "portal-blocked", "portal-reauthorise", "store-unavailable", "deadline"},
}
"""Problems that callers can handle, by status."""


@pytest.fixture(scope="module")
def soak(tmp_path_factory: pytest.TempPathFactory, embedded_aws: EmbeddedAws) -> Iterator[Soak]:
    url = os.environ.get("DYNAMODB_LOCAL_URL")
    if not url:
        pytest.skip("DYNAMODB_LOCAL_URL names no DynamoDB Local")
    with running_scene(url, embedded_aws, tmp_path_factory.mktemp("soak")) as scene:
        yield scene.soak(Plan.of(LOOKUPS, A_ROUND, PORTALS, SEED, BATCHES), SEED)


def test_each_planned_fault_of_the_soak_happened(soak: Soak) -> None:
    """Without the faults the other tests would prove nothing."""
    errors, calls = soak.counted("PortalErrors", "code"), soak.counted("PortalCalls", "method")
    assert {each.code for each in (*TROUBLES, *SERVER_TROUBLES) if each.code} - errors.keys() == set()
    assert errors.total() >= SHARE_OF_TROUBLE * calls.total()
    assert {(service, blow) for service, blows in SHARES.items() for blow in blows} - soak.struck.keys() == set()
    sources = soak.counted("Lookups", "source")
    assert {"portal", "cache", "stale", "none"} <= sources.keys()


def test_each_answered_chat_is_correct(soak: Soak) -> None:
    wrong = [
        (asked.question, outcome)
        for asked, deal, outcome in soak.outcomes()
        if not is_right(outcome, soak.plan.chat_of(asked.question.portal, deal, asked.round))
    ]
    assert wrong == []


def test_third_of_look_ups_at_least_is_answered(soak: Soak) -> None:
    """Without answers none could be wrong."""
    outcomes = [outcome for _, _, outcome in soak.outcomes()]
    assert len(outcomes) == LOOKUPS
    assert sum(is_an_answer(outcome) for outcome in outcomes) > LOOKUPS / 3


def test_each_failure_has_a_problem_that_callers_can_handle(soak: Soak) -> None:
    problems = [outcome["problem"] for _, _, outcome in soak.outcomes() if outcome["chat_id"] is None]
    unknown = Counter(name_of(each) for each in problems if name_of(each) not in EXPECTED.get(each["status"], ()))
    assert unknown == {}
    # DynamoDB's own failures reach the entry code unchanged and are recognised by their module.
    unexpected = [line for line in soak.lines if line.get("message") == "unexpected error"]
    assert [line for line in unexpected if "botocore" not in str(line.get("exception"))] == []


def test_no_reply_is_later_than_its_deadline(soak: Soak) -> None:
    late = [
        (asked.reply.seconds, asked.question, asked.reply.status)
        for asked in soak.asked
        if asked.reply.seconds > (BATCH_SECONDS if asked.question.is_batch else SECONDS) + LATE
    ]
    assert late == []
