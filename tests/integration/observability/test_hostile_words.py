"""Whatever a caller sends, each log line is JSON with its keys, and no line of others changes (docs/decisions/021)."""

import json
import os
import secrets
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode

import pytest

from chat_lookup.bitrix24.errors import METRIC_CODES
from chat_lookup.observability.metrics import METHODS, METRICS
from tests.support.service import Service

FORM: Final = "application/x-www-form-urlencoded"
FIELDS: Final = (
    "level", "message", "timestamp", "service", "request_id", "route", "status", "portal", "key_id", "entity_type",
    "entity_id", "source", "method", "problem", "detail", "chat_id", "rejection_reason", "rest_method", "rest_error",
)  # fmt: skip
VALUES: Final = (
    "INFO", "WARNING", "ERROR", "request", "direct", "chat-lookup", "GET /v1/chats", "POST /v1/chats/batch",
    "invalid-request", "key-rejected", "installation-refused", "wrong_token", "cache", "portal", "EventsRejected",
    "DEAL|1663", "false", "***",
    '{"level":"', '","', "\\", "\n{}", "\u2028", "sha256:",
)  # fmt: skip
WORDS: Final = (*FIELDS, *VALUES, *METRICS, *METHODS, *METRIC_CODES)
SOME: Final = WORDS if os.environ.get("LOGGED_WORDS") else (*FIELDS[::3], *VALUES[::4], *sorted(METHODS)[::12])
"""All of them with LOGGED_WORDS=1."""

Send = Callable[[Service, str], object]


def header(word: str) -> str:
    """The word as a header can contain it."""
    return "".join(each if " " <= each <= "~" else "?" for each in word)


def look_up(service: Service, word: str) -> object:
    headers = {"X-Api-Key": service.api_key, "X-Bitrix24-Token": header(word)}
    return service.get("/v1/chats?entity_type=CRM&entity_id=DEAL%7C1663", headers)


def without_a_key(service: Service, word: str) -> object:
    return service.get("/v1/chats?" + urlencode({"entity_type": word, "entity_id": word}), {"X-Api-Key": header(word)})


def batch(service: Service, word: str) -> object:
    headers = {"X-Api-Key": service.api_key, "X-Bitrix24-Token": header(word)}
    body = {"lookups": [{"entity_type": word, "entity_id": word}], word: word}
    return service.request("POST", "/v1/chats/batch", headers, json.dumps(body).encode())


def rest_path(service: Service, word: str) -> object:
    part = quote(header(word), safe="")  # the gateway routes no other
    return service.get(f"/rest/1/{part}/{part}?auth={quote(word)}", {})


def rest_body(service: Service, word: str) -> object:
    body = urlencode({"auth": word, "ENTITY_TYPE": word, word: word}).encode()
    return service.request("POST", f"/rest/1/{service.api_key}/im.chat.get", {"Content-Type": FORM}, body)


def install(service: Service, word: str) -> object:
    fields = {
        "AUTH_ID": word,
        "REFRESH_ID": word,
        "APPLICATION_TOKEN": word,
        "member_id": word,
        "DOMAIN": "a.bitrix24.com",
    }
    return service.request("POST", "/bitrix24/install", {"Content-Type": FORM}, urlencode(fields).encode())


def event(service: Service, word: str) -> object:
    fields = {
        "event": "ONIMBOTMESSAGEADD",
        "auth[application_token]": word,
        "auth[member_id]": word,
        f"data[{word}]": word,
    }
    return service.request("POST", "/bitrix24/events", {"Content-Type": FORM}, urlencode(fields).encode())


WAYS: Final[Mapping[str, Send]] = {
    way.__name__: way for way in (look_up, without_a_key, batch, rest_path, rest_body, install, event)
}
ALWAYS: Final = frozenset({"level", "message", "timestamp", "service", "request_id", "route", "status"})


def lines_of(service: Service) -> list[dict[str, Any]]:
    """The log lines since the last mark: each line of the output must be JSON."""
    lines = [json.loads(line) for line in service.output().split("\n") if line]
    return [line for line in lines if "_aws" not in line]


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_each_line_is_json_with_its_keys_whatever_a_caller_sends(service: Service, way: Send) -> None:
    way(service, "a-harmless-word")
    (usual,) = lines_of(service)
    for word in SOME:
        service.mark()
        way(service, word)
        (line,) = lines_of(service)
        assert line.keys() >= ALWAYS
        assert {name: line[name] for name in ("message", "service", "route")} == {
            name: usual[name] for name in ("message", "service", "route")
        }
        assert line["level"] in ("INFO", "WARNING")
        assert line.get("problem", "request").replace("-", "").isalpha()


def test_no_word_that_callers_sent_is_masked_in_the_lines_of_others(service: Service) -> None:
    service.look_up("CRM", "DEAL|1663")
    (usual,) = lines_of(service)
    for word in SOME:
        for way in WAYS.values():
            way(service, word)
    service.mark()

    service.look_up("CRM", "DEAL|1663")

    (line,) = lines_of(service)
    changing = {"timestamp", "request_id", "duration_ms", "source", "attempts"}
    assert {name: line.get(name) for name in usual.keys() - changing} == {
        name: usual[name] for name in usual.keys() - changing
    }


def test_secrets_of_portals_stay_masked_after_thousands_of_tokens_of_callers(service: Service) -> None:
    code = service.stack.target.endpoint.base_url.rstrip("/").rpartition("/")[2]
    number = 4_000 if os.environ.get("LOGGED_WORDS") else 200
    for _ in range(number):
        # Authorised, and refused before the portal is called.
        headers = {"X-Api-Key": service.api_key, "X-Bitrix24-Token": secrets.token_hex(35)}
        assert service.get("/v1/chats", headers).status == 400
    service.mark()
    service.clock.advance(60)
    fault = {"method": "im.chat.get", "error": "NO_SUCH_CODE", "error_description": f"so {code}, or x{code}x"}
    service.control("/faults", fault)

    service.look_up("CRM", "DEAL|404404", method="im")

    (line,) = lines_of(service)
    assert line["portal_description"].count("***") == 2
    assert code not in service.output()
