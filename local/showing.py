"""What a run shows of the service before it stays: a look-up, and a user's talk with the bot."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Final

import urllib3

from chat_lookup.clock import Deadline, SystemClock
from local.portal import LocalPortal
from local.stack import LocalStack

QUESTION: Final = "deal 1663"
_LONGEST_WAIT_S: Final = 30.0  # as the gateway
_LONGEST_TALK_S: Final = 20.0
_LOOK_AGAIN_S: Final = 0.1

Say = Callable[[str], None]


def look_up(stack: LocalStack, path: str, say: Say) -> bool:
    """Ask the API as a client does; answers whether it worked.

    In a portal that is not ours, "there is no such chat" is as good an answer as the chat.
    """
    response = urllib3.request(
        "GET",
        stack.addresses.api_url + path,
        headers={"X-Api-Key": stack.api_key},
        timeout=_LONGEST_WAIT_S,
        retries=False,
    )
    body = response.data.decode("utf-8", errors="replace")
    say(f"GET {path}\n  {response.status} {body}")
    not_found = response.status == HTTPStatus.NOT_FOUND and "problem:chat-not-found" in body
    worked = response.status == HTTPStatus.OK or (not_found and stack.target.local is None)
    if not worked:
        say(f"That is no answer; {stack.backend.log_file} tells more.")
    return worked


def talk(stack: LocalStack, say: Say) -> bool:
    """Have a user of our portal ask its bot; answers whether it answered. Elsewhere there is no bot, and that is well.

    The question goes the whole way: event, queue, worker, and back through the portal's own method.
    """
    portal = stack.target.local
    if portal is None or stack.settings.by_webhook:
        return True
    asked = urllib3.request("POST", portal.control_url + "/say", json={"text": QUESTION}, timeout=_LONGEST_WAIT_S)
    if asked.status != HTTPStatus.OK:
        say(f"Nobody could write to the bot: {asked.json()['error']}")
        return False
    answer = _answer(portal, asked.json())
    say(f"A user writes to the bot: {QUESTION}\n  " + (answer or f"No answer; {stack.backend.log_file} tells more."))
    return answer is not None


def _answer(portal: LocalPortal, asked: dict[str, int]) -> str | None:
    """The first text that the bot wrote in the chat after it was asked; None if that takes too long."""
    deadline = Deadline.after(_LONGEST_TALK_S, SystemClock())
    while deadline.left() > 0:
        messages = urllib3.request("GET", portal.control_url + "/messages", timeout=_LONGEST_WAIT_S).json()
        for message in messages:
            if message["chat_id"] == asked["chat_id"] and message["message_id"] > asked["message_id"]:
                return str(message["text"])
        deadline.clock.sleep(_LOOK_AGAIN_S)
    return None
