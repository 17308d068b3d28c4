"""How errors of the platform are told apart: by what they mean for us, and by where they occur."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class ErrorClass(StrEnum):
    """What an error means for whoever called; what a caller of ours gets follows from it (design 6)."""

    RETRY = "retry"
    """The same request may succeed in a moment."""
    LIMIT = "limit"
    """A limit is used up: the same request succeeds later."""
    REFRESH = "refresh"
    """The access token is no longer good: refresh it, then ask once more."""
    REAUTHORISE = "reauthorise"
    """The grant is dead: an administrator has to open the application."""
    PORTAL = "portal"
    """The whole portal admits nothing until its state changes."""
    UNINSTALLED = "uninstalled"
    """The application is not installed in this portal."""
    OBJECT = "object"
    """This chat or user is closed to us; the portal is well."""
    CONFIG = "config"
    """Our application, its keys, scopes or code need mending."""
    CALLER = "caller"
    """The input was refused, for good."""
    NOT_FOUND = "not_found"
    """What was asked for does not exist."""


class Where(StrEnum):
    """Families of methods in which a code has one meaning; `FAMILIES` says which methods belong."""

    AUTH_SERVER = "authorisation server"
    APP_INFO = "app.info"
    EVENT_BINDING = "event.bind, event.unbind"
    OPENLINES_CRM = "imopenlines.crm.chat.get"
    OPENLINES_DIALOG = "imopenlines.dialog.get"
    OPENLINES = "imopenlines.*"
    CHAT_GET = "im.chat.get, imbot.chat.get"
    DIALOG_GET = "im.dialog.get, imbot.dialog.get"
    USER_GET = "im.user.get"
    REGISTERING = "bots and their commands, v1"
    V2_CHAT = "imbot.v2.Chat.*"
    V2 = "imbot.v2.*"
    MESSENGER = "im.*, imbot.*"
    REST3 = "REST 3"
    ANY = "any"


FAMILIES: Final[dict[Where, tuple[str, ...]]] = {
    Where.AUTH_SERVER: ("oauth/*",),
    Where.APP_INFO: ("app.info",),
    Where.EVENT_BINDING: ("event.bind", "event.unbind"),
    Where.OPENLINES_CRM: ("imopenlines.crm.chat.get",),
    Where.OPENLINES_DIALOG: ("imopenlines.dialog.get",),
    Where.OPENLINES: ("imopenlines.*",),
    Where.CHAT_GET: ("im.chat.get", "imbot.chat.get"),
    Where.DIALOG_GET: ("im.dialog.get", "imbot.dialog.get"),
    Where.USER_GET: ("im.user.get",),
    Where.REGISTERING: ("imbot.register", "imbot.update", "imbot.unregister", "imbot.bot.list", "imbot.command.*"),
    Where.V2_CHAT: ("imbot.v2.chat.*",),
    Where.V2: ("imbot.v2.*",),
    Where.MESSENGER: ("im.*", "imbot.*"),
    Where.REST3: ("*",),
    Where.ANY: ("*",),
}
"""Methods of a family, folded, `*` for any ending; a narrower family stands before a wider one.

The authorisation server has no methods: calls there are named `oauth/token` and `oauth/app.info`. REST 3 is told by
the prefix of its codes, not by its methods.
"""


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """One code and what it means there. `code` is spelled as documented and serves as the metric's dimension.

    `statuses` are the documented ones, empty for any: they decide only where one code means two things.
    """

    code: str
    where: Where
    error_class: ErrorClass
    statuses: tuple[int, ...]
    meaning: str

    def covers(self, method: str) -> bool:
        """Whether the folded name of a method belongs to this row's family."""
        return belongs(method, self.where)


def belongs(method: str, where: Where) -> bool:
    """Whether the folded name of a method is one of a family's."""
    return any(
        method.startswith(pattern[:-1]) if pattern.endswith("*") else method == pattern for pattern in FAMILIES[where]
    )
