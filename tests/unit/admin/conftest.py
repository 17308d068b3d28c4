"""A portal for the admin commands: added by its webhook, or installed with the application."""

from typing import Any

import pytest

from chat_lookup.bootstrap.services import Services
from tests.support.admin_function import ADD, run
from tests.support.fakes import FakeAuthorisationServer, FakeBitrix24
from tests.support.portals.known_portal import install_application


@pytest.fixture
def added(booted: Services, bitrix24: FakeBitrix24) -> dict[str, Any]:
    """The answer of the command that adds a portal, run by the services that `bootstrap` built."""
    del booted
    bitrix24.answers("scope", ["im", "imbot", "crm"])
    return run(**ADD)


@pytest.fixture
def installed(settled: Services, server: FakeAuthorisationServer) -> Services:
    """The services with one portal, installed by the install function."""
    install_application(server)
    return settled
