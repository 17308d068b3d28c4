"""A portal's credentials: its webhook, or its pair of OAuth tokens, renewed when it expires or is refused."""

import logging
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from chat_lookup.bitrix24.client import Endpoint
from chat_lookup.bitrix24.oauth import TokenPair
from chat_lookup.clock import Clock, Deadline
from chat_lookup.credentials.renewal import World, bring_in, renew
from chat_lookup.credentials.secret_store import SecretFields, Vault
from chat_lookup.errors import ChatLookupError, PortalMisconfigured, PortalNotInstalled, ServiceMisconfigured
from chat_lookup.observability.aws_failures import FAILED
from chat_lookup.observability.telemetry import Telemetry
from chat_lookup.portals.portal import Portal, PortalKind, PortalState
from chat_lookup.portals.store import Portals

if TYPE_CHECKING:
    from chat_lookup.portals.updates import PortalFacts

_FAILED: Final = (ChatLookupError, *FAILED)
EARLY: Final = 60.0
"""Seconds before its end at which an access token counts as expired (design 5, Tokens)."""


@dataclass(frozen=True, slots=True)
class Grant:
    """An endpoint with its credentials, and the version of the secret that they were read from."""

    endpoint: Endpoint
    version: str
    bot_token: str | None = None
    expires_at: float | None = None
    late: bool = False
    """Whether this request renewed it: its response may come later than the caller's deadline."""

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
        """The portal's current grant. A pair about to expire is renewed first; while that fails, or another process
        renews it, the pair is used until it expires.

        Raises `StoreUnavailable`, `PortalMisconfigured`, and what `renewed` raises.
        """
        grant = self._read(portal, portal.token_version, deadline)
        if not self._ends_soon(grant):
            return grant
        try:
            return self._renewed(portal, grant.version, deadline, waits=not self._lives(grant))
        except ChatLookupError as error:
            passing = error.retryable or isinstance(error, ServiceMisconfigured)
            if passing and self._lives(grant):
                return grant
            raise

    def after_wait(self, portal: Portal, grant: Grant, deadline: Deadline) -> Grant:
        """The grant for a request that waited for a slot: others may have renewed it meanwhile, or be renewing it.

        One consistent read; where that fails, the given grant. Raises what `renewed` raises.
        """
        if grant.expires_at is None:
            return grant
        try:
            seen = self._world_of(portal).pointer()
        except FAILED:
            return grant
        if seen is not None and seen.version == grant.version:
            # A lock on a pair that is not about to expire means that the portal refused it: using it would fail.
            refused = seen.lock_until > self._clock.now() and not (self._ends_soon(grant) and self._lives(grant))
            return self.renewed(portal, grant.version, deadline) if refused else grant
        self._portals.forget(portal.member_id)
        current = self._portals.get(portal.member_id)
        return self._read(current, current.token_version, deadline)

    def renewed(self, portal: Portal, refused: str, deadline: Deadline) -> Grant:
        """A grant newer than version `refused`, which expired or was refused: renewed by this process or another one.

        Raises `PortalReauthorise`, `PortalNotInstalled`, `PortalBlocked`, `PortalUnavailable`, `StoreUnavailable`.
        """
        return self._renewed(portal, refused, deadline)

    def check(self, portal: Portal, deadline: Deadline, *, again: bool = False) -> None:
        """Renew a pair that is still valid, so that an unused refresh token does not expire (keepalive); or `again`,
        although the grant counts as dead. Raises as `renewed`.
        """
        self._renewed(portal, portal.token_version, deadline, again=again)

    def bring_in(self) -> None:
        """Save, and point to, the pairs that only this process has because it could not save them: for the start of an
        invocation, before a portal is refused for lack of one. What fails again is kept for the next invocation.
        """
        for copy in self._vault.only_copies():
            member_id = copy.fields.get("member_id", "")
            try:
                portal = self._portals.read(member_id)
                if portal is None or portal.secret_arn != copy.arn or not copy.former:
                    self._vault.drop(copy.arn, copy.version)
                else:
                    bring_in(self._world_of(portal), copy.former, copy.version)
            except _FAILED:
                self._vault.keep(copy)
            finally:
                self._portals.forget(member_id)

    def _renewed(
        self, portal: Portal, refused: str, deadline: Deadline, *, waits: bool = True, again: bool = False
    ) -> Grant:
        try:
            version, here = renew(self._world_of(portal), refused, deadline, waits=waits, again=again)
        finally:
            # In any case the stored record is newer now than the cached one.
            self._portals.forget(portal.member_id)
        # In any other state: a portal that an operator stopped keeps its grant alive.
        current = self._portals.read(portal.member_id)
        if current is None or current.state is PortalState.UNINSTALLED:
            raise PortalNotInstalled
        if current.domain != portal.domain:
            self._portals.moved(current)
        return replace(self._read(current, version, deadline), late=here)

    def _lives(self, grant: Grant) -> bool:
        return grant.expires_at is not None and self._clock.now() < grant.expires_at

    def _ends_soon(self, grant: Grant) -> bool:
        return grant.expires_at is not None and self._clock.now() >= grant.expires_at - EARLY

    def keep(self, pair: TokenPair, client_id: str) -> tuple[str, str]:
        """Store the first pair of an installation in a secret of its own. Returns its ARN and version."""
        return self._vault.create("portal", fields_of(pair, client_id))

    def keep_webhook(self, webhook_url: str, bot_token: str | None) -> tuple[str, str]:
        """Store a webhook in a secret of its own. Returns its ARN and version."""
        return self._vault.create("portal", _webhook_fields(webhook_url, bot_token))

    def replace_webhook(self, arn: str, webhook_url: str, bot_token: str | None, deadline: Deadline) -> str:
        """Write a new version of a webhook's secret. Returns the version, which the record must name next."""
        version = str(uuid.uuid4())
        self._vault.save(arn, version, _webhook_fields(webhook_url, bot_token), deadline)
        return version

    def wipe(self, portal: Portal) -> None:
        """Overwrite and delete a portal's credentials, former ones included. Raises `StoreUnavailable`."""
        for arn in sorted({portal.secret_arn, *portal.former_secrets}):
            self._vault.wipe(arn)

    def wipe_former(self, portal: Portal, facts: "PortalFacts", telemetry: Telemetry) -> None:
        """Overwrite and delete the secrets that the portal's record named before.

        The portal works without this: what fails is left to its next installation, or to its removal.
        """
        if not portal.former_secrets:
            return
        try:
            for arn in sorted(portal.former_secrets):
                self._vault.wipe(arn)
            facts.former_secrets_deleted(portal)
        except _FAILED:
            telemetry.note(level=logging.WARNING, former_secrets_left=sorted(portal.former_secrets))

    @contextmanager
    def named(self, member_id: str, arn: str, telemetry: Telemetry) -> Iterator[None]:
        """Inside, the portal's record is made to name a new secret; where that fails, the secret is deleted."""
        try:
            yield
        except _FAILED:
            try:
                portal = self._portals.read(member_id)
                if portal is None or arn not in {portal.secret_arn, *portal.former_secrets}:
                    self._vault.wipe(arn)
            except _FAILED:
                # No record may name it: an operator can delete it by hand.
                telemetry.note(level=logging.WARNING, orphaned_secrets=[arn])
            raise

    def newest(self, portal: Portal) -> Grant | None:
        """The grant saved last for this portal, whatever its record points to; None if the secret is gone, or wiped.

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
            raise PortalMisconfigured("The portal's secret does not contain its credentials") from None


def _grant(portal: Portal, version: str, fields: SecretFields) -> Grant:
    """The grant in a version of a portal's secret. Raises `KeyError` or `ValueError` if it contains none."""
    if portal.kind is PortalKind.WEBHOOK:
        return Grant(Endpoint.from_webhook(fields["webhook_url"]), version, fields.get("bot_token"))
    pair = pair_from(fields)
    return Grant(Endpoint(pair.client_endpoint, pair.access_token), version, None, pair.expires_at)


def _webhook_fields(webhook_url: str, bot_token: str | None) -> SecretFields:
    return {"webhook_url": webhook_url, **({"bot_token": bot_token} if bot_token else {})}


def fields_of(pair: TokenPair, client_id: str) -> SecretFields:
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


def pair_from(fields: SecretFields) -> TokenPair:
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
