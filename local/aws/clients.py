"""Clients of AWS for this machine, made by one session of botocore: each new session reads the models again."""

import threading
from functools import cache
from typing import Any

from botocore.session import Session

_making = threading.Lock()
"""A client may be shared by threads, but not made by two at once with one session."""


@cache
def _session() -> Session:
    return Session()


def new_client(service: str, **options: Any) -> Any:
    """A new client of a service; `options` as for `Session.create_client`."""
    with _making:
        return _session().create_client(service, **options)
