"""The command `portal.forget`: secrets, records, keys and cached answers of one portal are gone, all of them."""

import pytest

from tests.support.portals.unknown_portal import Stage


@pytest.fixture
def installed(stage: Stage) -> Stage:
    """The stranger's portal, installed."""
    assert stage.contact().status == 200
    return stage


def test_what_is_forgotten_is_gone_without_a_trace(installed: Stage) -> None:
    keys = [installed.key(), installed.key()]
    arn, member_id = installed.secret, installed.portal.member_id
    for options in ({}, {"entity_id": "LEAD|13"}, {"entity_id": "DEAL|404"}, {"expand": "chat"}):
        installed.look_up(keys[0], **options)

    installed.service.admin("portal.forget", portal=member_id)

    kept = installed.kept()
    assert [item for item in kept.items if member_id in item or installed.portal.domain in item] == []
    assert arn not in "".join(kept.secrets)
    assert [installed.look_up(key).status for key in keys] == [401, 401]
    listed = installed.service.admin("portals")["portals"]
    assert member_id not in [portal["member_id"] for portal in listed]


def test_nothing_of_a_forgotten_portal_comes_back_with_it(installed: Stage) -> None:
    former = installed.key()
    assert installed.look_up(former).json["source"] == "portal"
    installed.service.admin("portal.forget", portal=installed.portal.member_id)

    assert installed.contact().status == 200

    assert installed.look_up(former).status == 401
    assert installed.look_up(installed.key()).json["source"] == "portal"


def test_another_portal_keeps_everything_when_one_is_forgotten(installed: Stage) -> None:
    service = installed.service
    assert service.look_up("CRM", "DEAL|1663").json["chat_id"] == 1437
    before = [item for item in installed.kept().items if service.member_id in item]

    service.admin("portal.forget", portal=installed.portal.member_id)

    assert [item for item in installed.kept().items if service.member_id in item] == before
    assert service.look_up("CRM", "DEAL|1663").json["source"] == "cache"
