"""Events that methods cause: written at once, sent after the method's answer (bitrix24.md 5.1)."""

from collections.abc import Mapping

from local.portal.content.chat import Chat
from local.portal.content.content import Bot, User
from local.portal.events.bot_events import Announcer
from local.portal.events.conversation import written
from local.portal.events.courier import Courier
from local.portal.events.outbox import Outbox
from local.portal.events.outgoing import LANGUAGE
from local.portal.events.scene import Action, Joining
from local.portal.methods.event_bindings import TESTED
from local.portal.oauth.grant import Grant
from local.portal.state import State


class Caused:
    """What `Call.events` is. The caller must hold the portal's lock."""

    def __init__(self, state: State, courier: Courier, outbox: Outbox) -> None:
        self._state = state
        self._courier = courier
        self._announcer = Announcer(state, courier)
        self._outbox = outbox

    def tested(self, grant: Grant, query: Mapping[str, object]) -> None:
        context = grant.context
        if context is None:
            return
        data = {"QUERY": query, "LANGUAGE_ID": LANGUAGE}
        pair = self._state.tokens.of_event(context.installation, grant.user_id, self._state.clock.now())
        self._outbox.put(self._courier.events(context, self._courier.handlers(context, TESTED), data, pair))

    def chat_added(self, chat: Chat, owner: User, text: str) -> None:
        bots = [bot for bot in self._state.content.bots.values() if bot.id in chat.members and bot.id != owner.id]
        actions: list[tuple[Bot, Action]] = [(bot, Joining()) for bot in bots]
        if text:
            actions += written(self._state, text, chat, owner)[1]
        self._outbox.put(self._announcer.events(chat, owner, LANGUAGE, actions))

    def bot_removed(self, bot: Bot, grant: Grant) -> None:
        self._outbox.put(self._announcer.removal(bot, self._state.content.users[grant.user_id]))
