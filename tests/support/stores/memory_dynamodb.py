"""DynamoDB's client on tables in this process's memory: it reads the requests that `dynamodb.Table` writes.

An argument or an expression that it does not know is an error of the test.
"""

import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from botocore.exceptions import ClientError

from chat_lookup.dynamodb import Condition, Delete, Put, StoredOr, Written
from tests.support.stores.memory_table import MemoryTable

_TOKEN: Final = re.compile(r"[#:]?\w+|<=|>=|<>|[=<>(),]")
_OLD: Final = "ALL_OLD"
_NEW: Final = "ALL_NEW"

Request = Mapping[str, Any]


class MemoryDynamoDB:
    """Answers as botocore's client does. Safe to share between threads."""

    def __init__(self, tables: Mapping[str, Mapping[str, Any]] = MappingProxyType({})) -> None:
        """Empty tables by their names, with the properties that a template or `create_table` gives them."""
        self._tables = {name: MemoryTable(properties) for name, properties in tables.items()}

    def items(self, table: str) -> list[Mapping[str, Any]]:
        return list(self.rows(table).values())

    def rows(self, table: str) -> Mapping[Any, Any]:
        """The rows of a table, to be put back."""
        return self._table(table).saved()

    def put_back(self, table: str, rows: Mapping[Any, Any]) -> None:
        self._table(table).restore(rows)

    def empty(self, table: str) -> None:
        self._table(table).restore({})

    def create_table(self, **properties: Any) -> Any:
        self._tables[properties["TableName"]] = MemoryTable(properties)
        return {"TableDescription": {"TableName": properties["TableName"], "TableStatus": "ACTIVE"}}

    def delete_table(self, *, TableName: str) -> Any:
        self._table(TableName)
        del self._tables[TableName]
        return {}

    def get_item(self, *, TableName: str, Key: Any, ConsistentRead: bool = False) -> Any:
        del ConsistentRead  # every read is
        item = self._table(TableName).get(Key)
        return {"Item": item} if item else {}

    def batch_get_item(self, *, RequestItems: Request) -> Any:
        found = {name: self._table(name).batch_get(asked["Keys"]) for name, asked in RequestItems.items()}
        return {"Responses": found, "UnprocessedKeys": {}}

    def query(
        self,
        *,
        TableName: str,
        KeyConditionExpression: str,
        IndexName: str = "",
        Limit: int = 0,
        **more: Any,
    ) -> Any:
        where = _Expression(KeyConditionExpression, **more).condition()
        return _page(self._table(TableName).query(where, index=IndexName, limit=Limit))

    def scan(
        self,
        *,
        TableName: str,
        FilterExpression: str = "",
        ProjectionExpression: str = "",
        ConsistentRead: bool = False,
        **more: Any,
    ) -> Any:
        del ConsistentRead  # every read is
        expression = _Expression(FilterExpression, **more)
        where = expression.condition() if FilterExpression else None
        only = more.get("ExpressionAttributeNames", {}).get(ProjectionExpression, ProjectionExpression)
        return _page(self._table(TableName).scan(where, only=only))

    def put_item(self, *, TableName: str, Item: Any, **condition: Any) -> Any:
        _held(self._table(TableName).put(Item, _if(**condition)), "PutItem", condition)
        return {}

    def update_item(
        self,
        *,
        TableName: str,
        Key: Any,
        UpdateExpression: str,
        ReturnValues: str = "",
        **condition: Any,
    ) -> Any:
        named = {name: value for name, value in condition.items() if name.startswith("ExpressionAttribute")}
        fields, add, remove = _Expression(UpdateExpression, **named).update()
        written = self._table(TableName).update(
            Key, fields, add=add, remove=remove, condition=_if(**condition), returning=ReturnValues == _NEW
        )
        _held(written, "UpdateItem", condition)
        return {"Attributes": written.item} if written.item else {}

    def delete_item(self, *, TableName: str, Key: Any, ReturnValues: str = "", **condition: Any) -> Any:
        table = self._table(TableName)
        if ReturnValues == _OLD:
            item = table.pop(Key)
            return {"Attributes": item} if item else {}
        _held(Written(table.delete(Key, _if(**condition)), {}), "DeleteItem", condition)
        return {}

    def transact_write_items(self, *, TransactItems: Sequence[Mapping[str, Any]]) -> Any:
        (name,) = {request["TableName"] for each in TransactItems for request in each.values()}
        self._table(name).transact([_write(kind, request) for each in TransactItems for kind, request in each.items()])
        return {}

    def get_paginator(self, operation: str) -> "_Pages":
        return _Pages(getattr(self, operation))

    def _table(self, name: str) -> MemoryTable:
        if name not in self._tables:
            raise _error("ResourceNotFoundException", "Cannot do operations on a non-existent table")
        return self._tables[name]


