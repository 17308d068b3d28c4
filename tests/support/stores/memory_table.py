"""The rows of one table in this process's memory, with keys, indexes and conditions as DynamoDB has them.

It behaves as DynamoDB does for all that `dynamodb.Table` can ask (table_contract.py compares them), and refuses what it
does not know. Rows do not expire, as in DynamoDB between two runs of its garbage collection.
"""

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Context, Decimal
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from botocore.exceptions import ClientError

from chat_lookup.dynamodb import Condition, Delete, Put, StoredOr, Written

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import UniversalAttributeValueTypeDef

    from chat_lookup.dynamodb import Item, Values

_MOST_AT_ONCE: Final = 100
"""Keys of one BatchGetItem, and writes of one transaction."""
_DIGITS: Final = Context(prec=38)

Row = dict[str, Any]
Key = tuple[str, ...]


class _Index(NamedTuple):
    keys: Sequence[str]
    projected: frozenset[str]


class MemoryTable:
    """One table, of the properties that a template or `create_table` gives it. Safe to share between threads."""

    def __init__(self, properties: Mapping[str, Any]) -> None:
        self._keys = _names(properties)
        self._indexes = {
            each["IndexName"]: _Index(_names(each), frozenset(each["Projection"]["NonKeyAttributes"]))
            for each in properties.get("GlobalSecondaryIndexes", ())
        }
        self._rows: dict[Key, Row] = {}
        self._lock = Lock()

    def get(self, key: "Values") -> "Item":
        with self._lock:
            return _copied(self._rows.get(self._id(key), {}))

    def batch_get(self, keys: "Sequence[Values]") -> "Sequence[Item]":
        with self._lock:
            ids = self._different([self._id(key) for key in keys])
            return [_copied(self._rows[each]) for each in ids if each in self._rows]

    def query(self, where: Condition, *, index: str = "", limit: int = 0) -> "Iterator[Item]":
        with self._lock:
            keys = self._indexes[index].keys if index else self._keys
            parts = where.parts if where.operator == "AND" else (where,)
            if [(each.name, each.operator) for each in parts][:1] != [(keys[0], "=")]:
                raise _refused("Query condition missed key schema element")
            if not {each.name for each in parts} <= set(keys):
                raise _refused("Query key condition not supported")
            found = [self._rows[each] for each in sorted(self._rows) if _meets(self._rows[each], where)]
            shown = {*keys, *self._keys, *self._indexes[index].projected} if index else None
            rows = [_copied(row, shown) for row in found if row.keys() >= set(keys)]
        yield from rows[:limit] if limit else rows

    def scan(self, where: Condition | None = None, *, only: str = "") -> "Iterator[Item]":
        with self._lock:
            shown = {only} if only else None
            rows = [_copied(row, shown) for row in self._rows.values() if where is None or _meets(row, where)]
        yield from rows

    def put(self, item: "Values", condition: Condition | None = None) -> Written:
        with self._lock:
            stored = self._unmet(self._id(item, whole=True), condition)
            if stored is not None:
                return Written(held=False, item=stored)
            self._put(item)
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
        written = [*(fields or ()), *(add or ()), *remove]
        if not written or len(set(written)) < len(written) or set(written) & set(self._keys):
            raise _refused("Invalid UpdateExpression: nothing, one attribute twice, or a part of the key")
        with self._lock:
            row_id = self._id(key)
            stored = self._unmet(row_id, condition)
            if stored is not None:
                return Written(held=False, item=stored)
            before = self._rows.get(row_id, _stored(key))
            row = {name: value for name, value in before.items() if name not in remove}
            row |= {name: _assigned(value, before) for name, value in (fields or {}).items()}
            row |= {name: _added(before.get(name), _value(value)) for name, value in (add or {}).items()}
            self._put(row)
            return Written(held=True, item=_copied(row) if returning else {})

    def delete(self, key: "Values", condition: Condition | None = None) -> bool:
        with self._lock:
            if self._unmet(self._id(key), condition) is not None:
                return False
            self._rows.pop(self._id(key), None)
            return True

    def pop(self, key: "Values") -> "Item":
        with self._lock:
            return self._rows.pop(self._id(key), {})

    def transact(self, writes: Sequence[Put | Delete]) -> None:
        with self._lock:
            ids = self._different([self._id(write[0], whole=isinstance(write, Put)) for write in writes])
            if any(self._unmet(row_id, write.condition) is not None for row_id, write in zip(ids, writes, strict=True)):
                raise _error("TransactionCanceledException", "ConditionalCheckFailed", "TransactWriteItems")
            for row_id, write in zip(ids, writes, strict=True):
                if isinstance(write, Put):
                    self._put(write.item)
                else:
                    self._rows.pop(row_id, None)

    def saved(self) -> Mapping[Key, Row]:
        """All rows, to be restored."""
        with self._lock:
            return dict(self._rows)

    def restore(self, rows: Mapping[Key, Row]) -> None:
        """Replace all rows. No row is changed in place, so that they can be restored again."""
        with self._lock:
            self._rows = dict(rows)

    def _id(self, row: "Mapping[str, Any]", *, whole: bool = False) -> Key:
        """The key of a row. A mere key has nothing else."""
        if not whole and set(row) != set(self._keys):
            raise _refused("The provided key element does not match the schema")
        return tuple(_key_text(row, name) for name in self._keys)

    def _different(self, ids: list[Key]) -> list[Key]:
        if not 0 < len(ids) <= _MOST_AT_ONCE or len(set(ids)) < len(ids):
            raise _refused("none, too many, or one of them twice")
        return ids

    def _unmet(self, row_id: Key, condition: Condition | None) -> "Row | None":
        """The stored row, empty if there is none, if it does not meet the condition."""
        row = self._rows.get(row_id, {})
        return None if condition is None or _meets(row, condition) else _copied(row)

    def _put(self, item: "Mapping[str, Any]") -> None:
        for index in self._indexes.values():
            for name in index.keys:
                if name in item:
                    _key_text(item, name)
        self._rows[self._id(item, whole=True)] = _stored(item)


