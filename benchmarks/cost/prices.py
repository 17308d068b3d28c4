"""AWS's prices, in one place: list prices of us-east-1 in US dollars, without taxes, free tiers and discounts.

Gathered on the day below from pages that quote AWS's list, as archived then: some are of 2024, most of 2026. Prices
change: ask AWS's own calculator before relying on any of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

GATHERED: Final = "21 November 2026"

_LAMBDA: Final = "https://cloudchipr.com/blog/aws-lambda-pricing"
_DYNAMODB: Final = "https://airbyte.com/data-engineering-resources/dynamodb-pricing"
_GATEWAY: Final = "https://www.apigatewaycost.com/aws"
_CLOUDWATCH: Final = "https://www.factualminds.com/blog/amazon-cloudwatch-pricing-metrics-logs-alarms-dashboards/"
_ALARMS: Final = "https://c3x.dev/resources/aws/aws_cloudwatch_metric_alarm"
_METRICS: Final = "https://signoz.io/guides/cloudwatch-pricing"
_SECRETS: Final = "https://hivebook.wiki/wiki/aws-secrets-manager-rotated-secrets-dynamic-db-credentials-kms"
_AMAZON_LAMBDA: Final = "https://aws.amazon.com/lambda/pricing/"
_KMS: Final = "https://aws.amazon.com/kms/pricing/"
_NAT: Final = "https://cloudburn.io/blog/aws-nat-gateway-pricing"
_BUS: Final = "https://www.factualminds.com/blog/amazon-eventbridge-pricing-events-pipes-schema-archive/"


@dataclass(frozen=True, slots=True)
class Price:
    """Dollars for an amount of `per`; `what` is counted, and the page with the price."""

    usd: float
    per: int
    what: str
    source: str

    def of(self, amount: float) -> float:
        """Dollars for an amount."""
        return self.usd * amount / self.per


MILLION: Final = 1_000_000

PRICES: Final[Mapping[str, Price]] = {
    "api": Price(1.00, MILLION, "requests to an HTTP API", _GATEWAY),
    "invocations": Price(0.20, MILLION, "invocations of a function", _LAMBDA),
    "compute": Price(13.3334, MILLION, "GB-seconds of a function on arm64", _LAMBDA),
    "read": Price(0.125, MILLION, "read request units of DynamoDB", _DYNAMODB),
    "write": Price(0.625, MILLION, "write request units of DynamoDB", _DYNAMODB),
    "queue": Price(0.40, MILLION, "requests to SQS", "https://cloudburn.io/blog/amazon-sqs-pricing"),
    "bus": Price(1.00, MILLION, "events of one's own on EventBridge", _BUS),
    "logs": Price(0.50, 1_000_000_000, "bytes taken in by CloudWatch Logs", _CLOUDWATCH),
    "traces": Price(5.00, MILLION, "traces kept by X-Ray", "https://aws.amazon.com/xray/pricing/"),
    "secrets": Price(0.40, 1, "secret and month", _SECRETS),
    "secret requests": Price(0.05, 10_000, "requests to Secrets Manager", _SECRETS),
    "alarms": Price(0.10, 1, "metric of an alarm and month", _ALARMS),
    "dashboards": Price(3.00, 1, "dashboard and month", _CLOUDWATCH),
    "metrics": Price(0.30, 1, "metric of one's own and month", _METRICS),
    "snapshots": Price(1.5046, MILLION, "GB-seconds of a cached snapshot (SnapStart)", _AMAZON_LAMBDA),
    "restores": Price(0.0001397998, 1, "GB restored from a snapshot", _AMAZON_LAMBDA),
    "keys": Price(1.00, 1, "KMS key of one's own and month", _KMS),
    "key requests": Price(0.03, 10_000, "requests to KMS", _KMS),
    "gateway hours": Price(0.045, 1, "hour of a NAT gateway", _NAT),
    "gateway bytes": Price(0.045, 1_000_000_000, "bytes through a NAT gateway", _NAT),
    "addresses": Price(0.005, 1, "hour of a public IPv4 address", _NAT),
}
