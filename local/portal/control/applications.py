"""Control of applications: their cards, their installations, their tokens."""

import hashlib
from dataclasses import replace
from typing import cast

from local.portal.control.fields import Fields
from local.portal.control.routes import Query, Route
from local.portal.methods.system import SCOPES
from local.portal.oauth.applications import Kind
from local.portal.oauth.tokens import ACCESS_S, Pair
from local.portal.state import State

_KINDS = ("local", "market")
_MOST_DAYS = 3650
_MOST_LIFETIME_S = 365 * 86_400.0


class ApplicationControl:
    """In every body, `client_id` may be left out where there is one application only."""

    def __init__(self, state: State) -> None:
        self._state = state

    def routes(self) -> tuple[Route, ...]:
        return (
            Route("POST", "/applications", self._add),
            Route("POST", "/rotate_secret", self._rotate_secret),
            Route("POST", "/scopes", self._scopes),
            Route("POST", "/restrict", self._restrict),
            Route("POST", "/app_info", self._app_info),
            Route("POST", "/grants", self._grant),
            Route("POST", "/expire_tokens", self._expire),
            Route("GET", "/installs", self._installs),
        )

    def _add(self, _: Query, body: object) -> object:
        fields = Fields(body)
        card = {name: fields.address(name) for name in ("service_url", "install_url", "app_url")}
        keys = {name: fields.text(name, "") for name in ("client_id", "client_secret", "status")}
        kind = cast(Kind, fields.one_of("kind", _KINDS) if fields.has("kind") else "local")
        interface = fields.flag("interface", default=True)
        scopes = fields.texts("scopes", SCOPES) if fields.has("scopes") else ["im", "imbot"]
        fields.finish()
        application = self._state.applications.add(kind=kind, interface=interface, scopes=scopes, **card, **keys)
        return {"client_id": application.client_id, "client_secret": application.client_secret}

    def _rotate_secret(self, _: Query, body: object) -> object:
        fields = Fields(body)
        application = self._state.applications.named(fields.text("client_id", ""))
        fields.finish()
        secret = self._state.applications.rotate_secret(application.client_id)
        return {"client_id": application.client_id, "client_secret": secret}

    def _scopes(self, _: Query, body: object) -> object:
        """The scopes of an application's card, or without `client_id` those of the webhook."""
        fields = Fields(body)
        named = fields.has("client_id")
        application = self._state.applications.named(fields.text("client_id")) if named else None
        scopes = frozenset(fields.texts("scopes", SCOPES))
        fields.finish()
        if application:
            self._state.applications.put(replace(application, scopes=scopes))
        else:
            self._state.webhook = replace(self._state.webhook, scopes=scopes)
        return {"scopes": sorted(scopes)}

    def _restrict(self, _: Query, body: object) -> object:
        """Only these users may use the application; null admits all users again."""
        fields = Fields(body)
        context = self._state.context_of(fields.text("client_id", ""))
        admitted = fields.wholes_or_null("user_ids")
        fields.finish()
        ids = None if admitted is None else frozenset(admitted)
        self._state.installations.put(replace(context.installation, admitted=ids))
        return {"user_ids": admitted}

    def _app_info(self, _: Query, body: object) -> object:
        """Whether an installation counts as finished, and the days that are left of its paid time (null: no end)."""
        fields = Fields(body)
        context = self._state.context_of(fields.text("client_id", ""))
        installation = context.installation
        finished = fields.flag("installed", default=installation.finished)
        days = fields.whole_or_null("days", installation.days, least=-_MOST_DAYS)
        fields.finish()
        self._state.installations.put(replace(installation, finished=finished, days=days))
        return {"installed": finished, "days": days}

    def _grant(self, _: Query, body: object) -> object:
        """The tokens of a user, as a frame gets them."""
        fields = Fields(body)
        context = self._state.context_of(fields.text("client_id", ""))
        user_id = fields.whole("user_id", 1)
        lifetime = fields.number("lifetime_s", ACCESS_S, most=_MOST_LIFETIME_S)
        fields.finish()
        pair = self._state.issue(context, user_id, lifetime)
        identity = self._state.identity
        return {
            "access_token": pair.access_token,
            "refresh_token": pair.refresh_token,
            "expires_at": pair.expires_at,
            "user_id": user_id,
            "domain": identity.domain,
            "member_id": identity.member_id,
            "client_endpoint": identity.client_endpoint,
            "server_endpoint": identity.server_endpoint,
        }

    def _expire(self, _: Query, body: object) -> object:
        """Expires access tokens, of one application or user if they are named; with `refresh` refresh tokens, too."""
        fields = Fields(body)
        client_id, user_id = fields.text("client_id", ""), fields.whole("user_id", 0)
        refresh = fields.flag("refresh", default=False)
        fields.finish()

        def matches(pair: Pair) -> bool:
            return client_id in ("", pair.client_id) and user_id in (0, pair.user_id)

        return {"expired": self._state.tokens.expire(matches, refresh=refresh)}

    def _installs(self, _: Query, __: object) -> object:
        """What is installed and bound. An application token is shown as its SHA-256: no more of it may be stored."""
        content = self._state.content
        return [
            {
                "client_id": installation.client_id,
                "finished": installation.finished,
                "user_id": installation.user_id,
                "version": installation.version,
                "application_token_sha256": hashlib.sha256(installation.application_token.encode()).hexdigest(),
                "bindings": [
                    {"event": binding.event, "handler": binding.handler, "auth_type": binding.auth_type}
                    for binding in content.bindings.get(installation.client_id, [])
                ],
            }
            for installation in self._state.installations.all()
        ]
