"""The engine of the tests' stack: over the wire it behaves as every table does, and refuses what it does not know."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings

from chat_lookup.dynamodb import Table
from local.aws.embedded import EmbeddedAws
from local.template.reader import Template
from tests.support.repository import ROOT
from tests.support.stores.dynamodb_engine import DynamoDbEngine
from tests.support.stores.memory_stores import memory_stores
from tests.support.stores.table_contract import KEY, OPERATIONS, SCENARIOS, BothTables, Operation, outcomes

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TABLES = ("PortalTable", "CacheTable")


@pytest.fixture(scope="module")
def engine() -> DynamoDbEngine:
    return DynamoDbEngine()


@pytest.fixture(scope="module")
def client(engine: DynamoDbEngine) -> "Iterator[DynamoDBClient]":
    aws = EmbeddedAws(Template.load(ROOT / "template.yaml"), region="eu-north-1", dynamodb=engine)
    aws.start()
    yield aws.dynamodb()
    aws.stop()


@pytest.fixture
def tables(client: "DynamoDBClient", engine: DynamoDbEngine) -> BothTables:
    for table in TABLES:
        engine.empty(table)
    return BothTables(*(Table(client, table) for table in TABLES))


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_table_over_the_wire_in_memory(scenario: str, tables: BothTables) -> None:
    SCENARIOS[scenario](tables)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(operations=OPERATIONS)
def test_random_operations_have_the_same_results_over_the_wire_and_in_memory(
    tables: BothTables, operations: list[Operation]
) -> None:
    assert outcomes(memory_stores().cache_rows, operations) == outcomes(tables.cache, operations)


def test_rows_are_put_back_as_they_were(tables: BothTables, engine: DynamoDbEngine) -> None:
    tables.cache.put({**KEY, "name": {"S": "one"}})
    before = engine.rows("CacheTable")
    for _ in range(2):
        tables.cache.update(KEY, {"name": {"S": "two"}}, add={"n": {"N": "1"}})
        engine.put_back("CacheTable", before)
        assert tables.cache.get(KEY) == {**KEY, "name": {"S": "one"}}


def test_unknown_table_and_unknown_parameters_are_refused(client: "DynamoDBClient") -> None:
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        client.scan(TableName="Nowhere")
    with pytest.raises(ClientError, match="500"):
        client.scan(TableName="CacheTable", Limit=1)
