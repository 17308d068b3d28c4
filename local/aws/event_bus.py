"""The entries published on an event bus, stored so that they can be read: a real bus does not show its entries."""

import json
import threading
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs

from local.net.http_server import Response

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

KEPT: Final = 20_000
_LONGEST_WAIT_S: Final = 20.0


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of PutEvents that the bus accepted."""

    bus: str
    source: str
    detail_type: str
    detail: Mapping[str, object] = field(repr=False)


class EventBus:
    """WSGI: EventBridge, and the latest entries that it accepted."""

    def __init__(self, app: "WSGIApplication") -> None:
        self._app = app
        self._entries: deque[Entry] = deque(maxlen=KEPT)
        self._changed = threading.Condition()
        self._ending = False

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        sent = environ["wsgi.input"].read()
        environ["wsgi.input"].seek(0)
        answer = Response.of(self._app, environ)
        if environ["HTTP_X_AMZ_TARGET"] == "AWSEvents.PutEvents" and answer.status.startswith("200"):
            self._keep(json.loads(sent)["Entries"], json.loads(answer.body)["Entries"])
        start_response(answer.status, answer.headers)
        return [answer.body]

    def entries(self) -> tuple[Entry, ...]:
        """The latest ones, the newest last."""
        return tuple(self._entries)

    def clear(self) -> None:
        self._entries.clear()

    def end_waiting(self) -> None:
        """Answers waiting and later requests for entries at once, from now on."""
        with self._changed:
            self._ending = True
            self._changed.notify_all()

    def show(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """WSGI: the same as JSON; with `?beyond=N` as soon as there are more than N, or when that takes too long."""
        (beyond,) = parse_qs(str(environ.get("QUERY_STRING", ""))).get("beyond", ["-1"])[-1:]
        if beyond.isdecimal():
            with self._changed:
                self._changed.wait_for(lambda: self._ending or len(self._entries) > int(beyond), _LONGEST_WAIT_S)
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps([asdict(entry) for entry in self.entries()], ensure_ascii=False).encode()]

    def _keep(self, entries: list[Mapping[str, str]], outcomes: list[Mapping[str, str]]) -> None:
        for entry, outcome in zip(entries, outcomes, strict=True):
            if "EventId" in outcome:
                bus = entry.get("EventBusName", "default")
                self._entries.append(Entry(bus, entry["Source"], entry["DetailType"], json.loads(entry["Detail"])))
        with self._changed:
            self._changed.notify_all()
