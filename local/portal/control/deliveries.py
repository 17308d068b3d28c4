"""Control of what the portal sends to a service: install, visit, update, uninstall, events."""

from collections.abc import Mapping
from typing import cast

from local.portal.control.fields import ControlError, Fields
from local.portal.control.routes import Query, Route
from local.portal.events.courier import Courier, Sent
from local.portal.events.installer import Installer, Kind, Manner, Outcome
from local.portal.events.outgoing import FORM_TYPE

_KINDS = ("interface", "event", "code")


class SendingControl:
    """In every body, `client_id` may be left out where there is one application only; `path`, `fields` and `send`
    define how a message differs from the usual one (`installer.Manner`)."""

    def __init__(self, installer: Installer, courier: Courier) -> None:
        self._installer = installer
        self._courier = courier

    def routes(self) -> tuple[Route, ...]:
        return (
            Route("POST", "/install", self._install, sends=True),
            Route("POST", "/visit", self._visit, sends=True),
            Route("POST", "/update", self._update, sends=True),
            Route("POST", "/uninstall", self._uninstall, sends=True),
            Route("POST", "/emit", self._emit, sends=True),
        )

    def _install(self, _: Query, body: object) -> object:
        fields = Fields(body)
        client_id, user_id, manner = _client_id(fields), fields.whole("user_id", 1), _manner(fields)
        kind = cast(Kind, fields.one_of("kind", _KINDS)) if fields.has("kind") else None
        service_url = fields.address("service_url")
        fields.finish()
        return _outcome(
            self._installer.install(client_id, kind=kind, user_id=user_id, service_url=service_url, manner=manner)
        )

    def _visit(self, _: Query, body: object) -> object:
        fields = Fields(body)
        client_id, user_id, manner = _client_id(fields), fields.whole("user_id", 1), _manner(fields)
        fields.finish()
        return _outcome(self._installer.visit(client_id, user_id=user_id, manner=manner))

    def _update(self, _: Query, body: object) -> object:
        fields = Fields(body)
        client_id, user_id, manner = _client_id(fields), fields.whole("user_id", 1), _manner(fields)
        fields.finish()
        return _outcome(self._installer.update(client_id, user_id=user_id, manner=manner))

    def _uninstall(self, _: Query, body: object) -> object:
        fields = Fields(body)
        client_id, clean, manner = _client_id(fields), fields.flag("clean", default=True), _manner(fields)
        fields.finish()
        return _outcome(self._installer.uninstall(client_id, clean=clean, manner=manner))

    def _emit(self, _: Query, body: object) -> object:
        """An event with its data, for all its handlers; or a text unchanged, for the handlers or for a path."""
        fields = Fields(body)
        client_id = _client_id(fields)
        if fields.has("raw"):
            raw, path = fields.text("raw"), _path(fields)
            content_type = fields.header("content_type", FORM_TYPE)
            fields.finish()
            return _answers(self._courier.emit_raw(client_id, raw, path, content_type))
        event, data = fields.text("event", shortest=1), fields.take("data", {})
        user_id = fields.whole("user_id") if fields.has("user_id") else None
        fields.finish()
        if not isinstance(data, Mapping):
            raise ControlError('"data" must be a JSON object')
        return _answers(self._courier.emit(client_id, event, data, user_id))


def _client_id(fields: Fields) -> str:
    return fields.text("client_id", "")


def _path(fields: Fields) -> str:
    path = fields.text("path", "")
    if path and not path.startswith("/"):
        raise ControlError('"path" must begin with a slash: nothing is sent to another host')
    return path


def _manner(fields: Fields) -> Manner:
    path, send = _path(fields), fields.flag("send", default=True)
    values = Fields(fields.take("fields", {}), '"fields"')
    return Manner(path, {name: values.text_or_null(name) for name in values.names()}, send)


def _outcome(outcome: Outcome) -> object:
    return {"finished": outcome.finished, "why": outcome.why, **_answers(outcome.sent)}


def _answers(sent: tuple[Sent, ...]) -> dict[str, object]:
    """Status and body of the first answer, and each message with its status; unsent messages are shown in full."""
    first = sent[0].answer if sent else None
    return {
        "status": first.status if first else None,
        "body": first.body if first else "",
        "sent": [answer_to(each) for each in sent],
    }


def answer_to(sent: Sent) -> dict[str, object]:
    """One message with its answer."""
    message = sent.message
    if sent.answer:
        return {"verb": message.verb, "url": message.url.partition("?")[0], "status": sent.answer.status}
    return {"verb": message.verb, "url": message.url, "content_type": message.content_type, "body": message.body}
