"""The objects that install, built on the core at the first installation: a look-up does not pay for them."""

from typing import NamedTuple

from chat_lookup.bootstrap.core import Core
from chat_lookup.config import is_public_url
from chat_lookup.errors import ServiceMisconfigured
from chat_lookup.install.application_events import ApplicationEvents
from chat_lookup.install.attempt_limiter import AttemptLimiter
from chat_lookup.install.code_flow import CodeFlow
from chat_lookup.install.install_lock import InstallLock
from chat_lookup.install.installation import Installation
from chat_lookup.install.pages import Surroundings
from chat_lookup.install.proof import Proof, Visitors
from chat_lookup.install.registration import Bindings, Bots, Registering
from chat_lookup.install.uninstallation import Uninstallation
from chat_lookup.portals.updates import PortalFacts


class InstallServices(NamedTuple):
    """What InstallFunction calls."""

    installation: Installation
    events: ApplicationEvents
    code_flow: CodeFlow
    registering: Registering
    lock: InstallLock
    portal_hosts: frozenset[str]
    """Exact `host:port` that a portal may have beyond ordinary names."""
    public_url: str
    around: Surroundings

    def own_address(self, domain_name: str) -> str:
        """Our own address: as it is set, else the host that the gateway answered under (design 3.4)."""
        address = self.public_url or f"https://{domain_name}"
        if not is_public_url(address):
            raise ServiceMisconfigured("PUBLIC_URL is not set, and the request names no host of ours")
        return address


def build(parts: Core) -> InstallServices:
    """Build everything. Calls nothing."""
    settings, clock, telemetry = parts.settings, parts.clock, parts.telemetry
    portals, tokens, calls = parts.portals, parts.tokens, parts.calls
    hosts = settings.portal_hosts
    facts = PortalFacts(parts.portal_table, portals)
    attempts = AttemptLimiter(parts.cache_table, clock)
    proof = Proof(
        parts.applications,
        parts.server,
        calls,
        portals,
        attempts,
        Visitors(calls, attempts),
        telemetry,
        clock,
        servers=settings.local_hosts | settings.authorisation_servers,
        members=settings.install_members,
    )
    registering = Registering(Bots(calls), Bindings(calls), telemetry)
    lock = InstallLock(parts.cache_table, clock)
    installation = Installation(
        proof, lock, parts.applications, tokens, portals, facts, calls, registering, telemetry, parts.recoveries, clock
    )
    return InstallServices(
        installation=installation,
        events=ApplicationEvents(
            installation,
            Uninstallation(portals, facts, tokens, calls, telemetry, clock),
            telemetry,
            portal_hosts=hosts,
        ),
        code_flow=CodeFlow(parts.cache_table, parts.applications, portals, attempts, clock, portal_hosts=hosts),
        registering=registering,
        lock=lock,
        portal_hosts=hosts,
        public_url=settings.public_url,
        around=Surroundings(settings.bx24_script, settings.portal_page_url),
    )
