"""The frames of applications: how each is opened, and what the page around it does for messages (bitrix24.md 10.5)."""

import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from local.portal.events.installer import Installer, Manner
from local.portal.events.outgoing import Message
from local.portal.oauth.applications import Impossible
from local.portal.pages import messages
from local.portal.pages.messages import Command
from local.portal.state import State

_MOST: Final = 200
"""Frames that are remembered: a page that was closed is not announced."""
_HIGHEST: Final = 20_000


@dataclass(frozen=True, slots=True)
class Frame:
    """One opened frame. `url` and `form` are its POST, `key` is the secret of the page around it."""

    client_id: str
    user_id: int
    url: str = field(repr=False)
    form: Mapping[str, str] = field(repr=False)
    query: Mapping[str, str]
    installing: bool
    first_run: bool
    key: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)

    @property
    def app_sid(self) -> str:
        return self.query["APP_SID"]


class Reaction(NamedTuple):
    """What the page does for a message: `reply` is posted into the frame, the rest is done around it."""

    reply: str | None = None
    size: Mapping[str, Any] | None = None
    title: str | None = None
    messenger: Mapping[str, str] | None = None
    reload: bool = False
    """With `install_finished=Y`."""
    again: bool = False
    """The page around the frame is loaded again as it is."""


_NOTHING: Final = Reaction()


