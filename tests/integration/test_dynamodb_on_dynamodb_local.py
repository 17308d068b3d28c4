"""The table through which all stores go, in the vendor's own engine; and that memory behaves as the engine does."""

import pytest
from hypothesis import HealthCheck, given, settings

from chat_lookup.dynamodb import Table, number
from tests.support.stores.memory_stores import memory_stores
from tests.support.stores.table_contract import KEY, OPERATIONS, SCENARIOS, BothTables, Operation, outcomes
from tests.support.stores.tables import Tables

pytestmark = pytest.mark.dynamodb_local


@pytest.fixture
def tables(real_tables: Tables) -> BothTables:
    client = real_tables.client()
    return BothTables(Table(client, real_tables.portal), Table(client, real_tables.cache))


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_table_on_dynamodb_local(scenario: str, tables: BothTables) -> None:
    SCENARIOS[scenario](tables)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(operations=OPERATIONS)
def test_random_operations_have_the_same_results_in_memory_and_on_dynamodb_local(
    tables: BothTables, operations: list[Operation]
) -> None:
    assert outcomes(memory_stores().cache_rows, operations) == outcomes(tables.cache, operations)


def test_numbers_come_back_without_zeros_that_mean_nothing(tables: BothTables) -> None:
    tables.cache.put({**KEY, "whole": number(5.0), "none": number(-0.0), "many": number(1763000000.120000)})
    row = tables.cache.get(KEY, consistent=True)
    assert [row[name]["N"] for name in ("whole", "none", "many")] == ["5", "0", "1763000000.12"]
