"""Events for bots: from what a user did to the message that is sent."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from local.portal.content.chat import Chat
from local.portal.content.content import Binding, Bot, User
from local.portal.events import payload_v1, payload_v2
from local.portal.events.courier import Courier
from local.portal.events.outgoing import Message, Writer
from local.portal.events.scene import Action, Joining, Scene
from local.portal.oauth.applications import Application
from local.portal.oauth.installations import Context, Installation
from local.portal.oauth.tokens import Pair
from local.portal.state import State

_NAMES: Final = {"v1": payload_v1.NAMES, "v2": payload_v2.NAMES}
_REMOVED: Final = {"v1": payload_v1.REMOVED, "v2": payload_v2.REMOVED}
_WITH_TOKENS: Final = ("employee", "extranet")  # kinds of user that an application can act for


@dataclass(frozen=True, slots=True)
class _Route:
    """Where an event of a bot goes, and who writes it. `pair` are the bot's tokens; a webhook's bot has none."""

    name: str
    urls: tuple[str, ...]
    writer: Writer
    pair: Pair | None

    def bot_auth(self, *, refresh: bool = True) -> dict[str, str]:
        """What the event contains about the bot; an outgoing webhook has no tokens (bitrix24.md 5.2)."""
        return self.writer.full_auth(self.pair, refresh=refresh) if self.pair else self.writer.portal_auth()


class Announcer:
    """The caller must hold the portal's lock."""

    def __init__(self, state: State, courier: Courier) -> None:
        self._state = state
        self._courier = courier

    def events(self, chat: Chat, user: User, language: str, actions: Iterable[tuple[Bot, Action]]) -> list[Message]:
        """The events for each action, to its bot; none to a bot without a handler for it."""
        content = self._state.content
        bots = tuple(sorted(content.bots.keys() & chat.members))
        outsiders = any(content.users[member].kind not in ("employee", "bot") for member in chat.members)
        scenes = (Scene(bot, chat, user, action, language, outsiders, bots) for bot, action in actions)
        return [message for scene in scenes for message in self._of(scene)]

    def removal(self, bot: Bot, user: User) -> list[Message]:
        """The last event of a bot that a user removes."""
        route = self._route(bot, _REMOVED[bot.api])
        if route is None:
            return []
        if bot.api == "v1":
            return self._written(
                route, bot, self._users_auth(user, route.writer, refresh=False), payload_v1.removed(bot)
            )
        data = payload_v2.removed(bot, route.bot_auth(refresh=self._state.shape.refresh_in_events))
        return self._written(route, bot, self._auth_v2(route.writer), data)

    def _of(self, scene: Scene) -> list[Message]:
        """In the form of the API that registered the bot (bitrix24.md 5.8)."""
        name = _NAMES[scene.bot.api].get(type(scene.action))
        route = self._route(scene.bot, name) if name else None
        if route is None:
            return []
        return self._v1(scene, route) if scene.bot.api == "v1" else self._v2(scene, route)

    def _v1(self, scene: Scene, route: _Route) -> list[Message]:
        """With the user's tokens at the top, but without a refresh token when a bot joins (bitrix24.md 5.2)."""
        auth = self._users_auth(scene.user, route.writer, refresh=not isinstance(scene.action, Joining))
        bot_auth = {**route.bot_auth(), **({"client_id": scene.bot.client_id} if scene.bot.client_id else {})}
        return self._written(route, scene.bot, auth, payload_v1.data(scene, bot_auth))

    def _v2(self, scene: Scene, route: _Route) -> list[Message]:
        """Without a user's tokens (bitrix24.md 5.7)."""
        shape = self._state.shape
        bot_auth = route.bot_auth(refresh=shape.refresh_in_events)
        data = payload_v2.data(scene, bot_auth, entity_id=shape.entity_id_in_events)
        return self._written(route, scene.bot, self._auth_v2(route.writer), data)

    def _route(self, bot: Bot, name: str) -> _Route | None:
        """None where the bot has no handler of this event that can be reached."""
        urls = self._state.content.addresses_of(bot, name)
        if bot.client_id:
            context = self._state.installed(bot.client_id)
            urls = tuple(url for url in urls if context and self._courier.reaches(context, url))
        else:
            context = _alone(bot, self._state.webhook.user_id)
            urls = tuple(filter(self._courier.reaches_alone, urls))
        if context is None or not urls:
            return None
        writer = self._courier.writer(context)
        pair = self._state.tokens.of_event(context.installation, bot.id, writer.now) if bot.client_id else None
        return _Route(name, urls, writer, pair)

    def _written(self, route: _Route, bot: Bot, auth: Mapping[str, str], data: Mapping[str, object]) -> list[Message]:
        number = bot.id if bot.api == "v1" else 0
        return [route.writer.event_with(auth, Binding(number, route.name, url), data) for url in route.urls]

    def _auth_v2(self, writer: Writer) -> Mapping[str, str]:
        auth = writer.portal_auth()
        brief = self._state.shape.auth_in_events == "brief"
        return {key: auth[key] for key in ("domain", "application_token")} if brief else auth

    def _users_auth(self, user: User, writer: Writer, *, refresh: bool) -> Mapping[str, str]:
        """With the tokens of the user who acted, unless that user may not use the application."""
        installation = writer.context.installation
        admitted = installation.admitted is None or user.id in installation.admitted
        if user.kind not in _WITH_TOKENS or not admitted or not writer.context.client_id:
            return writer.portal_auth()
        pair = self._state.tokens.of_event(installation, user.id, writer.now)
        return writer.full_auth(pair, refresh=refresh)


def _alone(bot: Bot, user_id: int) -> Context:
    """A webhook's bot as an application of its own: it has its own application token, and nothing else of one."""
    card = Application("", "", "local", False, "", "", frozenset(), "L")
    return Context(card, Installation(bot.id, "", user_id, bot.application_token, finished=True))
