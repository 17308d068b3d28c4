"""The two doors at which clients call: a portal, and the service with a key in place of the portal's credential."""

from dataclasses import asdict, dataclass, field
from typing import Final, Literal, NamedTuple
from urllib.parse import urlsplit

from tests.support.service import Service

Mode = Literal["webhook", "oauth"]

_LIFETIME_S: Final = 30 * 86_400
"""Of an access token: tests move the clock."""


class Keys(NamedTuple):
    """Of an application at the authorisation server."""

    client_id: str
    client_secret: str


@dataclass(frozen=True, slots=True)
class Door:
    """Where a client sends its calls, by `host:port`, and by what it proves itself: in webhook mode `code`, the user
    and the secret of the address, in OAuth mode a token, which it renews at `server` with the application's keys.

    The clock of a client may hold the token for `expired`.
    """

    name: Literal["portal", "service"]
    mode: Mode
    host: str
    code: str = field(default="", repr=False)
    access_token: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)
    server: str = ""
    expired: bool = False
    keys: Keys = field(default=Keys("", ""), repr=False)

    @property
    def url(self) -> str:
        """The address under which a client puts a method; in webhook mode it is a secret."""
        return f"https://{self.host}/rest/{self.code + '/' if self.code else ''}"

    def as_json(self) -> dict[str, object]:
        """What a program needs of it."""
        return {**asdict(self), "keys": self.keys._asdict(), "url": self.url}


class Doors(NamedTuple):
    """Of one mode."""

    portal: Door
    service: Door


def application(service: Service) -> Keys:
    """The keys of an application that is installed in the portal and has the scopes of its webhook."""
    scopes = service.admin("portals")["portals"][0]["scopes"]
    card = {"interface": False, "scopes": scopes, "service_url": service.stack.addresses.api_https_url}
    keys = Keys(**service.control("/applications", card))
    service.control("/install", {"client_id": keys.client_id, "send": False})
    return keys


def granted(service: Service, keys: Keys) -> Door:
    """The portal for an application with new tokens of its administrator."""
    tokens = service.control("/grants", {"client_id": keys.client_id, "lifetime_s": _LIFETIME_S})
    portal = service.portal
    pair = {name: tokens[name] for name in ("access_token", "refresh_token")}
    return Door("portal", "oauth", portal.domain, server=portal.server_domain, keys=keys, **pair)


def doors(service: Service, mode: Mode, keys: Keys) -> Doors:
    """Both doors. At the service the key is all that changes: a client could renew its token."""
    host = urlsplit(service.stack.addresses.api_https_url).netloc
    if mode == "webhook":
        portal = urlsplit(service.portal.webhook_url)
        code = portal.path.removeprefix("/rest/").rstrip("/")
        return Doors(Door("portal", mode, portal.netloc, code), Door("service", mode, host, f"1/{service.api_key}"))
    at_portal, other = granted(service, keys), granted(service, keys)
    at_service = Door(
        "service",
        mode,
        host,
        access_token=service.api_key,
        refresh_token=other.refresh_token,
        server=other.server,
        keys=keys,
    )
    return Doors(at_portal, at_service)
