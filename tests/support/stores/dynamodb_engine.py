"""DynamoDB's own protocol over tables in memory: the engine of the tests' stack, many times faster than moto.

It answers what `dynamodb.Table` and the tests send, and refuses what it does not know; the contract of all tables
(table_contract.py) holds it, too. `make run` and the tests of the stores have moto.
"""

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from botocore import xform_name
from botocore.exceptions import ClientError

from tests.support.stores.memory_dynamodb import MemoryDynamoDB

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment


class DynamoDbEngine(MemoryDynamoDB):
    """WSGI: the tables that were created in it."""

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        action = str(environ["HTTP_X_AMZ_TARGET"]).rpartition(".")[2]
        status, body = answered(self, action, json.loads(environ["wsgi.input"].read()))
        start_response(
            "200 OK" if status == 200 else "400 Bad Request", [("Content-Type", "application/x-amz-json-1.0")]
        )
        return [json.dumps(body).encode()]


def answered(client: Any, action: str, content: Mapping[str, Any]) -> tuple[int, Mapping[str, Any]]:
    """Status and body of the answer to a request, by a store's client in memory."""
    # botocore adds it to each transaction, so that a repeated request is no second one.
    without = ("ClientRequestToken",) if action == "TransactWriteItems" else ()
    try:
        return 200, getattr(client, xform_name(action))(**{k: v for k, v in content.items() if k not in without})
    except ClientError as error:
        described: Mapping[str, Any] = error.response
        more = {"Item": described["Item"]} if "Item" in described else {}
        return 400, {"__type": described["Error"]["Code"], "message": described["Error"]["Message"], **more}
