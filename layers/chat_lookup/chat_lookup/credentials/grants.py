"""What opens a portal: its webhook, or its pair of OAuth tokens, renewed when it expires or is refused."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from chat_lookup.bitrix24.client import Endpoint
from chat_lookup.bitrix24.oauth import TokenPair
from chat_lookup.clock import Clock, Deadline
from chat_lookup.credentials.renewal import World, renew
from chat_lookup.credentials.secret_store import Fields, Vault
from chat_lookup.errors import ChatLookupError, PortalMisconfigured
from chat_lookup.portals.portal import Portal, PortalKind
from chat_lookup.portals.store import Portals

EARLY: Final = 60.0
"""Seconds before its end at which an access token counts as expired (design 5, Tokens)."""


@dataclass(frozen=True, slots=True)
class Grant:
    """An endpoint with what opens it, and the version of the secret that it was read from."""

    endpoint: Endpoint
    version: str
    bot_token: str | None = None
    expires_at: float | None = None

    def __repr__(self) -> str:
        return f"Grant({self.endpoint.host})"


class Tokens:
    """Grants by portal."""

    def __init__(self, vault: Vault, portals: Portals, world_of: Callable[[Portal], World], clock: Clock) -> None:
        self._vault = vault
        self._portals = portals
        self._world_of = world_of
        self._clock = clock

    def grant(self, portal: Portal, deadline: Deadline) -> Grant:
        """What opens this portal now. A pair about to expire is renewed first; while that fails it serves to its end.

        Raises `StoreUnavailable`, `PortalMisconfigured`, and what `renewed` raises.
        """
        grant = self._read(portal, portal.token_version, deadline)
        if grant.expires_at is None or self._clock.now() < grant.expires_at - EARLY:
            return grant
        try:
            return self.renewed(portal, grant.version, deadline)
        except ChatLookupError as error:
            if error.retryable and self._clock.now() < grant.expires_at:
                return grant
            raise

    def renewed(self, portal: Portal, refused: str, deadline: Deadline) -> Grant:
        """A grant newer than version `refused`, which expired or was refused: renewed by us, or by somebody else.

        Raises `PortalReauthorise`, `PortalNotInstalled`, `PortalBlocked`, `PortalUnavailable`, `StoreUnavailable`.
        """
        try:
            version = renew(self._world_of(portal), refused, deadline)
        finally:
            # Whatever came of it, the record says more now than what is remembered of it.
            self._portals.forget(portal.member_id)
        current = self._portals.get(portal.member_id)
        if current.domain != portal.domain:
            self._portals.moved(current)
        return self._read(current, version, deadline)

    def check(self, portal: Portal, deadline: Deadline) -> None:
        """Renew a pair although it serves still: so that a refresh token used by nobody does not lapse (keepalive)."""
        self.renewed(portal, portal.token_version, deadline)

    def keep(self, pair: TokenPair, client_id: str) -> tuple[str, str]:
        """Keep the first pair of an installation in a secret of its own. Answers its ARN and version."""
        return self._vault.create("portal", fields_of(pair, client_id))

    def keep_webhook(self, webhook_url: str, bot_token: str | None) -> tuple[str, str]:
        """Keep a webhook in a secret of its own. Answers its ARN and version."""
        return self._vault.create("portal", _webhook_fields(webhook_url, bot_token))

    def replace_webhook(self, arn: str, webhook_url: str, bot_token: str | None, deadline: Deadline) -> str:
        """Put a new version of a webhook's secret. Answers the version, which the record must name next."""
        version = str(uuid.uuid4())
        self._vault.save(arn, version, _webhook_fields(webhook_url, bot_token), deadline)
        return version

    def wipe(self, arn: str) -> None:
        """Overwrite and delete what opened a portal."""
        self._vault.wipe(arn)

    def newest(self, portal: Portal) -> Grant | None:
        """What was saved last for this portal, whatever its record points to; None if the secret is gone, or wiped.

        Raises `StoreUnavailable`.
        """
        saved = self._vault.newest(portal.secret_arn)
        if saved is None:
            return None
        try:
            return _grant(portal, *saved)
        except (KeyError, ValueError):
            return None

    def _read(self, portal: Portal, version: str, deadline: Deadline) -> Grant:
        fields = self._vault.read_soon(portal.secret_arn, version, deadline)
        try:
            return _grant(portal, version, fields)
        except (KeyError, ValueError):
            raise PortalMisconfigured("The portal's secret does not hold what opens it") from None


def _grant(portal: Portal, version: str, fields: Fields) -> Grant:
    """What a version of a portal's secret opens. Raises `KeyError` or `ValueError` if it holds nothing of the kind."""
    if portal.kind is PortalKind.WEBHOOK:
        return Grant(Endpoint.from_webhook(fields["webhook_url"]), version, fields.get("bot_token"))
    pair = pair_from(fields)
    return Grant(Endpoint(pair.client_endpoint, pair.access_token), version, None, pair.expires_at)


def _webhook_fields(webhook_url: str, bot_token: str | None) -> Fields:
    return {"webhook_url": webhook_url, **({"bot_token": bot_token} if bot_token else {})}


def fields_of(pair: TokenPair, client_id: str) -> Fields:
    """The content of the secret of an installation by the application `client_id`."""
    return {
        "access_token": pair.access_token,
        "refresh_token": pair.refresh_token,
        "expires_at": f"{pair.expires_at:.0f}",
        "member_id": pair.member_id,
        "client_endpoint": pair.client_endpoint,
        "server": pair.server,
        "user_id": "" if pair.user_id is None else str(pair.user_id),
        "scopes": " ".join(sorted(pair.scopes)),
        "status": pair.status,
        "client_id": client_id,
    }


def pair_from(fields: Fields) -> TokenPair:
    """The pair in a secret. Raises `KeyError` or `ValueError` if it holds none."""
    return TokenPair(
        access_token=fields["access_token"],
        refresh_token=fields["refresh_token"],
        expires_at=float(fields["expires_at"]),
        member_id=fields["member_id"],
        client_endpoint=fields["client_endpoint"],
        server=fields["server"],
        user_id=int(fields["user_id"]) if fields.get("user_id") else None,
        scopes=frozenset(fields.get("scopes", "").split()),
        status=fields.get("status", ""),
    )
