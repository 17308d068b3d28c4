"""Checks the addresses of portals: public ones, and the few that a local run names (design 5, Trust).

A portal's host comes from outside. Without this check it could name a machine of our own network.
"""

import socket
import threading
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from queue import Empty, SimpleQueue
from typing import Final

from urllib3.util.connection import allowed_gai_family

_NAT64: Final = IPv6Network("64:ff9b::/96")
_LOWEST_32_BITS: Final = 0xFFFFFFFF


class AddressRefused(Exception):
    """The host has no address that may be called."""


class Gate:
    """Resolves hosts and returns the addresses that may be called; `local_hosts` are exact `host:port` exceptions."""

    def __init__(self, local_hosts: frozenset[str] = frozenset()) -> None:
        self._local_hosts = frozenset(each.lower() for each in local_hosts)

    def admitted(self, host: str, port: int, seconds: float) -> list[str]:
        """The addresses of a host that may be called, as IP literals, within `seconds`.

        The caller must connect to these and not to the host's name: a second resolution may differ (DNS rebinding).
         Raises `AddressRefused`, `TimeoutError`, `OSError` (no such host).
        """
        addresses = _resolved(host, port, seconds)
        name = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        if name.lower() in self._local_hosts:
            return addresses
        public = [address for address in addresses if is_public(address)]
        if not public:
            raise AddressRefused
        return public


def is_public(address: str) -> bool:
    """Whether an IP literal is one machine on the public internet; also when it wraps an IPv4 address in IPv6."""
    ip = ip_address(address)
    if isinstance(ip, IPv6Address):
        wrapped = ip.ipv4_mapped or ip.sixtofour
        if ip in _NAT64:
            wrapped = IPv4Address(int(ip) & _LOWEST_32_BITS)
        if wrapped is not None:
            return is_public(str(wrapped))
        if ip.is_site_local:
            return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified)


def _resolved(host: str, port: int, seconds: float) -> list[str]:
    """Resolve in a separate thread: `getaddrinfo` has no time-out, and may block longer than ours."""
    answers: SimpleQueue[list[str] | OSError] = SimpleQueue()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host, port, allowed_gai_family(), socket.SOCK_STREAM)
            answers.put(list(dict.fromkeys(str(address[0]) for *_, address in found)))
        except OSError as error:
            answers.put(error)
        except UnicodeError:
            answers.put(OSError("not a host name"))

    threading.Thread(target=ask, name="resolve", daemon=True).start()
    try:
        answer = answers.get(timeout=seconds)
    except Empty:
        raise TimeoutError from None
    if isinstance(answer, OSError):
        raise answer
    return answer
