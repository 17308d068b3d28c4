"""A thousand rows in DynamoDB Local: the engine's page limits, and concurrent writes."""

from collections.abc import Mapping
from random import Random

from chat_lookup.cache.bulk_cache import CachePages
from chat_lookup.cache.chat_cache import Cache
from chat_lookup.clock import Deadline, SystemClock
from chat_lookup.dynamodb import Table
from chat_lookup.entity import EntityRef
from tests.support.stores.tables import Tables

MEMBER_ID = "d41d8cd98f00b204e9800998ecf8427e"
CHATS: Mapping[EntityRef, int | None] = {
    EntityRef("CRM", f"DEAL|{number}"): number if number % 3 else None for number in range(1, 1_001)
}


def test_rows_written_concurrently_are_read_in_pages(real_tables: Tables) -> None:
    clock, table = SystemClock(), Table(real_tables.client(), real_tables.cache)
    cache = Cache(table, clock, Random(1))  # noqa: S311 - spreads freshness
    pages = CachePages(cache, table, clock, Random(1))  # noqa: S311 - as above
    deadline = Deadline.after(60, clock)
    now = clock.now()
    later = [
        pages.put(MEMBER_ID, 1, ref, chat_id, method="im.chat.get", asked_at=now) for ref, chat_id in CHATS.items()
    ]
    # A result of an earlier call that is written later changes nothing.
    earlier = [pages.put(MEMBER_ID, 1, ref, None, method="im.chat.get", asked_at=now - 30) for ref in CHATS]
    done = pages.finish([*later, *earlier], deadline)
    lost = {kept.row.ref: kept.stored.chat_id for kept in done if kept.lost and kept.stored}
    assert len(done) == 2 * len(CHATS)
    # An earlier one that was written first was stored, and replaced then.
    assert lost.items() <= CHATS.items()
    assert lost

    rows, unread = pages.read(MEMBER_ID, 1, [*CHATS, EntityRef("CRM", "DEAL|0815")], deadline)

    assert unread == 0
    assert {ref: row.chat_id for ref, row in rows.items()} == CHATS
