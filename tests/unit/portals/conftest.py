"""The portals of this process and of another one."""

import pytest

from chat_lookup.portals.store import Portals
from tests.support.fakes import ManualClock, Stores


@pytest.fixture
def portals(stores: Stores, clock: ManualClock) -> Portals:
    return Portals(stores.dynamodb, stores.portal_table, clock)


@pytest.fixture
def elsewhere(stores: Stores, clock: ManualClock) -> Portals:
    """The portals of another process."""
    return Portals(stores.dynamodb, stores.portal_table, clock)
