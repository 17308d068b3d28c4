"""Questions to the bot: records as the queue has them, and the bot that answers them."""

from dataclasses import dataclass, field
from typing import Any

from chat_lookup.bitrix24.event_names import EventKind
from chat_lookup.bot.answer_claims import Claims
from chat_lookup.bot.answer_sender import AnswerSender
from chat_lookup.bot.answerer import Answering
from chat_lookup.bot.employees import People
from chat_lookup.clock import Deadline
from chat_lookup.dynamodb import Table
from chat_lookup.events.model import BotEvent, EventChat, EventCommand, EventMessage, EventUser, Record
from chat_lookup.portals.portal import Portal
from tests.support.fakes import MEMBER_ID, FakeBitrix24, Stores
from tests.support.in_process_service import Service
from tests.support.portals.known_portal import BOT, with_a_chat
from tests.support.stores.faulty_dynamodb import FaultyDynamoDB

EMPLOYEE = EventUser(27, employee=True)
GROUP = EventChat(chat_id=1437, dialog_id="chat1437", type="C")
PERSONAL = EventChat(chat_id=1407, dialog_id="27", type="P", personal=True)
OPEN_LINE = EventChat(1777, "chat1777", "lines", open_line=True, entity_type="LINES", entity_id="livechat|22|1775|599")
CHATID = EventCommand(78, "chatid")
SEND_METHODS = {
    ("v1", False): "imbot.message.add",
    ("v1", True): "imbot.command.answer",
    ("v2", False): "imbot.v2.Chat.Message.send",
    ("v2", True): "imbot.v2.Command.answer",
}
"""The methods by which a bot sends a message, by API version and by whether it answers a command."""


def message(text: str = "deal 1663", *, api: str = "v2", chat: EventChat = PERSONAL, **fields: Any) -> Record:
    """A message to the bot, as a record of the queue; `fields` replace fields of the event."""
    event = BotEvent(
        name="ONIMBOTV2MESSAGEADD",
        kind=EventKind.MESSAGE_ADD,
        api=api,
        bot_ids=(BOT,),
        chat=chat,
        user=EMPLOYEE,
        message=EventMessage(789, text, EMPLOYEE.user_id),
        language="en",
    )
    return record_of(event._replace(**fields))


def command(params: str = "", *, api: str = "v2", chat: EventChat = GROUP, **fields: Any) -> Record:
    """The command /chatid, as a record of the queue."""
    given = {"kind": EventKind.COMMAND, "commands": (CHATID._replace(params=params),), **fields}
    return message(f"/chatid {params}".rstrip(), api=api, chat=chat, **given)


def record_of(event: BotEvent) -> Record:
    return Record("0" * 32, MEMBER_ID, 1_763_000_000.0, "c0ffee", event)


@dataclass(slots=True)
class Bot:
    """The bot part of one worker, and its portal."""

    service: Service
    answering: Answering
    claims: Claims
    people: People
    store: FaultyDynamoDB
    portal: Portal
    seconds: float = 25.0
    outcomes: list[str] = field(default_factory=list)

    @property
    def bitrix24(self) -> FakeBitrix24:
        return self.service.bitrix24

    def answer_record(self, record: Record) -> str:
        """Process the record; return the outcome."""
        with self.service.telemetry.invocation("test"):
            return self.answering.answer(self.portal, record, Deadline.after(self.seconds, self.service.clock))

    @property
    def sent_texts(self) -> list[str]:
        """Every text that was sent to the portal, whether or not the call succeeded."""
        return [text_of(called.params) for called in self.bitrix24.calls if called.method in SEND_METHODS.values()]


def text_of(params: Any) -> str:
    """The text in the parameters of any of the four methods."""
    return str(params["MESSAGE"] if "MESSAGE" in params else params["fields"]["message"])


def bot_in(service: Service, stores: Stores, portal: Portal) -> Bot:
    """A worker's bot on the stores; the portal accepts every message of it."""
    for method in SEND_METHODS.values():
        service.bitrix24.answers(method, {"id": 1})
    store = FaultyDynamoDB(stores.dynamodb)
    people = People(service.calls, Table(store.client, stores.cache_table), service.clock)
    claims = Claims(Table(store.client, stores.cache_table), service.clock)
    sender = AnswerSender(service.calls, service.clock)
    answering = Answering(
        service.lookup, lambda: service.objects, service.cache, people, claims, sender, service.telemetry, service.clock
    )
    return Bot(service, answering, claims, people, store, portal)


def bot_by_a_deal(service: Service, stores: Stores, portal: Portal) -> Bot:
    """`bot_in` with a portal where deal 1663 has the chat 1437 and no other pair has a chat."""
    with_a_chat(service.bitrix24)
    return bot_in(service, stores, portal)
