"""Random operations on a table have the same results in memory and on moto."""

from hypothesis import HealthCheck, given, settings

from tests.support.fakes import Stores
from tests.support.stores.memory_stores import memory_stores
from tests.support.stores.table_contract import OPERATIONS, Operation, outcomes


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(operations=OPERATIONS)
def test_random_operations_have_the_same_results_in_memory_and_on_moto(
    moto_stores: Stores, operations: list[Operation]
) -> None:
    assert outcomes(memory_stores().cache_rows, operations) == outcomes(moto_stores.cache_rows, operations)
