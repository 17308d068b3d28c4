"""DynamoDB's own protocol over tables in memory: the engine of the tests' stack, many times faster than moto.

It answers what `dynamodb.Table` and the tests send, and refuses what it does not know; the contract of all tables
(table_contract.py) holds it, too. `make run` and the tests of the stores have moto.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from chat_lookup.dynamodb import Condition, Delete, Put, StoredOr, Written
from tests.support.stores.memory_table import MemoryTable

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

Request = Mapping[str, Any]
_CLAUSES: Final = ("SET", "ADD", "REMOVE")
_TOKENS: Final = re.compile(r"[#:]?\w+|<=|>=|<>|[=<>(),]")
_EVERY: Final = Condition("AND")
_READ: Final = frozenset({"TableName", "ConsistentRead", "ExpressionAttributeNames", "ExpressionAttributeValues"})
_WRITE: Final = _READ | {"ConditionExpression", "ReturnValues", "ReturnValuesOnConditionCheckFailure"}


class MemoryDynamoDb:
    """WSGI: the tables that were created in it. Safe to share between threads, as its tables are."""

    def __init__(self) -> None:
        self._tables: dict[str, MemoryTable] = {}
        self._actions: Mapping[str, Callable[[Request], Mapping[str, object]]] = {
            "CreateTable": self._create,
            "DeleteTable": self._drop,
            "GetItem": self._get,
            "BatchGetItem": self._batch_get,
            "Query": self._query,
            "Scan": self._scan,
            "PutItem": self._put,
            "UpdateItem": self._update,
            "DeleteItem": self._delete,
            "TransactWriteItems": self._transact,
        }

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        action = str(environ["HTTP_X_AMZ_TARGET"]).rpartition(".")[2]
        status, answer = "200 OK", None
        try:
            answer = self._actions[action](json.loads(environ["wsgi.input"].read()))
        except ClientError as error:
            status, answer = "400 Bad Request", _failure(error)
        start_response(status, [("Content-Type", "application/x-amz-json-1.0")])
        return [json.dumps(answer).encode()]

    def items(self, table: str) -> list[Mapping[str, Any]]:
        return list(self._tables[table].saved().values())

    def rows(self, table: str) -> Any:
        """The rows of a table, to be put back."""
        return self._tables[table].saved()

    def put_back(self, table: str, rows: Any) -> None:
        self._tables[table].restore(rows)

    def empty(self, table: str) -> None:
        self._tables[table].restore({})

    def _create(self, request: Request) -> Mapping[str, object]:
        self._tables[request["TableName"]] = MemoryTable(request)
        return {"TableDescription": {"TableName": request["TableName"], "TableStatus": "ACTIVE"}}

    def _drop(self, request: Request) -> Mapping[str, object]:
        self._named(request)
        del self._tables[request["TableName"]]
        return {}

    def _get(self, request: Request) -> Mapping[str, object]:
        _only(request, _READ | {"Key"})
        row = self._named(request).get(request["Key"])
        return {"Item": row} if row else {}

    def _batch_get(self, request: Request) -> Mapping[str, object]:
        found = {}
        for name, asked in request["RequestItems"].items():
            _only(asked, {"Keys", "ConsistentRead"})
            found[name] = self._named({"TableName": name}).batch_get(asked["Keys"])[0]
        return {"Responses": found, "UnprocessedKeys": {}}

    def _query(self, request: Request) -> Mapping[str, object]:
        _only(request, _READ | {"KeyConditionExpression", "IndexName", "Limit"})
        where = _condition(request, "KeyConditionExpression") or _EVERY
        table = self._named(request)
        rows = list(table.query(where, index=request.get("IndexName", ""), limit=request.get("Limit", 0)))
        return {"Items": rows, "Count": len(rows)}

    def _scan(self, request: Request) -> Mapping[str, object]:
        _only(request, _READ | {"FilterExpression", "ProjectionExpression"})
        where = _condition(request, "FilterExpression") or _EVERY
        only = _Expression(request, request.get("ProjectionExpression", "")).names()
        rows = list(self._named(request).scan(where, only=",".join(only)))
        return {"Items": rows, "Count": len(rows)}

    def _put(self, request: Request) -> Mapping[str, object]:
        _only(request, _WRITE | {"Item"}, returns=("NONE",))
        _written(self._named(request).put(request["Item"], _condition(request, "ConditionExpression")), request)
        return {}

    def _update(self, request: Request) -> Mapping[str, object]:
        _only(request, _WRITE | {"Key", "UpdateExpression"}, returns=("NONE", "ALL_NEW"))
        clauses = dict(_Expression(request, request.get("UpdateExpression", "")).clauses())
        returning = request.get("ReturnValues") == "ALL_NEW"
        written = self._named(request).update(
            request["Key"],
            clauses.get("SET"),
            add=clauses.get("ADD"),
            remove=clauses.get("REMOVE", ()),
            condition=_condition(request, "ConditionExpression"),
            returning=returning,
        )
        _written(written, request)
        return {"Attributes": written.item} if returning else {}

    def _delete(self, request: Request) -> Mapping[str, object]:
        _only(request, _WRITE | {"Key"}, returns=("NONE", "ALL_OLD"))
        table, condition = self._named(request), _condition(request, "ConditionExpression")
        if request.get("ReturnValues") == "ALL_OLD":
            if condition is not None:
                raise NotImplementedError("a condition beside ALL_OLD")
            row = table.pop(request["Key"])
            return {"Attributes": row} if row else {}
        _written(Written(held=table.delete(request["Key"], condition), item={}), request)
        return {}

    def _transact(self, request: Request) -> Mapping[str, object]:
        writes: list[Put | Delete] = []
        tables = set()
        for each in request["TransactItems"]:
            ((kind, write),) = each.items()
            condition = _condition(write, "ConditionExpression")
            writes.append(Put(write["Item"], condition) if kind == "Put" else Delete(write["Key"], condition))
            tables.add(write["TableName"])
        (name,) = tables
        self._named({"TableName": name}).transact(writes)
        return {}

    def _named(self, request: Request) -> MemoryTable:
        if request["TableName"] not in self._tables:
            raise _error("ResourceNotFoundException", "Requested resource not found")
        return self._tables[request["TableName"]]


class _Expression:
    """One expression of a request, read from left to right."""

    def __init__(self, request: Request, text: str) -> None:
        self._names: Mapping[str, str] = request.get("ExpressionAttributeNames", {})
        self._values: Mapping[str, Any] = request.get("ExpressionAttributeValues", {})
        if _TOKENS.sub("", text).strip():
            raise NotImplementedError(text)
        self._tokens = _TOKENS.findall(text)

    def condition(self) -> Condition:
        found = self._joined("OR")
        if self._tokens:
            raise NotImplementedError(f"after a condition: {self._tokens}")
        return found

    def names(self) -> Iterator[str]:
        """Attributes, with commas between them."""
        while self._tokens and self._tokens[0] not in _CLAUSES:
            yield self._name()
            self._take(",")

    def clauses(self) -> Iterator[tuple[str, Any]]:
        """The clauses of an update, each with what it assigns, adds or removes."""
        while self._tokens:
            clause = self._next()
            if clause == "REMOVE":
                yield clause, list(self.names())
            elif clause in _CLAUSES:
                yield clause, dict(self._assignments())
            else:
                raise NotImplementedError(clause)

    def _assignments(self) -> Iterator[tuple[str, Any]]:
        while self._tokens and self._tokens[0] not in _CLAUSES:
            name = self._name()
            self._take("=")
            if self._take("if_not_exists"):
                self._next()
                stored, _, value = self._name(), self._next(), self._value()
                self._next()
                yield name, StoredOr(stored, value)
            else:
                yield name, self._value()
            self._take(",")

    def _joined(self, operator: str) -> Condition:
        """Parts with one operator between them; AND binds closer than OR."""
        parts = [self._joined("AND") if operator == "OR" else self._part()]
        while self._take(operator):
            parts.append(self._joined("AND") if operator == "OR" else self._part())
        return parts[0] if len(parts) == 1 else Condition(operator, parts=tuple(parts))

    def _part(self) -> Condition:
        if self._take("("):
            inner = self._joined("OR")
            self._next()
            return inner
        if self._tokens[1] == "(":
            function, _, name = self._next(), self._next(), self._name()
            value = self._value() if self._take(",") else None
            self._next()
            return Condition(function, name, value)
        return Condition(name=self._name(), operator=self._next(), value=self._value())

    def _name(self) -> str:
        token = self._next()
        return self._names[token] if token.startswith("#") else token

    def _value(self) -> Any:
        return self._values[self._next()]

    def _next(self) -> str:
        return str(self._tokens.pop(0))

    def _take(self, token: str) -> bool:
        taken = bool(self._tokens) and self._tokens[0] == token
        if taken:
            self._next()
        return taken


def _condition(request: Request, name: str) -> Condition | None:
    return _Expression(request, request[name]).condition() if name in request else None


def _only(request: Request, known: Iterable[str], returns: Iterable[str] = ()) -> None:
    if unknown := request.keys() - set(known):
        raise NotImplementedError(f"{unknown}")
    if "ReturnValues" in request and request["ReturnValues"] not in returns:
        raise NotImplementedError(f"ReturnValues {request['ReturnValues']}")


def _written(written: Written, request: Request) -> None:
    """Raises where the condition did not hold."""
    if not written.held:
        shown = request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD" and written.item
        raise _error(
            "ConditionalCheckFailedException",
            "The conditional request failed",
            **({"Item": written.item} if shown else {}),
        )


def _error(code: str, message: str, **more: Any) -> ClientError:
    response: Any = {"Error": {"Code": code, "Message": message}, **more}
    return ClientError(response, "request")


def _failure(error: ClientError) -> Mapping[str, object]:
    """The body of the answer in which a request fails."""
    described: Mapping[str, Any] = error.response
    more = {"Item": described["Item"]} if "Item" in described else {}
    name, message = described["Error"]["Code"], described["Error"]["Message"]
    return {"__type": f"com.amazonaws.dynamodb.v20120810#{name}", "message": message, **more}
