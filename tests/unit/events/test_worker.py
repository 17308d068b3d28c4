"""Effects of one record: each runs even if others fail, and a failure makes the record come again."""

from dataclasses import dataclass, field

import pytest

from chat_lookup.bitrix24.event_names import EventKind
from chat_lookup.clock import Deadline
from chat_lookup.config import EventsTeach
from chat_lookup.dynamodb import Table
from chat_lookup.errors import PortalBusy, StoreUnavailable
from chat_lookup.events.model import BotEvent, Record
from chat_lookup.events.publisher import Publisher
from chat_lookup.events.queue import Progress
from chat_lookup.events.worker import Working
from chat_lookup.portals.portal import Portal, PortalState
from chat_lookup.portals.recovery import Recovery
from chat_lookup.portals.updates import PortalFacts
from tests.support.events.bot_questions import GROUP, OPEN_LINE, message, record_of
from tests.support.events.queue_worker import FakeBus
from tests.support.events.teaching import warming
from tests.support.fakes import MEMBER_ID, Output, Stores
from tests.support.in_process_service import DEAL, Service, find
from tests.support.portals.known_portal import BOT
from tests.support.stores.faulty_dynamodb import FaultyDynamoDB

BOUND = GROUP._replace(entity_type="CRM", entity_id="DEAL|1663")
SECRET = "what a secret deal"


@dataclass
class FakeAnswers:
    """At the port of the bot: records the portals and events it was called with."""

    asked: list[tuple[Portal, Record]] = field(default_factory=list)
    failure: Exception | None = None

    def answer(self, portal: Portal, record: Record, deadline: Deadline) -> str:
        assert deadline.left() > 0
        self.asked.append((portal, record))
        if self.failure is not None:
            raise self.failure
        return "answered"


class Worker:
    """A worker with the stores of the test."""

    def __init__(self, service: Service, stores: Stores) -> None:
        self.service = service
        self.answers = FakeAnswers()
        self.bus = FakeBus()
        self.store = FaultyDynamoDB(stores.dynamodb)
        self._working = Working(
            service.portals,
            PortalFacts(Table(self.store.client, stores.portal_table), service.portals),
            self.answers.answer,
            warming(service, stores, EventsTeach.TRUST, Table(self.store.client, stores.cache_table)),
            Publisher(self.bus.client, "default", service.telemetry, with_text=False),
            service.telemetry,
        )

    def announce(self, recovery: Recovery) -> None:
        with self.service.telemetry.invocation("event"):
            self._working.announce(recovery)

    def work(self, record: Record, progress: Progress | None = None) -> None:
        clock = self.service.clock
        with self.service.telemetry.invocation("event"):
            self._working.work(
                record._replace(received_at=clock.now()), Deadline.after(25, clock), progress or Progress()
            )


@pytest.fixture
def worker(service: Service, stores: Stores, portal: Portal) -> Worker:
    del portal  # which it works for
    return Worker(service, stores)


def test_an_event_is_answered_learned_from_and_published(worker: Worker, portal: Portal, service: Service) -> None:
    worker.work(message("hello", chat=BOUND))
    assert [(asked.member_id, record.event.name) for asked, record in worker.answers.asked] == [
        (portal.member_id, "ONIMBOTV2MESSAGEADD")
    ]
    assert find(service, portal).source == "event"
    (published,) = worker.bus.details
    assert published["entity"] == {"entity_type": "CRM", "entity_id": "DEAL|1663"}
    assert published["portal"] == {"member_id": MEMBER_ID, "domain": "acme.bitrix24.com"}


def test_requested_entity_is_published_too(worker: Worker) -> None:
    worker.service.bitrix24.answers(
        "imbot.v2.Chat.get", {"chat": {"id": 1437, "entityType": "CRM", "entityId": "DEAL|1663"}}
    )
    worker.work(message("hello", chat=GROUP))
    assert worker.bus.details[0]["entity"] == {"entity_type": "CRM", "entity_id": "DEAL|1663"}


