"""The rows of moto's tables, saved, put back and removed without a request: what a test needs before it begins."""

import copy
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from moto.dynamodb.models import dynamodb_backends

from local.template.reader import ACCOUNT, REGION


@dataclass(frozen=True, slots=True)
class MotoTables:
    """The tables of one region."""

    region: str = REGION

    def items(self, table: str) -> list[Mapping[str, Any]]:
        return [item.to_json()["Attributes"] for item in self._named(table).all_items()]

    def rows(self, table: str) -> Any:
        """The rows of a table, to be put back."""
        return copy.deepcopy(self._named(table).items)

    def put_back(self, table: str, rows: Any) -> None:
        self._named(table).items = copy.deepcopy(rows)

    def empty(self, table: str) -> None:
        self._named(table).items = defaultdict(dict)

    def _named(self, table: str) -> Any:
        return dynamodb_backends[ACCOUNT][self.region].tables[table]