class Frames:
    """The frames of a portal. Its methods take the portal's lock."""

    def __init__(self, state: State, installer: Installer) -> None:
        self._state = state
        self._installer = installer
        self._by_sid: OrderedDict[str, Frame] = OrderedDict()
        self._seen: set[tuple[str, int, int]] = set()
        self._does: Mapping[str, Callable[[Frame, Command], Reaction]] = {
            "getInitData": self._init_data,
            "refreshAuth": self._refreshed,
            "setInstallFinish": self._finished,
            "imOpenMessenger": self._messenger,
            "resizeWindow": _resized,
            "setTitle": _titled,
            "reloadWindow": lambda _, __: Reaction(again=True),
            **dict.fromkeys(("setInstall", "setScroll", "setUserOption"), _echoed),
            "setAppOption": self._of_administrators,
        }

    def is_installed(self, client_id: str) -> bool:
        """Whether an application's frame would show its page, and not its installer's."""
        with self._state.lock:
            context = self._state.installed(client_id)
        return context is not None and context.installation.finished

    def open(self, client_id: str, user_id: int, language: str = "") -> Frame:
        """A frame for a user: the application's page, or its installer's for an administrator as long as the
        installation is not finished. Raises Impossible."""
        manner = Manner(send=False, fields={"LANG": language} if language else {})
        with self._state.lock:
            user = self._state.user(user_id)
            if not self._state.applications.named(client_id).interface:
                raise Impossible("the application has no interface")
        finished = self.is_installed(client_id)
        if not (finished or user.admin):
            raise Impossible("the application is not fully installed yet, and this user is not an administrator")
        if finished:
            (sent,) = self._installer.visit(client_id, user_id=user_id, manner=manner).sent
        else:
            (sent,) = self._installer.install(client_id, user_id=user_id, kind="interface", manner=manner).sent
        return self._remembered(sent.message, client_id, user_id, installing=not finished)

    def _remembered(self, message: Message, client_id: str, user_id: int, *, installing: bool) -> Frame:
        query = dict(parse_qsl(urlsplit(message.url).query, keep_blank_values=True))
        form = dict(parse_qsl(message.body, keep_blank_values=True))
        with self._state.lock:
            installation = self._state.installations.get(client_id)
            run = (client_id, installation.number if installation else 0, user_id)
            first = not installing and run not in self._seen
            if first:
                self._seen.add(run)
            frame = Frame(client_id, user_id, message.url, form, query, installing, first)
            self._by_sid[frame.app_sid] = frame
            while len(self._by_sid) > _MOST:
                self._by_sid.popitem(last=False)
        return frame

    def receive(self, app_sid: str, key: str, message: object) -> Reaction | None:
        """What a message of the frame causes; None for a frame that is not open in the page with this key. A command
        that is unknown, or carries another frame's APP_SID, is dropped."""
        with self._state.lock:
            frame = self._by_sid.get(app_sid)
        if frame is None or not secrets.compare_digest(frame.key.encode(), key.encode()):
            return None
        command = messages.read(message)
        if command is None or command.app_sid != app_sid or command.name not in self._does:
            return _NOTHING
        return self._does[command.name](frame, command)

    def _init_data(self, frame: Frame, command: Command) -> Reaction:
        with self._state.lock:
            admin = self._state.user(frame.user_id).admin
        data = {
            "LANG": frame.query["LANG"],
            "DOMAIN": frame.query["DOMAIN"],
            "PROTOCOL": int(frame.query["PROTOCOL"]),
            "PATH": "/rest",
            **{name: frame.form.get(name, "") for name in ("AUTH_ID", "AUTH_EXPIRES", "REFRESH_ID")},
            "MEMBER_ID": frame.form.get("member_id", ""),
            "FIRST_RUN": frame.first_run,
            "IS_ADMIN": admin,
            "INSTALL": frame.installing,
            "USER_OPTIONS": {},
            "APP_OPTIONS": {},
            "PLACEMENT": frame.form.get("PLACEMENT", "DEFAULT"),
            "PLACEMENT_OPTIONS": frame.form.get("PLACEMENT_OPTIONS", ""),
        }
        return Reaction(command.answered(data))

    def _refreshed(self, frame: Frame, command: Command) -> Reaction:
        """Silence where there is nothing to refresh, as the platform."""
        with self._state.lock:
            context = self._state.installed(frame.client_id)
            user = self._state.content.users.get(frame.user_id)
            if context is None or user is None or not user.active:
                return _NOTHING
            pair = self._state.issue(context, frame.user_id)
            left = str(round(pair.expires_at - self._state.clock.now()))
        fresh = {"AUTH_ID": pair.access_token, "AUTH_EXPIRES": left, "REFRESH_ID": pair.refresh_token}
        return Reaction(command.answered(fresh))

    def _finished(self, frame: Frame, _: Command) -> Reaction:
        """Without effect in any page but an installer's."""
        if not frame.installing:
            return _NOTHING
        try:
            self._installer.finish(frame.client_id, user_id=frame.user_id)
        except Impossible:
            return _NOTHING
        return Reaction(reload=True)

    def _messenger(self, frame: Frame, command: Command) -> Reaction:
        """Opens what the user may see, and answers nothing."""
        dialog_id = str(command.params.get("dialogId", "")) if isinstance(command.params, dict) else ""
        with self._state.lock:
            chat = self._state.content.dialog(dialog_id, frame.user_id)
        return Reaction(messenger={"dialog_id": dialog_id, "title": chat.title if chat else ""})

    def _of_administrators(self, frame: Frame, command: Command) -> Reaction:
        with self._state.lock:
            admin = self._state.user(frame.user_id).admin
        return _echoed(frame, command) if admin else _NOTHING


def _echoed(_: Frame, command: Command) -> Reaction:
    return Reaction(command.answered(command.params))


def _titled(_: Frame, command: Command) -> Reaction:
    title = command.params.get("title") if isinstance(command.params, dict) else None
    return Reaction(command.answered(command.params), title=str(title)[:200] if title else None)


def _resized(_: Frame, command: Command) -> Reaction:
    """Widths and heights are pixels, or `100%`."""
    given = command.params if isinstance(command.params, dict) else {}
    size = {name: value for name in ("width", "height") if _is_size(value := given.get(name))}
    return Reaction(command.answered(size), size=size)


def _is_size(value: object) -> bool:
    return value == "100%" or (isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= _HIGHEST)
