"""The address of a portal's REST API with its credentials, and the authorisation servers (bitrix24.md 2.1, 3.3).

The address of a webhook is a secret.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple
from urllib.parse import urlsplit

_LONGEST_URL: Final = 2048
_LONGEST_HOST: Final = 253
_HOST: Final = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*|[0-9a-f:.]+"
_WEBHOOK_PATH: Final = r"/rest/[0-9]{1,18}/([A-Za-z0-9_-]{1,128})/"
_MASK: Final = "***"


@dataclass(frozen=True, slots=True, repr=False)
class Endpoint:
    """A portal's address up to the method's name, and the access token where OAuth opens it.

    `base_url` is https and ends in "/". Without `auth` it is an inbound webhook's and holds its code: then it is as
    secret as a token. Neither appears in `repr`. Raises `ValueError`, with a message that quotes nothing of the URL.
    """

    base_url: str
    auth: str | None = None

    def __post_init__(self) -> None:
        _checked_host(self.base_url)
        if not self.base_url.endswith("/"):
            raise ValueError("the address must end in a slash")

    @classmethod
    def from_webhook(cls, url: str) -> "Endpoint":
        """An inbound webhook's URL as the portal shows it: `https://{portal}/rest/{user}/{code}/`.

        White space around it and a missing last slash are forgiven. Raises `ValueError` like the class.
        """
        url = url.strip()
        if not url.endswith("/"):
            url += "/"
        _checked_host(url)
        if not re.fullmatch(_WEBHOOK_PATH, urlsplit(url).path):
            raise ValueError("the address must have the form https://{portal}/rest/{user}/{code}/")
        return cls(url)

    @property
    def host(self) -> str:
        """The portal's host in lower case, with the port if one is given: safe to show."""
        return urlsplit(self.base_url).netloc.lower()

    @property
    def is_webhook(self) -> bool:
        """Whether the address itself is the credential."""
        return self.auth is None

    def redacted(self, text: str) -> str:
        """`text` without the secrets of this endpoint, which a portal may quote in its replies."""
        code = re.fullmatch(_WEBHOOK_PATH, urlsplit(self.base_url).path)
        for secret in (self.auth, code and code[1]):
            if secret:
                text = text.replace(secret, _MASK)
        return text

    def __repr__(self) -> str:
        return f"Endpoint({self.host!r})"


def _checked_host(url: str) -> None:
    """Raise `ValueError` unless the URL is https with a plain host, and with neither user, query nor fragment.

    Errors of `urlsplit` quote parts of the URL, so they must not become the context of ours.
    """
    if len(url) > _LONGEST_URL or not url.isascii() or not url.isprintable() or " " in url:
        # Else urlsplit drops tabs and line ends silently, and a host that looks like another is accepted.
        raise ValueError("the address must be printable ASCII (a host with other letters in its xn-- form)")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        fault = "the address is not a URL"
    else:
        fault = _fault(parts.scheme, parts.hostname or "", port, plain=not set("@?#\\") & set(url))
    if fault:
        raise ValueError(fault)


def _fault(scheme: str, host: str, port: int | None, *, plain: bool) -> str:
    if scheme != "https":
        return "the address must begin with https://"
    if len(host) > _LONGEST_HOST or not re.fullmatch(_HOST, host) or port == 0:
        return "the address has no valid host"
    return "" if plain else "the address must have neither user, query nor fragment"


SERVERS: Final = frozenset({"oauth.bitrix.info", "oauth.bitrix24.tech"})
"""The authorisation servers; a closed list (bitrix24.md 3.2)."""
DEFAULT_SERVER: Final = "oauth.bitrix.info"
_ORIGIN: Final = r"(?i:https)://((?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?)"
_SERVER_ENDPOINT: Final = r"(?a)" + _ORIGIN + r"(?:/rest)?/?"
_CLIENT_ENDPOINT: Final = r"(?a)" + _ORIGIN + r"/rest/"
_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"


# What ends in a number is read as an IPv4 address somewhere (0x7f.1): no top level has a digit, but for xn-- ones.
_DNS_NAME: Final = rf"(?a)(?:{_LABEL}\.)+(?:[a-z]{{2,63}}|xn--[a-z0-9-]{{0,58}}[a-z0-9])"


def server_in(server_endpoint: str, others: frozenset[str]) -> str | None:
    """The `host[:port]` that a `server_endpoint` names, if it is on the closed list or among `others`."""
    found = re.fullmatch(_SERVER_ENDPOINT, server_endpoint)
    server = found[1].lower() if found else ""
    return server if is_server(server, others) else None


def is_server(server: str, others: frozenset[str]) -> bool:
    """Whether a `host[:port]`, in lower case, is an authorisation server's: the vendor's, or one of `others`, which
    are exact `host:port` that an operator named."""
    return server in SERVERS or _with_port(server) in others


