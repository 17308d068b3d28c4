"""A process that dies between two writes to the stores: all that it had not written yet stays unwritten."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest

from tests.support.stores.memory_dynamodb import MemoryDynamoDB
from tests.support.stores.memory_secrets import MemorySecrets

WRITES: Final = (
    (MemoryDynamoDB, ("put_item", "update_item", "delete_item", "transact_write_items")),
    (MemorySecrets, ("create_secret", "put_secret_value", "delete_secret")),
)


class Died(BaseException):
    """The process ended. No `Exception`: no handler of the code runs, and what `finally` writes fails as well."""


@contextmanager
def dies_after(writes: int) -> Iterator[list[str]]:
    """Inside, the process dies instead of making the write number `writes` (from 0). Gives the writes that it made.

    It does not die if it makes fewer.
    """
    made: list[str] = []

    def mortal(name: str, write: Callable[..., Any]) -> Callable[..., Any]:
        def written(client: object, **request: Any) -> Any:
            if len(made) >= writes:
                raise Died
            made.append(name)
            return write(client, **request)

        return written

    with pytest.MonkeyPatch.context() as patch:
        for client, names in WRITES:
            for name in names:
                patch.setattr(client, name, mortal(name, getattr(client, name)))
        yield made
