"""Forgetting a portal deletes all of its data and none of another portal's."""

import pytest

from chat_lookup.bootstrap.services import Services
from chat_lookup.clock import Deadline
from chat_lookup.entity import EntityRef
from chat_lookup.errors import PortalNotInstalled
from chat_lookup.lookup.model import Options
from chat_lookup.portals.portal import PortalState
from functions.install import app as install_app
from tests.support.admin_function import run
from tests.support.fakes import MEMBER_ID, FakeAuthorisationServer, FakeBitrix24, ManualClock, Stores, lambda_context
from tests.support.in_process_service import Service, install
from tests.support.portals.first_contact import DOMAIN, frame

pytestmark = pytest.mark.usefixtures("installed")


def test_forgetting_a_portal_deletes_all_of_its_data(
    installed: Services, stores: Stores, bitrix24: FakeBitrix24, clock: ManualClock
) -> None:
    portal = installed.portals.get(MEMBER_ID)
    bitrix24.answers("im.chat.get", {"ID": 1437})
    installed.lookup.find(portal, EntityRef("CRM", "DEAL|1663"), Options(), Deadline.after(10, clock))
    run(command="keys.create", portal=DOMAIN, label="crm")
    answer = run(command="portal.forget", portal=DOMAIN)
    assert answer == {"member_id": MEMBER_ID, "domain": DOMAIN, "keys": 1, "rows": 1}
    for table in (stores.portal_table, stores.cache_table):
        left = stores.dynamodb.scan(TableName=table)["Items"]
        assert not [
            item for item in left if "CHAT#" in str(item) or "PORTAL#" in str(item) or str(item)[:7] == "DOMAIN#"
        ]
    with pytest.raises(stores.secrets.exceptions.ResourceNotFoundException):
        stores.secrets.get_secret_value(SecretId=portal.secret_arn)
    with pytest.raises(PortalNotInstalled):
        run(command="portal.forget", portal=DOMAIN)


def test_portal_can_be_forgotten_in_every_state(installed: Services) -> None:
    installed.portals.states.close(installed.portals.get(MEMBER_ID), PortalState.REAUTHORISE, "invalid_grant")
    assert run(command="portal.forget", portal=DOMAIN)["member_id"] == MEMBER_ID


def test_forgetting_one_portal_keeps_the_other_with_the_same_domain(installed: Services, service: Service) -> None:
    """A portal that was reached by webhook first, and has the application installed since."""
    webhook = install(service, member_id="0123456789abcdef0123456789abcdef")
    run(command="portal.forget", portal=MEMBER_ID)
    assert installed.portals.named(DOMAIN).member_id == webhook.member_id


def test_rows_cached_before_a_portal_was_forgotten_are_not_found_again(
    installed: Services, server: FakeAuthorisationServer, clock: ManualClock
) -> None:
    before = installed.portals.get(MEMBER_ID).generation
    run(command="portal.forget", portal=DOMAIN)
    clock.advance(1)
    server.grants("again-refresh-token")
    assert install_app.handler(frame(form={"REFRESH_ID": "again-refresh-token"}), lambda_context())["statusCode"] == 200
    assert installed.portals.get(MEMBER_ID).generation != before
