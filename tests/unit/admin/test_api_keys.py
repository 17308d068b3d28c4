"""Operators' commands about keys: a key is shown once, opens its portal, and is deleted when it is revoked."""

import json
from typing import Any

import pytest

from chat_lookup.errors import InvalidRequest, KeyRejected
from tests.support.admin_function import ADD, run
from tests.support.fakes import MEMBER_ID, WEBHOOK_URL, ManualClock, Output
from tests.support.in_process_service import Service

pytestmark = pytest.mark.usefixtures("booted")


def test_key_is_shown_once_and_opens_the_portal(
    service: Service, added: dict[str, Any], output: Output, clock: ManualClock
) -> None:
    made = run(
        command="keys.create", label="crm sync", scopes=["lookup", "details"], expires_in_days=30
    )  # fmt: skip
    key = made["key"]
    assert service.keys.authenticate(key, "details").member_id == added["member_id"]
    listed = run(command="keys.list")["keys"]
    assert [(each["label"], each["scopes"]) for each in listed] == [("crm sync", ["details", "lookup"])]
    assert listed[0]["key_id"] == made["key_id"]
    assert made["expires_at"] > made["created_at"]
    assert output.lines
    assert key not in output.text
    assert key not in json.dumps(listed)
    clock.advance(30 * 24 * 3600 + 1)
    with pytest.raises(KeyRejected):
        service.keys.authenticate(key, "details")


@pytest.mark.usefixtures("added")
def test_key_has_the_lookup_scope_and_no_expiry_by_default() -> None:
    made = run(command="keys.create", label="crm sync")
    assert (made["scopes"], made["expires_at"]) == (["lookup"], None)


@pytest.mark.usefixtures("added")
def test_key_can_allow_methods_of_the_portal() -> None:
    methods = ["crm.deal.get", "CRM.deal.list"]
    made = run(command="keys.create", label="shop", scopes=["rest", "passthrough"], passthrough=methods)
    assert made["passthrough"] == ["crm.deal.get", "crm.deal.list"]
    assert run(command="keys.list")["keys"][0]["passthrough"] == made["passthrough"]


@pytest.mark.usefixtures("added")
def test_revoked_key_is_no_longer_listed(service: Service) -> None:
    made = run(command="keys.create", label="crm sync")
    revoked = run(command="keys.revoke", key_id=made["key_id"])["revoked"]
    assert revoked["key_id"] == made["key_id"]
    assert run(command="keys.list") == {"keys": []}
    with pytest.raises(KeyRejected):
        service.keys.authenticate(made["key"], "lookup")


@pytest.mark.parametrize("name", [MEMBER_ID, "globex.bitrix24.com"])
def test_with_several_portals_a_key_is_created_for_the_named_one(added: dict[str, Any], name: str) -> None:
    run(**ADD | {"webhook_url": WEBHOOK_URL.replace("acme", "globex"), "member_id": MEMBER_ID})
    with pytest.raises(InvalidRequest, match="portal is missing"):
        run(command="keys.create", label="crm sync")
    assert run(command="keys.create", label="crm sync", portal=name)["member_id"] == MEMBER_ID
    assert run(command="keys.list", portal=added["member_id"]) == {"keys": []}
