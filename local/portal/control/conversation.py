"""Control of the conversation in chats: users who write to bots, and what bots answered."""

from collections.abc import Mapping
from typing import Final

from local.portal.content.demo import ADMIN
from local.portal.control.deliveries import answer_to
from local.portal.control.fields import ControlError, Fields
from local.portal.control.routes import Query, Route
from local.portal.events.conversation import Conversation, ConversationResult
from local.portal.events.outgoing import LANGUAGE
from local.portal.state import State

_CHANGES: Final = ("add", "delete")


class ConversationControl:
    """In every body, `bot_id` may be left out where applications have one bot only, `chat_id` where the personal chat
    with it is meant, and `user_id` where the administrator is."""

    def __init__(self, state: State, conversation: Conversation) -> None:
        self._state = state
        self._conversation = conversation

    def routes(self) -> tuple[Route, ...]:
        return (
            Route("POST", "/say", self._say, sends=True),
            Route("POST", "/join", self._join, sends=True),
            Route("POST", "/leave", self._leave, sends=True),
            Route("POST", "/open", self._open, sends=True),
            Route("POST", "/edit", self._edit, sends=True),
            Route("POST", "/react", self._react, sends=True),
            Route("GET", "/messages", self._messages),
        )

    def _say(self, _: Query, body: object) -> object:
        fields = Fields(body)
        text = fields.text("text", shortest=1)
        chat_id, user_id, bot_id, language = _target(fields)
        fields.finish()
        result = self._conversation.say(text, chat_id, user_id=user_id, bot_id=bot_id, language=language)
        return {"message_id": result.message_id, **shown(result)}

    def _join(self, _: Query, body: object) -> object:
        fields = Fields(body)
        chat_id, user_id, bot_id, language = _target(fields)
        fields.finish()
        return shown(self._conversation.join(chat_id, user_id=user_id, bot_id=bot_id, language=language))

    def _leave(self, _: Query, body: object) -> object:
        """A user leaves a chat, or without `user_id` the bot."""
        fields = Fields(body)
        chat_id, user_id = fields.whole("chat_id"), fields.whole("user_id") if fields.has("user_id") else None
        fields.finish()
        return shown(self._conversation.leave(chat_id, user_id))

    def _open(self, _: Query, body: object) -> object:
        fields = Fields(body)
        context = fields.take("context", {})
        user_id, language = fields.whole("user_id", ADMIN.id), fields.text("language", LANGUAGE)
        bot_id = fields.whole("bot_id") if fields.has("bot_id") else None
        fields.finish()
        if not isinstance(context, Mapping):
            raise ControlError('"context" must be a JSON object')
        return shown(self._conversation.open(context, user_id=user_id, bot_id=bot_id, language=language))

    def _edit(self, _: Query, body: object) -> object:
        fields = Fields(body)
        message_id, text = fields.whole("message_id"), fields.text("text", shortest=1)
        language = fields.text("language", LANGUAGE)
        fields.finish()
        return shown(self._conversation.edit(message_id, text, language=language))

    def _react(self, _: Query, body: object) -> object:
        """A reaction is put to a message, or taken away."""
        fields = Fields(body)
        message_id, reaction = fields.whole("message_id"), fields.text("reaction", shortest=1)
        change = fields.one_of("action", _CHANGES) if fields.has("action") else "add"
        user_id, language = fields.whole("user_id", ADMIN.id), fields.text("language", LANGUAGE)
        fields.finish()
        return shown(self._conversation.react(message_id, reaction, change, user_id=user_id, language=language))

    def _messages(self, _: Query, __: object) -> object:
        """What bots wrote, the newest last; `answer_to` is the message whose command it answers."""
        content = self._state.content
        return [
            {
                "message_id": message.id,
                "at": message.at,
                "chat_id": message.chat_id,
                "dialog_id": content.chats[message.chat_id].dialog_id(message.author_id),
                "author_id": message.author_id,
                "text": message.text,
                "method": message.method,
                **({"answer_to": message.answer_to} if message.answer_to else {}),
            }
            for message in content.messages.of_bots()
        ]


def _target(fields: Fields) -> tuple[int | None, int, int | None, str]:
    chat_id = fields.whole("chat_id") if fields.has("chat_id") else None
    bot_id = fields.whole("bot_id") if fields.has("bot_id") else None
    return chat_id, fields.whole("user_id", ADMIN.id), bot_id, fields.text("language", LANGUAGE)


def shown(result: ConversationResult) -> dict[str, object]:
    """The chat, and each event with its answer."""
    sent = [{"event": each.message.event, **answer_to(each)} for each in result.sent]
    return {"chat_id": result.chat_id, "sent": sent}
