"""`make smoke`: sends a service the requests of callers and portals, and compares its layer with the one built here.

The key comes from the environment, is sent in a header to a host that has answered like this service only, and is
never printed, whatever the host answers.
"""

import json
import os
import re
import ssl
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

import urllib3

from chat_lookup.http.responses import PROBLEM_TYPE

DEFAULTS: Final[Mapping[str, str]] = {
    "URL": "",
    "KEY": "",
    "ENTITY_TYPE": "CRM",
    "ENTITY_ID": "DEAL|1",
    "BUILD_DIR": ".aws-sam/build",
    "CA_FILE": "",
}
"""The variables of the environment, and so of `make smoke NAME=value`. The pair need not have a chat."""

_STAMP: Final = "LookupFunction/layer-stamp"
_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")
_ADDRESS: Final = re.compile(r"(https://[A-Za-z0-9.-]+|http://(127\.0\.0\.1|localhost))(:[0-9]{1,5})?")
_FORGED: Final = urlencode({"event": "SMOKE", "auth[member_id]": "smoke", "auth[application_token]": "smoke"}).encode()
_TIMEOUT: Final = urllib3.Timeout(connect=10, read=30)  # as long as the gateway waits for a function
_LONGEST_LINE: Final = 500

Print = Callable[[str], None]


class SmokeError(Exception):
    """The settings are invalid, or the response is not that of a working service."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP response; `fields` is the JSON object in it, empty for anything else."""

    status: int
    fields: Mapping[str, object]
    text: str

    def is_problem(self, status: int, code: str) -> bool:
        return self.status == status and self.fields.get("type") == PROBLEM_TYPE + code

    def __str__(self) -> str:
        names = ("type", "detail", "portal_error", "request_id")
        shown = [str(self.fields[name]) for name in names if name in self.fields]
        return f"{self.status} {', '.join(shown) or self.text}"