def test_event_that_waits_for_its_answer_is_published_once(worker: Worker) -> None:
    record, progress = message("hello", chat=BOUND), Progress()
    worker.answers.failure = PortalBusy()
    for _ in range(3):
        with pytest.raises(PortalBusy):
            worker.work(record, progress)
    worker.answers.failure = None
    worker.work(record, progress)
    assert len(worker.bus.details) == 1


def test_event_that_the_bus_refused_is_published_when_it_is_tried_again(worker: Worker) -> None:
    record, progress = message("hello", chat=BOUND), Progress()
    worker.bus.down = True
    with pytest.raises(StoreUnavailable):
        worker.work(record, progress)
    worker.bus.down = False
    worker.work(record, progress)
    assert len(worker.bus.details) == 1


def test_one_log_line_contains_the_outcome_of_an_event(worker: Worker, output: Output) -> None:
    record = message(SECRET, chat=BOUND)
    worker.work(record)
    (line,) = output.lines
    assert {
        "event": "ONIMBOTV2MESSAGEADD",
        "event_id": record.event_id,
        "portal": MEMBER_ID,
        "chat_id": 1437,
        "entity_id": "DEAL|1663",
        "answer": "answered",
        "learned": "filled",
        "published": True,
        "level": "INFO",
    }.items() <= line.items()
    assert SECRET not in output.text


def test_number_of_a_customer_is_in_no_log_line(worker: Worker, output: Output) -> None:
    worker.work(message("hello", chat=OPEN_LINE))
    assert "livechat" not in output.text
    assert str(output.lines[0]["entity_id"]).startswith("sha256:")


# -- failures ----------------------------------------------------------------------------------------------------------


def test_failed_answer_does_not_prevent_learning_and_publishing(
    worker: Worker, portal: Portal, service: Service, output: Output
) -> None:
    worker.answers.failure = PortalBusy(retry_after=1)
    with pytest.raises(PortalBusy):
        worker.work(message("hello", chat=BOUND))
    assert find(service, portal).source == "event"
    assert len(worker.bus.details) == 1
    line = output.lines[0]
    assert (line["answer"], line["answer_failure"], line["published"]) == ("failed", "PortalBusy", True)


def test_failed_cache_does_not_prevent_answering_and_publishing(worker: Worker) -> None:
    worker.store.down = {"update_item"}
    with pytest.raises(Exception, match="Could not connect"):
        worker.work(message("hello", chat=BOUND))
    assert len(worker.answers.asked) == 1
    assert worker.bus.details[0]["entity"] == {"entity_type": "CRM", "entity_id": "DEAL|1663"}


def test_failed_bus_makes_the_record_come_again(worker: Worker, portal: Portal, service: Service) -> None:
    worker.bus.down = True
    with pytest.raises(StoreUnavailable):
        worker.work(message("hello", chat=BOUND))
    assert len(worker.answers.asked) == 1
    assert find(service, portal).source == "event"


def test_of_several_failures_the_first_is_raised(worker: Worker) -> None:
    worker.answers.failure = PortalBusy()
    worker.bus.down = True
    with pytest.raises(PortalBusy):
        worker.work(message("hello", chat=BOUND))


def test_a_record_that_comes_again_is_published_under_the_same_id(worker: Worker) -> None:
    record = message("hello", chat=BOUND)
    for failure in (PortalBusy(), None):
        worker.answers.failure = failure
        try:
            worker.work(record)
        except PortalBusy:
            continue
    assert [published["event_id"] for published in worker.bus.details] == [record.event_id] * 2


