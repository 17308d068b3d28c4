"""`make smoke`: asks a service what its callers and a portal ask, and compares its layer with the one built here.

The key comes by the environment, goes in a header to a host that has answered as this service does, and is printed
nowhere, whatever answers there.
"""

import json
import os
import re
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
}
"""What the environment, and so `make smoke NAME=value`, may say. A pair without a chat does as well as one with."""

_STAMP: Final = "LookupFunction/layer-stamp"
_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")
_ADDRESS: Final = re.compile(r"(https://[A-Za-z0-9.-]+|http://(127\.0\.0\.1|localhost))(:[0-9]{1,5})?")
_FORGED: Final = urlencode({"event": "SMOKE", "auth[member_id]": "smoke", "auth[application_token]": "smoke"}).encode()
_TIMEOUT: Final = urllib3.Timeout(connect=10, read=30)  # as long as the gateway waits for a function
_LONGEST_LINE: Final = 500

Say = Callable[[str], None]


class SmokeError(Exception):
    """What was asked for cannot be asked, or the answer is not the one of a service that works."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP response; `said` is the JSON object in it, empty for anything else."""

    status: int
    said: Mapping[str, object]
    text: str

    def is_problem(self, status: int, code: str) -> bool:
        return self.status == status and self.said.get("type") == PROBLEM_TYPE + code

    def __str__(self) -> str:
        told = [str(self.said[name]) for name in ("type", "detail", "portal_error", "request_id") if name in self.said]
        return f"{self.status} {', '.join(told) or self.text}"


@dataclass(frozen=True, slots=True)
class Target:
    """A service by its address without a slash at the end, and the stamp of the layer built here, if one is."""

    url: str
    key: str = field(repr=False)
    pair: Mapping[str, str]
    built: str | None

    def ask(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Answer:
        """One request, never sent anywhere else by a redirect. Raises SmokeError where no answer comes."""
        try:
            response = urllib3.request(
                method, self.url + path, headers=headers, body=body, timeout=_TIMEOUT, retries=False, redirect=False
            )
        except urllib3.exceptions.HTTPError as error:
            raise SmokeError(f"no answer: {type(error).__name__}: {error}") from None
        return _answer(response.status, response.data)

    def look_up(self, headers: Mapping[str, str]) -> Answer:
        """Past the cache: that it is filled says nothing of the portal."""
        return self.ask("GET", "/v1/chats?" + urlencode({**self.pair, "fresh": "true"}), headers)


def health(target: Target) -> str:
    """Answers the layer that runs."""
    answer = target.ask("GET", "/health")
    layer = answer.said.get("layer")
    if answer.status != HTTPStatus.OK or answer.said.get("status") != "ok" or not isinstance(layer, str):
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
    """With a chat or without: either way the key, the stores and the portal did what they have to."""
    answer = target.look_up({"X-Api-Key": target.key})
    pair = " ".join(target.pair.values())
    if answer.status == HTTPStatus.OK and "chat_id" in answer.said:
        return f"{pair} has chat {answer.said['chat_id']}"
    if answer.is_problem(404, "chat-not-found"):
        return f"{pair} has no chat"
    raise SmokeError(str(answer))


def without_key(target: Target) -> str:
    return _refused(target.look_up({}), 401, "key-rejected")


def forged_event(target: Target) -> str:
    """Only the receiver itself refuses in these words, after it has read its table."""
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    return _refused(target.ask("POST", "/bitrix24/events", form, _FORGED), 403, "event-rejected")


CHECKS: Final[Mapping[str, Callable[[Target], str]]] = {
    "health": health,
    "layer": same_layer,
    "look-up": look_up,
    "look-up without a key": without_key,
    "event that nothing proves": forged_event,
}
"""Every one is tried, but none after `health` where that fails: a wrong address is no place for the key."""


def main(environ: Mapping[str, str]) -> int:
    """Answers the exit status: 0 if the service works."""
    try:
        target = read(environ)
    except SmokeError as error:
        print(error, file=sys.stderr)
        return 1
    return 0 if smoke(target, print) else 1


def read(environ: Mapping[str, str]) -> Target:
    """Whom to ask for what. Raises SmokeError."""
    said = {name: environ.get(name) or default for name, default in DEFAULTS.items()}
    url = said["URL"].removesuffix("/")
    if not _ADDRESS.fullmatch(url):
        raise SmokeError("URL must be the service's address, https://host and no more; http on this machine only")
    if not _KEY.fullmatch(said["KEY"]):
        raise SmokeError("KEY must be a key of the service with the scope lookup (keys.create makes one)")
    pair = {"entity_type": said["ENTITY_TYPE"], "entity_id": said["ENTITY_ID"]}
    return Target(url, said["KEY"], pair, _built(Path(said["BUILD_DIR"])))


def smoke(target: Target, say: Say) -> bool:
    """Try one after another and tell each outcome; answers whether all were as they should be."""
    worked = True
    for name, check in CHECKS.items():
        try:
            outcome, told = "ok", check(target)
        except SmokeError as error:
            outcome, told, worked = "FAILED", str(error), False
        say(f"{outcome:<6} {name}: {_shown(told, target.key)}")
        if check is health and not worked:
            break
    return worked


def _refused(answer: Answer, status: int, code: str) -> str:
    if not answer.is_problem(status, code):
        raise SmokeError(f"should be {status} {code}, is {answer}")
    return f"refused, {status} {code}"


def _answer(status: int, body: bytes) -> Answer:
    try:
        said = json.loads(body)
    except ValueError:
        said = None
    return Answer(status, said if isinstance(said, dict) else {}, body.decode(errors="replace"))


def _built(folder: Path) -> str | None:
    stamp = folder / _STAMP
    return stamp.read_text("ascii").strip() if stamp.exists() else None


def _shown(text: str, key: str) -> str:
    """One line without the key, which a server may send back, and without what steers a terminal."""
    line = "".join(each if each.isprintable() else " " for each in text.replace(key, "(the key)"))
    return line if len(line) <= _LONGEST_LINE else line[:_LONGEST_LINE] + "..."


if __name__ == "__main__":
    sys.exit(main(os.environ))
