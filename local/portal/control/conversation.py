"""Control of the conversation in chats: users who write to bots, and what bots answered."""

from local.portal.content.demo import ADMIN
from local.portal.control.deliveries import answer_to
from local.portal.control.fields import Fields
from local.portal.control.routes import Query, Route
from local.portal.events.conversation import Conversation, ConversationResult
from local.portal.events.outgoing import LANGUAGE
from local.portal.state import State


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
            Route("GET", "/messages", self._messages),
        )

    def _say(self, _: Query, body: object) -> object:
        fields = Fields(body)
        text = fields.text("text", shortest=1)
        chat_id, user_id, bot_id, language = _target(fields)
        fields.finish()
        result = self._conversation.say(text, chat_id, user_id=user_id, bot_id=bot_id, language=language)
        return {"message_id": result.message_id, **_shown(result)}

    def _join(self, _: Query, body: object) -> object:
        fields = Fields(body)
        chat_id, user_id, bot_id, language = _target(fields)
        fields.finish()
        return _shown(self._conversation.join(chat_id, user_id=user_id, bot_id=bot_id, language=language))

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


def _shown(result: ConversationResult) -> dict[str, object]:
    """The chat, and each event with its answer."""
    sent = [{"event": each.message.event, **answer_to(each)} for each in result.sent]
    return {"chat_id": result.chat_id, "sent": sent}