def portal_endpoint(client_endpoint: str, local_hosts: frozenset[str]) -> str | None:
    """A portal's `client_endpoint`, its host in lower case: `https://{host}/rest/`. None for any other address.

    The host is an ordinary DNS name on the usual port; others, and ports, are for `local_hosts` only. Whether the name
    resolves to a public address is checked when it is called (`address_guard.Gate`).
    """
    found = re.fullmatch(_CLIENT_ENDPOINT, client_endpoint)
    if not found:
        return None
    host = found[1].lower()
    return f"https://{host}/rest/" if re.fullmatch(_DNS_NAME, host) or _with_port(host) in local_hosts else None


_CLOUD_ZONES: Final = frozenset(
    {
        "by", "cn", "com", "com.br", "com.tr", "de", "es", "eu", "fr", "id", "in", "it", "jp", "kz", "pl", "ru", "ua",
        "vn",
    }
)  # fmt: skip
"""Of the vendor's cloud: https://helpdesk.bitrix24.de/open/10252860, read in November 2026."""
_CLOUD: Final = rf"(?a){_LABEL}\.bitrix24\.([a-z.]{{2,6}})"


def is_vouched_for(host: str, portal_hosts: frozenset[str]) -> bool:
    """Whether a portal's `host[:port]`, in lower case, is in the vendor's cloud, one label below one of its zones, or
    among those that an operator named."""
    found = re.fullmatch(_CLOUD, host)
    return (found is not None and found[1] in _CLOUD_ZONES) or _with_port(host) in portal_hosts


class AddressFault(StrEnum):
    """Why an address cannot be a portal's, unless the parameter PrivatePortals names it."""

    SCHEME = "address-http"
    LETTERS = "address-letters"
    PORT = "address-port"
    IP = "address-ip"
    NAME = "address-name"
    """No name of the public DNS: a single label, or one that ends in a number."""
    PRIVATE = "address-private"
    """The name has a private address only, as is found when it is called."""
    OTHER = "address-other"
    """No setting admits it."""


class RefusedAddress(NamedTuple):
    """A refused address as it came, and what to set or to use instead, both harmless to show: names and numbers."""

    fault: AddressFault
    address: str
    instead: str = ""


_SHOWN: Final = r"(?i)(http://)?(\[[0-9a-f:.]{2,45}\]|[\w.-]{1,253})(?::([0-9]{1,5}))?/?"
_SETTABLE: Final = rf"(?a){_LABEL}(?:\.{_LABEL})*"


def refused_address(text: str) -> RefusedAddress | None:
    """Why `portal_endpoint` refuses a portal's host or address; None where the text is nothing of that kind."""
    found = re.fullmatch(_SHOWN, text.strip().removesuffix("/rest/").removeprefix("https://"))
    if not found:
        return None
    scheme, host, port = found[1], found[2].lower(), found[3]
    address = host if port is None else f"{host}:{port}"
    if not host.isascii():
        xn = _xn(host)
        return RefusedAddress(AddressFault.LETTERS, address, xn) if xn else None
    if scheme:
        return RefusedAddress(AddressFault.SCHEME, address)
    if not re.fullmatch(_SETTABLE, host) or port == "0":
        return RefusedAddress(AddressFault.OTHER, address)
    if port not in (None, "443"):
        fault = AddressFault.PORT
    elif re.fullmatch(_DNS_NAME, host):
        return None  # nothing is wrong with the host itself
    else:
        fault = AddressFault.IP if re.fullmatch(_IPV4, host) else AddressFault.NAME
    return RefusedAddress(fault, address, _with_port(address))


def private_address(host: str) -> RefusedAddress:
    """The refusal of a portal's `host[:port]` whose name has a private address only."""
    return RefusedAddress(AddressFault.PRIVATE, host, _with_port(host))


_IPV4: Final = r"(?a)[0-9]{1,3}(?:\.[0-9]{1,3}){3}"


def _xn(host: str) -> str:
    """The form of a name that is called; empty if it has none, or is another name when it is folded."""
    try:
        name = host.encode("idna").decode()
    except UnicodeError:
        return ""
    return name if "xn--" in name and re.fullmatch(_DNS_NAME, name) else ""


def _with_port(host: str) -> str:
    """`host:port`, as local hosts are named."""
    return host if re.search(r":[0-9]+\Z", host.rpartition("]")[2]) else f"{host}:443"


def is_token(text: str) -> bool:
    """Whether a text may be a token, a code or a key: printable ASCII without blanks, 1 to 1,024 characters.

    Here, so that a check of one loads no HTTP client.
    """
    return re.fullmatch(r"[!-~]{1,1024}", text) is not None
