"""DynamoDB's attribute values in and out: the low-level client's maps, read into Python's own types."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef, UniversalAttributeValueTypeDef

    Item = Mapping[str, AttributeValueTypeDef]


def text(value: str) -> "UniversalAttributeValueTypeDef":
    return {"S": value}


def number(value: float) -> "UniversalAttributeValueTypeDef":
    """Microseconds are kept; DynamoDB's 38 digits are more than a float has."""
    return {"N": str(value) if isinstance(value, int) else f"{value:.6f}"}


def read_text(item: "Item", name: str) -> str | None:
    return item.get(name, {}).get("S")


def read_number(item: "Item", name: str) -> float | None:
    value = item.get(name, {}).get("N")
    return None if value is None else float(value)


def read_whole(item: "Item", name: str) -> int | None:
    value = item.get(name, {}).get("N")
    return None if value is None else int(value)


def read_set(item: "Item", name: str) -> frozenset[str] | None:
    """A string set; None where the attribute is absent (DynamoDB has no empty sets)."""
    values = item.get(name, {}).get("SS")
    return None if values is None else frozenset(values)


def condition_failed(error: ClientError) -> bool:
    """Whether a conditional write met another state than it asked for."""
    return bool(error.response.get("Error", {}).get("Code") == "ConditionalCheckFailedException")


def old_item(error: ClientError) -> "Item":
    """The row that made a condition fail, asked for with ReturnValuesOnConditionCheckFailure=ALL_OLD."""
    return cast("Item", error.response.get("Item", {}))


def transaction_failed(error: ClientError) -> bool:
    """Whether a transaction met another state than it asked for, or another transaction."""
    return bool(error.response.get("Error", {}).get("Code") == "TransactionCanceledException")
