"""The objects behind operators' commands, each group built on the core at the first of its commands."""

from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import TYPE_CHECKING

from chat_lookup.admin.commands import Admin, AdminCommand
from chat_lookup.bootstrap.core import Core

if TYPE_CHECKING:
    from chat_lookup.admin.removal import Forgetting
    from chat_lookup.bootstrap.install import InstallServices
    from chat_lookup.portals.updates import PortalFacts

_Commands = Mapping[str, AdminCommand]
_Install = Callable[[], "InstallServices"]


def build(parts: Core, install: _Install) -> Admin:
    """Build it. Calls nothing."""
    portals = cache(partial(_portals, parts, install))
    return Admin(
        parts.telemetry,
        {
            "apps": cache(partial(_applications, parts)),
            "cache": portals,
            "doctor": cache(partial(_doctor, parts)),
            "events": cache(partial(_events, parts)),
            "keys": cache(partial(_keys, parts)),
            "portal": portals,
            "portal.add_webhook": cache(partial(_webhooks, parts)),
            "portals": portals,
            "portals.reconcile": cache(partial(_restoring, parts)),
        },
    )


# Imported when they are built: no command pays for the others.


def _portals(parts: Core, install: _Install) -> _Commands:
    from chat_lookup.admin.portals import AdminPortals  # noqa: PLC0415 - as above
    from chat_lookup.portals.updates import PortalFacts  # noqa: PLC0415 - as above

    facts = PortalFacts(parts.portal_table, parts.portals)
    return AdminPortals(
        parts.portals,
        facts,
        lambda: install().installation,
        partial(_forgetting, parts, facts, install),
        parts.recoveries,
        parts.clock,
    ).commands


def _forgetting(parts: Core, facts: "PortalFacts", install: _Install) -> "Forgetting":
    from chat_lookup.admin.removal import Forgetting  # noqa: PLC0415 - as above

    return Forgetting(
        parts.portals,
        facts,
        parts.keys,
        parts.tokens,
        parts.cache,
        parts.applications,
        install().registering,
        install().lock,
    )


def _keys(parts: Core) -> _Commands:
    from chat_lookup.admin.api_keys import AdminKeys  # noqa: PLC0415 - as above

    return AdminKeys(parts.portals, parts.keys, parts.telemetry, parts.clock).commands


def _applications(parts: Core) -> _Commands:
    from chat_lookup.admin.applications import AdminApplications  # noqa: PLC0415 - as above

    hosts = parts.settings.portal_hosts
    return AdminApplications(parts.applications, parts.portals, parts.telemetry, portal_hosts=hosts).commands


def _webhooks(parts: Core) -> _Commands:
    from chat_lookup.admin.webhooks import AdminWebhooks  # noqa: PLC0415 - as above
    from chat_lookup.install.install_lock import InstallLock  # noqa: PLC0415 - as above
    from chat_lookup.portals.updates import PortalFacts  # noqa: PLC0415 - as above

    return AdminWebhooks(
        parts.portals,
        PortalFacts(parts.portal_table, parts.portals),
        parts.tokens,
        InstallLock(parts.cache_table, parts.clock),
        parts.calls,
        parts.telemetry,
        parts.recoveries,
        parts.clock,
    ).commands


def _events(parts: Core) -> _Commands:
    from chat_lookup.admin.dead_letters import Redrive  # noqa: PLC0415 - as above

    settings = parts.settings
    queues = settings.dead_letter_queue_url, settings.event_queue_url
    return Redrive(parts.clients.sqs, *queues, parts.telemetry).commands


def _restoring(parts: Core) -> _Commands:
    from chat_lookup.admin.reconciliation import Restoring  # noqa: PLC0415 - as above
    from chat_lookup.credentials.token_pointer import Pointers  # noqa: PLC0415 - as above
    from chat_lookup.portals.updates import PortalFacts  # noqa: PLC0415 - as above

    facts = PortalFacts(parts.portal_table, parts.portals)
    pointers = Pointers(parts.portal_table)
    return Restoring(parts.portals, facts, parts.tokens, pointers, parts.recoveries, parts.clock).commands


def _doctor(parts: Core) -> _Commands:
    from chat_lookup.admin.doctor import AdminDoctor  # noqa: PLC0415 - as above
    from chat_lookup.bootstrap.doctor import doctor, queue_depths  # noqa: PLC0415 - as above

    return AdminDoctor(parts.portals, doctor(parts), queue_depths(parts), parts.settings.public_url).commands
