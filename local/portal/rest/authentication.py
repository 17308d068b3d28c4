"""Authenticates a caller: a webhook by its address, an application by an access token (bitrix24.md 2.1, 2.2)."""

from local.portal.oauth.grant import Grant
from local.portal.protocol import php
from local.portal.protocol.errors import Refused
from local.portal.protocol.rest_wire import RestRequest
from local.portal.state import State


def authorise(state: State, request: RestRequest, now: float) -> Grant:
    """The grant of a request. Raises Refused.

    A wrong webhook code is INVALID_CREDENTIALS, here with the status of the method pages, 401, and not the 403 of the
    shared table (bitrix24.md 7.1 has both); a request with neither code nor a known token has no authorisation.
    """
    if request.code:
        if not state.webhook.opened_by(request.user, request.code):
            raise Refused("INVALID_CREDENTIALS")
        return state.webhook.grant()
    return _of_token(state, php.text(request.params.get("auth")), now)


def _of_token(state: State, access_token: str, now: float) -> Grant:
    """The grant of an access token: for the application that is installed now, and for an active user."""
    pair = state.of_access(access_token)
    if pair is None:
        raise Refused("NO_AUTH_FOUND")
    context = state.installed(pair.client_id)
    if context is None:
        raise Refused("ERROR_OAUTH")
    if context.installation.number != pair.installation:
        raise Refused("invalid_token")  # of a former installation
    if now >= pair.expires_at:
        raise Refused("expired_token")
    user = state.content.users.get(pair.user_id)
    if user is None or not user.active:
        raise Refused("authorization_error")
    admitted = context.installation.admitted
    if admitted is not None and user.id not in admitted:
        raise Refused("user_access_error")
    return Grant(f"application {context.client_id}", user.id, context.application.scopes, context)
