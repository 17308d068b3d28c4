"""Decodes every event that can arrive at /bitrix24/events, from its bytes to the one model (bitrix24.md 5).

Nothing here is proved until the portal's application token has been compared (5.3).
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, NamedTuple

from chat_lookup.bitrix24.event_names import KINDS, EventKind
from chat_lookup.events import v1, v2
from chat_lookup.events.model import MOST_BOTS, BotEvent, EventUser
from chat_lookup.events.token_stripping import secrets_in, without_credentials
from chat_lookup.http import php_forms
from chat_lookup.http.php_form_fields import inner, number, text
from chat_lookup.http.php_forms import Form, Limits

LIMITS: Final = Limits(fields=5000, depth=24)
"""1 MB, with room for attachments, which nest deep (`message.params`), and for a mention of a whole group, which takes
a field for each member."""
_PROOF: Final = frozenset({"event", "auth"})
"""What proves an event. These are read whole or not at all, as the portal wrote them; all others as far as possible."""
_MOST_SECRETS: Final = 100
"""An application has at most five bots in a portal; each one's block has four. Each is searched for in `data`."""

_NAME: Final = r"(?a)[A-Za-z0-9_]{1,100}"
_MEMBER_ID: Final = r"(?a)[A-Za-z0-9_-]{1,64}"
_DOMAIN: Final = r"(?a)[a-z0-9.-]{1,253}(?::[0-9]{1,5})?"
_ENDPOINT: Final = r"(?s)(?i:https?)://([^/?#@\\]+)/.*"
_USUAL_PORT: Final = ":443"


class _Version(NamedTuple):
    """How one version of the bots' API writes its events."""

    read: Callable[[str, EventKind, Form], BotEvent]
    bot_blocks: Callable[[Form], Sequence[Form]]


_VERSIONS: Final[tuple[tuple[str, _Version], ...]] = (
    ("ONIMBOTV2", _Version(v2.read, v2.bot_blocks)),
    ("ONIMBOT", _Version(v1.read, v1.bot_blocks)),
    ("ONIMCOMMAND", _Version(v1.read, v1.bot_blocks)),
    ("", _Version(lambda name, kind, _: BotEvent(name, kind), lambda _: ())),
)
"""By the beginning of an event's name; the first that fits. Unknown bot events are read like those of their API."""


@dataclass(frozen=True)
class Arrived:
    """An event as received, not proved yet: its unverified name, and its portal's.

    `member_id` and `domain` (`host` or `host:port`, in lower case) only serve to find the portal and may be empty.
    `application_token` is the one at the top level and no other. With a `fault` the rest may only serve to find out
    whether a portal sent it. `dropped` counts the fields that could not be read.
    """

    name: str
    kind: EventKind
    member_id: str
    domain: str
    application_token: str = field(repr=False)
    form: Form = field(repr=False)
    secrets: frozenset[str] = field(repr=False)
    fault: str
    dropped: int

    @cached_property
    def event(self) -> BotEvent:
        """The event's content. It is read from the form at its first use: after the proof."""
        data = self._data
        event = _version(self.name).read(self.name, self.kind, data)
        return event._replace(
            user=event.user or _user(inner(self.form, "auth")),
            sent_at=number(self._clean, "ts"),
            data=data if self.kind is EventKind.OTHER else {},
        )

    @cached_property
    def identity(self) -> str:
        """A hash of the event's content, the same for every delivery of the same event."""
        return _identity(self.event, self._data)

    @property
    def _data(self) -> Form:
        return inner(self._clean, "data")

    @cached_property
    def _clean(self) -> Form:
        return without_credentials(self.form, self.secrets)


def decode(body: bytes, content_type: str = "") -> Arrived:
    """Read an event from a form, or from JSON by the content type; unknown events, too.

    Raises `FormRefused` for a body of which nothing can be read.
    """
    read = php_forms.decode_in_part(body, content_type, whole=_PROOF, limits=LIMITS)
    form, dropped, secrets = read.form, read.dropped, secrets_in(read.form)
    name, auth = _name(form), inner(form, "auth")
    blocks = (auth, *_version(name).bot_blocks(inner(form, "data"))[:MOST_BOTS])
    if len(secrets) > _MOST_SECRETS:
        # No token may stay in a text, and to search for so many takes too long: the event goes on without its data.
        form, dropped, secrets = {each: form[each] for each in _PROOF & form.keys()}, dropped + 1, frozenset()
    return Arrived(
        name=name,
        kind=KINDS.get(name, EventKind.OTHER),
        member_id=_first(map(_member_id, blocks)),
        domain=_first(map(_domain, blocks)),
        application_token=text(auth, "application_token"),
        form=form,
        secrets=secrets,
        fault=read.refused or ("" if name else "it names no event"),
        dropped=dropped,
    )


def _version(name: str) -> _Version:
    return next(version for beginning, version in _VERSIONS if name.startswith(beginning))


def _name(form: Form) -> str:
    name = text(form, "event")
    return name.upper() if re.fullmatch(_NAME, name) else ""


def _user(auth: Form) -> EventUser | None:
    """The user of the tokens in `auth`: the user of the event, where no other field names one."""
    user_id = number(auth, "user_id")
    return EventUser(user_id) if user_id else None


def _first(texts: Iterable[str]) -> str:
    return next((each for each in texts if each), "")


def _member_id(auth: Form) -> str:
    member_id = text(auth, "member_id")
    return member_id if re.fullmatch(_MEMBER_ID, member_id) else ""


def _domain(auth: Form) -> str:
    endpoint = re.fullmatch(_ENDPOINT, text(auth, "client_endpoint"))
    domain = (text(auth, "domain") or (endpoint[1] if endpoint else "")).lower().removesuffix(_USUAL_PORT)
    return domain if re.fullmatch(_DOMAIN, domain) else ""


def _identity(event: BotEvent, data: Form) -> str:
    """A hash of the event without its credentials, which each delivery renews, and without the number of its handler.
    An event without a message may repeat with the same content, so its time of sending counts (design 5).
    """
    named = event.message is not None and event.message.message_id is not None
    content = [event.name, data, None if named else event.sent_at]
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
