"""The portal of these tests has our bot."""

import pytest

from chat_lookup.portals.portal import Portal
from tests.support.in_process_service import Service
from tests.support.portals.known_portal import with_a_bot


@pytest.fixture
def portal(service: Service) -> Portal:
    return with_a_bot(service)
