"""The default portal for requests without one: an operator's choice, or the first that an operator named."""

import pytest

from chat_lookup.dynamodb import text
from chat_lookup.errors import InvalidRequest, PortalNotInstalled
from chat_lookup.portals.portal import Portal, pk_sk
from chat_lookup.portals.store import Portals
from tests.support.fakes import MEMBER_ID, Stores

OTHER = "f" * 32
ACME = Portal(MEMBER_ID, "acme.bitrix24.com", "arn:secret", "version-1", scopes=frozenset({"im", "imbot"}))
GLOBEX = Portal(OTHER, "globex.bitrix24.com", "arn:other", "version-1")


def assert_there_is_none(portals: Portals) -> None:
    with pytest.raises(InvalidRequest, match="portal is missing"):
        portals.find(None)


@pytest.mark.parametrize("name", [None, ""])
def test_first_portal_that_an_operator_named_is_the_default(portals: Portals, name: str | None) -> None:
    portals.save(ACME, by_operator=True)
    assert portals.find(name).member_id == MEMBER_ID


def test_first_portal_of_any_other_installation_is_not_the_default(portals: Portals) -> None:
    assert_there_is_none(portals)
    portals.save(ACME)
    assert_there_is_none(portals)


@pytest.mark.parametrize("by_operator", [False, True])
@pytest.mark.parametrize("default", [False, True])
def test_no_later_installation_changes_the_default(portals: Portals, by_operator: bool, default: bool) -> None:
    portals.save(ACME, default=default, by_operator=True)
    for portal in (GLOBEX, GLOBEX, GLOBEX._replace(member_id="a" * 32, domain="third.bitrix24.com"), ACME):
        portals.save(portal, by_operator=by_operator)
    assert portals.find(None).member_id == MEMBER_ID


def test_repeated_installation_does_not_make_a_portal_the_default(portals: Portals) -> None:
    portals.save(ACME)
    portals.save(ACME, by_operator=True)
    assert_there_is_none(portals)


def test_installation_after_the_default_portal_was_removed_does_not_inherit_its_place(portals: Portals) -> None:
    first = portals.save(ACME, by_operator=True)
    portals.save(GLOBEX, by_operator=True)
    portals.delete(first)
    portals.save(GLOBEX, by_operator=True)
    assert_there_is_none(portals)


def test_operator_chooses_the_default_and_changes_it(portals: Portals) -> None:
    portals.save(ACME, default=True)
    portals.save(GLOBEX, default=True)
    assert portals.find(None).member_id == OTHER
    portals.make_default(MEMBER_ID)
    assert portals.find(None).member_id == MEMBER_ID


def test_item_of_an_older_version_that_names_no_default_names_none_until_an_operator_chooses(
    portals: Portals, stores: Stores
) -> None:
    portals.save(ACME)
    stores.portal_rows.put({**pk_sk("DEFAULT", "DEFAULT"), "member_id": text(MEMBER_ID), "why": text("several")})
    portals.save(GLOBEX, by_operator=True)
    assert_there_is_none(portals)
    portals.make_default(OTHER)
    assert portals.find(None).member_id == OTHER


def test_operators_name_the_portal_once_there_are_two_whatever_the_default(portals: Portals) -> None:
    with pytest.raises(PortalNotInstalled):
        portals.named(None)
    portals.save(ACME)
    assert portals.named(None).member_id == MEMBER_ID
    portals.save(GLOBEX, default=True)
    with pytest.raises(InvalidRequest, match="portal is missing"):
        portals.named(None)
