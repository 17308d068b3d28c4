"""PortalTable was restored to an earlier moment: records are pointed to the secrets that were saved since."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytest

from chat_lookup.bootstrap.services import Services
from chat_lookup.clock import Deadline
from chat_lookup.entity import EntityRef
from chat_lookup.errors import PortalReauthorise
from chat_lookup.lookup.model import Options
from chat_lookup.portals.portal import Portal, PortalState, record_key
from functions.admin import app
from tests.support.fakes import MEMBER_ID, FakeAuthorisationServer, FakeBitrix24, ManualClock, Stores, lambda_context
from tests.support.portals.first_contact import DOMAIN, frame
from tests.support.portals.known_portal import install_application
from tests.support.portals.page_visitors import followed

if TYPE_CHECKING:
    from chat_lookup.dynamodb import Item

DEAL = EntityRef("CRM", "DEAL|1663")
AGREED = {"agreed": 1, "moved": 0, "left": 0, "lost": []}
MOVED = {"agreed": 0, "moved": 1, "left": 0, "lost": []}


class Restored:
    """An installed portal, whose record can be put back to how it was."""

    def __init__(self, services: Services, stores: Stores, clock: ManualClock) -> None:
        self._services = services
        self._stores = stores
        self._clock = clock

    @property
    def record(self) -> Portal:
        found = self._services.portals.read(MEMBER_ID)
        assert found is not None
        return found

    def item(self) -> "Item":
        return self._stores.dynamodb.get_item(TableName=self._stores.portal_table, Key=record_key(MEMBER_ID))["Item"]

    def put_back(self, item: "Item") -> None:
        self._stores.dynamodb.put_item(TableName=self._stores.portal_table, Item=dict(item))
        self._services.portals.forget(MEMBER_ID)

    def renew(self) -> None:
        """Renew the tokens, as happens in every hour with a request."""
        self._clock.advance(3700)
        self.look_up()

    def look_up(self) -> int | None:
        deadline = Deadline.after(20, self._clock)
        portal = self._services.portals.get(MEMBER_ID)
        return self._services.lookup.find(portal, DEAL, Options(fresh=True), deadline).chat_id

    def reconcile(self, seconds_left: float = 59) -> Mapping[str, Any]:
        return app.handler({"command": "portals.reconcile"}, lambda_context(seconds_left))


@pytest.fixture
def restored(
    settled: Services,
    server: FakeAuthorisationServer,
    bitrix24: FakeBitrix24,
    stores: Stores,
    clock: ManualClock,
) -> Restored:
    install_application(server)
    bitrix24.answers("im.chat.get", {"ID": 1437})
    return Restored(settled, stores, clock)


def test_restored_record_has_a_dead_grant_without_reconciliation(restored: Restored) -> None:
    before = restored.item()
    restored.renew()
    restored.put_back(before)
    with pytest.raises(PortalReauthorise):
        restored.look_up()


def test_restored_record_is_pointed_to_the_newest_pair(restored: Restored) -> None:
    before = restored.item()
    restored.renew()
    restored.renew()
    version = restored.record.token_version
    restored.put_back(before)

    assert restored.reconcile() == MOVED

    assert (restored.record.token_version, restored.record.state) == (version, PortalState.ACTIVE)
    assert restored.look_up() == 1437
    restored.renew()


def test_grant_that_was_marked_dead_since_the_restore_works_again(restored: Restored) -> None:
    before = restored.item()
    restored.renew()
    restored.put_back(before)
    with pytest.raises(PortalReauthorise):
        restored.look_up()

    assert restored.reconcile() == MOVED

    assert restored.look_up() == 1437


def test_tokens_keep_the_age_of_the_record_so_that_the_keepalive_is_not_late(restored: Restored) -> None:
    before = restored.item()
    installed_at = restored.record.refreshed_at
    restored.renew()
    restored.put_back(before)
    restored.reconcile()
    assert restored.record.refreshed_at == installed_at


def test_consistent_record_is_not_changed(restored: Restored) -> None:
    restored.renew()
    before = restored.item()
    assert restored.reconcile() == AGREED
    assert restored.item() == before


def test_portal_installed_again_since_the_restore_is_repaired_by_a_visit(
    restored: Restored, server: FakeAuthorisationServer, clock: ManualClock
) -> None:
    before = restored.item()
    install_application(server)
    generation = restored.record.generation
    restored.put_back(before)
    clock.advance(60)

    assert restored.reconcile()["lost"] == [{"member_id": MEMBER_ID, "domain": DOMAIN, "kind": "oauth"}]

    assert restored.record.state is PortalState.REAUTHORISE
    assert restored.record.generation > generation
    server.grants("offered-refresh-token")
    assert followed(frame("app"))["statusCode"] == 200
    assert restored.look_up() == 1437


def test_renamed_portal_is_found_by_its_new_domain(
    restored: Restored, server: FakeAuthorisationServer, settled: Services
) -> None:
    before = restored.item()
    server.grants("issued-refresh-token-1", host="acme.renamed.example")
    restored.renew()
    restored.put_back(before)

    assert restored.reconcile() == MOVED

    assert restored.record.domain == "acme.renamed.example"
    assert settled.portals.named("acme.renamed.example").member_id == MEMBER_ID


def test_uninstalled_portal_stays_uninstalled(restored: Restored) -> None:
    item: Item = {
        **restored.item(),
        "state": {"S": "uninstalled"},
        "token_version": {"S": "f0e1d2c3-0000-4000-8000-000000000000"},
    }
    restored.put_back(item)
    assert restored.reconcile() == {"agreed": 0, "moved": 0, "left": 0, "lost": []}
    assert restored.item() == item


def test_portals_without_time_left_are_left_to_the_next_run(restored: Restored) -> None:
    before = restored.item()
    restored.renew()
    restored.put_back(before)
    assert restored.reconcile(seconds_left=3)["left"] == 1
    assert restored.reconcile() == MOVED
