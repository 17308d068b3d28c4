"""Fixtures: the drivers, and the clients that they serve."""

from collections.abc import Callable, Iterator, Mapping

import pytest
from b24pysdk import Config  # type: ignore[import-untyped]  # it has no py.typed
from b24pysdk.api.requesters import BitrixOAuthRequester  # type: ignore[import-untyped]  # as above
from b24pysdk.constants import DEFAULT_MAX_RETRIES  # type: ignore[import-untyped]  # as above

from tests.sdk import drivers
from tests.sdk.clients import Client, CRest, JavaScript, Page, Php, Python
from tests.sdk.doors import Doors, Keys, Mode, application, doors
from tests.sdk.drivers import Driver
from tests.support.service import Service

EAGER = {"rate": 1000, "burst": 1000}
"""A plan of the portal under which no client waits."""


@pytest.fixture(scope="session")
def node(only_service: Service) -> Iterator[Driver]:
    with drivers.node(only_service.portal.ca_file) as driver:
        yield driver


@pytest.fixture(scope="session")
def php(only_service: Service) -> Iterator[Driver]:
    with drivers.php(only_service.portal.ca_file) as driver:
        yield driver


@pytest.fixture(scope="module")
def keys(running_service: Service) -> Iterator[Keys]:
    """Of an application that is installed in the portal; it is removed from the worker's stack at the end."""
    keys = application(running_service)
    yield keys
    running_service.control("/uninstall", {"client_id": keys.client_id, "send": False})
    running_service.portal.applications.remove(keys.client_id)


@pytest.fixture
def python(service: Service, monkeypatch: pytest.MonkeyPatch) -> Iterator[Python]:
    """b24pysdk, which trusts the local authority, tries no call again, and renews at the portal's server: it has the
    name of the vendor's built in."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(service.portal.ca_file))
    server = f"https://{service.portal.server_domain}"
    monkeypatch.setattr(BitrixOAuthRequester, "_OAUTH_TOKEN_URL", f"{server}/oauth/token/")
    monkeypatch.setattr(BitrixOAuthRequester, "_APP_INFO_URL", f"{server}/rest/app.info/")
    Config().configure(default_max_retries=1)
    yield Python()
    Config().configure(default_max_retries=DEFAULT_MAX_RETRIES)


@pytest.fixture
def client(request: pytest.FixtureRequest) -> Callable[[str], Client]:
    """Returns a client by its name; starts the program that it needs."""
    made: Mapping[str, Callable[[], Client]] = {
        "b24pysdk": lambda: request.getfixturevalue("python"),
        "b24jssdk": lambda: JavaScript(request.getfixturevalue("node")),
        "BX24": lambda: Page(request.getfixturevalue("node")),
        "CRest": lambda: CRest(request.getfixturevalue("php"), "CRest"),
        "restCommand": lambda: Php(request.getfixturevalue("php"), "restCommand"),
        "b24phpsdk": lambda: Php(request.getfixturevalue("php"), "b24phpsdk"),
    }
    return lambda name: made[name]()


@pytest.fixture
def both(service: Service, keys: Keys) -> Callable[[Mode], Doors]:
    """Returns the doors of a mode, of a portal that lets every client go on at once."""
    service.control("/plan", EAGER)
    return lambda mode: doors(service, mode, keys)
