"""The authorisation server, and the portal's own page that sends a user to it (bitrix24.md 3)."""

import hmac
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from local.portal.content import chat_json
from local.portal.content.demo import ADMIN
from local.portal.events.outgoing import Writer
from local.portal.oauth.applications import Application
from local.portal.oauth.installations import Context
from local.portal.oauth.tokens import ACCESS_S, Pair
from local.portal.protocol import php, rest_wire
from local.portal.protocol.errors import Refused
from local.portal.state import State

ISSUING: Final = "oauth/token"
AUTHORISING: Final = "oauth/authorize"
_INFORMING: Final = "oauth/app.info"

_VERBS: Final = ("GET", "POST")
_Params = Mapping[str, object]


def is_app_info(request: rest_wire.RestRequest) -> bool:
    """Whether an `app.info` is for the authorisation server and not for the portal.

    Both answer at the same address here. The place of the token distinguishes them: in the query, as the documents
    write it for the authorisation server (bitrix24.md 1.16), or in a body, as clients send it with every other method.
    """
    in_query = "auth" in php.decode_query(request.uri.partition("?")[2])
    return request.method.lower() == "app.info" and in_query and not (request.code or request.v3)


class Authorisation:
    """Issues tokens to applications that authenticate by their secret."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._grants = {"refresh_token": self._refreshed, "authorization_code": self._exchanged}

    def token(self, verb: str, params: _Params) -> rest_wire.Reply:
        """`/oauth/token/`: a pair, or one of the documented errors."""

        def usual(now: float) -> rest_wire.Reply:
            if verb not in _VERBS or (verb == "POST" and not self._state.shape.oauth_post):
                return rest_wire.not_allowed("GET")
            application = self._proved(params)
            ask = self._grants.get(php.text(params.get("grant_type")))
            if ask is None:
                raise Refused("invalid_request", 400, "Unknown grant type")
            return rest_wire.Reply(200, rest_wire.encode(ask(application, params, now)))

        return self._answered(ISSUING, params, usual)

    def app_info(self, params: _Params) -> rest_wire.Reply:
        """`app.info` in the authorisation server's shape: the application, user and portal of a token."""

        def usual(now: float) -> rest_wire.Reply:
            pair = self._state.of_access(php.text(params.get("auth")))
            if pair is None:
                raise Refused("NO_AUTH_FOUND")
            context = self._still_installed(pair.client_id, pair.installation)
            if now >= pair.expires_at:
                raise Refused("expired_token")
            return rest_wire.success(self._info(context, pair), chat_json.time(now, now))

        return self._answered(_INFORMING, params, usual)

    def authorize(self, query: _Params) -> rest_wire.Reply:
        """`/oauth/authorize/` on the portal: sends the browser of a user, `user_id` or else the administrator's, to the
        application with a code. An error is shown to the user only (3.3)."""

        def usual(now: float) -> rest_wire.Reply:
            context = self._state.installed(php.text(query.get("client_id")))
            user = self._state.content.users.get(_number(query, "user_id", ADMIN.id))
            if context is None or user is None or not user.active:
                return rest_wire.page(404, "Application not found")
            code = self._state.tokens.new_code(context.installation, user.id, now)
            writer, state = Writer(self._state.identity, context, now), php.text(query.get("state"))
            return rest_wire.redirect(writer.code_return(code, state, context.application.app_url, {}).url)

        return self._answered(AUTHORISING, query, usual)

    def _answered(self, name: str, params: _Params, usual: Callable[[float], rest_wire.Reply]) -> rest_wire.Reply:
        """The answer, or a fault's reply instead; no request here fills the portal's bucket."""

        def settled(now: float) -> rest_wire.Reply:
            try:
                return usual(now)
            except Refused as refused:
                return rest_wire.failure(refused.status, refused.code, refused.description)

        def decided(now: float) -> rest_wire.Reply:
            fault = self._state.faults.of_authorisation(name, params)
            return fault.shape(lambda: settled(now)) if fault else settled(now)

        return self._state.recorded(name, params, decided)

    def _proved(self, params: _Params) -> Application:
        """The application with these keys."""
        client_id, secret = (php.text(params.get(name)) for name in ("client_id", "client_secret"))
        if not (client_id and secret):
            raise Refused("invalid_request", 400, "client_id and client_secret are needed")
        application = self._state.applications.get(client_id)
        if application is None:
            raise Refused("wrong_client")
        if not hmac.compare_digest(secret.encode(), application.client_secret.encode()):
            raise Refused("invalid_client")
        return application

    def _refreshed(self, application: Application, params: _Params, now: float) -> dict[str, object]:
        token = _needed(params, "refresh_token")
        pair = self._state.tokens.of_refresh(token, now) or self._state.demonstrated(token, application.client_id)
        if pair is None or pair.client_id != application.client_id:
            raise Refused("invalid_grant")
        context = self._still_installed(pair.client_id, pair.installation)
        _check_scope(application, params)
        return self._issued(context, self._state.tokens.renew(pair, now))

    def _exchanged(self, application: Application, params: _Params, now: float) -> dict[str, object]:
        code = _needed(params, "code")
        found = self._state.tokens.of_code(code, now)
        if found is None or found.client_id != application.client_id:
            raise Refused("invalid_grant")
        context = self._still_installed(found.client_id, found.installation)
        _check_scope(application, params)
        return self._issued(context, self._state.tokens.exchange(code, now))

    def _still_installed(self, client_id: str, installation: int) -> Context:
        context = self._state.installed(client_id)
        if context is None:
            raise Refused("NOT_INSTALLED")
        if context.installation.number != installation:
            raise Refused("invalid_grant")  # of a former installation
        return context

    def _issued(self, context: Context, pair: Pair) -> dict[str, object]:
        """The answer (3.3). Note that `domain` is the authorisation server's here (3.5).

        The documents' sample of an exchange lacks `expires` and `user_id`; the vendor's SDK refuses one without them
        (b24pysdk/credentials/auth.py, `RenewedOAuth`), as it would refuse every exchange if there were none.
        """
        identity = self._state.identity
        return {
            "access_token": pair.access_token,
            "expires": int(pair.expires_at),
            "expires_in": int(ACCESS_S),
            "scope": context.scope,
            "domain": identity.server_domain,
            "server_endpoint": identity.server_endpoint,
            "status": context.application.status,
            "client_endpoint": identity.client_endpoint,
            "member_id": identity.member_id,
            "user_id": pair.user_id,
            "refresh_token": pair.refresh_token,
        }

    def _info(self, context: Context, pair: Pair) -> dict[str, object]:
        identity = self._state.identity
        return {
            "client_id": context.client_id,
            "scope": context.scope,
            "expires": datetime.fromtimestamp(pair.expires_at, UTC).isoformat(timespec="seconds"),
            "user_id": pair.user_id,
            "install": {
                "installed": context.installation.finished,
                "version": str(context.installation.version),
                "status": context.application.status,
                "scope": context.scope,
                "domain": identity.domain,
                "uri": context.application.app_url,
                "client_endpoint": identity.client_endpoint,
                "member_id": identity.member_id,
                "member_type": "b24",
            },
        }


def _number(params: _Params, name: str, default: int) -> int:
    number = php.whole(php.text(params.get(name)))
    return default if number is None else number


def _needed(params: _Params, name: str) -> str:
    value = php.text(params.get(name))
    if not value:
        raise Refused("invalid_request", 400, f"{name} is needed")
    return value


def _check_scope(application: Application, params: _Params) -> None:
    """Refuses requested scopes that are not on the card."""
    asked = php.text(params.get("scope")).replace(",", " ").split()
    if not application.scopes.issuperset(asked):
        raise Refused("invalid_scope")
