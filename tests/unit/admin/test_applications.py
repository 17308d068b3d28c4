"""Operators' commands about applications: one for each portal, or one for the market, and a secret that can change."""

import json
import re

import pytest

from chat_lookup.errors import InvalidRequest
from tests.support.admin_function import run
from tests.support.fakes import CLIENT_ID, CLIENT_SECRET, ManualClock, Output, Stores
from tests.support.in_process_service import Service, install
from tests.support.portals.first_contact import DOMAIN

pytestmark = pytest.mark.usefixtures("booted")

KEYS = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
LOCAL = {"command": "apps.add", "kind": "local", "domain": DOMAIN, **KEYS}
MARKET = {
    "command": "apps.add",
    "kind": "market",
    "client_id": "app.1234567890abcd.12345678",
    "client_secret": "m4rk3t-s3cr3t-m4rk3t",
}


def test_application_is_shown_without_its_secret(stores: Stores, output: Output) -> None:
    added = run(**LOCAL)
    assert added == {"client_id": CLIENT_ID, "kind": "local", "domain": DOMAIN, "rotated_at": None}
    run(**MARKET)
    listed = run(command="apps.list")["applications"]
    assert {each["client_id"]: each["domain"] for each in listed} == {CLIENT_ID: DOMAIN, MARKET["client_id"]: None}
    kept = str(stores.dynamodb.scan(TableName=stores.portal_table)["Items"])
    for shown in (json.dumps([added, listed]), kept, output.text, json.dumps(output.lines)):
        assert CLIENT_SECRET not in shown


def test_domain_is_normalised() -> None:
    assert run(**LOCAL | {"domain": f"{DOMAIN.upper()}:443"})["domain"] == DOMAIN


@pytest.mark.parametrize(
    "second",
    [LOCAL, LOCAL | {"client_id": "local.another"}, LOCAL | {"domain": "globex.bitrix24.com"}],
    ids=["the same", "another for the portal", "the same for another portal"],
)
def test_second_application_of_a_portal_and_second_portal_of_an_application_are_refused(second: dict[str, str]) -> None:
    run(**LOCAL)
    with pytest.raises(InvalidRequest, match="already"):
        run(**second)


def test_second_market_application_is_refused() -> None:
    run(**MARKET)
    with pytest.raises(InvalidRequest, match="already"):
        run(**MARKET | {"client_id": "app.another"})


@pytest.mark.parametrize(
    ("fault", "reported"),
    [
        ({"client_id": ""}, "client_id is empty"),
        ({"client_secret": ""}, "client_secret is empty"),
        ({"client_secret": "with blanks in it"}, "printable ASCII"),
        ({"client_secret": "fifteen-letters"}, "client_secret has 15 characters, a secret has at least 16"),
        ({"kind": "private"}, "kind can only be"),
        ({"kind": "market"}, "domain names the portal"),
        ({"domain": ""}, "domain names the portal"),
        ({"domain": "10.0.0.1"}, "domain must be the host"),
        ({"domain": "b24.acme.example:8443"}, "naming b24.acme.example:8443 in the parameter PrivatePortals"),
        ({"domain": "https://acme.bitrix24.com"}, "domain must be the host"),
        ({"name": "x"}, "name is an unknown field"),
    ],
)
def test_error_names_the_field_and_not_the_secret(fault: dict[str, str], reported: str) -> None:
    with pytest.raises(InvalidRequest, match=reported) as raised:
        run(**LOCAL | fault)
    assert CLIENT_SECRET not in str(raised.value)
    assert run(command="apps.list") == {"applications": []}


def test_rotated_secret_has_a_date(clock: ManualClock) -> None:
    run(**LOCAL)
    clock.advance(60)
    rotated = run(command="apps.rotate_secret", client_id=CLIENT_ID, client_secret="n3xts3cr3t-of-the-application")
    assert rotated["rotated_at"].startswith("2025-")
    assert run(command="apps.list")["applications"] == [rotated]


def test_secret_of_an_unknown_application_cannot_be_rotated() -> None:
    with pytest.raises(InvalidRequest, match="no application"):
        run(command="apps.rotate_secret", **KEYS)


# -- set and remove ----------------------------------------------------------------------------------------------------

RENAMED = "acme-new.bitrix24.com"


def domains() -> dict[str, str | None]:
    return {each["client_id"]: each["domain"] for each in run(command="apps.list")["applications"]}


def test_new_domain_of_a_local_application_frees_the_former_one() -> None:
    run(**LOCAL)
    for _ in range(2):
        assert run(command="apps.set", client_id=CLIENT_ID, domain=RENAMED.upper())["domain"] == RENAMED
    run(**LOCAL | {"client_id": "local.another"})
    assert domains() == {CLIENT_ID: RENAMED, "local.another": DOMAIN}


@pytest.mark.parametrize(
    ("client_id", "domain", "reported"),
    [
        (CLIENT_ID, "globex.bitrix24.com", "has the application local.another already"),
        (MARKET["client_id"], RENAMED, "a market one has none"),
        ("local.unknown", RENAMED, "no application"),
        (CLIENT_ID, "10.0.0.1", "domain must be the host"),
        (CLIENT_ID, "", "domain is empty"),
    ],
)
def test_domain_that_cannot_be_set_is_refused_and_changes_nothing(client_id: str, domain: str, reported: str) -> None:
    run(**LOCAL)
    run(**LOCAL | {"client_id": "local.another", "domain": "globex.bitrix24.com"})
    run(**MARKET)
    before = domains()
    with pytest.raises(InvalidRequest, match=reported):
        run(command="apps.set", client_id=client_id, domain=domain)
    assert domains() == before


def test_refusal_of_an_application_names_what_is_there() -> None:
    run(**LOCAL)
    run(**MARKET)
    for second, reported in (
        (LOCAL | {"domain": RENAMED}, f"for the portal {DOMAIN}; see apps.set"),
        (LOCAL | {"client_id": "local.another"}, f"has an application already, {CLIENT_ID}; see apps.remove"),
        (MARKET, "as the market application"),
        (MARKET | {"client_id": "app.another"}, f"a market application already, {MARKET['client_id']}"),
    ):
        with pytest.raises(InvalidRequest, match=re.escape(reported)):
            run(**second)


@pytest.mark.parametrize("added", [LOCAL, MARKET], ids=["local", "market"])
def test_removed_application_leaves_no_item_and_its_place_is_free(added: dict[str, str], stores: Stores) -> None:
    run(**added)
    removed = run(command="apps.remove", client_id=added["client_id"])["removed"]
    assert removed["client_id"] == added["client_id"]
    assert stores.dynamodb.scan(TableName=stores.portal_table)["Items"] == []
    with pytest.raises(InvalidRequest, match="no application"):
        run(command="apps.remove", client_id=added["client_id"])
    run(**added | {"client_id": "local.another"})


def test_removal_is_refused_while_a_portal_names_the_application(service: Service) -> None:
    run(**LOCAL)
    portal = install(service, client_id=CLIENT_ID)
    with pytest.raises(InvalidRequest, match=rf"{DOMAIN} \(1 in all\)"):
        run(command="apps.remove", client_id=CLIENT_ID)
    assert domains() == {CLIENT_ID: DOMAIN}
    service.portals.delete(portal)
    run(command="apps.remove", client_id=CLIENT_ID)
    assert domains() == {}
