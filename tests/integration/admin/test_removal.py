"""The command `portal.forget` deletes all secrets, records, keys and cached answers of one portal."""

import pytest

from tests.support.portals.unknown_portal import Stage


@pytest.fixture
def installed(stage: Stage) -> Stage:
    """The unknown portal, installed."""
    assert stage.contact().status == 200
    return stage


def test_forgotten_portal_leaves_no_item_no_secret_and_no_key(installed: Stage) -> None:
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


def test_reinstalled_portal_has_no_former_key_and_no_former_answer(installed: Stage) -> None:
    former = installed.key()
    assert installed.look_up(former).json["source"] == "portal"
    installed.service.admin("portal.forget", portal=installed.portal.member_id)

    assert installed.contact().status == 200

    assert installed.look_up(former).status == 401
    assert installed.look_up(installed.key()).json["source"] == "portal"


def test_forgetting_a_portal_leaves_another_portal_unchanged(installed: Stage) -> None:
    service = installed.service
    assert service.look_up("CRM", "DEAL|1663").json["chat_id"] == 1437
    before = [item for item in installed.kept().items if service.member_id in item]

    service.admin("portal.forget", portal=installed.portal.member_id)

    assert [item for item in installed.kept().items if service.member_id in item] == before
    assert service.look_up("CRM", "DEAL|1663").json["source"] == "cache"