def _names(schema: Mapping[str, Any]) -> list[str]:
    """The attributes of a key, the partition's first."""
    return [each["AttributeName"] for each in sorted(schema["KeySchema"], key=lambda each: str(each["KeyType"]))]


def _key_text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name, {}).get("S")
    if not value:
        raise _refused("a key is missing, empty or no text")
    return str(value)


def _stored(item: "Mapping[str, Any]") -> Row:
    return {name: _value(value) for name, value in item.items()}


def _value(value: "UniversalAttributeValueTypeDef") -> dict[str, Any]:
    """An attribute value as DynamoDB returns it."""
    match value:
        case {"N": str(number)}:
            return {"N": _number(Decimal(number))}
        case {"SS": [_, *_] as members} if len(set(members)) == len(members):
            return {"SS": sorted(str(member) for member in members)}
        case {"S": str(text)}:
            return {"S": text}
        case {"BOOL": bool(flag)}:
            return {"BOOL": flag}
    raise _refused(f"not known here: {value!r}")


def _number(value: Decimal) -> str:
    """Without an exponent and without zeros that mean nothing."""
    short = _DIGITS.create_decimal(value).normalize(_DIGITS)
    return "0" if not short else f"{short:f}"


def _copied(row: Mapping[str, Any], shown: "set[str] | None" = None) -> Row:
    return {name: _value(cast(Any, value)) for name, value in row.items() if shown is None or name in shown}


def _assigned(value: "UniversalAttributeValueTypeDef | StoredOr", before: Row) -> dict[str, Any]:
    if isinstance(value, StoredOr):
        return _value(before.get(value.name, value.value))
    return _value(value)


def _added(before: dict[str, Any] | None, value: dict[str, Any]) -> dict[str, Any]:
    match before, value:
        case None, {"N": _} | {"SS": _}:
            return value
        case {"N": number}, {"N": more}:
            return {"N": _number(_DIGITS.add(Decimal(number), Decimal(more)))}
        case {"SS": members}, {"SS": more}:
            return {"SS": sorted({*members, *more})}
    raise _refused("An operand in the update expression has an incorrect data type")


def _meets(row: Mapping[str, Any], condition: Condition) -> bool:
    how, name, value, parts = condition
    if how in ("AND", "OR"):
        return (all if how == "AND" else any)(_meets(row, part) for part in parts)
    if how in ("attribute_exists", "attribute_not_exists"):
        return (name in row) is (how == "attribute_exists")
    if name not in row:
        return how == "<>"
    return _compares(_comparable(row[name]), how, _comparable(cast(Any, value)))


def _comparable(value: "UniversalAttributeValueTypeDef") -> tuple[str, Any]:
    ((kind, given),) = _value(value).items()
    known: Mapping[str, Any] = {"N": Decimal, "SS": frozenset, "S": str.encode, "BOOL": bool}
    return kind, known[kind](given)


def _compares(stored: tuple[str, Any], how: str, given: tuple[str, Any]) -> bool:
    if how in ("=", "<>"):
        return (stored == given) is (how == "=")
    if given[0] not in ("N", "S") or how not in _ORDERS:
        raise NotImplementedError(f"{given[0]} {how}")
    return stored[0] == given[0] and _ORDERS[how](stored[1], given[1])


_ORDERS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "begins_with": lambda one, other: bool(one.startswith(other)),
}


def _refused(message: str) -> ClientError:
    return _error("ValidationException", message, "request")


def _error(code: str, message: str, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)
