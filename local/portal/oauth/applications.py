"""Applications that can be installed in the portal: their keys and their cards (bitrix24.md 3.1)."""

import secrets
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Final, Literal
from urllib.parse import urlsplit

Kind = Literal["local", "market"]

# The default paths of a card: the service's own.
INSTALL_PATH: Final = "/bitrix24/install"
APP_PATH: Final = "/bitrix24/app"

_SCOPES: Final = ("im", "imbot")
_STATUS: Final = {"local": "L", "market": "F"}
_ID_PREFIX: Final = {"local": "local", "market": "app"}


class Impossible(Exception):
    """The portal cannot do what was requested in its present state; the message gives the reason."""


@dataclass(frozen=True, slots=True)
class Application:
    """One card. `interface`: whether users open it in a frame, at `app_url`; `status` is its letter.

    A local application's keys are valid in its portal only; a market application has the same keys in every portal, so
    it is added to each with its `client_id` and secret.
    """

    client_id: str
    client_secret: str = field(repr=False)
    kind: Kind
    interface: bool
    install_url: str
    app_url: str
    scopes: frozenset[str]
    status: str

    def at(self, path: str) -> str:
        """An address on the application's own host."""
        return _origin(self.install_url) + path

    def serves(self, url: str) -> bool:
        """Whether an address is on a host that the card names. Nothing is ever sent to another host."""
        return _origin(url) in (_origin(self.install_url), _origin(self.app_url))

    def moved(self, service_url: str) -> "Application":
        """The same card with its addresses on another host."""
        base = service_url.rstrip("/")
        install_path, app_path = (urlsplit(url).path for url in (self.install_url, self.app_url))
        return replace(self, install_url=base + (install_path or INSTALL_PATH), app_url=base + (app_path or APP_PATH))


def _origin(url: str) -> str:
    """Scheme and host of an address; an invalid address is returned unchanged, and equals no card's."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    return f"{parts.scheme}://{parts.netloc}"


class Applications:
    """The cards by their client ids, in memory only, secrets and all."""

    def __init__(self) -> None:
        self._by_id: dict[str, Application] = {}

    def add(
        self,
        *,
        service_url: str = "",
        kind: Kind = "local",
        interface: bool = True,
        scopes: Collection[str] = _SCOPES,
        install_url: str = "",
        app_url: str = "",
        client_id: str = "",
        client_secret: str = "",
        status: str = "",
    ) -> Application:
        """Adds a card, or replaces the one with its `client_id`; keys are generated where none are given.

        `service_url` is the service's address without a path (`http://127.0.0.1:3000`), from which both addresses of
        the card follow unless they are given.
        """
        base = service_url.rstrip("/")
        application = Application(
            client_id=client_id or f"{_ID_PREFIX[kind]}.{secrets.token_hex(7)}.{secrets.randbelow(10**8):08d}",
            client_secret=client_secret or secrets.token_urlsafe(37),
            kind=kind,
            interface=interface,
            install_url=install_url or (base and base + INSTALL_PATH),
            app_url=app_url or (base and base + APP_PATH),
            scopes=frozenset(scopes),
            status=status or _STATUS[kind],
        )
        self.put(application)
        return application

    def put(self, application: Application) -> None:
        self._by_id[application.client_id] = application

    def remove(self, client_id: str) -> None:
        self._by_id.pop(client_id, None)

    def get(self, client_id: str) -> Application | None:
        return self._by_id.get(client_id)

    def named(self, client_id: str = "") -> Application:
        """The application with this id, or without an id the only application. Raises Impossible."""
        if client_id in self._by_id:
            return self._by_id[client_id]
        if not client_id and len(self._by_id) == 1:
            return next(iter(self._by_id.values()))
        known = ", ".join(self._by_id) or "none"
        raise Impossible(f"which application? There are: {known}")

    def all(self) -> list[Application]:
        return list(self._by_id.values())

    def rotate_secret(self, client_id: str) -> str:
        """Gives an application a new secret and returns it; the former one is refused from now on."""
        application = replace(self.named(client_id), client_secret=secrets.token_urlsafe(37))
        self.put(application)
        return application.client_secret
