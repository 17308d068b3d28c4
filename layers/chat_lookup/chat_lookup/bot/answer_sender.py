"""Sends the bot's answers, by the methods of its API, and returns the outcome.

Methods and fields: the vendor's pages imbot-message-add, imbot-command-answer, chat-message-send, command-answer
(bitrix24.md 1.13, 1.14 and 9, row 16).
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from chat_lookup.bitrix24.errors import BitrixError, ErrorClass
from chat_lookup.calls.portal_calls import PortalCalls
from chat_lookup.clock import Clock, Deadline
from chat_lookup.portals.failures import for_caller
from chat_lookup.portals.portal import Portal


class Place(NamedTuple):
    """Where a bot answers: the message and its dialog. `api` is the version of the message's event.

    With a `command_id` it answers by the method for commands, which works where the bot is no member, too.
    """

    api: str
    bot_id: int
    dialog_id: str
    message_id: int
    command_id: int | None
    open_line: bool
    """A customer reads there, and must not receive the answer."""


class Delivery(StrEnum):
    """The outcome of sending an answer."""

    SENT = "sent"
    DOUBTFUL = "doubtful"
    """It may have been sent. Sending it again may duplicate it (bitrix24.md 1.13)."""
    REFUSED = "refused"
    """It was not sent, and a retry would fail, too."""


class AnswerSender:
    """Sends answers, each once."""

    def __init__(self, calls: PortalCalls, clock: Clock) -> None:
        self._calls = calls
        self._clock = clock

    def send(self, portal: Portal, place: Place, sentence: str, deadline: Deadline) -> Delivery:
        """Send an answer when the portal's pace allows. `sentence` is BB code, at most 20,000 characters.

        If it raises, whatever the error, nothing was sent.
        """
        method, params_of = _METHODS[place.api, place.command_id is not None]
        try:
            self._calls.call(portal, method, params_of(place, sentence), deadline)
        except BitrixError as error:
            if _surely_unsent(error):
                raise for_caller(error, self._clock.now()) from None
            return Delivery.DOUBTFUL if error.error_class is ErrorClass.RETRY else Delivery.REFUSED
        return Delivery.SENT


_TOO_MANY_REQUESTS: Final = 429


def _surely_unsent(error: BitrixError) -> bool:
    """Whether the portal did not run the call: there was no connection, or a limit was used up."""
    return error.unreached or error.error_class is ErrorClass.LIMIT or error.status == _TOO_MANY_REQUESTS


_Params = Mapping[str, object]


def _message_v1(place: Place, sentence: str) -> _Params:
    return {
        "BOT_ID": place.bot_id,
        "DIALOG_ID": place.dialog_id,
        "MESSAGE": sentence,
        "URL_PREVIEW": "N",
        "SKIP_CONNECTOR": "Y" if place.open_line else "N",
    }


def _command_v1(place: Place, sentence: str) -> _Params:
    return {
        "COMMAND_ID": place.command_id,
        "MESSAGE_ID": place.message_id,
        "MESSAGE": sentence,
        "URL_PREVIEW": "N",
        "SYSTEM": "Y" if place.open_line else "N",
    }


def _message_v2(place: Place, sentence: str) -> _Params:
    fields: dict[str, object] = {"message": sentence, "urlPreview": False}
    if place.open_line:
        # The page's table lacks this field; its note on flags, in Russian only, names it (chat-message-send.md).
        fields["skipConnector"] = True
    return {"botId": place.bot_id, "dialogId": place.dialog_id, "fields": fields}


def _command_v2(place: Place, sentence: str) -> _Params:
    return {
        "botId": place.bot_id,
        "commandId": place.command_id,
        "messageId": place.message_id,
        "dialogId": place.dialog_id,
        "fields": {"message": sentence, "urlPreview": False, "system": place.open_line},
    }


_METHODS: Final[Mapping[tuple[str, bool], tuple[str, Callable[[Place, str], _Params]]]] = {
    ("v1", False): ("imbot.message.add", _message_v1),
    ("v1", True): ("imbot.command.answer", _command_v1),
    ("v2", False): ("imbot.v2.Chat.Message.send", _message_v2),
    ("v2", True): ("imbot.v2.Command.answer", _command_v2),
}
"""By API, and by whether a command is answered. No page about answers to commands has a parameter to skip an open
line's connector; by the product's source, system messages never go to it."""
