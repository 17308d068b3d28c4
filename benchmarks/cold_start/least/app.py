"""The least function as a reference for a start: boto3's clients, one read, one line, one metric."""

import os
from typing import TYPE_CHECKING, cast

import boto3  # type: ignore[import-untyped]  # its stubs are a separate package, which this one line does not justify
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext
    from mypy_boto3_dynamodb import DynamoDBClient

logger = Logger()
metrics = Metrics()
dynamodb, *others = [boto3.client(name) for name in os.environ["LEAST_CLIENTS"].split()]


@metrics.log_metrics
def handler(_: object, context: "LambdaContext") -> dict[str, object]:
    store = cast("DynamoDBClient", dynamodb)
    store.get_item(TableName=os.environ["PORTAL_TABLE"], Key={"pk": {"S": "none"}, "sk": {"S": "none"}})
    metrics.add_metric("Starts", MetricUnit.Count, 1)
    logger.info("started", extra={"request_id": context.aws_request_id})
    return {"statusCode": 200}
