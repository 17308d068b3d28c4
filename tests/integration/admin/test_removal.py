"""The command `portal.forget` deletes all secrets, records, keys and cached answers of one portal."""

from typing import Final

import pytest

from chat_lookup.errors import InvalidRequest
from tests.support.portals.unknown_portal import Stage

PAIR: Final = {"entity_type": "CRM", "entity_id": "DEAL|1663"}


@pytest.fixture
def installed(stage: Stage) -> Stage:
    """The unknown portal, installed."""
    stage.install()
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


@pytest.mark.parametrize("bot_api", ["v2", "v1"])
def test_forgotten_portal_has_no_bot_no_command_and_no_binding_of_ours(stage: Stage, bot_api: str) -> None:
    stage.tell("/shape", {"bot_api": bot_api})
    before = registrations(stage)
    stage.install()
    assert registrations(stage) != before

    answer = stage.service.admin("portal.forget", portal=stage.portal.member_id)

    assert registrations(stage) == before
    assert answer["unregistered"] == ["command", "bot", "events"]
    assert (answer["left_in_portal"], answer["why_left"]) == ([], None)


def test_portal_that_is_down_is_forgotten_all_the_same(installed: Stage) -> None:
    installed.answers("*", status=503)

    answer = installed.service.admin("portal.forget", portal=installed.portal.member_id)

    assert answer["unregistered"] == []
    assert answer["left_in_portal"] == ["command", "bot", "events"]
    assert answer["why_left"]
    assert installed.record() is None


def test_uninstalled_and_then_forgotten_portal_leaves_nothing(installed: Stage) -> None:
    installed.key()
    member_id, arn = installed.portal.member_id, installed.secret
    assert installed.portal.installer.uninstall(installed.card.client_id).answer.status == 200
    assert arn not in "".join(installed.kept().secrets)

    installed.service.admin("portal.forget", portal=member_id)

    assert [item for item in installed.kept().items if member_id in item or installed.portal.domain in item] == []


def test_webhook_in_the_place_of_the_application_leaves_no_secret_of_it(installed: Stage) -> None:
    arn, member_id = installed.secret, installed.portal.member_id

    installed.service.admin("portal.add_webhook", webhook_url=installed.portal.webhook_url, member_id=member_id)

    assert arn not in "".join(installed.kept().secrets)
    assert installed.secret != arn


def test_installation_by_a_market_application_neither_becomes_nor_unmakes_the_default(stage: Stage) -> None:
    service = stage.service
    assert service.direct(PAIR)["chat_id"] == 1437
    stage.install()
    assert service.direct(PAIR)["chat_id"] == 1437
    with pytest.raises(InvalidRequest, match="portal is missing"):
        service.admin("keys.create", label="whose?")

    service.admin("portal.forget", portal=stage.portal.member_id)
    stage.dynamodb.delete_item(TableName="PortalTable", Key={"pk": {"S": "DEFAULT"}, "sk": {"S": "DEFAULT"}})
    stage.install()

    with pytest.raises(InvalidRequest, match="portal is missing"):
        service.direct(PAIR)
    assert service.direct({**PAIR, "portal": stage.portal.member_id})["chat_id"] == 1437


def registrations(stage: Stage) -> object:
    """The bots with their commands, and the bindings, of the unknown portal."""
    bots = [(bot["bot_id"], bot["commands"]) for bot in stage.ask("/bots")]
    return bots, [each["bindings"] for each in stage.ask("/installs") if each["bindings"]]


def test_reinstalled_portal_has_no_former_key_and_no_former_answer(installed: Stage) -> None:
    former = installed.key()
    assert installed.look_up(former).json["source"] == "portal"
    installed.service.admin("portal.forget", portal=installed.portal.member_id)

    installed.install()

    assert installed.look_up(former).status == 401
    assert installed.look_up(installed.key()).json["source"] == "portal"


def test_forgetting_a_portal_leaves_another_portal_unchanged(installed: Stage) -> None:
    service = installed.service
    assert service.look_up("CRM", "DEAL|1663").json["chat_id"] == 1437
    before = [item for item in installed.kept().items if service.member_id in item]

    service.admin("portal.forget", portal=installed.portal.member_id)

    assert [item for item in installed.kept().items if service.member_id in item] == before
    assert service.look_up("CRM", "DEAL|1663").json["source"] == "cache"
