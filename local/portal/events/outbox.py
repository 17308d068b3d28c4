"""What the portal sends later, as its queue does (bitrix24.md 5.1): events that a method or a user caused."""

import logging
import queue
import threading
from collections.abc import Sequence
from typing import Final

from local.portal.events.http_delivery import Delivery
from local.portal.events.outgoing import Message

_log: Final = logging.getLogger(__name__)


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
            try:
                self._delivery.send(message)
            except Exception as error:  # noqa: BLE001 - one event that cannot be sent must not keep back all later ones
                # Without its text, which may quote the address with its secret.
                _log.error("an event of the portal was not sent: %s", type(error).__name__)
            finally:
                self._waiting.task_done()
