"""Host names, as this machine resolves them."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from chat_lookup.bitrix24.address_guard import is_public


def is_private(host: str) -> bool:
    """Whether a host has an address that is not public; an unknown host has none."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return False
    return any(not is_public(str(address[0])) for *_, address in found)


@contextmanager
def resolving(name: str, address: str) -> Iterator[None]:
    """Inside, this process resolves `name` to `address`, and every other name as usual.

    For `PORTAL_HOST=host.docker.internal`: containers reach the local portal by that name, so its webhook is stored
    with it, and the functions that run in this process must reach it by the same name. Where Docker itself did not
    write the name into the hosts file, no resolver finds it.
    """
    ask = socket.getaddrinfo

    def getaddrinfo(host: str | bytes | None, *args: object, **options: object) -> object:
        return ask(address if host == name else host, *args, **options)  # type: ignore[arg-type]

    socket.getaddrinfo = getaddrinfo  # type: ignore[assignment]
    try:
        yield
    finally:
        socket.getaddrinfo = ask
