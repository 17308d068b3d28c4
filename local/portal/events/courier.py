"""The handlers of an application's events, and the delivery to them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from local.portal.content.content import Binding
from local.portal.events.http_delivery import Answer, Delivery
from local.portal.events.outgoing import FORM_TYPE, Fields, Message, Writer
from local.portal.oauth.applications import Impossible
from local.portal.oauth.installations import Context
from local.portal.oauth.tokens import Pair
from local.portal.protocol import php
from local.portal.protocol.handler_urls import is_loopback
from local.portal.protocol.rest_wire import json_object
from local.portal.state import State


@dataclass(frozen=True, slots=True)
class Sent:
    """A message and its answer; no answer where the message was written only."""

    message: Message
    answer: Answer | None = None


class Courier:
    """Writes messages under the portal's lock, and sends them without it: the service calls back before it answers."""

    def __init__(self, state: State, delivery: Delivery) -> None:
        self._state = state
        self._delivery = delivery

    def handlers(self, context: Context, event: str) -> list[Binding]:
        """The bindings that receive an event."""
        bound = self._state.content.handlers_of(context.client_id, event)
        return [binding for binding in bound if self.reaches(context, binding.handler)]

    def reaches(self, context: Context, handler: str) -> bool:
        """Whether a handler receives anything: not until the installation is finished (bitrix24.md 4.2), and only if it
        is the application's own service."""
        return context.installation.finished and context.application.serves(handler)

    def reaches_alone(self, handler: str) -> bool:
        """The same for a bot that a webhook registered: only on this machine, or on an application's host."""
        cards = self._state.applications.all()
        return is_loopback(handler) or any(card.serves(handler) for card in cards)

    def writer(self, context: Context) -> Writer:
        unbound_id = context.installation.number if self._state.shape.handler_id == "always" else None
        return Writer(self._state.identity, context, self._state.clock.now(), unbound_id)

    def events(
        self,
        context: Context,
        bindings: Sequence[Binding],
        data: Mapping[str, object],
        pair: Pair | None = None,
        fields: Fields | None = None,
    ) -> list[Message]:
        """One event for each binding, with a user's tokens or without any."""
        writer = self.writer(context)
        return [writer.event(binding, data, pair, fields or {}) for binding in bindings]

    def browse(self, message: Message, *, send: bool = True) -> tuple[Sent, ...]:
        """Sends what a user's browser sends. Its answer is the one at the end of a redirect."""
        return (Sent(message, self._delivery.send(message, browsing=True) if send else None),)

    def deliver(self, messages: Sequence[Message], *, send: bool = True) -> tuple[Sent, ...]:
        """Sends messages one after the other, or only returns them."""
        return tuple(Sent(message, self._delivery.send(message) if send else None) for message in messages)

    def emit(
        self, client_id: str, event: str, data: Mapping[str, object], user_id: int | None = None
    ) -> tuple[Sent, ...]:
        """Sends an event to all its handlers, with tokens of the user who acted, if there is one."""
        with self._state.lock:
            context = self._state.context_of(client_id)
            pair = None if user_id is None else self._state.issue(context, user_id)
            messages = self.events(context, self.handlers(context, event.upper()), data, pair)
        return self.deliver(messages)

    def emit_raw(self, client_id: str, raw: str, path: str = "", content_type: str = FORM_TYPE) -> tuple[Sent, ...]:
        """Sends a text unchanged but for `{{member_id}}` and `{{application_token}}`: to a path of the service, or
        without a path to all handlers of the event that it names."""
        with self._state.lock:
            context = self._state.context_of(client_id)
            text = raw.replace("{{member_id}}", self._state.identity.member_id)
            text = text.replace("{{application_token}}", context.installation.application_token)
            urls = [context.application.at(path)] if path else self._named_by(context, text)
        return self.deliver([Message("POST", url, text, content_type) for url in urls])

    def _named_by(self, context: Context, text: str) -> list[str]:
        fields = json_object(text) or php.decode_query(text)
        event = php.text(fields.get("event")).upper()
        if not event:
            raise Impossible("the text names no event; give the path that it is for")
        return [binding.handler for binding in self.handlers(context, event)]
