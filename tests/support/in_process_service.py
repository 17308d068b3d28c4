"""Builds the service's parts in the test's own process on the test's stores, as `bootstrap` does."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, cast

from chat_lookup.cache.bulk_cache import CachePages
from chat_lookup.cache.chat_cache import Cache
from chat_lookup.cache.leases import Leases
from chat_lookup.calls.bulk_allowance import Allowance
from chat_lookup.calls.circuit_breaker import Circuit
from chat_lookup.calls.executor import Attempts
from chat_lookup.calls.operating_time import Operating
from chat_lookup.calls.portal_calls import PortalCalls
from chat_lookup.calls.rate_limiter import Limiter
from chat_lookup.calls.retry_policy import RetryPolicy
from chat_lookup.clock import Deadline
from chat_lookup.credentials.grants import Tokens
from chat_lookup.credentials.secret_store import Vault
from chat_lookup.entity import EntityRef
from chat_lookup.errors import ChatLookupError
from chat_lookup.lookup.find import Lookup
from chat_lookup.lookup.find_many import LookupOutcome, Many
from chat_lookup.lookup.model import ChatReply, Found, Method, Options
from chat_lookup.lookup.plan import Inquiries
from chat_lookup.lookup.plan_runner import Asking
from chat_lookup.lookup.single_flight import Misses
from chat_lookup.objects.asking import ListAsking
from chat_lookup.objects.find import Objects
from chat_lookup.objects.lists import Lists
from chat_lookup.objects.model import ObjectChats, ObjectOptions, ObjectOutcome
from chat_lookup.objects.plan import ListInquiries
from chat_lookup.objects.portal_objects import PortalObject
from chat_lookup.observability.telemetry import Telemetry
from chat_lookup.portals.api_keys import Keys
from chat_lookup.portals.portal import Portal
from chat_lookup.portals.store import Portals
from tests.support.fakes import (
    MEMBER_ID,
    WEBHOOK_URL,
    FakeBitrix24,
    FakeRecoveries,
    FixedRandom,
    ManualClock,
    Stores,
)

if TYPE_CHECKING:
    from chat_lookup.bitrix24.client import Bitrix24Client


DEAL = EntityRef("CRM", "DEAL|1663")


@dataclass(frozen=True, slots=True)
class Service:
    """One process. Two on the same stores share nothing else, memory included."""

    clock: ManualClock
    bitrix24: FakeBitrix24
    telemetry: Telemetry
    portals: Portals
    keys: Keys
    tokens: Tokens
    cache: Cache
    limiter: Limiter
    operating: Operating
    calls: PortalCalls
    asking: Asking
    lookup: Lookup
    many: Many
    objects: Objects
    recoveries: FakeRecoveries


def build(stores: Stores, clock: ManualClock, bitrix24: FakeBitrix24, telemetry: Telemetry) -> Service:
    """Build one process on the stores."""
    portals = Portals(stores.portal_rows, clock)
    keys = Keys(stores.portal_rows, portals, clock)
    vault = Vault(stores.secrets, "unit", clock, telemetry.redactor)
    tokens = Tokens(vault, portals, _nothing_to_renew, clock)
    limiter = Limiter(stores.cache_rows, clock)
    operating = Operating(stores.cache_rows, clock)
    recoveries = FakeRecoveries()
    attempts = attempts_by(stores, clock, bitrix24, telemetry, limiter, operating, recoveries)
    calls = PortalCalls(tokens, portals, attempts, recoveries, clock)
    asking = Asking(calls, portals, telemetry)
    cache = Cache(stores.cache_rows, clock, FixedRandom())
    misses = Misses(Leases(stores.cache_rows, clock), telemetry, clock, FixedRandom())
    lookup = Lookup(asking, cache, misses, telemetry, clock)
    pages = CachePages(cache, stores.cache_rows, clock, FixedRandom())
    allowance = Allowance(operating, clock)
    many = Many(calls, portals, allowance, pages, telemetry, clock)
    lists = Lists(cache, pages, telemetry, FixedRandom())
    listing = ListAsking(calls, allowance, ListInquiries(Inquiries(telemetry)), clock)
    objects = Objects(listing, lists, misses, portals, telemetry, clock)
    return Service(
        clock, bitrix24, telemetry, portals, keys, tokens, cache, limiter, operating, calls, asking, lookup, many,
        objects, recoveries,
    )  # fmt: skip


def attempts_by(
    stores: Stores,
    clock: ManualClock,
    bitrix24: FakeBitrix24,
    telemetry: Telemetry,
    limiter: Limiter | None = None,
    operating: Operating | None = None,
    recoveries: FakeRecoveries | None = None,
) -> Attempts:
    """The call executor of one process; its pauses before a retry are half of the longest."""
    return Attempts(
        cast("Bitrix24Client", bitrix24),
        limiter or Limiter(stores.cache_rows, clock),
        Circuit(stores.cache_rows, clock),
        operating or Operating(stores.cache_rows, clock),
        RetryPolicy(lambda: 0.5),
        telemetry,
        recoveries or FakeRecoveries(),
        clock,
    )


def _nothing_to_renew(_: Portal) -> NoReturn:
    raise AssertionError("a webhook has nothing to renew")


def install(service: Service, **fields: Any) -> Portal:
    """Store a portal that is reached by webhook, with these fields of its record."""
    arn, version = service.tokens.keep_webhook(WEBHOOK_URL, bot_token=None)
    portal = Portal(MEMBER_ID, "acme.bitrix24.com", arn, version, scopes=frozenset({"im", "imbot"}))
    return service.portals.save(portal._replace(**fields), default=True)


def find(service: Service, portal: Portal, ref: EntityRef = DEAL, seconds: float = 10, **options: Any) -> Found:
    """Look a pair up, as one invocation with this many seconds."""
    deadline = Deadline.after(seconds, service.clock)
    with service.telemetry.invocation("test"):
        return service.lookup.find(portal, ref, Options(**options), deadline)


def find_many(
    service: Service, portal: Portal, refs: Sequence[EntityRef | ChatLookupError], seconds: float = 25, **options: Any
) -> list[LookupOutcome]:
    """Look many pairs up, as one invocation with this many seconds."""
    deadline = Deadline.after(seconds, service.clock)
    with service.telemetry.invocation("test"):
        return service.many.find(portal, refs, Options(**options), deadline)


def list_chats(
    service: Service, portal: Portal, asked: PortalObject, seconds: float = 10, **options: bool
) -> ObjectChats:
    """List an object's chats, as one invocation with this many seconds."""
    deadline = Deadline.after(seconds, service.clock)
    with service.telemetry.invocation("test"):
        return service.objects.find(portal, asked, ObjectOptions(**options), deadline)


def list_many(
    service: Service,
    portal: Portal,
    asked: Sequence[PortalObject | ChatLookupError],
    seconds: float = 25,
    **options: bool,
) -> list[ObjectOutcome]:
    """The same of many objects."""
    deadline = Deadline.after(seconds, service.clock)
    with service.telemetry.invocation("test"):
        return service.objects.find_many(portal, asked, ObjectOptions(**options), deadline)


def ask(
    service: Service, portal: Portal, ref: EntityRef = DEAL, method: Method = Method.AUTO, bot_id: int | None = None
) -> ChatReply:
    """Ask the portal for a pair, without the cache."""
    with service.telemetry.invocation("test"):
        return service.asking.chat_id(portal, ref, Deadline.after(10, service.clock), method=method, bot_id=bot_id)


def with_scopes(service: Service, *scopes: str) -> Portal:
    """Store a portal that grants these scopes."""
    return install(service, scopes=frozenset(scopes))