# -- the portal's state ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("installed", [True, False], ids=["uninstalled", "forgotten"])
def test_events_of_a_portal_that_is_gone_are_dropped(
    worker: Worker, service: Service, portal: Portal, output: Output, installed: bool
) -> None:
    if installed:
        service.portals.states.change(portal, state={"S": PortalState.UNINSTALLED})
    else:
        service.portals.delete(portal)
    worker.work(message("hello", chat=BOUND))
    assert (worker.answers.asked, worker.bus.details) == ([], [])
    assert output.lines[0]["outcome"] == "not_installed"


def test_a_purge_between_two_events_is_seen(worker: Worker, service: Service, portal: Portal) -> None:
    worker.work(message("hello", chat=BOUND))
    generation = service.portals.raise_generation(portal.member_id)
    worker.work(message("hello", chat=BOUND))
    assert service.cache.get(MEMBER_ID, generation, DEAL) is not None


def test_events_of_a_stopped_portal_are_published_without_a_call(
    worker: Worker, service: Service, portal: Portal
) -> None:
    service.portals.states.stop(portal)
    worker.work(message("hello", chat=GROUP))
    worker.work(message("hello", chat=BOUND))
    assert len(worker.bus.details) == 2
    assert worker.bus.details[0]["entity"] is None
    assert service.bitrix24.calls == []


def test_recovery_of_a_portal_is_announced_even_if_its_record_is_deleted(
    worker: Worker, service: Service, portal: Portal, output: Output
) -> None:
    service.portals.delete(portal)
    worker.announce(Recovery("r" * 32, MEMBER_ID, "acme.bitrix24.com", "unpaid", "PAYMENT_REQUIRED", 1_763_000_000.0))
    assert [detail["state"] for detail in worker.bus.details] == ["unpaid"]
    assert (output.lines[0]["recovered"], output.lines[0]["published"]) == (MEMBER_ID, True)
    worker.bus.down = True
    with pytest.raises(StoreUnavailable):
        worker.announce(Recovery("r" * 32, MEMBER_ID, "acme.bitrix24.com", "unpaid", "", 1_763_000_000.0))


def test_events_of_a_closed_portal_are_learned_and_published(worker: Worker, service: Service, portal: Portal) -> None:
    service.portals.states.close(portal, PortalState.REAUTHORISE, "invalid_grant")
    worker.work(message("hello", chat=BOUND))
    assert service.cache.get(MEMBER_ID, portal.generation, DEAL) is not None
    assert len(worker.bus.details) == 1


# -- our bot is deleted ------------------------------------------------------------------------------------------------


def deletion(bot_id: int, name: str = "ONIMBOTV2DELETE") -> Record:
    return record_of(BotEvent(name, EventKind.BOT_DELETE, bot_ids=(bot_id,)))


@pytest.mark.parametrize("name", ["ONIMBOTDELETE", "ONIMBOTV2DELETE"])
def test_deleted_bot_is_removed_from_the_portals_record(
    worker: Worker, service: Service, portal: Portal, output: Output, name: str
) -> None:
    worker.work(deletion(BOT, name))
    after = service.portals.read(portal.member_id)
    assert after == portal._replace(bot_id=None, bot_api="", command_id=None)
    assert worker.answers.asked[0][0] == after
    assert output.lines[0]["bot"] == "deleted"
    assert len(worker.bus.details) == 1


def test_deletion_of_another_bot_leaves_the_portals_record_unchanged(
    worker: Worker, service: Service, portal: Portal
) -> None:
    worker.work(deletion(BOT - 1))
    assert service.portals.read(portal.member_id) == portal


def test_a_deletion_that_comes_again_does_not_touch_the_bot_that_was_registered_since(
    worker: Worker, service: Service, portal: Portal
) -> None:
    worker.work(deletion(BOT))
    registered = portal._replace(bot_id=BOT + 1)
    service.portals.save(registered)
    worker.work(deletion(BOT))
    after = service.portals.read(portal.member_id)
    assert after is not None
    assert (after.bot_id, after.bot_api, after.command_id) == (BOT + 1, "v2", 78)
