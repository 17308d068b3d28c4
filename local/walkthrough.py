"""What `make run` prints: addresses, a look-up, a conversation with the bot, and commands to try next."""

from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Final

import urllib3

from chat_lookup.clock import Deadline, SystemClock
from local.aws.services import PUBLISHED
from local.demo_credentials import DEMO_KEY
from local.portal import LocalPortal
from local.stack import LocalStack

_KEY_FROM_FILE = """$(python3 -c 'import json; print(json.load(open("{}"))["api_key"])')"""


def introduction(stack: LocalStack) -> str:
    """The addresses of the stack, and what was done so far."""
    ours, addresses = stack.target.local, stack.addresses
    portal = f"{stack.target.url} (control: {ours.control_url})" if ours else f"{stack.target.url} (another portal)"
    lines = [
        f"  service    {addresses.api_url} and {addresses.api_https_url}",
        f"  portal     {portal}",
        f"  stores     {stack.backend.aws.endpoint_url} (DynamoDB, Secrets Manager, SQS, EventBridge; gone at the end)",
        f"  published  {stack.backend.aws.endpoint_url}{PUBLISHED} (the bots' events, as published on the event bus)",
        f"  authority  {addresses.ca_file} (signs the certificates here)",
        f"  log        {stack.backend.log_file} (log lines and metrics of the functions)",
    ]
    if stack.settings.bind not in ("127.0.0.1", "localhost"):
        lines.append(
            f"  Warning: the stores are open without a password to every host that reaches {stack.settings.bind}."
        )
    how = "as an administrator would" if ours and not stack.settings.by_webhook else "with its webhook"
    lines.append(f"The application was installed in the portal {stack.member_id} {how}, and an API key was created.")
    return "\n".join(lines)


def what_next(stack: LocalStack, path: str, run_file: Path) -> str:
    """Commands that work as printed. They contain a key only if it is public."""
    key = DEMO_KEY if stack.target.local else _KEY_FROM_FILE.format(run_file)
    page = (
        f"  {stack.addresses.api_url}/ in a browser: the playground"
        if stack.addresses.site.playground
        else f"  (no playground in a browser: other hosts could use it, because BIND is {stack.settings.bind})"
    )
    ours = stack.target.local
    return "\n".join(
        [
            "Try next:",
            page,
            *([f"  {ours.page_url}/ in a browser: the portal's pages, with the application"] if ours else []),
            f"  curl -s -H \"X-Api-Key: {key}\" '{stack.addresses.api_url}{path}'",
            f"All addresses and the API key are in {run_file}. Press Ctrl-C to stop.",
        ]
    )


QUESTION: Final = "deal 1663"
_LONGEST_WAIT_S: Final = 30.0  # as the gateway
_LONGEST_TALK_S: Final = 20.0
_POLL_S: Final = 0.1
Show = Callable[[str], None]


def look_up(stack: LocalStack, path: str, show: Show) -> bool:
    """Calls the API as a client does; returns whether it worked.

    In another portal, "there is no such chat" counts as success, too.
    """
    response = urllib3.request(
        "GET",
        stack.addresses.api_url + path,
        headers={"X-Api-Key": stack.api_key},
        timeout=_LONGEST_WAIT_S,
        retries=False,
    )
    body = response.data.decode("utf-8", errors="replace")
    show(f"GET {path}\n  {response.status} {body}")
    not_found = response.status == HTTPStatus.NOT_FOUND and "problem:chat-not-found" in body
    worked = response.status == HTTPStatus.OK or (not_found and stack.target.local is None)
    if not worked:
        show(f"The look-up failed; details are in {stack.backend.log_file}.")
    return worked


def talk(stack: LocalStack, show: Show) -> bool:
    """Sends a question of a user to the bot; returns whether it answered. True where the portal has no bot.

    The question passes through the whole service: event, queue, worker, and back through the portal's method.
    """
    portal = stack.target.local
    if portal is None or stack.settings.by_webhook:
        return True
    asked = urllib3.request("POST", portal.control_url + "/say", json={"text": QUESTION}, timeout=_LONGEST_WAIT_S)
    if asked.status != HTTPStatus.OK:
        show(f"The message to the bot was refused: {asked.json()['error']}")
        return False
    answer = _answer(portal, asked.json())
    show(
        f"A user writes to the bot: {QUESTION}\n  " + (answer or f"No answer; details are in {stack.backend.log_file}.")
    )
    return answer is not None


def _answer(portal: LocalPortal, asked: dict[str, int]) -> str | None:
    """The first text that the bot wrote in the chat after the question; None if it takes too long."""
    deadline = Deadline.after(_LONGEST_TALK_S, SystemClock())
    while deadline.left() > 0:
        messages = urllib3.request("GET", portal.control_url + "/messages", timeout=_LONGEST_WAIT_S).json()
        for message in messages:
            if message["chat_id"] == asked["chat_id"] and message["message_id"] > asked["message_id"]:
                return str(message["text"])
        deadline.clock.sleep(_POLL_S)
    return None
