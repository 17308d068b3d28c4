"""A process that dies between two writes to the stores: all that it had not written yet stays unwritten."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, cast

import pytest
from botocore.client import BaseClient

WRITES: Final = frozenset(
    {
        "PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems", "CreateSecret", "PutSecretValue", "DeleteSecret",
    }
)  # fmt: skip


class Died(BaseException):
    """The process ended. No `Exception`: no handler of the code runs, and what `finally` writes fails as well."""


@contextmanager
def dies_after(writes: int) -> Iterator[list[str]]:
    """Inside, the process dies instead of making the write number `writes` (from 0). Gives the writes that it made.

    It does not die if it makes fewer.
    """
    made: list[str] = []
    call = cast(Any, BaseClient)._make_api_call

    def called(client: BaseClient, operation: str, params: Any) -> Any:
        if operation in WRITES:
            if len(made) >= writes:
                raise Died
            made.append(operation)
        return call(client, operation, params)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", called)
        yield made
