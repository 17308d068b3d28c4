"""One table of DynamoDB, as every store reads and writes it, and its attribute values in and out.

A condition that does not hold is a value (`Written`); every other failure is botocore's own exception.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef, UniversalAttributeValueTypeDef

    Item = Mapping[str, AttributeValueTypeDef]
    """A row as it is read."""
    Values = dict[str, UniversalAttributeValueTypeDef]
    """A row, a key or some fields as they are written."""


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


class Condition(NamedTuple):
    """What a row must be like; made by the functions below. With `parts` it joins them, by AND or OR."""

    operator: str
    name: str = ""
    value: "UniversalAttributeValueTypeDef | None" = None
    parts: "tuple[Condition, ...]" = ()


def absent(name: str) -> Condition:
    """The row has no such attribute, or there is no row."""
    return Condition("attribute_not_exists", name)


def present(name: str) -> Condition:
    return Condition("attribute_exists", name)


def equals(name: str, value: "UniversalAttributeValueTypeDef") -> Condition:
    return Condition("=", name, value)


def differs(name: str, value: "UniversalAttributeValueTypeDef") -> Condition:
    """The attribute has another value, or is absent. No other comparison holds for an absent attribute."""
    return Condition("<>", name, value)


def less(name: str, value: "UniversalAttributeValueTypeDef") -> Condition:
    return Condition("<", name, value)


def at_most(name: str, value: "UniversalAttributeValueTypeDef") -> Condition:
    return Condition("<=", name, value)


def greater(name: str, value: "UniversalAttributeValueTypeDef") -> Condition:
    return Condition(">", name, value)


def at_least(name: str, value: "UniversalAttributeValueTypeDef") -> Condition:
    return Condition(">=", name, value)


def begins_with(name: str, start: str) -> Condition:
    return Condition("begins_with", name, text(start))


def all_of(*parts: Condition) -> Condition:
    return Condition("AND", parts=parts)


def any_of(*parts: Condition) -> Condition:
    return Condition("OR", parts=parts)


class StoredOr(NamedTuple):
    """A value to write: what the row has in the attribute `name`, or `value` where that is absent."""

    name: str
    value: "UniversalAttributeValueTypeDef"


class Written(NamedTuple):
    """What became of a write. `item` is the row as written, where it was asked for; the stored row, empty if there is
    none, where the condition did not hold."""

    held: bool
    item: "Item"


class Put(NamedTuple):
    """One write of a transaction: the whole row."""

    item: "Values"
    condition: Condition | None = None


class Delete(NamedTuple):
    """One write of a transaction: a row that goes."""

    key: "Values"
    condition: Condition | None = None


class Table:
    """One table. Reads are eventually consistent unless asked otherwise. Safe to share between threads."""

    def __init__(self, client: "DynamoDBClient", name: str) -> None:
        self._client = client
        self._name = name

    def get(self, key: "Values", *, consistent: bool = False) -> "Item":
        """The row, empty if there is none."""
        return self._client.get_item(TableName=self._name, Key=key, ConsistentRead=consistent).get("Item", {})

    def batch_get(self, keys: "Sequence[Values]") -> "tuple[Sequence[Item], Sequence[Values]]":
        """The rows that there are of up to 100 keys, in any order, and the keys that DynamoDB left unprocessed."""
        answer = self._client.batch_get_item(RequestItems={self._name: {"Keys": keys}})
        left = answer.get("UnprocessedKeys", {}).get(self._name)
        return answer["Responses"].get(self._name, []), cast("Sequence[Values]", left["Keys"]) if left else ()

    def query(self, where: Condition, *, index: str = "", limit: int = 0) -> "Iterator[Item]":
        """The rows of one partition in the order of their sort keys. With a `limit` so many at most, in one request."""
        request = {"TableName": self._name, **_expressed("KeyConditionExpression", where)}
        if index:
            request["IndexName"] = index
        if limit:
            yield from self._client.query(**request, Limit=limit)["Items"]
            return
        for page in self._client.get_paginator("query").paginate(**request):
            yield from page["Items"]

    def scan(self, where: Condition, *, only: str = "") -> "Iterator[Item]":
        """Every row that meets the condition, read from the whole table; with `only` just that attribute of each."""
        request = {"TableName": self._name, **_expressed("FilterExpression", where)}
        if only:
            request["ProjectionExpression"] = _name(only, request["ExpressionAttributeNames"])
        for page in self._client.get_paginator("scan").paginate(**request):
            yield from page["Items"]

    def put(self, item: "Values", condition: Condition | None = None) -> Written:
        """Write a whole row, if the row that it replaces meets the condition."""
        try:
            self._client.put_item(TableName=self._name, Item=item, **_if(condition, old=True))
        except ClientError as error:
            return _not_held(error)
        return Written(held=True, item={})

    def update(
        self,
        key: "Values",
        fields: "Mapping[str, UniversalAttributeValueTypeDef | StoredOr] | None" = None,
        *,
        add: "Mapping[str, UniversalAttributeValueTypeDef] | None" = None,
        remove: Sequence[str] = (),
        condition: Condition | None = None,
        returning: bool = False,
    ) -> Written:
        """Write some fields of a row, which is made if there is none.

        `add` adds to a number, or to a set. With `returning` the result has the row as it is then.
        """
        names: dict[str, str] = {}
        values: Values = {}
        clauses = []
        if fields:
            clauses.append("SET " + ", ".join([_assignment(*field, names, values) for field in fields.items()]))
        if add:
            clauses.append("ADD " + ", ".join([f"{_name(n, names)} {_value(v, values)}" for n, v in add.items()]))
        if remove:
            clauses.append("REMOVE " + ", ".join([_name(name, names) for name in remove]))
        request: dict[str, Any] = {"UpdateExpression": " ".join(clauses), "ExpressionAttributeNames": names}
        if condition is not None:
            request["ConditionExpression"] = _expression(condition, names, values)
            request["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        if values:
            request["ExpressionAttributeValues"] = values
        if returning:
            request["ReturnValues"] = "ALL_NEW"
        try:
            answer = self._client.update_item(TableName=self._name, Key=key, **request)
        except ClientError as error:
            return _not_held(error)
        return Written(held=True, item=answer.get("Attributes", {}))

    def delete(self, key: "Values", condition: Condition | None = None) -> bool:
        """Delete a row, if it meets the condition; whether it did."""
        try:
            self._client.delete_item(TableName=self._name, Key=key, **_if(condition))
        except ClientError as error:
            return _not_held(error).held
        return True

    def pop(self, key: "Values") -> "Item":
        """Delete a row and return what it held, empty if there was none: of two callers one gets it."""
        return self._client.delete_item(TableName=self._name, Key=key, ReturnValues="ALL_OLD").get("Attributes", {})

    def transact(self, writes: Sequence[Put | Delete]) -> None:
        """All writes or none. A transaction that is cancelled raises botocore's `ClientError`."""
        kinds = {Put: ("Put", "Item"), Delete: ("Delete", "Key")}
        items: list[Any] = []
        for write in writes:
            kind, row = kinds[type(write)]
            items.append({kind: {"TableName": self._name, row: write[0], **_if(write.condition)}})
        self._client.transact_write_items(TransactItems=items)

    def try_transact(self, writes: Sequence[Put | Delete]) -> bool:
        """The same; False where it was cancelled: a condition did not hold, or another transaction was in progress."""
        try:
            self.transact(writes)
        except ClientError as error:
            if _code(error) != "TransactionCanceledException":
                raise
            return False
        return True


