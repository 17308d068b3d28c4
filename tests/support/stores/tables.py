"""The template's tables in a running engine: moto or DynamoDB Local."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from local.aws.clients import new_client
from local.aws.embedded import CREDENTIALS
from local.template.reader import REGION, Template
from tests.support.repository import ROOT

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@dataclass(frozen=True, slots=True)
class Tables:
    """Address and names of the template's tables in an engine; plain text, so that a test can pass it to processes."""

    endpoint_url: str
    region: str
    portal: str
    cache: str

    def client(self) -> "DynamoDBClient":
        return cast("DynamoDBClient", client_of("dynamodb", self.endpoint_url, self.region))


@contextmanager
def tables_in(url: str) -> Iterator[Tables]:
    """New tables of the template in another engine; they are deleted at the end."""
    suffix = f"-{secrets.token_hex(4)}"
    found = Tables(url, REGION, f"PortalTable{suffix}", f"CacheTable{suffix}")
    client = found.client()
    for table in Template.load(ROOT / "template.yaml", table_suffix=suffix).tables:
        client.create_table(**table)  # type: ignore[arg-type]  # the template's own properties
    try:
        yield found
    finally:
        for name in (found.portal, found.cache):
            client.delete_table(TableName=name)


def client_of(service: str, endpoint_url: str, region: str = REGION) -> object:
    """A plain botocore client of an engine used in place of AWS."""
    return new_client(
        service,
        endpoint_url=endpoint_url,
        region_name=region,
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
    )
