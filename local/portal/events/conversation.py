"""What users do in chats, and the events that bots get for it (bitrix24.md 5)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from local.portal.content.chat import Chat
from local.portal.content.content import Bot, Content, User
from local.portal.content.demo import ADMIN
from local.portal.content.messages import ChatMessage, cut
from local.portal.events import mentions
from local.portal.events.bot_events import Announcer
from local.portal.events.courier import Courier, Sent
from local.portal.events.outgoing import LANGUAGE
from local.portal.events.scene import Action, Commanding, Deleting, Editing, Joining, Opening, Reacting, Speaking
from local.portal.oauth.applications import Impossible
from local.portal.state import State


@dataclass(frozen=True, slots=True)
class ConversationResult:
    """The result of an action: the chat, the message if there was one, and the events that were sent, with answers."""

    chat_id: int
    sent: tuple[Sent, ...]
    message_id: int = 0


class Conversation:
    """All methods raise Impossible. Events go out without the portal's lock, each once (bitrix24.md 5.1)."""

    def __init__(self, state: State, courier: Courier) -> None:
        self._state = state
        self._courier = courier
        self._announcer = Announcer(state, courier)

    def say(
        self,
        text: str,
        chat_id: int | None = None,
        *,
        user_id: int = ADMIN.id,
        bot_id: int | None = None,
        language: str = LANGUAGE,
    ) -> ConversationResult:
        """A user writes into a chat as its member; without a chat, into the personal chat with the bot, which is made
        if needed. The commands in the text are sent first, then the message, each to the bots that receive it."""
        with self._state.lock:
            user = self._state.user(user_id)
            chat = self._personal(user, bot_id) if chat_id is None else self._chat(chat_id)
            if not (user.id in chat.members or (chat.open_to_all and user.kind == "employee")):
                raise Impossible("this user is not in the chat")
            message, actions = written(self._state, text, chat, user)
            messages = self._announcer.events(chat, user, language, actions)
        return ConversationResult(chat.id, self._courier.deliver(messages), message.id)

    def join(
        self,
        chat_id: int | None = None,
        *,
        user_id: int = ADMIN.id,
        bot_id: int | None = None,
        language: str = LANGUAGE,
    ) -> ConversationResult:
        """A user adds the bot to a chat; without a chat, opens the personal chat with it. No event is sent where the
        bot is a member already."""
        with self._state.lock:
            content, user, bot = self._state.content, self._state.user(user_id), self._bot(bot_id)
            known = len(content.chats)
            chat = self._personal(user, bot.id) if chat_id is None else self._chat(chat_id)
            new = bot.id not in chat.members or len(content.chats) > known
            if bot.id not in chat.members:
                chat = chat.with_member(bot.id)
                content.put_chat(chat)
            messages = self._announcer.events(chat, user, language, [(bot, Joining())] if new else [])
        return ConversationResult(chat.id, self._courier.deliver(messages))

    def open(
        self,
        context: Mapping[str, object],
        *,
        user_id: int = ADMIN.id,
        bot_id: int | None = None,
        language: str = LANGUAGE,
    ) -> ConversationResult:
        """A user opens the personal chat with the bot by a link with a context (bitrix24.md 10.8)."""
        with self._state.lock:
            user, bot = self._state.user(user_id), self._bot(bot_id)
            chat = self._personal(user, bot.id)
            messages = self._announcer.events(chat, user, language, [(bot, Opening(context))])
        return ConversationResult(chat.id, self._courier.deliver(messages))

    def leave(self, chat_id: int, user_id: int | None = None) -> ConversationResult:
        """A user leaves a chat, or without a user the bot does. No event is sent: none is documented, and that of the
        source does not leave the product (bitrix24.md 5.7 names all)."""
        with self._state.lock:
            chat = self._chat(chat_id)
            member = self._bot(None).id if user_id is None else user_id
            if member not in chat.members:
                raise Impossible("this user is not in the chat")
            self._state.content.put_chat(replace(chat, members=chat.members - {member}))
        return ConversationResult(chat.id, ())

    def edit(self, message_id: int, text: str, *, language: str = LANGUAGE) -> ConversationResult:
        """The author of a message changes it; the bots that receive the new text get the event."""
        with self._state.lock:
            message, chat, author = self._message(message_id)
            content = self._state.content
            message = replace(message, text=cut(mentions.with_mentions(text, chat, content)))
            content.messages.put(message)
            named = mentions.mentioned(message.text, content)
            actions: list[tuple[Bot, Action]] = [
                (bot, Editing(message, named)) for bot in _receivers(content, chat, message, named)
            ]
            messages = self._announcer.events(chat, author, language, actions)
        return ConversationResult(chat.id, self._courier.deliver(messages), message.id)

    def delete(self, message_id: int, *, language: str = LANGUAGE) -> ConversationResult:
        """The author of a message deletes it; the bots that received it get the event."""
        with self._state.lock:
            message, chat, author = self._message(message_id)
            content = self._state.content
            content.messages.remove(message)
            receivers = _receivers(content, chat, message, mentions.mentioned(message.text, content))
            actions: list[tuple[Bot, Action]] = [(bot, Deleting(message)) for bot in receivers]
            messages = self._announcer.events(chat, author, language, actions)
        return ConversationResult(chat.id, self._courier.deliver(messages), message.id)

    def react(
        self,
        message_id: int,
        reaction: str,
        change: str = "add",
        *,
        user_id: int = ADMIN.id,
        language: str = LANGUAGE,
    ) -> ConversationResult:
        """A user puts a reaction to a message, or with `delete` takes it away. Only a bot whose message it is gets the
        event (events.md)."""
        with self._state.lock:
            message, chat, _ = self._message(message_id)
            user, bot = self._state.user(user_id), self._state.content.bots.get(message.author_id)
            if user.id not in chat.members:
                raise Impossible("this user is not in the chat")
            receivers = [bot] if bot and bot.reactions else []
            actions: list[tuple[Bot, Action]] = [(bot, Reacting(message, reaction, change)) for bot in receivers]
            messages = self._announcer.events(chat, user, language, actions)
        return ConversationResult(chat.id, self._courier.deliver(messages), message.id)

    def _message(self, message_id: int) -> tuple[ChatMessage, Chat, User]:
        """A message with its chat and its author."""
        content = self._state.content
        message = content.messages.get(str(message_id))
        if message is None:
            raise Impossible("there is no such message")
        return message, content.chats[message.chat_id], content.users[message.author_id]

    def _chat(self, chat_id: int) -> Chat:
        chat = self._state.content.chats.get(chat_id)
        if chat is None:
            raise Impossible("there is no such chat")
        return chat

    def _bot(self, bot_id: int | None) -> Bot:
        """The bot with this id, or without one the only bot of an application, or where there is none the only bot."""
        bots = self._state.content.bots
        if bot_id is None:
            meant = [bot for bot in bots.values() if bot.client_id] or list(bots.values())
        else:
            meant = [bots[bot_id]] if bot_id in bots else []
        if len(meant) != 1:
            known = ", ".join(map(str, bots)) or "none"
            raise Impossible(f"which bot? There are: {known}")
        return meant[0]

    def _personal(self, user: User, bot_id: int | None) -> Chat:
        bot = self._bot(bot_id)
        if bot.id == user.id:
            raise Impossible("a bot has no personal chat with itself")
        return self._state.content.personal_chat(user.id, bot.id, self._state.clock.now())


def written(state: State, text: str, chat: Chat, user: User) -> tuple[ChatMessage, list[tuple[Bot, Action]]]:
    """The stored message, and the action that it is for each bot that receives it. The caller must hold the lock."""
    content = state.content
    text = cut(mentions.with_mentions(text, chat, content))
    given, named = list(mentions.commands(text, chat, user, content)), mentions.mentioned(text, content)
    message = ChatMessage(
        id=content.messages.next_id(),
        at=state.clock.now(),
        chat_id=chat.id,
        author_id=user.id,
        text=text,
        commands=frozenset(command.id for command, _ in given),
    )
    content.messages.put(message)
    return message, [
        *((content.bots[command.bot_id], Commanding(message, command, params)) for command, params in given),
        *((bot, Speaking(message, named)) for bot in _receivers(content, chat, message, named)),
    ]


def _receivers(content: Content, chat: Chat, message: ChatMessage, named: frozenset[int]) -> list[Bot]:
    return [bot for bot in content.bots.values() if mentions.receives(bot, chat, message, named)]
