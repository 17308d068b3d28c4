"""Portals, applications and keys as operators see them: without credentials and the names of their secrets."""

from datetime import UTC, datetime

from chat_lookup.credentials.applications import ApplicationRecord
from chat_lookup.portals.api_keys import ApiKey
from chat_lookup.portals.portal import Portal, PortalKind

_A_DAY = 24 * 3600.0


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
        "created_at": as_date(portal.created_at),
    }
    if portal.kind is PortalKind.OAUTH:
        shown |= {
            "client_id": portal.client_id,
            "owner_id": portal.owner_id,
            "token_age_days": round((now - portal.refreshed_at) / _A_DAY, 2),
            "refreshed_at": as_date(portal.refreshed_at),
            "bot_api": portal.bot_api or None,
            "public_url": portal.public_url,
        }
    return shown


def application_shown(record: ApplicationRecord) -> dict[str, object]:
    return {
        "client_id": record.client_id,
        "kind": record.kind.value,
        "domain": record.domain or None,
        "rotated_at": as_date(record.rotated_at) if record.rotated_at else None,
    }


def key_shown(key: ApiKey, portal: Portal, now: float) -> dict[str, object]:
    """A key; `state` is active, expired, or suspended by an uninstallation."""
    expired = key.expires_at is not None and key.expires_at <= now
    return {
        "key_id": key.key_id,
        "member_id": key.member_id,
        "label": key.label,
        "state": "expired" if expired else "suspended" if key.is_suspended(portal) else "active",
        "scopes": sorted(key.scopes),
        "passthrough": sorted(key.passthrough),
        "created_at": as_date(key.created_at),
        "expires_at": None if key.expires_at is None else as_date(key.expires_at),
    }


def as_date(moment: float) -> str:
    """Unix time as ISO 8601, in UTC."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")
