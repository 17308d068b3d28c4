"""Tokens in an unproved contact may be secrets of another portal: no log line contains them, and they mask nothing.

Every logger is at DEBUG: those of the service and those of each library.
"""

import json
import logging
import os
from collections.abc import Callable
from typing import Final

import pytest

from local.portal.events.http_delivery import Answer
from tests.support.portals.unknown_portal import APP, INSTALL, Stage

FIELDS: Final = ("REFRESH_ID", "AUTH_ID", "APPLICATION_TOKEN")
IN_EVENTS: Final = ("auth[refresh_token]", "auth[access_token]", "auth[application_token]")

OFFERS: Final[dict[str, Callable[[Stage, str], Answer]]] = {
    "frame": lambda stage, token: stage.contact(fields=dict.fromkeys(FIELDS, token)),
    "frame of the application": lambda stage, token: stage.contact(path=APP, fields=dict.fromkeys(FIELDS, token)),
    "ONAPPINSTALL": lambda stage, token: stage.event("ONAPPINSTALL", fields=dict.fromkeys(IN_EVENTS, token)),
    "ONAPPUPDATE": lambda stage, token: stage.event("ONAPPUPDATE", fields=dict.fromkeys(IN_EVENTS, token)),
    "ONAPPUNINSTALL": lambda stage, token: stage.event("ONAPPUNINSTALL", fields=dict.fromkeys(IN_EVENTS, token)),
    "code": lambda stage, token: stage.request("GET", f"{INSTALL}?code={token}&state={stage.link()}"),
}
"""Every kind of first contact that contains a secret."""
ASKING: Final = sorted(OFFERS.keys() - {"ONAPPUNINSTALL"})
"""Those after which the service calls the authorisation server."""

GARBAGE: Final = ("c4naryc4naryc4nary", "c4n-ary_~.", "c4nary" + "0" * 1_000)
USUAL: Final = {
    "level": "INFO",
    "message": "request",
    "route": "POST /bitrix24/install",
    "event": "ONAPPUNINSTALL",
    "problem": "installation-refused",
}
"""Fields in the log line of a forged event."""

each_way = pytest.mark.parametrize("way", OFFERS.values(), ids=OFFERS.keys())


@pytest.fixture(autouse=True)
def _every_logger_at_debug(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    del stage  # the service has created its loggers
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger=os.environ["POWERTOOLS_SERVICE_NAME"])


def logged(stage: Stage, caplog: pytest.LogCaptureFixture) -> str:
    """Return all that was logged."""
    return stage.service.output() + caplog.text


@each_way
@pytest.mark.parametrize("token", GARBAGE, ids=len)
def test_offered_token_is_in_no_log_line(
    stage: Stage, caplog: pytest.LogCaptureFixture, way: Callable[[Stage, str], Answer], token: str
) -> None:
    assert way(stage, token).status == 403
    assert "installation-refused" in stage.service.output()
    assert "c4n" not in logged(stage, caplog)


@pytest.mark.parametrize("way", ASKING)
@pytest.mark.parametrize(
    "echo",
    [
        {"status": 400, "error": "invalid_grant", "error_description": "no such token: {}"},
        {"status": 400, "error": "invalid_grant {}", "error_description": "{}{}"},
        {"status": 400, "error": "{}"},
        {"status": 200, "body": {"error": {"code": "{}", "message": "{}"}}},
        {"status": 500, "body": "<html>{}</html>"},
        {"status": 200, "body": {"access_token": "{}", "refresh_token": "", "member_id": "{}"}},
        {"status": 302, "body": "", "headers": {"Location": "https://elsewhere.example/?{}"}},
    ],
    ids=str,
)
def test_offered_token_is_in_no_log_line_if_the_authorisation_server_echoes_it(
    stage: Stage, caplog: pytest.LogCaptureFixture, way: str, echo: dict[str, object]
) -> None:
    token = GARBAGE[0]
    stage.answers("oauth/token", **json.loads(json.dumps(echo).replace("{}", token)))
    assert OFFERS[way](stage, token).status in (403, 502, 503)
    assert "oauth/token" in stage.calls()
    assert "c4n" not in logged(stage, caplog)


@each_way
@pytest.mark.parametrize("word", [*USUAL.values(), '"level":"', "EventsRejected"])
def test_offered_token_equal_to_a_log_word_masks_nothing(
    stage: Stage, way: Callable[[Stage, str], Answer], word: str
) -> None:
    assert way(stage, word.replace(" ", "+")).status == 403
    stage.service.mark()
    stage.event("ONAPPUNINSTALL", fields={"auth[application_token]": "made-up"})
    (line,) = stage.service.logs()
    assert {name: line[name] for name in USUAL} == USUAL
    assert [blob["EventsRejected"] for blob in stage.service.metrics()] == [[1]]