class _Pages:
    """All rows in one page."""

    def __init__(self, operation: Any) -> None:
        self._operation = operation

    def paginate(self, **request: Any) -> Iterator[Any]:
        yield self._operation(**request)


class _Expression:
    """Reads one expression of a request, from left to right."""

    def __init__(
        self,
        expression: str,
        ExpressionAttributeNames: Mapping[str, str] | None = None,
        ExpressionAttributeValues: Mapping[str, Any] | None = None,
    ) -> None:
        self._tokens = deque(_tokens(expression))
        self._names = ExpressionAttributeNames or {}
        self._values = ExpressionAttributeValues or {}

    def condition(self) -> Condition:
        found = self._joined("OR")
        assert not self._tokens, f"after a condition: {self._tokens}"
        return found

    def update(self) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
        """What is set, what is added, and what is removed."""
        fields: dict[str, Any] = {}
        add: dict[str, Any] = {}
        remove: list[str] = []
        while self._tokens:
            clause, more = self._next(), True
            while more:
                name = self._name()
                if clause == "SET":
                    fields[name] = self._assigned()
                elif clause == "ADD":
                    add[name] = self._value()
                else:
                    assert clause == "REMOVE", clause
                    remove.append(name)
                more = self._skipped(",")
        return fields, add, remove

    def _joined(self, operator: str) -> Condition:
        """Parts with one operator between them; AND binds closer than OR."""
        parts = [self._joined("AND") if operator == "OR" else self._part()]
        while self._skipped(operator):
            parts.append(self._joined("AND") if operator == "OR" else self._part())
        return parts[0] if len(parts) == 1 else Condition(operator, parts=tuple(parts))

    def _part(self) -> Condition:
        if self._skipped("("):
            inner = self._joined("OR")
            self._expect(")")
            return inner
        if self._tokens[1] != "(":
            name, operator = self._name(), self._next()
            return Condition(operator, name, self._value())
        function = self._next()
        self._expect("(")
        name = self._name()
        value = self._value() if self._skipped(",") else None
        self._expect(")")
        return Condition(function, name, value)

    def _assigned(self) -> Any:
        self._expect("=")
        if not self._skipped("if_not_exists"):
            return self._value()
        self._expect("(")
        name = self._name()
        self._expect(",")
        value = self._value()
        self._expect(")")
        return StoredOr(name, value)

    def _name(self) -> str:
        token = self._next()
        return self._names[token] if token.startswith("#") else token

    def _value(self) -> Any:
        return self._values[self._next()]

    def _next(self) -> str:
        return self._tokens.popleft()

    def _skipped(self, token: str) -> bool:
        found = bool(self._tokens) and self._tokens[0] == token
        if found:
            self._tokens.popleft()
        return found

    def _expect(self, token: str) -> None:
        assert self._skipped(token), f"no {token} here"


@cache
def _tokens(expression: str) -> tuple[str, ...]:
    assert not _TOKEN.sub("", expression).strip(), expression
    return tuple(_TOKEN.findall(expression))


def _if(
    ConditionExpression: str = "",
    ReturnValuesOnConditionCheckFailure: str = "",
    **placeholders: Any,
) -> Condition | None:
    del ReturnValuesOnConditionCheckFailure  # `_held` reads it
    return _Expression(ConditionExpression, **placeholders).condition() if ConditionExpression else None


def _write(kind: str, request: Request) -> Put | Delete:
    if kind == "Put":
        return _put(**request)
    assert kind == "Delete", kind
    return _delete(**request)


def _put(*, TableName: str, Item: Any, **condition: Any) -> Put:
    del TableName
    return Put(Item, _if(**condition))


def _delete(*, TableName: str, Key: Any, **condition: Any) -> Delete:
    del TableName
    return Delete(Key, _if(**condition))


def _held(written: Written, operation: str, request: Request) -> None:
    """Raises what botocore raises where the condition did not hold."""
    if written.held:
        return
    error = _error("ConditionalCheckFailedException", "The conditional request failed", operation)
    if request.get("ReturnValuesOnConditionCheckFailure") == _OLD and written.item:
        error.response["Item"] = written.item  # type: ignore[typeddict-unknown-key]  # DynamoDB's own field
    raise error


def _page(rows: Iterator[Any]) -> Any:
    items = list(rows)
    return {"Items": items, "Count": len(items)}


def _error(code: str, message: str, operation: str = "request") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)
