"""Portal records: written whole, and found by member id, by domain or as the default one."""

from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from chat_lookup.dynamodb import Table
from chat_lookup.errors import InvalidRequest, PortalNotInstalled, PortalUnavailable
from chat_lookup.portals.portal import Portal
from chat_lookup.portals.store import Portals
from tests.support.fakes import MEMBER_ID, ManualClock, Stores

OTHER = "f" * 32
ACME = Portal(MEMBER_ID, "acme.bitrix24.com", "arn:secret", "version-1", scopes=frozenset({"im", "imbot"}))
GLOBEX = Portal(OTHER, "globex.bitrix24.com", "arn:other", "version-1")


def test_record_is_read_as_written(portals: Portals) -> None:
    saved = portals.save(ACME._replace(rate=5.0, burst=250, bot_id=17))
    assert portals.read(MEMBER_ID) == saved
    assert (saved.rate, saved.burst, saved.bot_id, saved.scopes) == (5.0, 250, 17, frozenset({"im", "imbot"}))


def test_unknown_portal_is_not_installed(portals: Portals) -> None:
    assert portals.read(MEMBER_ID) is None
    with pytest.raises(PortalNotInstalled):
        portals.get(MEMBER_ID)


@pytest.mark.parametrize("name", [MEMBER_ID, "acme.bitrix24.com", "ACME.Bitrix24.com"])
def test_portal_is_found_by_member_id_and_by_domain_in_any_case(portals: Portals, name: str) -> None:
    portals.save(ACME)
    portals.save(GLOBEX)
    assert portals.find(name).member_id == MEMBER_ID


@pytest.mark.parametrize("domain", ["127.0.0.1:3010", "localhost:3010", "host.docker.internal:3010", "intranet"])
def test_local_portal_is_found_by_host_and_port(portals: Portals, domain: str) -> None:
    portals.save(ACME._replace(domain=domain))
    assert portals.find(domain).member_id == MEMBER_ID


@pytest.mark.parametrize(
    "name",
    ["unknown.bitrix24.com", "a" * 32, "x" * 5_000, "x." * 2_000, "ж.рф", "#", "\ud800", "https://acme.bitrix24.com"],
)
def test_invalid_name_is_not_installed(portals: Portals, name: str) -> None:
    portals.save(ACME)
    with pytest.raises(PortalNotInstalled, match="No portal has this domain or member id"):
        portals.find(name)


def test_invalid_name_is_not_read_from_the_store(
    stores: Stores, portals: Portals, monkeypatch: pytest.MonkeyPatch
) -> None:
    # DynamoDB refuses a key of more than 2,048 bytes, or one that is no text.
    def request(*_: object, **__: object) -> object:
        raise AssertionError("the store was called")

    for name in ("get_item", "query", "batch_get_item"):
        monkeypatch.setattr(stores.dynamodb, name, request)
    for name in ("x" * 2_100, "\ud800", "a b", "DOMAIN#x"):
        with pytest.raises(PortalNotInstalled):
            portals.find(name)


# -- writing again -----------------------------------------------------------------------------------------------------


def test_portal_added_again_keeps_its_creation_time_and_gets_a_new_generation(
    portals: Portals, clock: ManualClock
) -> None:
    first = portals.save(ACME)
    clock.advance(100)
    again = portals.save(ACME._replace(token_version="version-2", rate=5.0))
    assert again.created_at == pytest.approx(first.created_at)
    assert again.generation == first.generation + 1
    assert portals.get(MEMBER_ID) == again


def test_portal_that_moved_is_found_by_its_new_domain_only(portals: Portals) -> None:
    portals.save(ACME)
    portals.save(ACME._replace(domain="acme.example.com"))
    assert portals.find("acme.example.com").member_id == MEMBER_ID
    with pytest.raises(PortalNotInstalled):
        portals.find("acme.bitrix24.com")


def test_moved_portal_has_its_former_domains_and_another_has_none(portals: Portals) -> None:
    assert portals.save(ACME).former_domains == frozenset()
    assert portals.save(ACME).former_domains == frozenset()
    moved = portals.save(ACME._replace(domain="acme.example.com"))
    assert moved.former_domains == {"acme.bitrix24.com"}
    assert portals.read(MEMBER_ID) == moved
    assert portals.save(ACME).former_domains == {"acme.example.com"}


def test_each_portal_is_listed_once(portals: Portals) -> None:
    portals.save(ACME)
    portals.save(GLOBEX)
    portals.save(ACME._replace(domain="acme.example.com"))
    assert sorted(each.member_id for each in portals.all()) == sorted([MEMBER_ID, OTHER])


class Meddling:
    """DynamoDB with another process that writes first, for the given number of times."""

    def __init__(self, dynamodb: Any, portals: Portals, times: int) -> None:
        self._dynamodb = dynamodb
        self._portals = portals
        self._times = times

    def __getattr__(self, name: str) -> Any:
        return getattr(self._dynamodb, name)

    def transact_write_items(self, **arguments: Any) -> object:
        if self._times:
            self._times -= 1
            self._portals.save(GLOBEX._replace(domain=f"other{self._times}.bitrix24.com"))
            self._portals.save(ACME._replace(token_version="theirs"))
        return self._dynamodb.transact_write_items(**arguments)


def test_two_concurrent_first_installations_are_both_stored_and_none_is_the_default(
    stores: Stores, clock: ManualClock, elsewhere: Portals
) -> None:
    slow = Portals(Table(cast("Any", Meddling(stores.dynamodb, elsewhere, 1)), stores.portal_table), clock)
    slow.save(ACME)
    assert {each.member_id for each in elsewhere.all()} == {MEMBER_ID, OTHER}
    with pytest.raises(InvalidRequest):
        elsewhere.find(None)


def test_save_that_is_always_overtaken_raises(stores: Stores, clock: ManualClock, elsewhere: Portals) -> None:
    slow = Portals(Table(cast("Any", Meddling(stores.dynamodb, elsewhere, 99)), stores.portal_table), clock)
    with pytest.raises(PortalUnavailable):
        slow.save(ACME)


def test_error_of_the_store_is_raised(stores: Stores, portals: Portals, monkeypatch: pytest.MonkeyPatch) -> None:
    def throttled(*_: object, **__: object) -> object:
        raise ClientError({"Error": {"Code": "ProvisionedThroughputExceededException"}}, "UpdateItem")

    portal = portals.save(ACME)
    monkeypatch.setattr(stores.dynamodb, "update_item", throttled)
    with pytest.raises(ClientError):
        portals.lacks_scope(portal, "im")
