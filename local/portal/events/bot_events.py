"""Events for bots: from what a user did to the message that is sent."""

from collections.abc import Iterable
from typing import Final

from local.portal.content.chat import Chat
from local.portal.content.content import Binding, Bot, User
from local.portal.events import payload_v1, payload_v2
from local.portal.events.courier import Courier
from local.portal.events.outgoing import Message, Writer
from local.portal.events.scene import Action, Joining, Scene
from local.portal.oauth.tokens import Pair
from local.portal.state import State

_NAMES: Final = {"v1": payload_v1.NAMES, "v2": payload_v2.NAMES}
_WITH_TOKENS: Final = ("employee", "extranet")  # kinds of user that an application can act for


class Announcer:
    """The caller must hold the portal's lock.

    A bot that a webhook registered gets no events: it would need an application token of its own (bitrix24.md 5.3).
    """

    def __init__(self, state: State, courier: Courier) -> None:
        self._state = state
        self._courier = courier

    def events(self, chat: Chat, user: User, language: str, actions: Iterable[tuple[Bot, Action]]) -> list[Message]:
        """One event for each action, to its bot; none to a bot without a handler for it."""
        content = self._state.content
        bots = tuple(sorted(content.bots.keys() & chat.members))
        outsiders = any(content.users[member].kind not in ("employee", "bot") for member in chat.members)
        scenes = (Scene(bot, chat, user, action, language, outsiders, bots) for bot, action in actions)
        written = (self._event(scene) for scene in scenes)
        return [message for message in written if message]

    def _event(self, scene: Scene) -> Message | None:
        """In the form of the API that registered the bot (bitrix24.md 5.8)."""
        bot, name = scene.bot, _NAMES[scene.bot.api][type(scene.action)]
        context, handler = self._state.installed(bot.client_id), bot.handlers.get(name)
        if context is None or handler is None or not self._courier.reaches(context, handler):
            return None
        writer = self._courier.writer(context)
        pair = self._state.tokens.of_event(context.installation, bot.id, writer.now)
        write = self._v1 if bot.api == "v1" else self._v2
        return write(scene, writer, pair, name, handler)

    def _v1(self, scene: Scene, writer: Writer, pair: Pair, name: str, handler: str) -> Message:
        """With the user's tokens at the top, but without a refresh token when a bot joins (bitrix24.md 5.2)."""
        users, refresh = self._pair_of(scene.user, writer), not isinstance(scene.action, Joining)
        auth = writer.full_auth(users, refresh=refresh) if users else writer.portal_auth()
        bot_auth = {**writer.full_auth(pair), "client_id": writer.context.client_id}
        return writer.event_with(auth, Binding(scene.bot.id, name, handler), payload_v1.data(scene, bot_auth))

    def _v2(self, scene: Scene, writer: Writer, pair: Pair, name: str, handler: str) -> Message:
        """Without a user's tokens, and without an id of its handler (bitrix24.md 5.2, 5.7)."""
        shape, auth = self._state.shape, writer.portal_auth()
        if shape.auth_in_events == "brief":
            auth = {key: auth[key] for key in ("domain", "application_token")}
        bot_auth = writer.full_auth(pair, refresh=False)
        data = payload_v2.data(scene, bot_auth, entity_id=shape.entity_id_in_events)
        return writer.event_with(auth, Binding(0, name, handler), data)

    def _pair_of(self, user: User, writer: Writer) -> Pair | None:
        """The tokens of the user who acted; None if that user may not use the application."""
        installation = writer.context.installation
        admitted = installation.admitted is None or user.id in installation.admitted
        if user.kind not in _WITH_TOKENS or not admitted:
            return None
        return self._state.tokens.of_event(installation, user.id, writer.now)
