"""API keys that administrators make and revoke on the page at one moment, on the real engine: no limit is passed, and
what one of them was shown is stored."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier
from typing import Final, TypeVar

import pytest

from chat_lookup.dynamodb import Table, all_of, begins_with, equals, text
from chat_lookup.errors import InvalidRequest, KeyRejected
from chat_lookup.observability.telemetry import Telemetry
from chat_lookup.page.portal_keys import MOST_KEYS, PortalKeys
from chat_lookup.portals.api_keys import Keys
from chat_lookup.portals.portal import Portal, partition
from chat_lookup.portals.store import Portals
from tests.support.fakes import MEMBER_ID, ManualClock
from tests.support.stores.tables import Tables

pytestmark = pytest.mark.dynamodb_local

ROUNDS: Final = 6
PORTAL: Final = Portal(MEMBER_ID, "acme.bitrix24.com", "arn", "v1")
Returned = TypeVar("Returned")


class Administrator:
    """One administrator, whose requests a process of their own answers."""

    def __init__(self, tables: Tables, telemetry: Telemetry, clock: ManualClock) -> None:
        self._rows = Table(tables.client(), tables.portal)
        self.keys = Keys(self._rows, Portals(self._rows, clock), clock)
        self._page = PortalKeys(self.keys, telemetry, clock, allowed=True)

    def create(self) -> str:
        """The id of a new key; empty where the portal has as many as it may have. All have the same label."""
        try:
            return str(self._page.create(PORTAL, "crm sync", 30, details=False)["key_id"])
        except InvalidRequest:
            return ""

    def revoke(self, key_id: str) -> str:
        """The id of the key; empty where another has revoked it."""
        try:
            return str(self._page.revoke(PORTAL, key_id)["key_id"])
        except InvalidRequest:
            return ""

    def listed(self) -> list[str]:
        return [str(key["key_id"]) for key in self._page.listed(PORTAL)]

    def places(self) -> set[str]:
        """The places that are taken in the table."""
        where = all_of(equals("pk", text(partition(MEMBER_ID))), begins_with("sk", "PLACE#"))
        return {row["sk"]["S"] for row in self._rows.query(where)}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def administrators(real_tables: Tables, telemetry: Telemetry, clock: ManualClock) -> list[Administrator]:
    return [Administrator(real_tables, telemetry, clock) for _ in range(8)]


def at_once(works: Sequence[Callable[[], Returned]]) -> list[Returned]:
    """What each returns; they begin at one moment."""
    start = Barrier(len(works))

    def begun(work: Callable[[], Returned]) -> Returned:
        start.wait()
        return work()

    with ThreadPoolExecutor(len(works)) as crowd:
        return list(crowd.map(begun, works))


def emptied(administrator: Administrator) -> None:
    for key_id in administrator.listed():
        administrator.revoke(key_id)
    assert (administrator.listed(), administrator.places()) == ([], set())


@pytest.mark.parametrize("crowd", [2, MOST_KEYS, 8])
def test_keys_made_at_once_with_one_label_are_all_stored_up_to_the_limit(
    administrators: list[Administrator], crowd: int
) -> None:
    for _ in range(ROUNDS):
        made = [key_id for key_id in at_once([each.create for each in administrators[:crowd]]) if key_id]
        assert len(made) == min(crowd, MOST_KEYS)
        assert sorted(administrators[0].listed()) == sorted(made)
        assert len(administrators[0].places()) == len(made)
        assert bool(administrators[1].create()) == (crowd < MOST_KEYS)
        emptied(administrators[0])


def test_key_revoked_by_several_at_once_frees_one_place_for_the_next(administrators: list[Administrator]) -> None:
    for _ in range(ROUNDS):
        keys = [administrators[0].create() for _ in range(MOST_KEYS)]
        revokers: list[Callable[[], str]] = [partial(each.revoke, keys[2]) for each in administrators[:4]]
        creators = [each.create for each in administrators[4:]]
        outcomes = at_once([*revokers, *creators])
        assert sorted(outcomes[:4]) == ["", "", "", keys[2]]
        made = [key_id for key_id in outcomes[4:] if key_id]
        assert len(made) <= 1
        listed = administrators[0].listed()
        assert set(listed) == {*keys, *made} - {keys[2]}
        assert len(administrators[0].places()) == len(listed)
        emptied(administrators[0])


def test_keys_that_are_revoked_and_made_all_the_time_stay_within_the_limit(
    administrators: list[Administrator],
) -> None:
    def busy(administrator: Administrator) -> int:
        most = 0
        for _ in range(ROUNDS):
            administrator.create()
            listed = administrator.listed()
            most = max(most, len(listed))
            for key_id in listed[:2]:
                administrator.revoke(key_id)
        return most

    assert max(at_once([partial(busy, each) for each in administrators])) <= MOST_KEYS
    listed = administrators[0].listed()
    assert len(listed) == len(administrators[0].places()) <= MOST_KEYS


def test_key_revoked_while_it_is_used_is_refused_by_every_process_within_30_seconds(
    administrators: list[Administrator], clock: ManualClock
) -> None:
    key, _ = administrators[0].keys.create(MEMBER_ID, "crm sync", ["lookup"], None, places=MOST_KEYS)
    key_id = administrators[0].listed()[0]

    def is_admitted(administrator: Administrator) -> bool:
        try:
            administrator.keys.authenticate(key, "lookup")
        except KeyRejected:
            return False
        return True

    def use(administrator: Administrator) -> str:
        return "admitted" if all(is_admitted(administrator) for _ in range(20)) else ""

    at_once([partial(administrators[0].revoke, key_id), *(partial(use, each) for each in administrators[1:])])
    assert not is_admitted(administrators[0]), "where it is revoked it is refused at once"
    clock.advance(30)
    assert not [each for each in administrators if is_admitted(each)]
