"""What the renewal of a portal's tokens uses: its record, its secret, its authorisation server."""

import uuid
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from chat_lookup.bitrix24.error_table import PROTOCOL
from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.bitrix24.oauth import METHOD, Application, AuthorisationServer, TokenPair
from chat_lookup.clock import Clock, Deadline
from chat_lookup.credentials.applications import newest_first
from chat_lookup.credentials.grants import fields_of, pair_from
from chat_lookup.credentials.renewal import Pointer
from chat_lookup.credentials.secret_store import Vault
from chat_lookup.credentials.token_pointer import Pointers
from chat_lookup.observability.telemetry import Telemetry
from chat_lookup.portals.portal import Portal, PortalState


class PortalWorld:
    """`renewal.World` for one portal."""

    def __init__(
        self,
        portal: Portal,
        vault: Vault,
        pointers: Pointers,
        server: AuthorisationServer,
        applications: Callable[[str], Sequence[Application]],
        telemetry: Telemetry,
        clock: Clock,
    ) -> None:
        self._portal = portal
        self._vault = vault
        self._pointers = pointers
        self._server = server
        self._applications = applications
        self._telemetry = telemetry
        self._clock = clock

    def pointer(self) -> Pointer | None:
        return self._pointers.read(self._portal.member_id)

    def is_known_state(self, seen: Pointer) -> bool:
        return (seen.state, seen.retry_at) == (self._portal.state, self._portal.retry_at)

    def claim(self, seen: Pointer, owner: str, until: float, pending: tuple[str, ...]) -> bool:
        return self._pointers.claim(self._portal.member_id, seen, owner, until, pending)

    def release(self, owner: str, pending: tuple[str, ...], until: float = 0.0, *, lost_at: float = 0.0) -> None:
        self._pointers.release(self._portal.member_id, owner, pending, until, lost_at=lost_at)

    def pair(self, version: str) -> TokenPair | None:
        fields = self._vault.read(self._portal.secret_arn, version)
        try:
            return pair_from(fields) if fields else None
        except (KeyError, ValueError):
            return None

    def unsaved(self, versions: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(version for version in versions if self._vault.unsaved(self._portal.secret_arn, version))

    def reserve(self, version: str, deadline: Deadline) -> None:
        self._vault.reserve(self._portal.secret_arn, version, deadline)

    def keys(self) -> Sequence[Application]:
        return self._applications(self._portal.client_id)

    def asking(self, version: str, owner: str) -> bool:
        return self._pointers.asking(self._portal.member_id, version, owner)

    def refresh(self, pair: TokenPair, keys: Sequence[Application], deadline: Deadline) -> TokenPair:
        """Refresh with the application's keys, or the former ones while the server does not know a rotated secret."""
        self._telemetry.count("TokenAge", self._clock.now() - self._portal.refreshed_at)

        def ask(application: Application) -> TokenPair:
            try:
                return self._server.refresh(pair.server, application, pair.refresh_token, deadline, pair)
            except BitrixError as error:
                self._telemetry.portal_error(error)
                raise

        renewed = newest_first(keys, ask)
        if renewed.member_id.casefold() != self._portal.member_id.casefold():
            # A pair of another portal is neither stored nor used.
            raise BitrixError(PROTOCOL, 200, method=METHOD, description="a pair of another portal")
        for issued in (renewed.access_token, renewed.refresh_token):
            self._telemetry.redactor.register(issued, owner=self._portal.secret_arn)
        return renewed

    def save(self, former: str, version: str, pair: TokenPair, deadline: Deadline) -> None:
        fields = fields_of(pair, self._portal.client_id)
        self._vault.save(self._portal.secret_arn, version, fields, deadline, former=former)

    def switch(self, seen: Pointer, new: str, pair: TokenPair) -> bool:
        # The server's reply names the portal's current host: a renamed portal is found again here (bitrix24.md 2.4).
        domain, now = urlsplit(pair.client_endpoint).netloc, self._clock.now()
        return self._pointers.switch(
            self._portal.member_id,
            seen.version,
            new,
            domain,
            now,
            former=self._portal.domain,
            charged_until=seen.charged(now),
        )

    def refused(self, version: str, at: float, code: str) -> None:
        self._pointers.refused(self._portal.member_id, version, at, code)

    def close(self, version: str, state: PortalState, code: str, retry_at: float) -> None:
        self._pointers.close(self._portal.member_id, version, state, code, retry_at)

    def new_id(self) -> str:
        return str(uuid.uuid4())

    def count_outcome(self, outcome: str) -> None:
        self._telemetry.note(token_refresh=outcome)
        self._telemetry.count("TokenRefreshes", outcome=outcome)
