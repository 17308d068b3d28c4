"""A portal that grants everything that lists of chats need."""

import pytest

from chat_lookup.portals.portal import Portal
from tests.support.fakes import FakeBitrix24
from tests.support.in_process_service import Service, with_scopes
from tests.support.portals.crm_content import FakeCrm


@pytest.fixture
def crm(bitrix24: FakeBitrix24) -> FakeCrm:
    content = FakeCrm()
    content.behind(bitrix24)
    return content


@pytest.fixture
def portal(service: Service) -> Portal:
    return with_scopes(service, "im", "imbot", "imopenlines", "crm", "task")
