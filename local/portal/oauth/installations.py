"""The applications that are installed in the portal, and whether they are finished (bitrix24.md 4)."""

import itertools
import secrets
from dataclasses import dataclass, field, replace

from local.portal.oauth.applications import Application


@dataclass(frozen=True, slots=True)
class Installation:
    """One installation of an application by `user_id`. `number` is the portal's own id of it: another one after each
    uninstall. Until it is `finished`, no event is delivered (bitrix24.md 4.2).

    `admitted` are the users that may use the application, None for all. `days` are left of the time for which it is
    paid or tried; None for an application without an end, negative after it (bitrix24.md 1.16).
    """

    number: int
    client_id: str
    user_id: int
    application_token: str = field(repr=False)
    finished: bool = False
    version: int = 1
    admitted: frozenset[int] | None = None
    days: int | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """The application on whose behalf something happens, as it is installed."""

    application: Application
    installation: Installation

    @property
    def client_id(self) -> str:
        return self.application.client_id

    @property
    def scope(self) -> str:
        """The scopes as most places write them: with commas (bitrix24.md 3.5)."""
        return ",".join(sorted(self.application.scopes))


class Installations:
    """The installations by client id. The caller must hold the portal's lock.

    `application_token` is the one of the first installation; without it that is generated like all others.
    """

    def __init__(self, application_token: str = "") -> None:
        self._first_token = application_token
        self._by_client: dict[str, Installation] = {}
        self._numbers = itertools.count(1)

    def get(self, client_id: str) -> Installation | None:
        return self._by_client.get(client_id)

    def all(self) -> list[Installation]:
        return list(self._by_client.values())

    def begin(self, application: Application, user_id: int) -> Installation:
        """The application's installation, begun now if there is none: its page may be opened any number of times."""
        found = self._by_client.get(application.client_id)
        if found:
            return found
        token, self._first_token = self._first_token or secrets.token_hex(16), ""
        return self.put(Installation(next(self._numbers), application.client_id, user_id, token))

    def put(self, installation: Installation) -> Installation:
        self._by_client[installation.client_id] = installation
        return installation

    def update(self, installation: Installation) -> Installation:
        """The next version, with an application token of its own (bitrix24.md 4.6)."""
        return self.put(
            replace(installation, version=installation.version + 1, application_token=secrets.token_hex(16))
        )

    def remove(self, client_id: str) -> None:
        self._by_client.pop(client_id, None)
