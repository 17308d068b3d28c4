"""A healthy portal with the application installed, for tests that break it: the doctor finds nothing in it."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
import urllib3

from chat_lookup.errors import ChatLookupError
from local.portal import LocalPortal
from tests.support.portals.unknown_portal import ADMINISTRATOR, INSTALL, Stage
from tests.support.service import Service

SCOPES: Final = ("im", "imbot", "imopenlines", "crm", "task")
PAIR: Final = {"entity_type": "CRM", "entity_id": "DEAL|1663"}


@dataclass
class Scene:
    """The stage with its portal installed. Time goes on from test to test: tokens that were renewed stay valid."""

    stage: Stage
    before: Service = field(init=False)
    """Restores the tables to their state at the beginning of the test."""
    environ: pytest.MonkeyPatch = field(init=False)
    """Of the test: variables of the functions."""

    def __post_init__(self) -> None:
        self.service = self.stage.service
        self.grant_scopes(SCOPES)
        self.install()

    # --- the portal ---------------------------------------------------------------------------------------------------

    @property
    def member_id(self) -> str:
        return self.stage.portal.member_id

    @property
    def client(self) -> dict[str, str]:
        return {"client_id": self.stage.card.client_id}

    def install(self) -> None:
        self.stage.install()
        self.service.cold_start()

    def begin_again(self) -> None:
        """End faults and work, empty the cache; install anew only where a test left the portal in another state."""
        self.service.control("/faults", [])
        self.no_faults()
        self.later(60)
        self.service.begin_again()
        if self.admin("doctor") != {"findings": []}:
            self.grant_scopes(SCOPES)
            self.control("/users", user_id=ADMINISTRATOR, admin=True)
            self.install()
        self.before = Service(self.service.stack)

    def grant_scopes(self, scopes: Sequence[str]) -> None:
        self.control("/scopes", **self.client, scopes=list(scopes))

    def control(self, path: str, **body: object) -> None:
        self.stage.tell(path, body)

    def fault(self, method: str, **fault: object) -> None:
        self.control("/faults", method=method, **fault)

    def no_faults(self) -> None:
        self.stage.tell("/faults", [])

    def as_application(self, method: str, **params: object) -> None:
        """Call a method in the application's name, as another program with its tokens could."""
        granted = self.stage.grant(client_id=self.stage.card.client_id)
        self._called(self.stage.portal, "/rest/", method, {**params, "auth": granted["access_token"]})

    def by_webhook(self, method: str, **params: object) -> Any:
        """Call a method of the other portal by its webhook."""
        portal = self.service.portal
        return self._called(portal, urlsplit(portal.webhook_url).path, method, params)

    def _called(self, portal: LocalPortal, path: str, method: str, params: Mapping[str, object]) -> Any:
        with urllib3.PoolManager(ca_certs=str(portal.ca_file)) as http:
            response = http.request("POST", portal.portal_url + path + method, json=params)
        assert response.status == 200, response.data
        return response.json()["result"]

    @property
    def bot_id(self) -> int:
        return next(
            int(bot["bot_id"]) for bot in self.stage.ask("/bots") if bot["client_id"] == self.client["client_id"]
        )

    @property
    def install_url(self) -> str:
        return self.service.stack.addresses.api_https_url + INSTALL

    # --- the service --------------------------------------------------------------------------------------------------

    def look_up(self, portal: str = "") -> None:
        """A look-up that calls the portal, whatever comes of it."""
        with suppress(ChatLookupError):
            self.service.direct({"portal": portal or self.member_id, **PAIR, "fresh": True})

    def later(self, seconds: float) -> None:
        self.control("/clock", advance_s=seconds)
        self.service.cold_start()

    def admin(self, command: str, **fields: object) -> Any:
        return self.service.admin(command, **{"portal": self.member_id, **fields})

    def send(self, queue: str, bodies: Sequence[str], delay: int = 0) -> None:
        aws = self.service.stack.backend.aws
        for start in range(0, len(bodies), 10):
            entries = [
                {"Id": str(n), "MessageBody": body, "DelaySeconds": delay}
                for n, body in enumerate(bodies[start : start + 10])
            ]
            aws.sqs().send_message_batch(QueueUrl=aws.queue_url(queue), Entries=entries)  # type: ignore[arg-type]

    def rows(self, start: str) -> list[Mapping[str, Any]]:
        return [item for item in self.service.items("PortalTable") if item["pk"]["S"].startswith(start)]

    def remove(self, row: Mapping[str, Any]) -> None:
        self.stage.dynamodb.delete_item(TableName="PortalTable", Key={name: row[name] for name in ("pk", "sk")})

    def stored(self) -> str:
        """All that is stored, but for what counts requests."""
        return json.dumps([list(part) for part in (self.stage.kept().items, self.stage.kept().secrets)])
