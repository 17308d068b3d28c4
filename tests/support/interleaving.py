"""Actors that run one step at a time in an order set by the test: every interleaving is possible and repeatable."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field


class Killed(BaseException):
    """The process is killed here; not an `Exception`, so that the code under test does not catch it."""


@dataclass(eq=False)
class Actor:
    """One process. It stops before each step and continues when it gets the turn."""

    name: str
    wakes_at: float = 0.0
    done: bool = False
    doomed: bool = False
    result: object = None
    error: BaseException | None = None
    turn: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    stopped: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))


class Stage:
    """Runs actors and is their clock: time moves only when all actors sleep, or when the test sets `time`."""

    def __init__(self) -> None:
        self.time = 1_000_000.0
        self.actors: list[Actor] = []
        self._local = threading.local()

    def start(self, name: str, work: Callable[[], object]) -> Actor:
        actor = Actor(name)
        self.actors.append(actor)

        def run() -> None:
            self._local.actor = actor
            actor.turn.acquire()
            try:
                if not actor.doomed:
                    actor.result = work()
            except BaseException as error:  # noqa: BLE001 - the test checks the exception
                actor.error = error
            actor.done = True
            actor.stopped.release()

        threading.Thread(target=run, daemon=True).start()
        return actor

    def step(self) -> None:
        """Stop until the next turn; an actor calls it between two of its actions."""
        actor: Actor = self._local.actor
        actor.stopped.release()
        actor.turn.acquire()
        if actor.doomed:
            raise Killed

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self._local.actor.wakes_at = self.time + seconds
        self.step()

    def ready(self) -> list[Actor]:
        """The actors that can continue now; if all sleep, time moves to the next wake-up."""
        living = [actor for actor in self.actors if not actor.done]
        if living and all(actor.wakes_at > self.time for actor in living):
            self.time = min(actor.wakes_at for actor in living)
        return [actor for actor in living if actor.wakes_at <= self.time]

    def advance(self, actor: Actor) -> None:
        """Give one actor the turn until it stops before its next step or ends."""
        actor.turn.release()
        assert actor.stopped.acquire(timeout=10), f"{actor.name} hangs"

    def kill(self, actor: Actor) -> None:
        """End an actor at its current step; its former actions keep their effect."""
        actor.doomed = True
        self.advance(actor)
