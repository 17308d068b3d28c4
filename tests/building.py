"""Builds what looks chats up upon moto's stores, as `bootstrap` does, and keeps each part at hand."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NoReturn, cast

from chat_lookup.asking import Asking, Method, Said
from chat_lookup.cache import Cache
from chat_lookup.calls import PortalCalls
from chat_lookup.clock import Deadline
from chat_lookup.entity import EntityRef
from chat_lookup.keys import Keys
from chat_lookup.limiter import Limiter
from chat_lookup.lookup import Found, Lookup, Options
from chat_lookup.portals import Portals
from chat_lookup.records import Portal
from chat_lookup.telemetry import Telemetry
from chat_lookup.tokens import Tokens
from chat_lookup.vault import Vault
from tests.fakes import MEMBER_ID, WEBHOOK_URL, FakeBitrix24, FixedRandom, ManualClock, Stores

if TYPE_CHECKING:
    from chat_lookup.bitrix24.client import Bitrix24Client


DEAL = EntityRef("CRM", "DEAL|1663")


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


def find(service: Service, portal: Portal, ref: EntityRef = DEAL, seconds: float = 10, **options: Any) -> Found:
    """Look a pair up, as one invocation that has so many seconds."""
    deadline = Deadline.after(seconds, service.clock)
    with service.telemetry.invocation("test"):
        return service.lookup.find(portal, ref, Options(**options), deadline)


def ask(
    service: Service, portal: Portal, ref: EntityRef = DEAL, method: Method = Method.AUTO, bot_id: int | None = None
) -> Said:
    """Ask the portal for a pair, whatever is cached."""
    with service.telemetry.invocation("test"):
        return service.asking.chat_id(portal, ref, Deadline.after(10, service.clock), method=method, bot_id=bot_id)


def with_scopes(service: Service, *scopes: str) -> Portal:
    """Store a portal that grants these scopes."""
    return install(service, scopes=frozenset(scopes))
