"""The operators' command portal.add_webhook: a portal that is reached by an inbound webhook."""

import re
from typing import Final

from chat_lookup.admin.views import portal_shown
from chat_lookup.bitrix24.client import Endpoint
from chat_lookup.bitrix24.endpoints import is_token
from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.calls.portal_calls import PortalCalls
from chat_lookup.clock import Clock, Deadline
from chat_lookup.credentials.grants import Grant, Tokens
from chat_lookup.credentials.secret_store import code_of_webhook
from chat_lookup.errors import InvalidRequest
from chat_lookup.http.json_fields import Fields, checked_secret
from chat_lookup.install.capabilities import granted_scopes
from chat_lookup.install.install_lock import InstallLock
from chat_lookup.observability.telemetry import Telemetry
from chat_lookup.portals.application_tokens import hashed
from chat_lookup.portals.failures import ASKED_AGAIN, for_caller
from chat_lookup.portals.portal import (
    DEFAULT_BURST,
    DEFAULT_RATE,
    Portal,
    PortalKind,
    PortalState,
    member_id_of_webhook,
)
from chat_lookup.portals.recovery import Recoveries
from chat_lookup.portals.store import Portals
from chat_lookup.portals.updates import PortalFacts

_MEMBER_ID: Final = r"[A-Za-z0-9_-]{1,64}"


class AdminWebhooks:
    """The command by its name."""

    def __init__(
        self,
        portals: Portals,
        facts: PortalFacts,
        tokens: Tokens,
        lock: InstallLock,
        calls: PortalCalls,
        telemetry: Telemetry,
        recoveries: Recoveries,
        clock: Clock,
    ) -> None:
        self._portals = portals
        self._facts = facts
        self._tokens = tokens
        self._lock = lock
        self._calls = calls
        self._telemetry = telemetry
        self._recoveries = recoveries
        self._clock = clock
        self.commands = {
            "portal.add_webhook": self._add,
        }

    def _add(self, fields: Fields, deadline: Deadline) -> dict[str, object]:
        """Store a portal that is reached by an inbound webhook, after the portal accepted the webhook.

        `application_token` is the one of a bot that was registered with a `bot_token`: the portal generates it for that
        bot, and a new one when the bot token changes (bitrix24.md 5.3), so the given one is the only one.
        """
        url = fields.text("webhook_url")
        self._telemetry.hide(code_of_webhook(url))
        bot_token, application_token = self._secret(fields, "bot_token"), self._secret(fields, "application_token")
        bot_id = fields.optional_whole("bot_id")
        member_id = fields.optional_text("member_id")
        rate = fields.optional_number("rate") or DEFAULT_RATE
        burst = fields.optional_whole("burst") or DEFAULT_BURST
        default = fields.optional_flag("default")
        if member_id is not None and not re.fullmatch(_MEMBER_ID, member_id):
            raise InvalidRequest("member_id has characters or a length that are not allowed")
        if application_token and member_id is None:
            # Without it the member id is a substitute, which no event contains.
            raise InvalidRequest("application_token needs member_id, by which events name their portal")
        try:
            endpoint = Endpoint.from_webhook(url)
        except ValueError as error:
            raise InvalidRequest(f"webhook_url: {error}") from None
        checked_secret("The code in webhook_url", code_of_webhook(url))
        member_id = member_id or member_id_of_webhook(endpoint.host)
        tokens = frozenset({hashed(application_token)} if application_token else ())
        portal = Portal(
            member_id, endpoint.host, "", "", rate=rate, burst=burst, bot_id=bot_id, application_tokens=tokens
        )
        # The portal accepts the webhook before anything is stored, so that a mistyped one leaves nothing behind.
        scopes = self._scopes(portal, Grant(endpoint, "", bot_token), deadline)
        with self._lock.hold(member_id, deadline):
            before = self._portals.read(member_id)
            arn, version = self._store(before, url, bot_token, deadline)
            portal = portal._replace(secret_arn=arn, token_version=version, scopes=scopes)
            with self._tokens.named(member_id, arn, self._telemetry):
                saved = self._portals.save(portal, default=default, by_operator=True)
            self._tokens.wipe_former(saved, self._facts, self._telemetry)
        if before is not None and before.state in ASKED_AGAIN:
            self._recoveries.report(before, before.state, before.state_code)
        return portal_shown(saved, self._clock.now())

    def _secret(self, fields: Fields, name: str) -> str | None:
        """A field that is masked in log lines."""
        secret = fields.optional_secret(name)
        self._telemetry.hide(secret)
        if secret and not is_token(secret):
            raise InvalidRequest(f"{name} must be printable ASCII without blanks, 1,024 characters at most")
        return secret

    def _scopes(self, portal: Portal, grant: Grant, deadline: Deadline) -> frozenset[str]:
        """The scopes that the webhook grants, as returned by the portal (bitrix24.md 1.17)."""
        try:
            granted = self._calls.call_with(grant, portal, "scope", {}, deadline).result
        except BitrixError as error:
            raise for_caller(error, self._clock.now()) from None
        scopes = granted_scopes(granted) or frozenset()
        if not scopes & {"im", "imbot"}:
            raise InvalidRequest("webhook_url: the webhook grants neither im nor imbot; a look-up needs one of them")
        return scopes

    def _store(self, before: Portal | None, url: str, bot_token: str | None, deadline: Deadline) -> tuple[str, str]:
        if before is None or before.kind is not PortalKind.WEBHOOK or before.state is PortalState.UNINSTALLED:
            return self._tokens.keep_webhook(url, bot_token)
        return before.secret_arn, self._tokens.replace_webhook(before.secret_arn, url, bot_token, deadline)
