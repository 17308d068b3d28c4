"""A client of the local portal for tests: plain urllib3 over HTTPS, independent of the product's own client."""

from pathlib import Path
from types import TracebackType
from typing import Any, Self

import urllib3

from local.portal import LocalPortal
from local.shared_clock import SharedClock
from tests.support.portals.portal_control import controlled


class PortalProbe:
    """A separate portal, with clients of its REST API and of its control."""

    def __init__(self, folder: Path) -> None:
        self.clock = SharedClock(folder / "clock")
        self.portal = LocalPortal(folder, self.clock)
        self.http = urllib3.PoolManager(
            maxsize=32, ca_certs=str(self.portal.ca_file), retries=False, timeout=urllib3.Timeout(30)
        )

    def __enter__(self) -> Self:
        self.portal.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.portal.stop()
        self.http.clear()

    def call(self, method: str, **params: object) -> tuple[int, Any]:
        """Call a method by webhook, as JSON; return the status and the decoded body."""
        response = self.http.request("POST", self.portal.webhook_url + method, json=params)
        return response.status, response.json()

    def result(self, method: str, **params: object) -> Any:
        """The result of a call that must succeed."""
        status, body = self.call(method, **params)
        assert status == 200, body
        return body["result"]

    def error(self, method: str, **params: object) -> tuple[int, str]:
        """Status and code of a call that must be refused."""
        status, body = self.call(method, **params)
        assert "result" not in body, body
        return status, body["error"]

    def tell(self, path: str, body: object) -> Any:
        """POST to the portal's control; the request must succeed."""
        return controlled(self.portal, "POST", path, body)

    def calls(self, method: str = "") -> list[dict[str, Any]]:
        """The calls that the portal received, of one method or all."""
        query = f"?method={method}" if method else ""
        calls: list[dict[str, Any]] = controlled(self.portal, "GET", "/calls" + query)
        return calls
