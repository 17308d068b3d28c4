"""What the portal sends later: one message after the other, and all of them."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.net.certificates import Authority
from local.portal.events.http_delivery import Answer, Delivery
from local.portal.events.outbox import Outbox
from local.portal.events.outgoing import Message

SECRET = "k3xq9vj2m5tzw8ab"


class Fragile(Delivery):
    """Fails with an error that nothing expects, where the address has a word."""

    def __init__(self, folder: Path) -> None:
        super().__init__(Authority(folder).ca_file)
        self.sent: list[str] = []

    def send(self, message: Message, *, browsing: bool = False) -> Answer:
        if "broken" in message.url:
            raise KeyError(message.url)
        self.sent.append(message.url)
        return super().send(message, browsing=browsing)


@pytest.fixture
def delivery(tmp_path: Path) -> Fragile:
    return Fragile(tmp_path)


@pytest.fixture
def outbox(delivery: Fragile) -> Iterator[Outbox]:
    made = Outbox(delivery)
    made.start()
    yield made
    made.stop()


def to(address: str) -> Message:
    return Message("POST", address, "a=1", "application/x-www-form-urlencoded")


def test_message_whose_sending_fails_unexpectedly_keeps_back_no_other(
    outbox: Outbox, delivery: Fragile, caplog: pytest.LogCaptureFixture
) -> None:
    outbox.put([to("no address"), to(f"broken {SECRET}"), to("no other address")])
    settled = threading.Thread(target=outbox.settle, daemon=True)
    settled.start()
    settled.join(20)
    assert not settled.is_alive()
    assert delivery.sent == ["no address", "no other address"]
    assert "KeyError" in caplog.text
    assert SECRET not in caplog.text
