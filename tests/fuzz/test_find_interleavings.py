"""A chat that is made while processes look it up, in random interleavings: no process misses it after its event."""

from dataclasses import dataclass, field
from typing import Any, Final, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chat_lookup.cache.chat_cache import Cache
from chat_lookup.cache.learned_rows import LearnedRows
from chat_lookup.cache.leases import Leases
from chat_lookup.cache.rows import Hint
from chat_lookup.clock import Deadline
from chat_lookup.dynamodb import Table
from chat_lookup.entity import EntityRef
from chat_lookup.errors import ChatNotFound, PortalBusy
from chat_lookup.lookup.find import Lookup
from chat_lookup.lookup.hints import Hints
from chat_lookup.lookup.model import ChatReply, Options
from chat_lookup.lookup.plan_runner import Asking
from chat_lookup.lookup.single_flight import Misses
from chat_lookup.observability.telemetry import Telemetry
from chat_lookup.portals.portal import Portal
from tests.support.fakes import MEMBER_ID, FixedRandom
from tests.support.interleaving import Actor, Stage
from tests.support.stores.memory_stores import memory_stores
from tests.support.stores.unknown_pair import run_all

ORDER: Final = EntityRef("ORDER", "1")
CHAT: Final = 1437
PORTAL: Final = Portal(MEMBER_ID, "acme.bitrix24.com", "arn", "v1")


class SteppingTable:
    """The cache's table, on which each request is one step of an actor."""

    def __init__(self, stage: Stage, table: Table) -> None:
        self._stage = stage
        self._table = table

    def __getattr__(self, name: str) -> Any:
        def request(*args: Any, **given: Any) -> Any:
            self._stage.step()
            return getattr(self._table, name)(*args, **given)

        return request


@dataclass(slots=True)
class Chats:
    """The portal: it has no chat of the pair, until one is made. Each call takes two steps."""

    stage: Stage
    made: bool = False
    busy: bool = False
    """Whether no slot is free for a call in the background."""

    def chat_id(self, *_: object, **__: object) -> ChatReply:
        self.stage.step()
        found = CHAT if self.made else None
        self.stage.step()
        return ChatReply(found, "im.chat.get")

    def in_background(self, *_: object) -> ChatReply:
        if self.busy:
            raise PortalBusy(retry_after=1)
        return self.chat_id()


@dataclass(slots=True)
class Scene:
    """Processes that look the pair up, and the worker that receives the event of its new chat."""

    stage: Stage
    telemetry: Telemetry
    learns: bool
    """Whether the event is learned from; else it is a hint."""
    chats: Chats = field(init=False)
    table: Table = field(init=False)
    worked: bool = False

    def __post_init__(self) -> None:
        self.chats = Chats(self.stage)
        self.table = cast("Table", SteppingTable(self.stage, memory_stores().cache_rows))

    def begin(self, name: str) -> Actor:
        """Start a process that looks the pair up, and once more if the event was worked off before it had answered."""
        return self.stage.start(name, lambda: self._look_up_twice(self._process()))

    def work(self) -> Actor:
        """Make the chat, and start the worker with its event."""
        self.stage.time += 0.001  # a reply and an event of the same moment have no order
        self.chats.made = True
        received_at = self.stage.now()
        return self.stage.start("worker", lambda: self._work(received_at))

    def _process(self) -> Lookup:
        cache = Cache(self.table, self.stage, FixedRandom())
        misses = Misses(Leases(self.table, self.stage), self.telemetry, self.stage, FixedRandom())
        return Lookup(cast("Asking", self.chats), cache, misses, self.telemetry, self.stage)

    def _look_up_twice(self, lookup: Lookup) -> bool:
        """Whether a look-up that began after the event was worked off found the chat; True if there was none."""
        found = self._found(lookup)
        if found or not self.worked:
            return True
        return self._found(lookup)

    def _found(self, lookup: Lookup) -> bool:
        try:
            return lookup.find(PORTAL, ORDER, Options(), Deadline.after(60, self.stage)).chat_id == CHAT
        except ChatNotFound:
            return False

    def _work(self, received_at: float) -> None:
        cache = Cache(self.table, self.stage, FixedRandom())
        if self.learns:
            learned = LearnedRows(cache, self.table, self.stage, FixedRandom())
            learned.learn(MEMBER_ID, PORTAL.generation, ORDER, CHAT, received_at)
        else:
            asking, leases = cast("Asking", self.chats), Leases(self.table, self.stage)
            hints = Hints(asking, cache, leases, self.telemetry, self.stage, lambda *_: None)
            hints.ask(PORTAL, Hint(ORDER, CHAT, received_at), Deadline.after(25, self.stage))
        self.worked = True


@pytest.mark.parametrize("learns", [True, False], ids=["learned", "hint"])
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_process_misses_a_new_chat_after_its_event(telemetry: Telemetry, learns: bool, data: st.DataObject) -> None:
    stage = Stage()
    scene = Scene(stage, telemetry, learns)
    scene.chats.busy = data.draw(st.booleans())
    callers = [scene.begin(f"p{number}") for number in range(data.draw(st.integers(1, 4)))]
    comes = data.draw(st.integers(0, 30))
    for number in range(60):
        if number == comes:
            scene.work()
            stage.time += data.draw(st.sampled_from([0.0, 0.1, 1.0]))
        ready = stage.ready()
        if not ready:
            break
        stage.advance(data.draw(st.sampled_from(ready)))
    if not scene.chats.made:
        scene.work()
    run_all(stage)
    callers.append(scene.begin("later"))
    run_all(stage)
    assert [(each.result, each.error) for each in callers] == [(True, None)] * len(callers)
