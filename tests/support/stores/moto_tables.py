"""The rows of moto's tables, saved, put back and removed without a request: what a test needs before it begins."""

import copy
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from moto.dynamodb.models import dynamodb_backends

from local.template.reader import ACCOUNT, REGION


@dataclass(frozen=True, slots=True)
class SavedRows:
    """The rows that a table had."""

    table: str
    _rows: Mapping[str, Any]

    @classmethod
    def of(cls, table: str) -> Self:
        return cls(table, copy.deepcopy(_table(table).items))

    def put_back(self) -> None:
        _table(self.table).items = copy.deepcopy(self._rows)


def empty(*tables: str, region: str = REGION) -> None:
    """Remove every row of these tables."""
    for table in tables:
        _table(table, region).items = defaultdict(dict)


def _table(name: str, region: str = REGION) -> Any:
    return dynamodb_backends[ACCOUNT][region].tables[name]
