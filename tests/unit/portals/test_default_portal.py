"""The default portal for requests without one: the only portal, or the one set by an operator."""

from dataclasses import replace

import pytest

from chat_lookup.errors import InvalidRequest, PortalNotInstalled
from chat_lookup.portals.portal import Portal
from chat_lookup.portals.store import Portals
from tests.support.fakes import MEMBER_ID

OTHER = "f" * 32
ACME = Portal(MEMBER_ID, "acme.bitrix24.com", "arn:secret", "version-1", scopes=frozenset({"im", "imbot"}))
GLOBEX = Portal(OTHER, "globex.bitrix24.com", "arn:other", "version-1")


@pytest.mark.parametrize("name", [None, ""])
def test_only_portal_is_the_default(portals: Portals, name: str | None) -> None:
    portals.save(ACME)
    assert portals.find(name).member_id == MEMBER_ID


def test_without_any_portal_there_is_no_default(portals: Portals) -> None:
    with pytest.raises(PortalNotInstalled, match="No portal is installed yet"):
        portals.find(None)


def test_with_a_second_portal_none_is_the_default(portals: Portals) -> None:
    portals.save(ACME)
    portals.save(GLOBEX)
    with pytest.raises(InvalidRequest, match="portal is missing"):
        portals.find(None)


def test_chosen_portal_is_the_default_among_several(portals: Portals) -> None:
    portals.save(ACME)
    portals.save(GLOBEX, default=True)
    portals.save(replace(ACME, member_id="a" * 32, domain="third.bitrix24.com"))
    assert portals.find(None).member_id == OTHER


def test_default_portal_can_be_changed(portals: Portals) -> None:
    portals.save(ACME, default=True)
    portals.save(GLOBEX, default=True)
    assert portals.find(None).member_id == OTHER


@pytest.mark.parametrize("default", [False, True])
def test_default_portal_stays_the_default_when_saved_again(portals: Portals, default: bool) -> None:
    portals.save(ACME, default=default)
    portals.save(ACME)
    assert portals.find(None).member_id == MEMBER_ID


def test_second_portal_does_not_become_the_default_when_saved_again(portals: Portals) -> None:
    for portal in (ACME, GLOBEX, GLOBEX, ACME):
        portals.save(portal)
    with pytest.raises(InvalidRequest):
        portals.find(None)
