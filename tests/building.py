"""Builds what looks chats up upon moto's stores, as `bootstrap` does, and keeps each part at hand."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NoReturn, cast

from chat_lookup.asking import Asking
from chat_lookup.cache import Cache
from chat_lookup.calls import PortalCalls
from chat_lookup.keys import Keys
from chat_lookup.limiter import Limiter
from chat_lookup.lookup import Lookup
from chat_lookup.portals import Portals
from chat_lookup.records import Portal
from chat_lookup.telemetry import Telemetry
from chat_lookup.tokens import Tokens
from chat_lookup.vault import Vault

from tests.fakes import MEMBER_ID, WEBHOOK_URL, FakeBitrix24, FixedRandom, ManualClock, Stores

if TYPE_CHECKING:
    from chat_lookup.bitrix24.client import Bitrix24Client


@dataclass(frozen=True, slots=True)
class Service:
    """One process. Two upon the same stores share nothing else, their memories least of all."""

    clock: ManualClock
    bitrix24: FakeBitrix24
    telemetry: Telemetry
    portals: Portals
    keys: Keys
    tokens: Tokens
    cache: Cache
    limiter: Limiter
    calls: PortalCalls
    asking: Asking
    lookup: Lookup


def build(stores: Stores, clock: ManualClock, bitrix24: FakeBitrix24, telemetry: Telemetry) -> Service:
    """Build one process upon the stores."""
    portals = Portals(stores.dynamodb, stores.portal_table, clock)
    keys = Keys(stores.dynamodb, stores.portal_table, clock)
    vault = Vault(stores.secrets, "unit", clock, telemetry.redactor)
    tokens = Tokens(vault, portals, _nothing_to_renew, clock)
    limiter = Limiter(stores.dynamodb, stores.cache_table, clock)
    calls = PortalCalls(cast("Bitrix24Client", bitrix24), tokens, portals, limiter, telemetry, clock)
    asking = Asking(calls, portals, telemetry)
    cache = Cache(stores.dynamodb, stores.cache_table, clock, FixedRandom())
    lookup = Lookup(asking, cache, telemetry, clock)
    return Service(clock, bitrix24, telemetry, portals, keys, tokens, cache, limiter, calls, asking, lookup)


def _nothing_to_renew(_: Portal) -> NoReturn:
    raise AssertionError("a webhook has nothing to renew")


def install(service: Service, **fields: Any) -> Portal:
    """Store one more portal that is reached by webhook, with these fields of its record."""
    arn, version = service.tokens.keep_webhook(WEBHOOK_URL, bot_token=None)
    portal = Portal(MEMBER_ID, "acme.bitrix24.com", arn, version, scopes=frozenset({"im", "imbot"}))
    return service.portals.save(replace(portal, **fields))
