"""An application installed in the local portal and stored in the service, without the install function."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from chat_lookup.bitrix24.oauth import Application, TokenPair
from chat_lookup.clock import Clock
from chat_lookup.credentials.applications import ApplicationKind, Applications
from chat_lookup.credentials.grants import fields_of
from chat_lookup.credentials.secret_store import Vault
from chat_lookup.dynamodb import Table
from chat_lookup.observability.redaction import Redactor
from chat_lookup.portals.portal import Portal, PortalKind
from chat_lookup.portals.store import Portals
from local.portal import LocalPortal
from local.portal.events.installer import Manner

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_secretsmanager import SecretsManagerClient

SCOPES = frozenset({"im", "imbot"})


@dataclass(frozen=True)
class Stores:
    """The stores of the service."""

    dynamodb: "DynamoDBClient"
    secrets: "SecretsManagerClient"
    portal_table: str
    clock: Clock

    @property
    def portals(self) -> Portals:
        """The portal records, with an empty cache."""
        return Portals(Table(self.dynamodb, self.portal_table), self.clock)

    @property
    def vault(self) -> Vault:
        """The secrets, with an empty cache."""
        return Vault(self.secrets, "chat-lookup", self.clock, Redactor())

    def record(self, member_id: str) -> Portal:
        """The stored record of a portal."""
        found = self.portals.read(member_id)
        assert found is not None
        return found


def added(portal: LocalPortal) -> Application:
    """Add an application to the portal and install it there; the portal sends nothing."""
    card = portal.applications.add(service_url="https://service.example", interface=False)
    assert portal.installer.install(card.client_id, manner=Manner(send=False)).finished
    return Application(card.client_id, card.client_secret)


def known(stores: Stores, keys: Application, grant: dict[str, Any]) -> Portal:
    """Store the portal of this grant, which is in the form of `/grants` of the portal's control; return its record."""
    applications = Applications(Table(stores.dynamodb, stores.portal_table), stores.vault, stores.portals, stores.clock)
    applications.add(keys, ApplicationKind.LOCAL, grant["domain"])
    pair = TokenPair(
        access_token=grant["access_token"],
        refresh_token=grant["refresh_token"],
        expires_at=grant["expires_at"],
        member_id=grant["member_id"],
        client_endpoint=grant["client_endpoint"],
        server=urlsplit(grant["server_endpoint"]).netloc,
        user_id=grant["user_id"],
        scopes=SCOPES,
        status="L",
    )
    arn, version = stores.vault.create("portal", fields_of(pair, keys.client_id))
    record = Portal(
        pair.member_id,
        grant["domain"],
        arn,
        version,
        kind=PortalKind.OAUTH,
        scopes=SCOPES,
        client_id=keys.client_id,
        server=pair.server,
        owner_id=pair.user_id,
        refreshed_at=stores.clock.now(),
    )
    return stores.portals.save(record, default=True)
