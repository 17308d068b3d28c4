"""Operators' commands, by direct invocation only (design 3.5)."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from chat_lookup.bitrix24.client import Endpoint
from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.calls import PortalCalls
from chat_lookup.clock import Clock, Deadline
from chat_lookup.errors import InvalidRequest
from chat_lookup.failures import for_caller
from chat_lookup.fields import Fields
from chat_lookup.keys import ApiKey, Keys
from chat_lookup.portals import Portals
from chat_lookup.records import DEFAULT_BURST, DEFAULT_RATE, Portal, PortalKind, PortalState, member_id_of_webhook
from chat_lookup.telemetry import Telemetry
from chat_lookup.tokens import Grant, Tokens
from chat_lookup.vault import register_webhook

_MEMBER_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SCOPE: Final = re.compile(r"[a-z0-9_.]{1,64}")
_A_DAY: Final = 24 * 3600.0


class Admin:
    """The commands: each takes its fields and answers a JSON object. Faults in the fields raise `InvalidRequest`."""

    def __init__(
        self, portals: Portals, keys: Keys, tokens: Tokens, calls: PortalCalls, telemetry: Telemetry, clock: Clock
    ) -> None:
        self._portals = portals
        self._keys = keys
        self._tokens = tokens
        self._calls = calls
        self._telemetry = telemetry
        self._clock = clock
        self._commands: Mapping[str, Callable[[Fields, Deadline], dict[str, object]]] = {
            "portal.add_webhook": self._add_webhook,
            "portals": self._list_portals,
            "keys.create": self._create_key,
            "keys.list": self._list_keys,
            "keys.revoke": self._revoke_key,
            "cache.purge": self._purge,
        }

    def run(self, fields: Fields, deadline: Deadline) -> dict[str, object]:
        """Carry out the command that the fields name, with the other fields."""
        name = fields.text("command")
        command = self._commands.get(name)
        if command is None:
            raise InvalidRequest(f"command must be one of {', '.join(self._commands)}")
        self._telemetry.note(command=name)
        return command(fields, deadline)

    def _add_webhook(self, fields: Fields, deadline: Deadline) -> dict[str, object]:
        """Store a portal that is reached by an inbound webhook, after the portal itself admitted the webhook."""
        url = fields.text("webhook_url")
        register_webhook(self._telemetry.redactor, url)
        bot_token = fields.optional_text("bot_token")
        if bot_token:
            self._telemetry.redactor.register(bot_token)
        bot_id = fields.optional_whole("bot_id")
        member_id = fields.optional_text("member_id")
        rate = fields.optional_number("rate", least=0.1, most=1000) or DEFAULT_RATE
        burst = fields.optional_whole("burst", most=100_000) or DEFAULT_BURST
        default = fields.optional_flag("default")
        fields.nothing_else()
        if member_id is not None and not _MEMBER_ID.fullmatch(member_id):
            raise InvalidRequest("member_id has characters or a length that are not admitted")
        try:
            endpoint = Endpoint.from_webhook(url)
        except ValueError as error:
            raise InvalidRequest(f"webhook_url: {error}") from None
        member_id = member_id or member_id_of_webhook(endpoint.host)
        portal = Portal(member_id, endpoint.host, "", "", rate=rate, burst=burst, bot_id=bot_id)
        # The portal admits the webhook before anything is kept, so that a mistyped one leaves no trace.
        scopes = self._scopes(portal, Grant(endpoint, "", bot_token), deadline)
        arn, version = self._store(member_id, url, bot_token, deadline)
        portal = replace(portal, secret_arn=arn, token_version=version, scopes=scopes)
        return _described(self._portals.save(portal, default=default))

    def _scopes(self, portal: Portal, grant: Grant, deadline: Deadline) -> frozenset[str]:
        """What the webhook grants, as the portal says (bitrix24.md 1.17)."""
        try:
            granted = self._calls.call_with(grant, portal, "scope", {}, deadline).result
        except BitrixError as error:
            raise for_caller(error, self._clock.now()) from None
        names = granted if isinstance(granted, list) else []
        scopes = frozenset(name for name in names if isinstance(name, str) and _SCOPE.fullmatch(name))
        if not scopes & {"im", "imbot"}:
            raise InvalidRequest("webhook_url: the webhook grants neither im nor imbot; a look-up needs one of them")
        return scopes

    def _store(self, member_id: str, url: str, bot_token: str | None, deadline: Deadline) -> tuple[str, str]:
        before = self._portals.read(member_id)
        if before is None or before.kind is not PortalKind.WEBHOOK or before.state is PortalState.UNINSTALLED:
            return self._tokens.keep_webhook(url, bot_token)
        return before.secret_arn, self._tokens.replace_webhook(before.secret_arn, url, bot_token, deadline)

    def _list_portals(self, fields: Fields, _: Deadline) -> dict[str, object]:
        fields.nothing_else()
        return {"portals": [_described(portal) for portal in self._portals.all()]}

    def _create_key(self, fields: Fields, _: Deadline) -> dict[str, object]:
        portal = self._portals.find(fields.optional_text("portal"))
        label = fields.text("label")
        scopes = fields.optional_texts("scopes") or ["lookup"]
        days = fields.optional_number("expires_in_days", least=0.001, most=3650)
        fields.nothing_else()
        expires_at = None if days is None else self._clock.now() + days * _A_DAY
        key, kept = self._keys.create(portal.member_id, label, scopes, expires_at)
        self._telemetry.redactor.register(key)
        return {"key": key, **_described_key(kept)}

    def _list_keys(self, fields: Fields, _: Deadline) -> dict[str, object]:
        portal = self._portals.find(fields.optional_text("portal"))
        fields.nothing_else()
        return {"keys": [_described_key(key) for key in self._keys.of(portal.member_id)]}

    def _revoke_key(self, fields: Fields, _: Deadline) -> dict[str, object]:
        portal = self._portals.find(fields.optional_text("portal"))
        key_id = fields.text("key_id")
        fields.nothing_else()
        return {"revoked": _described_key(self._keys.revoke(portal.member_id, key_id))}

    def _purge(self, fields: Fields, _: Deadline) -> dict[str, object]:
        portal = self._portals.find(fields.optional_text("portal"))
        fields.nothing_else()
        return {"member_id": portal.member_id, "generation": self._portals.raise_generation(portal.member_id)}


def _described(portal: Portal) -> dict[str, object]:
    """A portal as operators see it: everything but where its secret is."""
    return {
        "member_id": portal.member_id,
        "domain": portal.domain,
        "state": portal.state.value,
        "scopes": sorted(portal.scopes or ()),
        "rate": portal.rate,
        "burst": portal.burst,
        "bot_id": portal.bot_id,
        "generation": portal.generation,
        "created_at": _as_date(portal.created_at),
    }


def _described_key(key: ApiKey) -> dict[str, object]:
    return {
        "key_id": key.key_id,
        "member_id": key.member_id,
        "label": key.label,
        "scopes": sorted(key.scopes),
        "created_at": _as_date(key.created_at),
        "expires_at": None if key.expires_at is None else _as_date(key.expires_at),
    }


def _as_date(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")
