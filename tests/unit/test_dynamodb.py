"""The table through which all stores go: on moto, in memory, and what it costs and asks."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest

from chat_lookup.dynamodb import Table, absent, number, text
from tests.support.fakes import Stores
from tests.support.stores import secrets_contract
from tests.support.stores.memory_stores import memory_stores
from tests.support.stores.table_contract import KEY, SCENARIOS, BothTables


def in_memory() -> BothTables:
    stores = memory_stores()
    return BothTables(stores.portal_rows, stores.cache_rows)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_table_on_moto(scenario: str, moto_stores: Stores) -> None:
    SCENARIOS[scenario](BothTables(moto_stores.portal_rows, moto_stores.cache_rows))


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_table_in_memory(scenario: str) -> None:
    SCENARIOS[scenario](in_memory())


def test_numbers_in_memory_are_written_as_dynamodb_returns_them() -> None:
    table = in_memory().cache
    table.put({**KEY, "whole": number(5.0), "none": number(-0.0), "many": number(1763000000.120000), "e": {"N": "1E3"}})
    row = table.get(KEY)
    assert [row[name]["N"] for name in ("whole", "none", "many", "e")] == ["5", "0", "1763000000.12", "1000"]


def test_table_in_memory_is_written_by_one_thread_at_a_time() -> None:
    table = in_memory().cache
    with ThreadPoolExecutor(8) as pool:
        firsts = list(pool.map(lambda _: table.put(KEY, absent("pk")).held, range(8)))
        list(pool.map(lambda _: table.update(KEY, add={"n": number(1)}), range(800)))
    assert firsts.count(True) == 1
    assert table.get(KEY)["n"] == {"N": "800"}


@pytest.mark.parametrize("scenario", secrets_contract.SCENARIOS)
def test_secrets_on_moto(scenario: str, moto_stores: Stores) -> None:
    secrets_contract.SCENARIOS[scenario](moto_stores.secrets)


@pytest.mark.parametrize("scenario", secrets_contract.SCENARIOS)
def test_secrets_in_memory(scenario: str) -> None:
    secrets_contract.SCENARIOS[scenario](memory_stores().secrets)


def test_every_row_and_condition_is_one_request_with_the_tables_name() -> None:
    class Noting:
        def __getattr__(self, name: str) -> Any:
            def request(**given: Any) -> dict[str, Any]:
                asked.append((name, given["TableName"]))
                return {}

            return request

    asked: list[tuple[str, str]] = []
    table = Table(cast(Any, Noting()), "CacheTable-1")
    table.get(KEY)
    table.put({**KEY, "name": text("one")})
    table.update(KEY, {"name": text("two")})
    table.delete(KEY)
    table.pop(KEY)
    assert asked == [
        (name, "CacheTable-1") for name in ("get_item", "put_item", "update_item", "delete_item", "delete_item")
    ]
