"""The service for a test: a whole stack on this machine, reset before each test."""

import json
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode, urlsplit

import urllib3

from local.aws import lambda_runtime
from local.aws.event_bus import Entry
from local.portal.server import LocalPortal
from local.stack import LocalStack
from tests.support.portals.portal_control import controlled
from tests.support.portals.switches import AS_USUAL
from tests.support.processes.stopped_clock import StoppedClock, stopped
from tests.support.processes.waiting import until
from tests.support.stores.dynamodb_engine import DynamoDbEngine
from tests.support.stores.moto_tables import MotoTables

LONGEST_WAIT_S = 40.0


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP response. Header names are case-insensitive."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Service:
    """One stack, called as its users and operators call it."""

    def __init__(self, stack: LocalStack) -> None:
        self.stack = stack
        self.api_url = stack.addresses.api_url
        self.api_key = stack.api_key
        self.member_id = stack.member_id
        self.clock = stack.clock
        self._http = urllib3.PoolManager(retries=False, timeout=LONGEST_WAIT_S)
        self._mark = 0
        # Read after the installation: `reset` restores portals, keys and stored capabilities to this state.
        in_memory = stack.settings.dynamodb
        self._tables = in_memory if isinstance(in_memory, DynamoDbEngine) else MotoTables()
        self._portals = self._tables.rows("PortalTable")
        self._scopes = self.admin("portals")["portals"][0]["scopes"]
        self._host = urlsplit(self.portal.portal_url).hostname
        self._content = self.portal.content()

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Reply:
        """GET with the stack's key, or with the given headers and without the key."""
        return self.request("GET", path, headers)

    def request(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Reply:
        sent = {"X-Api-Key": self.api_key} if headers is None else headers
        response = self._http.request(method, self.api_url + path, headers=sent, body=body, redirect=False)
        return Reply(response.status, response.headers, response.data)

    def look_up(self, entity_type: str, entity_id: str, **options: str) -> Reply:
        """GET /v1/chats of one pair."""
        return self.get("/v1/chats?" + urlencode({"entity_type": entity_type, "entity_id": entity_id, **options}))

    def direct(self, event: object) -> Any:
        """Invoke the direct function; raises what it raises."""
        return self.stack.backend.functions.invoke("DirectFunction", event)

    def admin(self, command: str, **fields: object) -> Any:
        """Invoke the admin function; raises what it raises."""
        return self.stack.backend.functions.invoke("AdminFunction", {"command": command, **fields})

    @property
    def portal(self) -> LocalPortal:
        """The local portal that the stack calls."""
        assert self.stack.target.local is not None
        return self.stack.target.local

    def control(self, path: str, body: object = None) -> Any:
        """POST to the portal's control, or GET without a body."""
        return controlled(self.portal, "GET" if body is None else "POST", path, body)

    def calls(self, method: str | None = None) -> list[dict[str, Any]]:
        """The requests that the portal received, of one method or all."""
        found: list[dict[str, Any]] = self.control("/calls" + (f"?method={method}" if method else ""))
        return found

    def say(self, text: str, **more: object) -> Any:
        """Write as a user in the portal (`POST /say`) and process all its events; return the control's answer."""
        answer = self.control("/say", {"text": text, **more})
        self.settle()
        return answer

    def messages(self) -> list[dict[str, Any]]:
        """The messages of bots since the last reset."""
        found: list[dict[str, Any]] = self.control("/messages")
        return found

    def published(self) -> tuple[Entry, ...]:
        """The entries that the event bus accepted since the last reset."""
        return self.stack.backend.aws.published()

    def settle(self) -> None:
        """Wait until the worker has processed every event. Fails if an event stays in the queue, because it failed."""
        until(lambda: self.stack.backend.aws.left("EventQueue") == 0)

    def output(self) -> str:
        """Everything that the functions printed since the last mark, in whole lines."""
        return self._printed().decode()

    def logs(self) -> list[dict[str, Any]]:
        """The log lines since the last mark, parsed."""
        return [line for line in self._lines() if "_aws" not in line]

    def metrics(self) -> list[dict[str, Any]]:
        """The EMF blobs since the last mark, parsed."""
        return [line for line in self._lines() if "_aws" in line]

    def mark(self) -> None:
        """Ignore all logs and metrics printed before now."""
        self._mark += len(self._printed())

    def cold_start(self) -> None:
        """Clear the process's memory; the stores keep their content."""
        lambda_runtime.forget()

    def stopped_clock(self) -> AbstractContextManager[StoppedClock]:
        """Inside, the time that a busy machine takes counts for nothing."""
        return stopped(self.stack.settings.state_dir / "clock")

    @contextmanager
    def hurried(self, seconds: int) -> Iterator[None]:
        """Inside, every function has this many seconds for an invocation, by the machine's time."""
        functions = self.stack.backend.functions
        template = functions.template
        short = {name: replace(each, timeout=seconds) for name, each in template.functions.items()}
        functions.template = replace(template, functions=short)
        try:
            yield
        finally:
            functions.template = template

    def reset(self) -> None:
        """Reset portal, clock, tables and memory to the start of the stack; what a module added to the portal stays."""
        self._end_work()
        self.control("/reset", {})
        self.control("/shape", AS_USUAL)
        self.control("/scopes", {"scopes": self._scopes})
        self.control("/rename", {"host": self._host})
        self.restore_tables()
        self.cold_start()
        self.mark()

    def put_content_back(self) -> None:
        """Make users, bots, chats and objects of the portal those of the start."""
        self.portal.put_back(self._content)

    def begin_again(self) -> None:
        """End all work, empty the cache and clear the memory; portals, keys and secrets stay as they are."""
        self._end_work()
        self._tables.empty("CacheTable")
        self.cold_start()
        self.mark()

    def items(self, table: str) -> list[Mapping[str, Any]]:
        """The items of a table, without a request."""
        return self._tables.items(table)

    def restore_tables(self) -> None:
        """Restore portals and keys, and empty the cache."""
        self._tables.put_back("PortalTable", self._portals)
        self._tables.empty("CacheTable")

    def without_portals(self) -> None:
        """Empty PortalTable, as in a new stack. The secrets stay, so that `reset` makes the portals work again."""
        self._tables.empty("PortalTable")
        self.cold_start()

    def _end_work(self) -> None:
        aws, functions = self.stack.backend.aws, self.stack.backend.functions
        self.portal.settle()
        aws.empty_queues()
        # A message that was received and is not in work yet is in no queue.
        until(lambda: aws.receivers == len(functions.template.sources) and functions.output.running == 0)
        # An event that was still in work may have gone back to the queue.
        aws.empty_queues()

    def _printed(self) -> bytes:
        """The whole lines since the last mark: a reader may see the beginning of one that is being written."""
        with self.stack.backend.log_file.open("rb") as file:
            file.seek(self._mark)
            found = file.read()
        return found[: found.rfind(b"\n") + 1]

    def _lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.output().splitlines()]
