"""What the portal sends to an application's service, word for word (bitrix24.md 4)."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from local.portal.content.content import Binding
from local.portal.oauth.identity import Identity
from local.portal.oauth.installations import Context
from local.portal.oauth.tokens import Pair
from local.portal.protocol import php

FORM_TYPE: Final = "application/x-www-form-urlencoded"
LANGUAGE: Final = "en"  # the portal's

Fields = Mapping[str, str | None]
"""Values that differ from the usual ones, by the name on the wire (`auth[member_id]`); None leaves a field out."""
_AS_USUAL: Final[Fields] = {}


@dataclass(frozen=True, slots=True)
class Message:
    """One request of the portal, ready to be sent; `event` is the event that it reports, if any."""

    verb: str
    url: str = field(repr=False)
    body: str = field(default="", repr=False)
    content_type: str = FORM_TYPE
    event: str = ""


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes what is sent to one application at one moment (Unix time). `unbound_id` is the handler's id in events for
    addresses that no `event.bind` named, None where these have none."""

    identity: Identity
    context: Context
    now: float
    unbound_id: int | None = None

    def frame(self, pair: Pair, url: str, fields: Fields, *, old: bool) -> Message:
        """The POST that opens a page in a frame (4.1). An `old` portal leaves out the three newer fields."""
        newer = {
            "SERVER_ENDPOINT": self.identity.server_endpoint,
            "APPLICATION_TOKEN": self.context.installation.application_token,
            "APPLICATION_SCOPE": self.context.scope,
        }
        form = {
            "AUTH_ID": pair.access_token,
            "AUTH_EXPIRES": self._seconds_left(pair),
            "REFRESH_ID": pair.refresh_token,
            **({} if old else newer),
            "member_id": self.identity.member_id,
            "status": self.context.application.status,
            "PLACEMENT": "DEFAULT",
        }
        query = {
            "DOMAIN": self.identity.domain,
            "PROTOCOL": "1",
            "LANG": LANGUAGE,
            "APP_SID": secrets.token_hex(16),
        }
        of_query = {name: value for name, value in fields.items() if name in query}
        of_form = {name: value for name, value in fields.items() if name not in query}
        return Message("POST", f"{url}?{_encoded(query, of_query)}", _encoded(form, of_form))

    def code_return(self, code: str, state: str, url: str, fields: Fields) -> Message:
        """The browser's return to the application with an authorisation code (3.3)."""
        query = {
            "code": code,
            "state": state,
            "domain": self.identity.domain,
            "member_id": self.identity.member_id,
            "scope": self.context.scope,
            "server_domain": self.identity.server_domain,
        }
        return Message("GET", f"{url}?{_encoded(query, fields)}")

    def event(self, binding: Binding, data: Mapping[str, object], pair: Pair | None, fields: Fields) -> Message:
        """An event in PHP's form encoding (5.2), for one handler; the number 0 means no binding.

        With a user's tokens, or without them: then the application token is the only proof (4.7). The sample of
        ONAPPINSTALL lacks `expires` and `user_id`; the page that all events have in common has both, and b24pysdk reads
        no tokens without the first (5.2). It separates its scopes by blanks (3.5).
        """
        auth = self.full_auth(pair) if pair else self.portal_auth()
        if pair and binding.event == "ONAPPINSTALL":
            auth["scope"] = auth["scope"].replace(",", " ")
        return self.event_with(auth, binding, data, fields)

    def event_with(
        self, auth: Mapping[str, str], binding: Binding, data: Mapping[str, object], fields: Fields = _AS_USUAL
    ) -> Message:
        """The same with its `auth` given."""
        number = binding.number or self.unbound_id
        tree = {
            "event": binding.event,
            "event_handler_id": str(number) if number else None,
            "data": data,
            "ts": str(int(self.now)),
            "auth": auth,
        }
        return Message("POST", binding.handler, _encoded(dict(php.flat(tree)), fields), event=binding.event)

    def portal_auth(self) -> dict[str, str]:
        """What every `auth` contains: the portal of the event, and the proof of it (5.2)."""
        return {
            "domain": self.identity.domain,
            "server_endpoint": self.identity.server_endpoint,
            "client_endpoint": self.identity.client_endpoint,
            "member_id": self.identity.member_id,
            "application_token": self.context.installation.application_token,
        }

    def full_auth(self, pair: Pair, *, refresh: bool = True) -> dict[str, str]:
        """The same with a user's or bot's tokens, as events of bots have it; some lack the refresh token (5.2)."""
        return {
            **self.portal_auth(),
            "access_token": pair.access_token,
            "expires": str(int(pair.expires_at)),
            "expires_in": self._seconds_left(pair),
            "scope": self.context.scope,
            "status": self.context.application.status,
            "user_id": str(pair.user_id),
            **({"refresh_token": pair.refresh_token} if refresh else {}),
        }

    def _seconds_left(self, pair: Pair) -> str:
        return str(max(0, round(pair.expires_at - self.now)))


def _encoded(usual: Fields, fields: Fields) -> str:
    values = {**usual, **fields}
    return php.encode((name, value) for name, value in values.items() if value is not None)
