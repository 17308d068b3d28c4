"""One `make run` and one browser for all tests here."""

import os
from collections.abc import Iterator

import pytest

from tests.support.processes.run import Running, staying
from tests.support.repository import ROOT

try:
    from tests.browser import chromium
    from tests.browser.portal_pages import Portal

    LACKING = chromium.missing()
except ModuleNotFoundError as error:
    LACKING = str(error.name)


@pytest.fixture(scope="session")
def browser() -> "Iterator[chromium.Browser]":
    if LACKING and not os.environ.get("CI"):
        pytest.skip(f"this machine lacks {LACKING}")
    with chromium.started() as browser:
        yield browser


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    # What pictures show has the name that users see.
    folder = ROOT / ".local-pictures" if os.environ.get("PICTURES") else tmp_path_factory.mktemp("run")
    with staying(folder) as running:
        yield running


@pytest.fixture(scope="session")
def pages_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A run whose application is removed and installed, and whose clock goes on: not the playground's."""
    with staying(tmp_path_factory.mktemp("pages")) as running:
        yield running


@pytest.fixture
def portal(browser: "chromium.Browser", pages_run: Running) -> "Portal":
    """A portal with the application installed, whose limits are not used up."""
    portal = Portal(browser, pages_run)
    portal.tell("/faults", [])
    portal.tell("/clock", {"advance_s": 300})
    if not portal.is_installed():
        portal.tell("/install", {})
    browser.complaints()
    return portal
