"""Fixtures of the page's tests: a portal that is installed, its users, and the page's key."""

import pytest

from chat_lookup.bootstrap import process
from chat_lookup.bootstrap.services import Services
from chat_lookup.portals.portal import Portal
from tests.support.fakes import MEMBER_ID, FakeAuthorisationServer, FakeBitrix24, Stores
from tests.support.portals.known_portal import install_application
from tests.support.portals.page_visitors import Visitors, with_page_key


@pytest.fixture
def visitors(settled: Services, server: FakeAuthorisationServer, bitrix24: FakeBitrix24, stores: Stores) -> Visitors:
    """The users of a portal in which the application is installed."""
    del settled
    with_page_key(stores)
    process.built.cache_clear()
    bitrix24.answers("scope", ["im", "imbot", "crm", "imopenlines"])
    install_application(server)
    server.asked.clear()
    there = Visitors(bitrix24)
    there.behind()
    return there


@pytest.fixture
def known(visitors: Visitors) -> Portal:
    """That portal's record."""
    del visitors
    return process.services().portals.get(MEMBER_ID)
