"""An outage of two hours of the portal or of the bus, with the service's own parts behind a simulated queue."""

from collections.abc import Callable, Mapping
from random import Random

import pytest

from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.config import EventsTeach
from chat_lookup.events.model import EventMessage
from chat_lookup.events.publisher import Publisher
from chat_lookup.events.worker import Working
from chat_lookup.observability.telemetry import Telemetry
from chat_lookup.portals.updates import PortalFacts
from tests.support.events.bot_questions import EMPLOYEE, SEND_METHODS, Bot, bot_in, message
from tests.support.events.queue_worker import FakeBus
from tests.support.events.simulated_queue import SimulatedQueue, Simulation, ThreadClock
from tests.support.events.teaching import warming
from tests.support.fakes import MEMBER_ID, FakeBitrix24, Output, Stores
from tests.support.in_process_service import Service, build
from tests.support.portals.known_portal import with_a_bot

HOUR = 3600.0
EVENTS = 5
"""Questions, one in half an hour: the first before the outage, the last at its end."""


class DownBus(FakeBus):
    """The bus, which accepts nothing while `is_down` returns true."""

    is_down: Callable[[], bool]

    def put_events(self, Entries: list[dict[str, str]]) -> dict[str, object]:  # noqa: N803 - AWS's name
        self.down = self.is_down()
        return super().put_events(Entries)


class Stage:
    """A worker with the service's own parts, its portal, its bus, and an outage of two hours of either."""

    def __init__(self, stores: Stores, telemetry: Telemetry, out: str) -> None:
        self.clock = ThreadClock()
        self.start = self.clock.now()
        self._out = out
        self.answered: list[object] = []
        """What the portal received from the bot."""
        self.bus = DownBus()
        self.bus.is_down = lambda: self._is_out("bus")
        service = build(stores, self.clock, FakeBitrix24(self.clock), telemetry)
        portal = with_a_bot(service)
        self.bot = bot_in(service, stores, portal)
        self._answer("im.chat.get", {"ID": 1437})
        self._answer("profile", {"ID": "1", "ADMIN": True})
        for method in SEND_METHODS.values():
            self._answer(method, {"id": 1}, self.answered)
        worker = _working(service, stores, self.bot, self.bus, telemetry)
        self.queue = SimulatedQueue(self.clock, Random(1))  # noqa: S311 - repeatable
        self.simulation = Simulation(worker, self.clock, telemetry, self.queue, pollers=2)

    def send_questions(self) -> None:
        """Each about another deal, so that the portal is called for each."""
        records = []
        for number in range(EVENTS):
            text, moment = f"deal {number + 1}", self.start + number * HOUR / 2
            question = message(text, message=EventMessage(number + 1, text, EMPLOYEE.user_id))
            records.append(
                (moment, MEMBER_ID, question._replace(event_id=f"{number:032x}", received_at=moment).to_json())
            )
        self.simulation.send(records)

    def _is_out(self, what: str) -> bool:
        return self._out == what and 60 <= self.clock.now() - self.start < 60 + 2 * HOUR

    def _answer(self, method: str, result: object, arrived: list[object] | None = None) -> None:
        def reply(params: Mapping[str, object]) -> object:
            if self._is_out("portal"):
                raise BitrixError("TRANSPORT", method=method, unreached=True)
            if arrived is not None:
                arrived.append(params)
            return result

        self.bot.bitrix24.answers_by(method, reply)


def _working(service: Service, stores: Stores, bot: Bot, bus: FakeBus, telemetry: Telemetry) -> Working:
    return Working(
        service.portals,
        PortalFacts(stores.portal_rows, service.portals),
        bot.answering.answer,
        warming(service, stores, EventsTeach.HINT),
        Publisher(bus.client, "default", telemetry, with_text=False),
        telemetry,
    )


@pytest.mark.parametrize(
    ("out", "reason"), [("portal", "portal-unavailable"), ("bus", "bus-unavailable")], ids=["portal", "bus"]
)
def test_after_an_outage_of_two_hours_each_question_is_answered_and_published_and_none_is_a_dead_letter(
    stores: Stores, telemetry: Telemetry, output: Output, out: str, reason: str
) -> None:
    stage = Stage(stores, telemetry, out)
    stage.send_questions()
    stage.simulation.run()
    assert stage.queue.dead == []
    assert len(stage.answered) == EVENTS
    assert sorted(str(each["event_id"]) for each in stage.bus.details) == [f"{each:032x}" for each in range(EVENTS)]
    assert output.metric("EventsRequeued", reason=reason) > EVENTS
    assert output.metric("EventsGivenUp") == output.metric("AnswersUnsent") == 0
