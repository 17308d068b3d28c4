"""A portal that answers with any bytes, read as the client reads them; and random answers for it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final
from urllib.parse import urlsplit

from chat_lookup.bitrix24.batch import BATCH, BatchAnswer, encoded, read_batch
from chat_lookup.bitrix24.client import Answer, Command, Endpoint
from chat_lookup.bitrix24.errors import ROWS, BitrixError
from chat_lookup.bitrix24.responses import Reply, read_reply
from chat_lookup.clock import Deadline
from tests.support.fakes import Called, FakeBitrix24

WELL: Final = {"ID": 1437}


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """One raw answer. `location` is that of a redirect; {host} and {path} in it are those of the request."""

    status: int
    body: bytes
    location: str = ""

    def reply_to(self, endpoint: Endpoint, method: str) -> Reply:
        path = urlsplit(endpoint.base_url + method).path
        location = self.location.replace("{host}", endpoint.host).replace("{path}", path)
        return Reply(self.status, self.body, location)


@dataclass(slots=True)
class AnsweringPortal(FakeBitrix24):
    """Answers every call with success, except the methods in `odd`; `everything` overrides both."""

    odd: dict[str, RawAnswer] = field(default_factory=dict)
    everything: RawAnswer | None = None

    def call(self, endpoint: Endpoint, method: str, params: Mapping[str, object], deadline: Deadline) -> Answer:
        self.calls.append(Called(method, dict(params), endpoint, self.clock.now()))
        assert deadline.left() > 0, f"{method} was called after the deadline"
        scripted = self.everything or self.odd.get(method)
        if scripted is None:
            reply = Reply(200, json.dumps({"result": WELL}).encode())
        else:
            reply = scripted.reply_to(endpoint, method)
        outcome = read_reply(reply, endpoint, method, 0.0)
        if isinstance(outcome, BitrixError):
            raise outcome
        return outcome

    def batch(self, endpoint: Endpoint, commands: Sequence[Command], deadline: Deadline) -> BatchAnswer:
        keys = encoded(commands)["cmd"]
        assert isinstance(keys, dict)
        well = dict.fromkeys(keys, WELL)
        answer = self.call(endpoint, BATCH, {}, deadline)
        whole = self.everything or self.odd.get(BATCH)
        answered = answer if whole else Answer({"result": well}, answer.time, answer.elapsed)
        outcome = read_batch(answered, commands, endpoint)
        if isinstance(outcome, BitrixError):
            raise outcome
        return outcome


CODES: Final = sorted(
    {row.code for row in ROWS}
    | {
        "CONNECTION_ERROR",
        "SOMETHING_NEW",
        "PORTAL_BLOCKED_BY_LICENSE_SCANNER",
        "unauthorized",
        "401",
        "",
        "0",
        "\u0416",
    }
)
STATUSES: Final = (
    200,
    200,
    204,
    301,
    302,
    303,
    307,
    308,
    400,
    401,
    401,
    401,
    402,
    403,
    404,
    410,
    418,
    429,
    500,
    502,
    503,
)
SIGNS: Final = (
    "PAYMENT_REQUIRED", "authorization_error", "expired_token", "NO_AUTH_FOUND", "invalid_token", "OVERLOAD_LIMIT",
    "PORTAL_DELETED", "ACCESS_DENIED",
)  # fmt: skip
"""Codes that close a portal when it returns them twice."""
_OF_SIGNS: Final = 0.4
_PAGES: Final = (b"", b"<html>Maintenance</html>", b"Unauthorized", b"\xff\xfe", b"[" * 10_000, b"null", b"[]", b"{}")
_LOCATIONS: Final = (
    "",
    "/login/",
    "https://[bad",
    "https://{host}{path}",
    "https://{host}/auth/",
    "https://new.bitrix24.com{path}",
    "https://new.bitrix24.com{path}?x=1",
    "https://new.bitrix24.com/",
    "http://{host}{path}",
    "//login.example{path}",
)
_TEXTS: Final = (
    "",
    "a description",
    "Current user can't be authorized in this context",
    "Too many requests",
)


def any_answer(random: Random) -> RawAnswer:
    """Status x code x body x headers."""
    status = random.choice(STATUSES) if random.random() < 0.9 else random.randint(100, 599)
    return RawAnswer(status, _any_body(random), random.choice(_LOCATIONS))


def _any_body(random: Random) -> bytes:
    kind = random.random()
    if kind < 0.2:
        return random.choice(_PAGES)
    if kind < 0.3:
        return json.dumps({"result": random.choice([None, 0, WELL, [], {}, "5", {"result": {}}])}).encode()
    code: object = random.choice(SIGNS if random.random() < _OF_SIGNS else CODES)
    if isinstance(code, str):
        code = random.choice([code, code, code.upper(), code.lower(), f" {code}\n"])
    if random.random() < 0.1:
        code = {"code": code, "message": random.choice(_TEXTS)}
    body = {"error": code, "error_description": random.choice(_TEXTS)}
    if random.random() < 0.2:
        body["result"] = WELL
    return json.dumps(body).encode()
