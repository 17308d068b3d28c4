"""The template's tables and Secrets Manager in this process's memory."""

from functools import cache
from typing import TYPE_CHECKING, Any, cast

from local.template.reader import Template
from tests.support.fakes import Stores
from tests.support.repository import ROOT
from tests.support.stores.memory_dynamodb import MemoryDynamoDB
from tests.support.stores.memory_secrets import MemorySecrets

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_secretsmanager import SecretsManagerClient


def memory_stores() -> Stores:
    """Empty stores; moto takes a hundred times as long for each request."""
    dynamodb = MemoryDynamoDB(_tables())
    return Stores(
        cast("DynamoDBClient", dynamodb), cast("SecretsManagerClient", MemorySecrets()), "PortalTable", "CacheTable"
    )


@cache
def _tables() -> dict[str, Any]:
    return {str(table["TableName"]): table for table in Template.load(ROOT / "template.yaml").tables}
