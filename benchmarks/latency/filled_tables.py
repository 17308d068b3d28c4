"""A service with tables of its own in DynamoDB Local, filled with portals and chat ids."""

import hashlib
import itertools
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, cast

from chat_lookup import config
from chat_lookup.bootstrap.core import Clients
from chat_lookup.bootstrap.services import Services, build
from chat_lookup.cache.rows import FRESH_POSITIVE, PORTAL, USABLE_POSITIVE, Row, to_item
from chat_lookup.clock import Clock, Deadline
from chat_lookup.dynamodb import Table, read_text, text
from chat_lookup.entity import EntityRef
from chat_lookup.lookup.model import Options
from chat_lookup.observability.telemetry import Telemetry
from chat_lookup.portals.api_keys import Keys
from chat_lookup.portals.portal import Portal
from chat_lookup.portals.portal import to_item as portal_item
from chat_lookup.portals.store import Portals
from tests.support.stores.tables import Tables, client_of, tables_in

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import UniversalAttributeValueTypeDef
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient

    Item = Mapping[str, UniversalAttributeValueTypeDef]

_TYPE: Final = "ORDER"
_SECONDS: Final = 25.0
_PAGE: Final = 25
"""Items that one BatchWriteItem may have."""


@dataclass(frozen=True, slots=True)
class Filled:
    """A process's service on the tables. Portals and chat ids are numbered from 0."""

    services: Services
    clock: Clock

    def look_up(self, portal: int, row: int) -> None:
        """The work of a request for one chat, between its event and its response."""
        self.services.lookup.find(self.portal(portal), _ref(row), Options(), Deadline.after(_SECONDS, self.clock))

    def look_many_up(self, pairs: int) -> None:
        """The same for the first pairs of the first portal, at once."""
        refs = [_ref(row) for row in range(pairs)]
        self.services.many().find(self.portal(0), refs, Options(), Deadline.after(_SECONDS, self.clock))

    def portal(self, number: int) -> Portal:
        """The portal of a request's key."""
        return self.services.portals.get(self.services.keys.authenticate(_key(number), "lookup").member_id)


@contextmanager
def filled(url: str, clock: Clock, *, portals: int = 1, rows: int = 1) -> Iterator[Filled]:
    """Make the template's tables, fill them, and drop them at the end."""
    with tables_in(url) as tables:
        dynamodb = tables.client()
        _fill(dynamodb, tables.portal, _portals(dynamodb, tables.portal, clock, portals))
        _fill(dynamodb, tables.cache, (_row(portal, row, clock) for portal in range(portals) for row in range(rows)))
        yield Filled(_services(tables, clock), clock)


def _services(tables: Tables, clock: Clock) -> Services:
    names = {"PORTAL_TABLE": tables.portal, "CACHE_TABLE": tables.cache, "SECRET_PREFIX": "benchmark"}
    other = partial(client_of, endpoint_url=tables.endpoint_url)
    # Hits call the tables only: the clients of the other services are never used.
    clients = Clients(
        tables.client(),
        cast("SecretsManagerClient", other("secretsmanager")),
        lambda: cast("SQSClient", other("sqs")),
        lambda: cast("EventBridgeClient", other("events")),
    )
    telemetry = Telemetry(service="benchmark", namespace="Benchmark", level="INFO")
    return build(config.from_environ(names), clients, telemetry, clock)


def _portals(dynamodb: "DynamoDBClient", table: str, clock: Clock, portals: int) -> "Iterator[Item]":
    """Records and keys: those of the first portal as the service makes them, the others as copies."""
    stored = Table(dynamodb, table)
    Keys(stored, Portals(stored, clock), clock).create(_member_id(0), "benchmark", ["lookup"], None, _key(0))
    by_hash = next(item for item in dynamodb.scan(TableName=table)["Items"] if read_text(item, "sk") == "KEY")
    for number in range(portals):
        member_id = _member_id(number)
        portal = Portal(member_id, f"{member_id}.bitrix24.com", "arn:aws:secretsmanager:::secret:none", "1")
        yield portal_item(portal)
        yield {
            **by_hash,
            "pk": text(f"KEY#{hashlib.sha256(_key(number).encode()).hexdigest()}"),
            "member_id": text(member_id),
        }


def _row(portal: int, row: int, clock: Clock) -> "Item":
    now = clock.now()
    known = Row(
        _ref(row),
        row + 1,
        "im.chat.get",
        PORTAL,
        now,
        now + FRESH_POSITIVE,
        now + USABLE_POSITIVE,
    )
    return to_item(_member_id(portal), 1, known)


def _fill(dynamodb: "DynamoDBClient", table: str, items: "Iterable[Item]") -> None:
    waiting = iter(items)
    while page := list(itertools.islice(waiting, _PAGE)):
        # DynamoDB Local leaves nothing unprocessed.
        dynamodb.batch_write_item(RequestItems={table: [{"PutRequest": {"Item": item}} for item in page]})


def _member_id(number: int) -> str:
    return f"{number:032x}"


def _key(number: int) -> str:
    return f"clk_benchmark-{number:016d}"


def _ref(number: int) -> EntityRef:
    return EntityRef(_TYPE, f"2026-{number:08d}")
