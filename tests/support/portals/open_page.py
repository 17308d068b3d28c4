"""The application's page that a user keeps open in a portal: it asks as the page's script does."""

import json
import re
from typing import Any, Final

import urllib3

from tests.support.portals.unknown_portal import ADMINISTRATOR, Stage

_SESSION: Final = re.compile(r'data-session="([^"]+)"')
_UNAUTHORISED: Final = 401


class OpenPage:
    """A page of the stage's portal, at the address that is registered there; `open` comes first."""

    def __init__(self, stage: Stage, user_id: int = ADMINISTRATOR) -> None:
        self._stage = stage
        self._user_id = user_id
        self._http = urllib3.PoolManager(ca_certs=str(stage.portal.ca_file), retries=False, timeout=30)
        self._session = self._token = ""
        self._opened_in: object = None

    def open(self) -> None:
        """As a click on the application's entry does."""
        self._opened_in = self._generation()
        answer = self._stage.portal.installer.visit(self._stage.card.client_id, user_id=self._user_id).answer
        found = _SESSION.search(answer.body)
        assert found is not None, answer
        self._session, self._token = found[1], self._fresh_token()

    def open_where_installed_anew(self) -> None:
        """Open it unless it is open in the installation that is there now."""
        if self._opened_in != self._generation():
            self.open()

    def ask(self, verb: str, path: str, body: object = None) -> tuple[int, Any]:
        """Status and content; a session or a token that is refused is renewed once."""
        status, content = self._sent(verb, path, body)
        if status == _UNAUTHORISED:
            self._token = self._fresh_token()
            status, content = self._sent("POST", "session", None)
            if status == _UNAUTHORISED:
                return status, content
            self._session = content["session"]
            status, content = self._sent(verb, path, body)
        return status, content

    def _sent(self, verb: str, path: str, body: object) -> tuple[int, Any]:
        headers = {"X-Page-Session": self._session, "X-Bitrix24-Token": self._token}
        url = f"{self._stage.service.stack.addresses.api_https_url}/v1/page/{path}"
        reply = self._http.request(verb, url, headers=headers, json=body)
        return reply.status, json.loads(reply.data)

    def _fresh_token(self) -> str:
        """What `BX24.refreshAuth` gives; a portal without the application gives none."""
        if not self._stage.ask("/installs"):
            return ""
        token: str = self._stage.grant(self._user_id, self._stage.card.client_id)["access_token"]
        return token

    def _generation(self) -> object:
        record = self._stage.record()
        return record and record["generation"]
