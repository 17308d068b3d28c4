"""A part whose start was interrupted before its thread came stops in silence; the thread ends when it comes."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest

from local.aws.queue_poller import EventSources
from local.net.certificates import Authority
from local.net.http_server import HttpServer
from local.portal.events.http_delivery import Delivery
from local.portal.events.outbox import Outbox
from tests.support.events.queue_scene import Scene, scene

BEGIN = threading.Thread.start


class Part(Protocol):
    def start(self) -> None: ...

    def stop(self) -> None: ...


PARTS: dict[str, Callable[[Scene, Path], Part]] = {
    "server": lambda _, __: HttpServer(lambda _, __: []),
    "sources of events": lambda stores, _: EventSources(stores.template.sources, stores.aws, lambda _, __: None),
    "outbox": lambda _, folder: Outbox(Delivery(Authority(folder).ca_file)),
}


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Scene]:
    with scene(tmp_path) as found:
        yield found


@pytest.mark.parametrize("name", PARTS)
def test_part_interrupted_in_its_start_stops_and_so_does_its_late_thread(
    name: str, stores: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[threading.Thread] = []
    failures: list[threading.ExceptHookArgs] = []

    def interrupted(thread: threading.Thread) -> None:
        begun.append(thread)
        raise KeyboardInterrupt

    part = PARTS[name](stores, tmp_path)
    monkeypatch.setattr(threading, "excepthook", failures.append)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", interrupted)
        with pytest.raises(KeyboardInterrupt):
            part.start()
    part.stop()
    (thread,) = begun
    BEGIN(thread)
    thread.join(10)

    assert not thread.is_alive()
    assert failures == []
