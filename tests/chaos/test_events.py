"""No accepted event is lost and no question is answered twice, even if workers are killed and events are sent twice.

The events function and the worker run in separate processes. Worker processes are killed during their work, the queue
refuses a part of the events, AWS's answers are lost after the commit, the bus refuses some events until these are given
up; then the faults end and an operator redrives the dead letters once. EVENTS is the number of events, SEED the seed of
all random choices.
"""

import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final

import pytest

from local.aws.event_bus import Entry
from tests.chaos.events_network import FAIR, Weather
from tests.chaos.events_plan import Key, Plan, chats_named, key_of
from tests.chaos.events_scene import Scene, running_scene
from tests.chaos.events_workers import DEAD_LETTERS, QUEUE, Chances, Workers, message_counts

pytestmark = [pytest.mark.dynamodb_local, pytest.mark.timeout(900)]

EVENTS: Final = int(os.environ.get("EVENTS", "2000"))
SEED: Final = int(os.environ.get("SEED", "1"))
CHANCES: Final = Chances(death=min(0.25, 600 / EVENTS), repetition=0.02)
"""About sixty deaths, but few enough that the workers finish."""
FOUL: Final = Weather(lost=0.02, refused_sends=0.05, refused_invocations=0.05, refused_entries=0.01)
WORKERS: Final = 2
AT_ONCE: Final = 10
PAUSES: Final = 8
"""How often three minutes pass while events are sent: not often enough for the portal's tokens to expire."""


@dataclass(frozen=True)
class Aftermath:
    """The state after the run."""

    seed: int
    worker_outcomes: Counter[str]
    """Counts of the outcomes of the worker's invocations."""
    plan: Plan
    statuses: Mapping[Key, Sequence[int]]
    """The response statuses of each event's sendings."""
    buried: int
    """Dead letters before the redrive."""
    redriven: object
    left: int
    """Messages in both queues at the end."""
    published: tuple[Entry, ...]
    cached: Mapping[str, int]
    claims: Mapping[int, str]
    answers: Sequence[Mapping[str, Any]]
    lost: float
    lost_lines: int
    unsent: float
    requeued: float
    given_up: float
    """Counts of events that were sent to the queue again, and of those sent to the dead letters in the end."""

    @property
    def accepted(self) -> frozenset[Key]:
        return frozenset(key for key, statuses in self.statuses.items() if 200 in statuses)

    @property
    def published_ids(self) -> Mapping[Key, set[object]]:
        ids: dict[Key, set[object]] = defaultdict(set)
        for entry in self.published:
            ids[key_of(entry.detail)].add(entry.detail["event_id"])
        return ids

    @property
    def missing(self) -> set[int]:
        """The messages whose questions were accepted and not answered."""
        answered = {chat_id for message in self.answers for chat_id in chats_named(message["text"])}
        asked = [each for each in self.plan.questions.values() if each.key in self.accepted]
        return {each.key[1] for each in asked if each.chat_id not in answered}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    url = os.environ.get("DYNAMODB_LOCAL_URL")
    if not url:
        pytest.skip("DYNAMODB_LOCAL_URL names no DynamoDB Local")
    with running_scene(url, tmp_path_factory.mktemp("events")) as scene:
        yield scene


@pytest.fixture(scope="module")
def aftermath(scene: Scene) -> Aftermath:
    plan = Plan.of(scene.sender, EVENTS, SEED)
    scene.add_chats(plan)
    workers = scene.workers(CHANCES, FOUL, Random(f"{SEED} workers"))  # noqa: S311 - repeatable
    with workers.at_work(WORKERS):
        statuses = sent(scene, plan, workers)
        while workers.time_passes():
            workers.settle()
        buried = sum(message_counts(scene.aws, DEAD_LETTERS))
        workers.renew(scene.processes("worker", FAIR), Chances())
        redriven = scene.redrive()
        workers.settle()
        left = sum((*message_counts(scene.aws, QUEUE), *message_counts(scene.aws, DEAD_LETTERS)))
    return Aftermath(
        seed=SEED,
        worker_outcomes=workers.outcomes,
        plan=plan,
        statuses=statuses,
        buried=buried,
        redriven=redriven.answer,
        left=left,
        published=scene.aws.published(),
        cached=scene.cached(),
        claims=scene.claims(),
        answers=scene.answers(),
        lost=scene.counted("EventsLost"),
        lost_lines=scene.lines("EventsLost"),
        unsent=scene.counted("AnswersUnsent"),
        requeued=scene.counted("EventsRequeued"),
        given_up=scene.counted("EventsGivenUp"),
    )


