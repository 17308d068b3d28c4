"""Addresses that event handlers may have (event-bind.md, its newer page)."""

import ipaddress
from urllib.parse import urlsplit


def fault_of(url: str) -> str | None:
    """The error code for a handler's address, None if the address is valid.

    It must be http or https, and its host must have a dot: hence `http://127.0.0.1:3000` is valid and
    `http://localhost:3000` is not.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return "ERROR_WRONG_HANDLER_URL"
    if parts.scheme.lower() not in ("http", "https"):
        return "ERROR_UNSUPPORTED_PROTOCOL"
    return None if "." in host else "ERROR_WRONG_HANDLER_URL"


def is_loopback(url: str) -> bool:
    """Whether an address is one of this machine, by its number."""
    try:
        return ipaddress.ip_address(urlsplit(url).hostname or "").is_loopback
    except ValueError:
        return False
