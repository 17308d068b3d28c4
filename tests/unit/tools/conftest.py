from collections.abc import Iterator

import pytest

from tests.support.stubbed_clients import StubbedClients


@pytest.fixture
def clients() -> Iterator[StubbedClients]:
    """AWS clients without a network; fails if an expected call was not made."""
    stubbed = StubbedClients()
    yield stubbed
    stubbed.end()
