"""How the portal reaches a service: with one attempt, as the real portal does (bitrix24.md 5.1)."""

from dataclasses import dataclass, field, replace
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from typing import Final
from urllib.parse import urljoin

import urllib3

from local.portal.events.outgoing import Message

_CONNECT_S: Final = 3.0
_READ_S: Final = 30.0  # longer than the gateway in front of the service waits; the portal's own is documented nowhere
_LARGEST_BODY: Final = 64 * 1024
_USER_AGENT: Final = "Bitrix24 Webhook Engine"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the service answered, cut off at the size limit; no status if no answer came."""

    status: int | None
    content_type: str = ""
    body: str = field(default="", repr=False)


class Delivery:
    """Sends messages over http, or https with the local authority's certificate. Nothing is repeated."""

    def __init__(self, ca_file: Path) -> None:
        timeout = urllib3.Timeout(connect=_CONNECT_S, read=_READ_S)
        self._http = urllib3.PoolManager(
            ca_certs=str(ca_file), retries=False, timeout=timeout, headers={"User-Agent": _USER_AGENT}
        )

    def send(self, message: Message, *, browsing: bool = False) -> Answer:
        """The answer to a message. A user's browser (`browsing`) follows one redirect that keeps verb and body (307);
        the portal itself follows none."""
        if not message.url.startswith(("http://", "https://")):
            return Answer(None)
        headers = {"User-Agent": _USER_AGENT}
        if message.body:
            headers["Content-Type"] = message.content_type
        try:
            response = self._http.request(
                message.verb,
                message.url,
                body=message.body.encode() or None,
                headers=headers,
                redirect=False,
                preload_content=False,
            )
            body = response.read(_LARGEST_BODY).decode(errors="replace")
            response.close()
            if browsing and response.status == HTTPStatus.TEMPORARY_REDIRECT:
                there = urljoin(message.url, response.headers.get("Location", ""))
                return self.send(replace(message, url=there))
        except (urllib3.exceptions.HTTPError, HTTPException, ValueError, OverflowError):  # no answer, or no address
            return Answer(None)
        return Answer(response.status, response.headers.get("Content-Type", ""), body)

    def close(self) -> None:
        self._http.clear()