def sent(scene: Scene, plan: Plan, workers: Workers) -> Mapping[Key, Sequence[int]]:
    """Send all events to the events function while the workers run; return the response statuses."""
    statuses: dict[Key, list[int]] = defaultdict(list)
    process = scene.processes("events", FOUL)()
    for number, sending in enumerate(plan.sendings, 1):
        answer = process.invoke("EventsFunction", sending.request).answer
        assert isinstance(answer, dict)
        statuses[sending.key].append(answer["statusCode"])
        if number % AT_ONCE == 0:
            workers.keep_up(3 * AT_ONCE)
        if number % (len(plan.sendings) // PAUSES) == 0:
            workers.settle()
            workers.time_passes()
    process.stop()
    workers.settle()
    return statuses


def test_each_planned_fault_of_events_happened(aftermath: Aftermath) -> None:
    """Without the faults the other tests would prove nothing."""
    statuses = [status for each in aftermath.statuses.values() for status in each]
    assert set(statuses) == {200, 503}
    assert any(len(each) > 1 for each in aftermath.statuses.values())
    assert min(aftermath.worker_outcomes[each] for each in ("killed", "repeated", "handed back", "invoked")) > 0
    assert aftermath.requeued > 0
    assert aftermath.buried >= aftermath.given_up > 0


def test_each_lost_event_and_no_other_is_counted_as_lost(aftermath: Aftermath) -> None:
    refused = sum(each.count(503) for each in aftermath.statuses.values())
    assert (aftermath.lost, aftermath.lost_lines) == (refused, refused)


def test_queues_are_empty_after_one_redrive(aftermath: Aftermath) -> None:
    assert aftermath.redriven == {"moved": aftermath.buried, "left": 0}
    assert aftermath.left == 0


def test_each_cached_row_has_the_expected_chat(aftermath: Aftermath) -> None:
    answered = {each.deal: each.chat_id for each in aftermath.plan.questions.values()}
    asked_for = {deal: chat_id for deal, chat_id in aftermath.cached.items() if deal in answered}
    assert asked_for.items() <= answered.items()
    # An event reported as lost may have been stored: only the answer to it was lost.
    arrived = aftermath.accepted | aftermath.published_ids.keys()
    assert dict(aftermath.cached) == {**asked_for, **aftermath.plan.expected_hints(arrived)}


def test_each_accepted_event_is_published_under_one_id(aftermath: Aftermath) -> None:
    ids = aftermath.published_ids
    assert aftermath.accepted - ids.keys() == set()
    assert ids.keys() - aftermath.statuses.keys() == set()
    assert {key: found for key, found in ids.items() if len(found) > 1} == {}
    assert len(set.union(*ids.values())) == len(ids), "two events share an id"


def test_no_question_is_answered_twice(aftermath: Aftermath) -> None:
    named = Counter(chat_id for message in aftermath.answers for chat_id in chats_named(message["text"]))
    assert {chat_id: times for chat_id, times in named.items() if times > 1} == {}
    assert named.keys() <= {each.chat_id for each in aftermath.plan.questions.values()}
    assert len(aftermath.answers) == named.total()


def test_missing_answers_are_counted_and_at_most_as_many_as_killed_workers(aftermath: Aftermath) -> None:
    given_up = {message for message, state in aftermath.claims.items() if state == "unsent"}
    assert set(aftermath.claims.values()) <= {"answered", "unsent"}
    # An answer that is given up may have been sent: its worker was killed before it could record that.
    assert aftermath.missing <= given_up
    assert len(given_up) <= aftermath.unsent <= aftermath.worker_outcomes["killed"]
