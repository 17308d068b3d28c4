"""A portal with our bot, and users that write to it: on the stage of `unknown_portal`."""

import urllib.parse
from dataclasses import dataclass
from typing import Any

import urllib3

from chat_lookup.clock import Deadline, SystemClock
from chat_lookup.events.model import Record
from tests.support.portals.unknown_portal import Stage

ADMIN, EXTRANET, GUEST, OTHER_BOT, CUSTOMER = 1, 4, 5, 6, 744
DEAL_CHAT, LINE_CHAT, TASK_CHAT, GROUP_CHAT = 1437, 1764, 1582, 1103
SEND_METHODS = ("imbot.message.add", "imbot.command.answer", "imbot.v2.Chat.Message.send", "imbot.v2.Command.answer")

_LONGEST_WAIT_S = 60.0


@dataclass(slots=True)
class Conversation:
    """Messages of users and answers of the bot. `api` is the version that the bot was registered with."""

    stage: Stage
    api: str
    bot_id: int

    def say(self, text: str, **more: object) -> dict[str, Any]:
        """Write to the bot, or in the chat `chat_id`; return the answer of the portal's control."""
        answer: dict[str, Any] = self.stage.tell("/say", {"text": text, **more})
        return answer

    def asks(self, text: str, **more: object) -> list[str]:
        """Write, wait until every event of it is processed, and return the bot's new messages."""
        known = len(self.messages())
        self.say(text, **more)
        self.stage.service.settle()
        return [message["text"] for message in self.messages()[known:]]

    def messages(self) -> list[dict[str, Any]]:
        """The bot's messages, oldest first."""
        kept: list[dict[str, Any]] = self.stage.ask("/messages")
        return kept

    def until(self, number: int) -> list[dict[str, Any]]:
        """Wait until the bot has sent this many messages."""
        deadline = Deadline.after(_LONGEST_WAIT_S, SystemClock())
        while len(messages := self.messages()) < number:
            assert deadline.left() > 0, f"{len(messages)} of {number} answers came"
            deadline.clock.sleep(0.1)
        return messages

    def chat_with_bot(self, entity_type: str, entity_id: str, *members: int) -> int:
        """Create a chat of an entity with our bot in it; return its id."""
        pair = {"entity_type": entity_type, "entity_id": entity_id}
        chat_id: int = self.stage.tell("/chats", {**pair, "members": [ADMIN, self.bot_id, *members]})["chat_id"]
        return chat_id

    def link(self, chat_id: int) -> str:
        """The link that opens a chat of this portal."""
        return f"https://{self.stage.portal.domain}/online/?{urllib.parse.urlencode({'IM_DIALOG': f'chat{chat_id}'})}"

    def work(self, record: Record) -> object:
        """Have the worker process a record, as an asynchronous invocation does: what fails for a passing reason goes to
        the queue. Raises what it raises."""
        return self.stage.service.stack.backend.functions.invoke("WorkerFunction", {"record": record.to_json()})

    def unsent(self) -> float:
        """The number of answers counted as unsent."""
        return self.counted("AnswersUnsent")

    def counted(self, metric: str) -> float:
        """The sum of a metric since the last mark."""
        return sum(sum(blob[metric]) for blob in self.stage.service.metrics() if metric in blob)

    def send_methods(self) -> list[str]:
        """The methods by which the bot sent messages, in order."""
        return [method for method in self.stage.calls() if method in SEND_METHODS]


def conversation(stage: Stage, api: str) -> Conversation:
    """Install the application in a portal that supports bots of this version only and has none of ours yet."""
    _remove_bots(stage)
    stage.tell("/shape", {"bot_api": api})
    stage.install()
    (bot,) = [each for each in stage.ask("/bots") if each["code"].startswith("chat_lookup")]
    return Conversation(stage, api, bot["bot_id"])


def _remove_bots(stage: Stage) -> None:
    """A bot outlives the application, and keeps the version that registered it (bitrix24.md 5.8; 9, row 17)."""
    stage.tell("/shape", {"bot_api": "v2"})
    token = stage.grant()["access_token"]
    with urllib3.PoolManager(ca_certs=str(stage.portal.ca_file)) as http:
        for bot in stage.ask("/bots"):
            asked = {"botId": bot["bot_id"], "auth": token}
            response = http.request("POST", f"{stage.portal.portal_url}/rest/imbot.v2.Bot.unregister", json=asked)
            assert response.status == 200, response.data
    stage.portal.settle()