def _code(error: ClientError) -> object:
    return error.response.get("Error", {}).get("Code")


def _not_held(error: ClientError) -> Written:
    """The result where a condition did not hold. Raises every other error."""
    if _code(error) != "ConditionalCheckFailedException":
        raise error
    return Written(held=False, item=cast("Item", error.response.get("Item", {})))


def _if(condition: Condition | None, *, old: bool = False) -> dict[str, Any]:
    """The part of a request that makes it conditional; with `old` a failure has the stored row."""
    if condition is None:
        return {}
    returned = {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"} if old else {}
    return {**_expressed("ConditionExpression", condition), **returned}


def _expressed(kind: str, condition: Condition) -> dict[str, Any]:
    """A condition as one expression of a request, with its names and values."""
    names: dict[str, str] = {}
    values: Values = {}
    request: dict[str, Any] = {kind: _expression(condition, names, values), "ExpressionAttributeNames": names}
    if values:
        request["ExpressionAttributeValues"] = values
    return request


def _expression(condition: Condition, names: dict[str, str], values: "Values") -> str:
    operator, name, value, parts = condition
    if parts:
        # DynamoDB refuses two pairs of parentheses around one expression.
        rendered = [_expression(part, names, values) for part in parts]
        return rendered[0] if len(rendered) == 1 else f"({f' {operator} '.join(rendered)})"
    if value is None:
        return f"{operator}({_name(name, names)})"
    if operator == "begins_with":
        return f"begins_with({_name(name, names)}, {_value(value, values)})"
    return f"{_name(name, names)} {operator} {_value(value, values)}"


def _assignment(
    name: str, value: "UniversalAttributeValueTypeDef | StoredOr", names: dict[str, str], values: "Values"
) -> str:
    if isinstance(value, StoredOr):
        stored, otherwise = _name(value.name, names), _value(value.value, values)
        return f"{_name(name, names)} = if_not_exists({stored}, {otherwise})"
    return f"{_name(name, names)} = {_value(value, values)}"


def _name(name: str, names: dict[str, str]) -> str:
    # Every name by a placeholder: many plain ones are reserved words of DynamoDB.
    placeholder = f"#{name}"
    names[placeholder] = name
    return placeholder


def _value(value: "UniversalAttributeValueTypeDef", values: "Values") -> str:
    placeholder = f":{len(values)}"
    values[placeholder] = value
    return placeholder
