"""Builds the token renewal on the test's stores, as `bootstrap` does, with a portal that is installed by OAuth."""

from dataclasses import dataclass
from typing import Any

from chat_lookup.bitrix24.oauth import Application, TokenPair
from chat_lookup.calls.portal_calls import PortalCalls
from chat_lookup.clock import Deadline
from chat_lookup.credentials.applications import ApplicationKind, Applications
from chat_lookup.credentials.grants import Tokens
from chat_lookup.credentials.renewal_ports import PortalWorld
from chat_lookup.credentials.secret_store import Vault
from chat_lookup.credentials.token_pointer import Pointers
from chat_lookup.observability.telemetry import Telemetry
from chat_lookup.portals.portal import Portal, PortalKind
from chat_lookup.portals.store import Portals
from tests.support.fakes import (
    CLIENT_ID,
    CLIENT_SECRET,
    MEMBER_ID,
    FakeAuthorisationServer,
    FakeBitrix24,
    FakeRecoveries,
    ManualClock,
    Stores,
)
from tests.support.in_process_service import attempts_by

LIFETIME = 3600.0
FUNCTION = 29.0
"""Seconds that the function of a request has (template.yaml)."""
FIRST_ACCESS = "first-access-token"
FIRST_REFRESH = "first-refresh-token"


@dataclass(frozen=True)
class Renewing:
    """One process. Two on the same stores and servers share nothing else, memory included."""

    stores: Stores
    clock: ManualClock
    bitrix24: FakeBitrix24
    server: FakeAuthorisationServer
    telemetry: Telemetry
    vault: Vault
    applications: Applications
    portals: Portals
    tokens: Tokens
    calls: PortalCalls
    recoveries: FakeRecoveries

    def another(self) -> "Renewing":
        """One more process."""
        return build(self.stores, self.clock, self.bitrix24, self.server, self.telemetry)

    def install(self, **fields: Any) -> Portal:
        """Store the portal with a pair that has just been issued."""
        self.applications.add(Application(CLIENT_ID, CLIENT_SECRET), ApplicationKind.LOCAL, "acme.bitrix24.com")
        return self.install_again(FIRST_ACCESS, self.server.grants(FIRST_REFRESH), **fields)

    def install_again(self, access_token: str, refresh_token: str, **fields: Any) -> Portal:
        """Store the portal with a pair that has just been issued, in a secret of its own."""
        pair = TokenPair(
            access_token=access_token,
            refresh_token=refresh_token,
            expires_at=self.clock.now() + LIFETIME,
            member_id=MEMBER_ID,
            client_endpoint="https://acme.bitrix24.com/rest/",
            server="oauth.bitrix.info",
            user_id=1,
            scopes=frozenset({"im", "imbot"}),
            status="L",
        )
        arn, version = self.tokens.keep(pair, CLIENT_ID)
        record: dict[str, Any] = {
            "kind": PortalKind.OAUTH,
            "scopes": pair.scopes,
            "client_id": CLIENT_ID,
            "server": pair.server,
            "refreshed_at": self.clock.now(),
        }
        return self.portals.save(Portal(MEMBER_ID, "acme.bitrix24.com", arn, version, **{**record, **fields}))

    def record(self) -> Portal:
        """The stored record of the portal."""
        found = self.portals.read(MEMBER_ID)
        assert found is not None
        return found

    def call(self, portal: Portal, seconds: float = 10) -> object:
        """Call the portal for a chat, as one invocation with this many seconds."""
        deadline = Deadline.after(seconds, self.clock, end=FUNCTION)
        with self.telemetry.invocation("test"):
            return self.calls.call(portal, "im.chat.get", {}, deadline).result


def build(
    stores: Stores,
    clock: ManualClock,
    bitrix24: FakeBitrix24,
    server: FakeAuthorisationServer,
    telemetry: Telemetry,
) -> Renewing:
    """Build one process on the stores."""
    vault = Vault(stores.secrets, "unit", clock, telemetry.redactor)
    portals = Portals(stores.portal_rows, clock)
    applications = Applications(stores.portal_rows, vault, portals, clock)
    pointers = Pointers(stores.portal_rows)

    def world_of(portal: Portal) -> PortalWorld:
        return PortalWorld(portal, vault, pointers, server, applications.keys, telemetry, clock)

    tokens = Tokens(vault, portals, world_of, clock)
    recoveries = FakeRecoveries()
    attempts = attempts_by(stores, clock, bitrix24, telemetry, recoveries=recoveries)
    calls = PortalCalls(tokens, portals, attempts, recoveries, clock)
    return Renewing(stores, clock, bitrix24, server, telemetry, vault, applications, portals, tokens, calls, recoveries)
