"""What the portal sends later, as its queue does (bitrix24.md 5.1): events that a method or a user caused."""

import queue
import threading
from collections.abc import Sequence

from local.portal.events.http_delivery import Delivery
from local.portal.events.outgoing import Message


class Outbox:
    """Sends messages in their order, in a thread of its own: who puts them in holds the portal's lock, and the service
    calls the portal before it answers."""

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery
        self._waiting: queue.Queue[Message | None] = queue.Queue()
        self._thread = threading.Thread(target=self._send_all, name="portal-outbox", daemon=True)

    def put(self, messages: Sequence[Message]) -> None:
        for message in messages:
            self._waiting.put(message)

    def settle(self) -> None:
        """Waits until all that was put in has been sent, and answered."""
        self._waiting.join()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread after the message that it is sending."""
        self._waiting.put(None)

    def _send_all(self) -> None:
        while (message := self._waiting.get()) is not None:
            self._delivery.send(message)
            self._waiting.task_done()
