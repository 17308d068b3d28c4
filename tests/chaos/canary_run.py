"""A run in which everything fails, with secrets in every place that they may pass.

test_no_secret_leaves.py runs it in a separate process and searches its output: the body of each error, each traceback,
the log of every library at DEBUG. The secrets themselves are written to a file.

    python -m tests.chaos.canary_run STATE_DIR SECRETS_FILE
"""

import json
import logging
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from local.aws.lambda_runtime import Functions
from local.stack import LocalStack, Settings, running
from tests.support.service import Reply, Service

BOT_TOKEN = "c4narybott0k3n0fap0rta1"
PAIR = "entity_type=CRM&entity_id=DEAL%7C1663"
EVENT = {"entity_type": "CRM", "entity_id": "DEAL|1663", "fresh": True}
SECONDS = 3
"""Time-out of the functions that the run waits for: a second each for the portal, to start a call, and to answer."""


@dataclass(frozen=True)
class Day:
    """What the steps of the run use."""

    service: Service
    url: str
    code: str
    hurried: Functions
    """The same functions with a short time-out."""

    @property
    def secrets(self) -> dict[str, str]:
        return {"key": self.service.api_key, "code": self.code, "url": self.url, "bot token": BOT_TOKEN}

    def look_up(self, more: str = "") -> Reply:
        return self.service.get(f"/v1/chats?{PAIR}&fresh=true{more}")

    def behaves(self, **fault: object) -> None:
        """Set this fault in place of all former ones, and clear the stored and cached state of the portal."""
        self.service.control("/faults", [])
        if fault:
            self.service.control("/faults", {"method": "*", **fault})
        self.service.restore_tables()
        self.service.cold_start()


Step = Callable[[Day], Iterator[object]]


def planted_in_requests(day: Day) -> Iterator[object]:
    """Each secret in each part of a request, with and without a valid key."""
    for secret in map(quote, day.secrets.values()):
        for key in ({"X-Api-Key": day.service.api_key}, {}):
            for path in (
                f"/v1/chats?{PAIR}&{secret}=1",
                f"/v1/chats?{PAIR}&api_key={secret}",
                f"/v1/chats?{PAIR}&method={secret}",
                f"/v1/chats?{PAIR}&bot_id={secret}",
                f"/v1/chats?{PAIR}&expand={secret}",
                f"/v1/chats?{PAIR}&fresh={secret}",
                f"/v1/chats?entity_type={secret}&entity_id=x",
                f"/v1/chats?entity_type=CRM&entity_id={secret}",
                f"/v1/chats/{secret}",
                f"/{secret}",
                f"/rest/1/{secret}/im.chat.get",
            ):
                yield day.service.get(path, key)
            everywhere = dict.fromkeys(("Cookie", "Referer", "User-Agent", "Authorization"), secret)
            yield day.service.get(f"/v1/chats?{PAIR}", {**key, **everywhere})
            yield day.service.request("POST", "/v1/chats", key, json.dumps({secret: secret}).encode())


def planted_in_events(day: Day) -> Iterator[object]:
    """Each secret in events of operators and state machines."""
    for secret in day.secrets.values():
        for event in (
            {"entity_type": "CRM", "entity_id": secret},
            {"entity_type": "CRM", "entity_id": "DEAL|1663", secret: 1},
            {"entity_type": "CRM", "entity_id": "DEAL|1663", "portal": secret},
            {"entity_type": "CRM", "entity_id": "DEAL|1663", "method": secret},
            {"entity_type": "CRM", "entity_id": {secret: secret}},
            {"lookups": secret},
            secret,
        ):
            yield lambda event=event: day.service.direct(event)
        yield lambda secret=secret: day.service.admin(secret)
        yield lambda secret=secret: day.service.admin("portals", **{secret: secret})
        yield lambda secret=secret: day.service.admin("keys.revoke", key_id=secret)
    for url in (
        day.url.replace("https", "http"),
        day.url.replace("://", f"://{day.code}@"),
        day.url + "im.chat.get?auth=" + day.code,
        day.url.replace("/rest/", "/reste/"),
        f"https://{day.code}.invalid/rest/1/{day.code}/",
        f"{day.url[:-4]}000/",
        day.url[:-4],
    ):
        yield lambda url=url: day.service.admin("portal.add_webhook", webhook_url=url, bot_token=BOT_TOKEN)


