"""Portals, applications and keys as operators see them: without credentials and the names of their secrets."""

from chat_lookup.clock import DAY, iso_time
from chat_lookup.credentials.applications import ApplicationRecord
from chat_lookup.portals.api_keys import ApiKey
from chat_lookup.portals.portal import Portal, PortalKind


def portal_shown(portal: Portal, now: float) -> dict[str, object]:
    """A portal's record; with OAuth also the owner of the grant, and its age (in days)."""
    shown: dict[str, object] = {
        "member_id": portal.member_id,
        "domain": portal.domain,
        "kind": portal.kind.value,
        "state": portal.state.value,
        "state_code": portal.state_code.strip("-") or None,
        "scopes": sorted(portal.scopes or ()),
        "rate": portal.rate,
        "burst": portal.burst,
        "result_shape": portal.result_form.value,
        "bot_id": portal.bot_id,
        "generation": portal.generation,
        "created_at": iso_time(portal.created_at),
    }
    if portal.kind is PortalKind.OAUTH:
        shown |= {
            "client_id": portal.client_id,
            "owner_id": portal.owner_id,
            "token_age_days": round((now - portal.refreshed_at) / DAY, 2),
            "refreshed_at": iso_time(portal.refreshed_at),
            "bot_api": portal.bot_api or None,
            "public_url": portal.public_url,
        }
    return shown


def application_shown(record: ApplicationRecord) -> dict[str, object]:
    return {
        "client_id": record.client_id,
        "kind": record.kind.value,
        "domain": record.domain or None,
        "rotated_at": iso_time(record.rotated_at) if record.rotated_at else None,
    }


def key_shown(key: ApiKey, portal: Portal, now: float) -> dict[str, object]:
    """A key; `state` is active, expired, or suspended by an uninstallation."""
    return {
        "key_id": key.key_id,
        "member_id": key.member_id,
        "label": key.label,
        "state": "expired" if key.is_expired(now) else "suspended" if key.is_suspended(portal) else "active",
        "scopes": sorted(key.scopes),
        "passthrough": sorted(key.passthrough),
        "created_at": iso_time(key.created_at),
        "expires_at": None if key.expires_at is None else iso_time(key.expires_at),
    }
