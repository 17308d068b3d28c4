"""Which hosts an authorisation server and a portal may have, told from the addresses that name them.

Both arrive from outside, and a client secret or a token goes there next. So an address is read by one pattern that
admits little, and not by a parser of URLs, on whose finer points no two of them agree.
"""

import re
from typing import Final

SERVERS: Final = frozenset({"oauth.bitrix.info", "oauth.bitrix24.tech"})
"""The authorisation servers; a closed list (bitrix24.md 3.2)."""
DEFAULT_SERVER: Final = "oauth.bitrix.info"

_ORIGIN: Final = r"(?i:https)://((?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?)"
_SERVER_ENDPOINT: Final = re.compile(_ORIGIN + r"(?:/rest)?/?", re.ASCII)
_CLIENT_ENDPOINT: Final = re.compile(_ORIGIN + r"/rest/", re.ASCII)

_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
# What ends in a number is read as an IPv4 address somewhere (0x7f.1): no top level has a digit, but for xn-- ones.
_DNS_NAME: Final = re.compile(rf"(?:{_LABEL}\.)+(?:[a-z]{{2,63}}|xn--[a-z0-9-]{{0,58}}[a-z0-9])", re.ASCII)


def server_in(server_endpoint: str, local_hosts: frozenset[str]) -> str | None:
    """The `host[:port]` that a `server_endpoint` names, if it is on the closed list or among `local_hosts`."""
    found = _SERVER_ENDPOINT.fullmatch(server_endpoint)
    server = found[1].lower() if found else ""
    return server if is_server(server, local_hosts) else None


def is_server(server: str, local_hosts: frozenset[str]) -> bool:
    """Whether a `host[:port]`, in lower case, is an authorisation server's."""
    return server in SERVERS or _with_port(server) in local_hosts


def portal_endpoint(client_endpoint: str, local_hosts: frozenset[str]) -> str | None:
    """A portal's `client_endpoint`, its host in lower case: `https://{host}/rest/`. None for any other address.

    The host is an ordinary DNS name on the usual port; others, and ports, are for `local_hosts` only. Whether the name
    leads to a public address is seen when it is called (`address.Gate`).
    """
    found = _CLIENT_ENDPOINT.fullmatch(client_endpoint)
    if not found:
        return None
    host = found[1].lower()
    return f"https://{host}/rest/" if _DNS_NAME.fullmatch(host) or _with_port(host) in local_hosts else None


def _with_port(host: str) -> str:
    """`host:port`, as local hosts are named."""
    return host if re.search(r":[0-9]+\Z", host.rpartition("]")[2]) else f"{host}:443"
