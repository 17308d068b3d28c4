"""A portal for the admin commands: added by its webhook, or installed with the application."""

from typing import Any

import pytest

from chat_lookup.bootstrap.services import Services
from functions.install import app as install_app
from tests.support.admin_function import ADD, run
from tests.support.fakes import FakeAuthorisationServer, FakeBitrix24, lambda_context
from tests.support.portals.first_contact import frame


@pytest.fixture
def added(booted: Services, bitrix24: FakeBitrix24) -> dict[str, Any]:
    """The answer of the command that adds a portal, run by the services that `bootstrap` built."""
    del booted
    bitrix24.answers("scope", ["im", "imbot", "crm"])
    return run(**ADD)


@pytest.fixture
def installed(settled: Services, server: FakeAuthorisationServer) -> Services:
    """The services with one portal, installed by the install function."""
    server.grants("offered-refresh-token")
    assert install_app.handler(frame(), lambda_context())["statusCode"] == 200
    return settled
