"""Callers of a portal that hangs are answered in the time that they are promised; in real time, all of them at once."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final
from urllib.parse import urlencode

from tests.support.reply_checks import problem
from tests.support.service import Reply, Service

HANGING_MS: Final = 30_000
REST_S: Final = 8.0
LOOK_UP_S: Final = 10.0
SLACK_S: Final = 2.0
"""Seconds of tolerance for a machine that is busy with other tests."""
DEAL: Final = {"ENTITY_TYPE": "CRM", "ENTITY_ID": "DEAL|1663"}
COMMANDS: Final = {"a": f"im.chat.get?{urlencode(DEAL)}", "b": "im.chat.get?ENTITY_TYPE=CHAT&ENTITY_ID=13"}
ASKED: Final[dict[str, Any]] = {
    "im.chat.get": DEAL,
    "im.dialog.get": {"DIALOG_ID": "chat1437"},
    "batch": {"cmd": COMMANDS},
}


def test_rest_is_answered_within_eight_seconds_and_a_look_up_within_ten(service: Service) -> None:
    service.control("/faults", {"method": "*", "delay_ms": HANGING_MS})

    def rest(method: str) -> tuple[Reply, float]:
        began, body = time.monotonic(), json.dumps(ASKED[method]).encode()
        headers = {"Content-Type": "application/json"}
        reply = service.request("POST", f"/rest/1/{service.api_key}/{method}", headers, body)
        return reply, time.monotonic() - began

    def look_up() -> tuple[Reply, float]:
        began = time.monotonic()
        return service.look_up("CRM", "LEAD|13"), time.monotonic() - began

    with ThreadPoolExecutor() as callers:
        looked_up = callers.submit(look_up)
        replies = list(callers.map(rest, ASKED))

    for reply, seconds in replies:
        assert (reply.status, reply.json["error"]) == (503, "INTERNAL_SERVER_ERROR")
        assert seconds < REST_S + SLACK_S
    reply, seconds = looked_up.result()
    problem(reply, 503, "portal-unavailable")
    assert seconds < LOOK_UP_S + SLACK_S
