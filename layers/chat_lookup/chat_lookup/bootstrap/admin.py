"""The objects behind operators' commands and the keepalive, built on the core at the first of them."""

from dataclasses import dataclass

from chat_lookup.admin.api_keys import AdminKeys
from chat_lookup.admin.applications import AdminApplications
from chat_lookup.admin.commands import Admin
from chat_lookup.admin.dead_letters import AdminEvents, Redrive
from chat_lookup.admin.portals import AdminPortals
from chat_lookup.admin.reconciliation import AdminRestoring, Restoring
from chat_lookup.admin.removal import Forgetting
from chat_lookup.admin.webhooks import AdminWebhooks
from chat_lookup.bootstrap.core import Core
from chat_lookup.bootstrap.install import InstallServices
from chat_lookup.credentials.keepalive import Keepalive
from chat_lookup.credentials.token_pointer import Pointers
from chat_lookup.portals.updates import PortalFacts


@dataclass(frozen=True, slots=True)
class AdminServices:
    """What AdminFunction and KeepaliveFunction call."""

    commands: Admin
    keepalive: Keepalive


def build(parts: Core, install: InstallServices) -> AdminServices:
    """Build everything. Calls nothing."""
    settings, clock, telemetry = parts.settings, parts.clock, parts.telemetry
    portals, tokens, recoveries = parts.portals, parts.tokens, parts.recoveries
    facts = PortalFacts(parts.portal_table, portals)
    pointers = Pointers(parts.portal_table)
    redrive = Redrive(parts.clients.sqs, settings.dead_letter_queue_url, settings.event_queue_url, telemetry)
    forgetting = Forgetting(
        portals, facts, parts.keys, tokens, parts.cache, parts.applications, install.registering, install.lock
    )
    commands = Admin(
        telemetry,
        AdminApplications(parts.applications, portals, telemetry, portal_hosts=install.portal_hosts).commands,
        AdminPortals(portals, facts, install.installation, forgetting, recoveries, clock).commands,
        AdminWebhooks(portals, facts, tokens, install.lock, parts.calls, telemetry, recoveries, clock).commands,
        AdminKeys(portals, parts.keys, telemetry, clock).commands,
        AdminEvents(redrive).commands,
        AdminRestoring(Restoring(portals, facts, tokens, pointers, recoveries, clock)).commands,
    )
    return AdminServices(commands=commands, keepalive=Keepalive(portals, facts, tokens, telemetry, recoveries, clock))
