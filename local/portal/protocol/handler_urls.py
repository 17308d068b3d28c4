"""Addresses that event handlers may have (event-bind.md, its newer page)."""

from urllib.parse import urlsplit


def fault_of(url: str) -> str | None:
    """The code of what is wrong with a handler's address, None if nothing is.

    It is http or https, and its host has a dot: hence `http://127.0.0.1:3000` will do and `http://localhost:3000` will
    not.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return "ERROR_WRONG_HANDLER_URL"
    if parts.scheme.lower() not in ("http", "https"):
        return "ERROR_UNSUPPORTED_PROTOCOL"
    return None if "." in host else "ERROR_WRONG_HANDLER_URL"