@dataclass(frozen=True, slots=True)
class Target:
    """A service: its address without a slash at the end, and the stamp of the layer built here, if there is one. `http`
    trusts the authority of its certificate."""

    url: str
    key: str = field(repr=False)
    pair: Mapping[str, str]
    built: str | None
    http: urllib3.PoolManager = field(repr=False)

    def ask(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Answer:
        """One request, without redirects. Raises SmokeError where no response comes."""
        try:
            response = self.http.request(
                method, self.url + path, headers=headers, body=body, timeout=_TIMEOUT, retries=False, redirect=False
            )
        except urllib3.exceptions.HTTPError as error:
            advice = "; of a private authority: CA_FILE=<its certificate>" if "CERTIFICATE_VERIFY" in str(error) else ""
            raise SmokeError(f"no answer: {type(error).__name__}: {error}{advice}") from None
        return _answer(response.status, response.data)

    def look_up(self, headers: Mapping[str, str]) -> Answer:
        """A look-up that bypasses the cache: a cached answer would not test the portal."""
        return self.ask("GET", "/v1/chats?" + urlencode({**self.pair, "fresh": "true"}), headers)


def health(target: Target) -> str:
    """Returns the stamp of the running layer."""
    answer = target.ask("GET", "/health")
    layer = answer.fields.get("layer")
    if answer.status != HTTPStatus.OK or answer.fields.get("status") != "ok" or not isinstance(layer, str):
        raise SmokeError(f"that is not this service, which is sent no key: {answer}")
    return layer


def same_layer(target: Target) -> str:
    layer = health(target)
    if target.built is None:
        return "nothing is built here to compare it with"
    if layer != target.built:
        raise SmokeError(f"{layer} runs, {target.built} is built here and not deployed there")
    return "the one that is built here"


def look_up(target: Target) -> str:
    """With a chat or without: in both cases the key, the stores and the portal work."""
    answer = target.look_up({"X-Api-Key": target.key})
    pair = " ".join(target.pair.values())
    if answer.status == HTTPStatus.OK and "chat_id" in answer.fields:
        return f"{pair} has chat {answer.fields['chat_id']}"
    if answer.is_problem(404, "chat-not-found"):
        return f"{pair} has no chat"
    raise SmokeError(str(answer))


def is_admitted(target: Target) -> bool:
    """Whether the key opens look-ups, whatever they find. Raises SmokeError where this service does not answer."""
    health(target)
    answer = target.look_up({"X-Api-Key": target.key})
    return not (answer.is_problem(401, "key-rejected") or answer.is_problem(403, "scope-missing"))


def without_key(target: Target) -> str:
    return _refused(target.look_up({}), 401, "key-rejected")


def forged_event(target: Target) -> str:
    """Only the receiver itself returns this problem, after it has read its table."""
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    return _refused(target.ask("POST", "/bitrix24/events", form, _FORGED), 403, "event-rejected")


CHECKS: Final[Mapping[str, Callable[[Target], str]]] = {
    "health": health,
    "layer": same_layer,
    "look-up": look_up,
    "look-up without a key": without_key,
    "event that nothing proves": forged_event,
}
"""All are run, but none after a failed `health`: the key must not be sent to a wrong address."""


def main(environ: Mapping[str, str]) -> int:
    """Returns the exit status: 0 if the service works."""
    try:
        target = read(environ)
    except SmokeError as error:
        print(error, file=sys.stderr)
        return 1
    return 0 if smoke(target, print) else 1


def read(environ: Mapping[str, str]) -> Target:
    """Read the target from the environment. Raises SmokeError."""
    settings = {name: environ.get(name) or default for name, default in DEFAULTS.items()}
    url = settings["URL"].removesuffix("/")
    if not _ADDRESS.fullmatch(url):
        raise SmokeError("URL must be the service's address, https://host and no more; http on this machine only")
    if not _KEY.fullmatch(settings["KEY"]):
        raise SmokeError("KEY must be a key of the service with the scope lookup (keys.create makes one)")
    pair = {"entity_type": settings["ENTITY_TYPE"], "entity_id": settings["ENTITY_ID"]}
    return Target(url, settings["KEY"], pair, _built(Path(settings["BUILD_DIR"])), _trusting(settings["CA_FILE"]))


def _trusting(ca_file: str) -> urllib3.PoolManager:
    """Trusts the system's authorities, and the one in the file. Raises SmokeError."""
    context = ssl.create_default_context()
    try:
        if ca_file:
            context.load_verify_locations(ca_file)
    except OSError as error:  # an SSLError is one, too
        raise SmokeError(f"CA_FILE={ca_file} is no certificate that can be read: {error.strerror}") from None
    return urllib3.PoolManager(ssl_context=context)


def smoke(target: Target, print_line: Print) -> bool:
    """Run the checks one after another and print each outcome; returns whether all succeeded."""
    worked = True
    for name, check in CHECKS.items():
        try:
            outcome, detail = "ok", check(target)
        except SmokeError as error:
            outcome, detail, worked = "FAILED", str(error), False
        print_line(f"{outcome:<6} {name}: {_shown(detail, target.key)}")
        if check is health and not worked:
            break
    return worked


def _refused(answer: Answer, status: int, code: str) -> str:
    if not answer.is_problem(status, code):
        raise SmokeError(f"should be {status} {code}, is {answer}")
    return f"refused, {status} {code}"


def _answer(status: int, body: bytes) -> Answer:
    try:
        decoded = json.loads(body)
    except ValueError:
        decoded = None
    return Answer(status, decoded if isinstance(decoded, dict) else {}, body.decode(errors="replace"))


def _built(folder: Path) -> str | None:
    stamp = folder / _STAMP
    return stamp.read_text("ascii").strip() if stamp.exists() else None


def _shown(text: str, key: str) -> str:
    """One line without the key, which a server may send back, and without control characters."""
    line = "".join(each if each.isprintable() else " " for each in text.replace(key, "(the key)"))
    return line if len(line) <= _LONGEST_LINE else line[:_LONGEST_LINE] + "..."


if __name__ == "__main__":
    sys.exit(main(os.environ))
