"""How an application is installed in the portal, and removed again (bitrix24.md 4)."""

import secrets
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from local.portal.content.content import Binding
from local.portal.events.courier import Courier, Sent
from local.portal.events.http_delivery import Answer
from local.portal.events.install_page import why_unfinished
from local.portal.events.outgoing import LANGUAGE, Fields, Message
from local.portal.oauth.applications import Application, Impossible
from local.portal.oauth.installations import Context
from local.portal.state import State

Kind = Literal["interface", "event", "code"]


@dataclass(frozen=True, slots=True)
class Manner:
    """How a message is sent: to another `path` of the service than usual, with other values in some `fields`; with
    `send` off it is written only."""

    path: str = ""
    fields: Fields = field(default_factory=dict)
    send: bool = True


_USUAL: Final = Manner()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was sent, the most important message first. `finished`: whether the application counts as installed now; if
    it does not, `why`."""

    sent: tuple[Sent, ...]
    finished: bool
    why: str = ""

    @property
    def answer(self) -> Answer:
        """What the service answered first."""
        return (self.sent[0].answer if self.sent else None) or Answer(None)


class Installer:
    """Does what people in the portal do with an application. All methods raise Impossible.

    `client_id` may be left empty where there is one application only. A method makes its changes before it sends.
    """

    def __init__(self, state: State, courier: Courier) -> None:
        self._state = state
        self._courier = courier

    def install(
        self,
        client_id: str = "",
        *,
        kind: Kind | None = None,
        user_id: int = 1,
        service_url: str = "",
        manner: Manner = _USUAL,
    ) -> Outcome:
        """Installs an application as its card defines, or as another `kind`; opens the installer's page once more if it
        is installed already.

        `interface`: the installer's page in a frame, which has to end the installation. `event`: ONAPPINSTALL, and the
        application is installed at once. `code`: likewise, but the user comes back with an authorisation code, to the
        application's address (bitrix24.md 9, row 13). `service_url` first moves the card's addresses to another host.
        """
        with self._state.lock:
            application = self._card(client_id, service_url)
            kind = kind or ("interface" if application.interface else "event")
            installation = self._state.installations.begin(application, self._state.user(user_id).id)
            if kind != "interface":
                installation = self._state.installations.put(replace(installation, finished=True))
            context = Context(application, installation)
            url = application.app_url if kind == "code" else application.install_url
            message = self._first_contact(kind, context, user_id, url, manner)
        if kind == "event":
            sent = self._courier.deliver([message], send=manner.send)
        else:
            sent = self._courier.browse(message, send=manner.send)
        return self._concluded(context, user_id, sent)

    def visit(self, client_id: str = "", *, user_id: int = 1, manner: Manner = _USUAL) -> Outcome:
        """A user opens the application in its frame. Until the installation is finished, an administrator sees the
        installer's page there, and every other user is refused (installation-finish.md)."""
        with self._state.lock:
            context, user = self._state.context_of(client_id), self._state.user(user_id)
            finished = context.installation.finished
            if not (finished or user.admin):
                raise Impossible("the application is not fully installed yet, and this user is not an administrator")
            url = context.application.app_url if finished else context.application.install_url
            message = self._first_contact("interface", context, user_id, url, manner)
        sent = self._courier.browse(message, send=manner.send)
        return self._concluded(context, user_id, sent)

    def update(self, client_id: str = "", *, user_id: int = 1, manner: Manner = _USUAL) -> Outcome:
        """The next version with its new application token: ONAPPUPDATE to its handlers; without handlers and without an
        interface, to the address of ONAPPINSTALL (bitrix24.md 4.6, 9, row 14)."""
        with self._state.lock:
            former = self._state.context_of(client_id)
            application, pair = former.application, self._state.issue(former, user_id)
            handlers = self._handlers(former, "ONAPPUPDATE", manner)
            if not (handlers or application.interface):
                handlers = [Binding(0, "ONAPPUPDATE", application.install_url)]
            context = Context(application, self._state.installations.update(former.installation))
            if self._state.shape.bindings == "vanish":
                self._state.content.forget_handlers(application.client_id)
            data = {
                "VERSION": str(context.installation.version),
                "PREVIOUS_VERSION": str(former.installation.version),
                "LANGUAGE_ID": LANGUAGE,
            }
            messages = self._courier.events(context, handlers, data, pair, manner.fields)
        return Outcome(self._courier.deliver(messages, send=manner.send), context.installation.finished)

    def uninstall(self, client_id: str = "", *, clean: bool = True, manner: Manner = _USUAL) -> Outcome:
        """Removes the application: tokens and handlers are invalid before ONAPPUNINSTALL is sent (4.7)."""
        with self._state.lock:
            context = self._state.context_of(client_id)
            handlers = self._handlers(context, "ONAPPUNINSTALL", manner)
            data = {"LANGUAGE_ID": LANGUAGE, "CLEAN": "1" if clean else "0"}
            messages = self._courier.events(context, handlers, data, fields=manner.fields)
            self._state.installations.remove(context.client_id)
            self._state.content.forget_handlers(context.client_id)
        return Outcome(self._courier.deliver(messages, send=manner.send), finished=False, why="uninstalled")

    def _card(self, client_id: str, service_url: str) -> Application:
        application = self._state.applications.named(client_id)
        if service_url:
            application = application.moved(service_url)
            self._state.applications.put(application)
        if not application.install_url:
            raise Impossible("the application's card has no address; give the service_url that it is served at")
        return application

    def _handlers(self, context: Context, event: str, manner: Manner) -> list[Binding]:
        if manner.path:
            return [Binding(0, event, context.application.at(manner.path))]
        return self._courier.handlers(context, event)

    def _first_contact(self, kind: Kind, context: Context, user_id: int, url: str, manner: Manner) -> Message:
        """What a user's browser or the portal sends, with tokens of that user made for this message."""
        writer = self._courier.writer(context)
        url, fields = context.application.at(manner.path) if manner.path else url, manner.fields
        if kind == "code":
            code = self._state.tokens.new_code(context.installation, user_id, writer.now)
            return writer.code_return(code, secrets.token_hex(8), url, fields)
        pair = self._state.issue(context, user_id)
        if kind == "interface":
            return writer.frame(pair, url, fields, old=self._state.shape.frame == "old")
        return writer.event(Binding(0, "ONAPPINSTALL", url), _installed(context), pair, fields)

    def finish(self, client_id: str = "", *, user_id: int = 1) -> Outcome:
        """The installer's page sent `setInstallFinish` (bitrix24.md 10.5): the application counts as installed from now
        on, and the handlers of ONAPPINSTALL get their event. Only an administrator's page has this effect."""
        with self._state.lock:
            context = self._state.context_of(client_id)
            if not self._state.user(user_id).admin:
                raise Impossible("only an administrator ends an installation")
        return self._ended(context, user_id, ())

    def _concluded(self, context: Context, user_id: int, sent: tuple[Sent, ...]) -> Outcome:
        """Ends the installation where no browser is needed to see that the returned page can do so."""
        answer = sent[0].answer
        if context.installation.finished or answer is None:
            return Outcome(sent, context.installation.finished)
        if why := why_unfinished(answer):
            return Outcome(sent, finished=False, why=why)
        return self._ended(context, user_id, sent)

    def _ended(self, context: Context, user_id: int, sent: tuple[Sent, ...]) -> Outcome:
        """Ends this installation, once, unless there is another one by now."""
        with self._state.lock:
            current = self._state.installations.get(context.client_id)
            if current is None or current.number != context.installation.number:
                return Outcome(sent, finished=False, why="uninstalled meanwhile")
            if current.finished:
                return Outcome(sent, finished=True)
            context = Context(context.application, self._state.installations.put(replace(current, finished=True)))
            handlers, pair = self._courier.handlers(context, "ONAPPINSTALL"), self._state.issue(context, user_id)
            messages = self._courier.events(context, handlers, _installed(context), pair)
        return Outcome((*sent, *self._courier.deliver(messages)), finished=True)


def _installed(context: Context) -> dict[str, str]:
    """`data` of ONAPPINSTALL (4.4)."""
    version = str(context.installation.version)
    return {"VERSION": version, "ACTIVE": "Y", "INSTALLED": "Y", "LANGUAGE_ID": LANGUAGE}
