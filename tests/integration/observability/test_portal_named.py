"""The log line of a request names its portal also where the request fails before the portal is asked.

The saved query `by-portal` finds lines by that field (monitoring/template.yaml): an operator looks there first.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

import pytest

from tests.support.service import Service

_BODY: Final = b'{"lookups": [{"entity_type": "CRM", "entity_id": "DEAL|1663"}]}'
_REST: Final = "/im.chat.get?ENTITY_TYPE=CRM&ENTITY_ID=DEAL%7C1663"
_PAIR: Final = {"entity_type": "CRM", "entity_id": "DEAL|1663"}
DOORS: Final[Mapping[str, Callable[[Service], object]]] = {
    "look-up": lambda service: service.look_up("CRM", "DEAL|1663"),
    "wrong parameter": lambda service: service.look_up("CRM", ""),
    "batch": lambda service: service.request("POST", "/v1/chats/batch", {"X-Api-Key": service.api_key}, _BODY),
    "reverse look-up": lambda service: service.get("/v1/chats/1437"),
    "list of an object": lambda service: service.get("/v1/objects/deal/1663/chats"),
    "forget": lambda service: service.request("DELETE", "/v1/chats?entity_type=CRM&entity_id=1"),
    "rest": lambda service: service.get(f"/rest/1/{service.api_key}{_REST}", {}),
    "direct": lambda service: service.direct(_PAIR),
    "direct, by name": lambda service: service.direct({**_PAIR, "portal": service.member_id}),
    "direct, a list": lambda service: service.direct({"lookups": [_PAIR]}),
    "direct, an object": lambda service: service.direct({"object": {"type": "deal", "id": 1663}}),
}
COMMANDS: Final[Mapping[str, Mapping[str, object]]] = {
    "portal.set": {"rate": 2},
    "portal.stop": {},
    "portal.start": {},
    "portal.rebind": {},
    "cache.purge": {},
    "keys.create": {"label": "shop"},
    "keys.list": {},
    "keys.restore": {},
    "keys.revoke": {"key_id": "0123456789ab"},
}


@pytest.mark.parametrize("door", DOORS)
def test_line_of_a_request_to_a_closed_portal_names_the_portal(service: Service, door: str) -> None:
    service.admin("portal.stop")
    service.cold_start()
    service.mark()

    with suppress(Exception):
        DOORS[door](service)

    line, *_ = service.logs()  # a failed invocation has a second one, by Lambda itself
    assert (line["problem"], line["portal"]) in (
        ("portal-stopped", service.member_id),
        ("invalid-request", service.member_id),
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_line_of_a_command_names_the_portal_that_it_is_about(service: Service, command: str) -> None:
    service.mark()

    with suppress(Exception):
        service.admin(command, **COMMANDS[command])

    (line,) = [each for each in service.logs() if each.get("message") == "admin"]
    assert (line["command"], line["portal"]) == (command, service.member_id)
