"""Installations of one portal run one after another, and the lock is released after success and failure."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from chat_lookup.bootstrap.services import Services
from chat_lookup.clock import Deadline
from chat_lookup.dynamodb import number, text
from chat_lookup.errors import InstallationInProgress, PortalUnavailable
from chat_lookup.install.installation import Installed
from chat_lookup.install.offers import Offer
from tests.support.fakes import MEMBER_ID, FakeAuthorisationServer, FakeBitrix24, ManualClock, Stores
from tests.support.portals.first_contact import (
    APPLICATION_TOKEN,
    DOMAIN,
    OWN_ADDRESS,
    SERVER_ENDPOINT,
    SOURCE,
    refusing,
)

if TYPE_CHECKING:
    from chat_lookup.observability.telemetry import Telemetry

OFFER = Offer(DOMAIN, MEMBER_ID, SERVER_ENDPOINT, "offered-refresh-token", "", APPLICATION_TOKEN)
Install = Callable[..., Installed]


@pytest.fixture
def install(settled: Services, server: FakeAuthorisationServer, clock: ManualClock, telemetry: "Telemetry") -> Install:
    """Install by a valid offer; each call has its own grant."""

    def work(offer: Offer = OFFER, *, own_address: str = OWN_ADDRESS, seconds: float = 25) -> Installed:
        server.grants(offer.refresh_token)
        with telemetry.invocation("request"):
            return settled.install().installation.install(offer, own_address, SOURCE, Deadline.after(seconds, clock))

    return work


def test_second_installation_of_a_portal_waits_for_the_lock(
    install: Install, stores: Stores, clock: ManualClock
) -> None:
    stores.dynamodb.put_item(
        TableName=stores.cache_table,
        Item={"pk": text(f"INSTALL#{MEMBER_ID}"), "owner": text("another"), "until": number(clock.now() + 5)},
    )
    install(seconds=25)
    assert sum(clock.slept) >= 5


def test_installation_without_the_lock_at_its_deadline_is_refused(
    install: Install, stores: Stores, clock: ManualClock, settled: Services
) -> None:
    stores.dynamodb.put_item(
        TableName=stores.cache_table,
        Item={"pk": text(f"INSTALL#{MEMBER_ID}"), "owner": text("another"), "until": number(clock.now() + 60)},
    )
    with pytest.raises(InstallationInProgress):
        install(seconds=25)
    assert settled.portals.read(MEMBER_ID) is None


def test_failed_installation_releases_the_lock(install: Install, stores: Stores, bitrix24: FakeBitrix24) -> None:
    bitrix24.answers_by("scope", refusing("TIMEOUT", 0))
    with pytest.raises(PortalUnavailable):
        install()
    key = {"pk": text(f"INSTALL#{MEMBER_ID}")}
    assert "Item" not in stores.dynamodb.get_item(TableName=stores.cache_table, Key=key)