def quoted_by_the_portal(day: Day) -> Iterator[object]:
    """Portal answers that quote the request's secrets, and answers that break off."""
    every = ", ".join(day.secrets.values())
    for fault in (
        {"error": "ACCESS_DENIED", "error_description": every},
        {"error": f"X_{day.code}", "error_description": every},
        {"status": 500, "body": f"<html>{every}</html>"},
        {"status": 302, "body": "", "headers": {"Location": day.url}},
        {"body": {"result": {"ID": every}}},
        {"body": {"result": every}},
        {"drop": True},
        {"truncate": 9},
    ):
        day.behaves(**fault)
        yield day.look_up("&expand=chat&bot_id=343")
        yield lambda: day.service.direct(EVENT)
        yield lambda: day.service.admin("portal.add_webhook", webhook_url=day.url, bot_token=BOT_TOKEN, bot_id=343)
    day.behaves()


def no_answer_in_time(day: Day) -> Iterator[object]:
    day.behaves(delay_ms=30_000)
    yield lambda: day.hurried.invoke("DirectFunction", EVENT)
    webhook = {"command": "portal.add_webhook", "webhook_url": day.url}
    yield lambda: day.hurried.invoke("AdminFunction", webhook)
    day.behaves()


def broken_settings(day: Day) -> Iterator[object]:
    for name, value in (
        ("LOCAL_HOSTS", day.url),
        ("PORTAL_TABLE", day.url),
        ("SECRET_PREFIX", f"{day.code} {day.code}"),
        ("CA_PEM", day.url),
        ("CA_PEM", f"-----BEGIN CERTIFICATE-----\n{day.code}\n-----END CERTIFICATE-----\n"),
        ("AWS_ENDPOINT_URL", day.url.removeprefix("https://")),
    ):
        with replaced(day.service, {name: value}):
            yield day.look_up()
            yield lambda: day.service.direct(EVENT)


def stores_that_fail(day: Day) -> Iterator[object]:
    """No store at all; a secret with invalid content; a secret that cannot be read."""
    with replaced(day.service, {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}):
        yield day.look_up()
    aws = day.service.stack.backend.aws
    record = next(item for item in aws.dynamodb().scan(TableName="PortalTable")["Items"] if "secret_arn" in item)
    arn = record["secret_arn"]["S"]
    garbage = aws.secrets().put_secret_value(SecretId=arn, SecretString=f"{day.url} {BOT_TOKEN}")
    aws.dynamodb().put_item(TableName="PortalTable", Item={**record, "token_version": {"S": garbage["VersionId"]}})
    day.service.cold_start()
    yield day.look_up()
    yield lambda: day.service.direct(EVENT)
    aws.secrets().delete_secret(SecretId=arn)
    day.service.cold_start()
    yield lambda: day.hurried.invoke("DirectFunction", EVENT)


STEPS: tuple[Step, ...] = (
    planted_in_requests,
    planted_in_events,
    quoted_by_the_portal,
    no_answer_in_time,
    broken_settings,
    stores_that_fail,
)


@contextmanager
def replaced(service: Service, variables: Mapping[str, str]) -> Iterator[None]:
    """Inside, the functions are restarted with other settings."""
    before = {name: os.environ[name] for name in variables}
    os.environ.update(variables)
    service.cold_start()
    try:
        yield
    finally:
        os.environ.update(before)
        service.cold_start()


def outcome_of(done: Any) -> str:
    """The outcome of one action: a request's status or the name of an invocation's error; prints errors in full."""
    if isinstance(done, Reply):
        if done.status >= 400:
            print_words(done.status, dict(done.headers), done.body.decode())
        return str(done.status)
    try:
        done()
    except Exception as error:  # noqa: BLE001 - Lambda reports any exception of a function
        traceback.print_exc()
        return type(error).__name__
    return "answered"


def print_words(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")


def hurried(stack: LocalStack) -> Functions:
    theirs = stack.backend.functions
    functions = {name: replace(each, timeout=SECONDS) for name, each in theirs.template.functions.items()}
    return Functions(replace(theirs.template, functions=functions), theirs.output)


def main(state_dir: Path, secrets_file: Path) -> None:
    # The most detailed output: every library logs at DEBUG.
    logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
    with running(Settings(state_dir, environment={"LOG_LEVEL": "DEBUG"}, by_webhook=True)) as stack:
        url, installed = stack.target.endpoint.base_url, Service(stack)
        bot = {"bot_id": 343, "bot_token": BOT_TOKEN}
        pace = {"rate": 1000, "burst": 10_000}
        installed.control("/plan", pace)
        installed.admin("portal.add_webhook", webhook_url=url, member_id=stack.member_id, default=True, **bot, **pace)
        day = Day(Service(stack), url, url.rstrip("/").rpartition("/")[2], hurried(stack))
        secrets_file.write_text(json.dumps(day.secrets))
        for step in STEPS:
            outcomes = [outcome_of(done) for done in step(day)]
            print_words("OUTCOMES", step.__name__, *outcomes)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
