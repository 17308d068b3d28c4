"""After an uninstall the former installation has no effect; after a reinstallation the portal works at once."""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import pytest
from botocore.exceptions import ClientError

from chat_lookup import config
from chat_lookup.bootstrap import aws_clients, process
from local.portal.events.installer import Manner
from local.portal.events.outgoing import Message
from tests.chaos.lingering_secrets import LingeringSecrets
from tests.support.portals.unknown_portal import EMPLOYEE, Stage, assert_refused
from tests.support.service import Reply

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

SEEN_EVERYWHERE_S: Final = 30.0
"""Within this time an uninstalled portal is seen by every process (design 3.1)."""
CHAT: Final = 1437


@pytest.fixture
def installed(stage: Stage) -> Stage:
    """The unknown portal, installed, with a rate that no test exceeds."""
    stage.tell("/plan", {"rate": 1000, "burst": 10_000})
    stage.install()
    return stage


def test_look_up_after_uninstall_is_refused_at_once(installed: Stage) -> None:
    key = installed.key()
    assert installed.look_up(key).json["chat_id"] == CHAT

    assert uninstall(installed) == 200

    assert problem(installed.look_up(key)) == (403, "portal-not-installed")


def test_other_process_refuses_look_ups_within_30_seconds_of_uninstall(
    installed: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = installed.key()
    assert installed.look_up(key).json["source"] == "portal"
    # Two processes, each with its own memory: only one of them receives the uninstall.
    other = process.services()
    installed.service.cold_start()
    assert uninstall(installed) == 200
    monkeypatch.setattr(process, "services", lambda: other)

    installed.service.clock.advance(SEEN_EVERYWHERE_S)

    assert problem(installed.look_up(key)) == (403, "portal-not-installed")
    assert problem(installed.look_up(key, fresh="true")) == (403, "portal-not-installed")


def test_uninstall_deletes_the_secret(installed: Stage) -> None:
    arn = installed.secret

    assert uninstall(installed) == 200

    assert read(installed.secrets, arn) == "ResourceNotFoundException"
    assert arn not in "".join(installed.kept().secrets)


def test_uninstalled_portal_is_not_called(installed: Stage) -> None:
    key = installed.key()
    assert uninstall(installed) == 200
    before = len(installed.calls())

    for _ in range(3):
        installed.look_up(key, fresh="true")
        installed.service.clock.advance(3 * SEEN_EVERYWHERE_S)

    assert installed.calls()[before:] == []


@pytest.mark.parametrize("clean", [True, False])
def test_old_answers_are_not_served_after_reinstallation(installed: Stage, clean: bool) -> None:
    key = installed.key()
    assert installed.look_up(key).json["source"] == "portal"
    assert installed.look_up(key).json["source"] == "cache"

    assert uninstall(installed, **{"data[CLEAN]": "1" if clean else "0"}) == 200
    installed.install()
    restore(installed)

    # While the portal fails, no stale answer is served either.
    installed.answers("im.chat.get", status=500)
    assert installed.look_up(key).status == 503
    installed.tell("/faults", [])
    assert installed.look_up(key).json["source"] == "portal"


def test_reinstalled_portal_works_at_once_with_a_new_secret_and_a_new_key(installed: Stage) -> None:
    before = installed.secret

    assert uninstall(installed) == 200
    installed.install()

    assert installed.look_up(installed.key()).json["chat_id"] == CHAT
    assert installed.secret != before


@pytest.fixture
def lingering(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Iterator[LingeringSecrets]:
    """From here on, the name of a deleted secret stays taken."""
    made, rule = aws_clients.secrets, LingeringSecrets()
    monkeypatch.setattr(aws_clients, "secrets", lambda settings: rule.attach(made(settings)))
    stage.service.cold_start()
    yield rule
    monkeypatch.undo()
    stage.service.cold_start()


def test_reinstallation_works_while_names_of_deleted_secrets_stay_taken(
    lingering: LingeringSecrets, installed: Stage
) -> None:
    key = installed.key()
    for _ in range(2):
        former = installed.secret
        assert uninstall(installed) == 200
        assert lingering.gone[-1] == former
        # A client as the service makes it; the client of the tests stays unchanged for the tests that follow.
        assert read(aws_clients.secrets(config.from_environ(os.environ)), former) == "InvalidRequestException"
        installed.install()
        restore(installed)
        assert installed.look_up(key, fresh="true").json["chat_id"] == CHAT
        installed.service.clock.advance(SEEN_EVERYWHERE_S)  # so that no call waits for the rate limiter


def test_repeated_uninstall_deletes_the_secret_once(lingering: LingeringSecrets, installed: Stage) -> None:
    event, arn = unsent_uninstall(installed), installed.secret

    answers = [installed.send(event).status for _ in range(2)]

    assert answers == [200, 200]
    assert lingering.gone.count(arn) == 1
    assert installed.state == "uninstalled"


def test_late_uninstall_with_old_token_is_refused(installed: Stage) -> None:
    key, event = installed.key(), unsent_uninstall(installed)
    installed.install()
    new = installed.secret

    with installed.untouched():
        assert_refused(installed.send(event), "application_token")

    assert (installed.state, installed.secret) == ("active", new)
    assert installed.look_up(key).json["chat_id"] == CHAT


def test_late_uninstall_with_new_token_changes_nothing_while_the_portal_has_the_application(installed: Stage) -> None:
    key = installed.key()
    before = installed.record()

    with installed.untouched(["app.info"]):
        assert installed.event("ONAPPUNINSTALL").status == 200

    assert installed.record() == before
    assert installed.look_up(key).json["chat_id"] == CHAT


def test_uninstall_changes_nothing_while_the_portal_does_not_answer(installed: Stage) -> None:
    installed.answers("app.info", status=503)
    before = installed.kept()

    answer = installed.event("ONAPPUNINSTALL")

    assert answer.status == 503
    assert installed.kept() == before


def test_uninstall_event_never_received_is_detected_by_refusals_of_the_portal(installed: Stage) -> None:
    key = installed.key()
    installed.portal.installer.uninstall(installed.card.client_id, manner=Manner(send=False))

    assert problem(installed.look_up(key, fresh="true")) == (403, "portal-not-installed")

    installed.install()
    restore(installed)
    assert installed.look_up(key, fresh="true").json["chat_id"] == CHAT


def test_former_keys_are_refused_after_a_reinstallation_until_an_operator_restores_them(installed: Stage) -> None:
    keys = [installed.key(), installed.key()]
    assert installed.look_up(keys[0]).json["chat_id"] == CHAT
    assert uninstall(installed) == 200
    installed.install()

    assert [problem(installed.look_up(key)) for key in keys] == [(401, "key-rejected")] * 2
    rest = installed.service.get(f"/rest/1/{keys[0]}/im.chat.get?ENTITY_TYPE=CRM&ENTITY_ID=DEAL%7C1663")
    assert rest.status == 403
    listed = installed.service.admin("keys.list", portal=installed.portal.member_id)["keys"]
    assert [key["state"] for key in listed] == ["suspended", "suspended"]

    restored = restore(installed)

    assert [key["state"] for key in restored] == ["active", "active"]
    assert [installed.look_up(key).json["chat_id"] for key in keys] == [CHAT, CHAT]


def test_employee_cannot_reinstall_an_uninstalled_portal(installed: Stage) -> None:
    assert uninstall(installed) == 200
    installed.message()

    with installed.untouched(["profile"]):
        assert_refused(installed.contact(user_id=EMPLOYEE), "administrator")

    assert installed.state == "uninstalled"


def restore(stage: Stage) -> list[dict[str, Any]]:
    """Restore the keys that an uninstallation suspended; every process admits them at once."""
    restored: list[dict[str, Any]] = stage.service.admin("keys.restore", portal=stage.portal.member_id)["restored"]
    stage.service.cold_start()
    return restored


def uninstall(stage: Stage, **fields: str | None) -> int | None:
    """Send ONAPPUNINSTALL; return the status of the service's answer."""
    return stage.portal.installer.uninstall(stage.card.client_id, manner=Manner(fields=fields)).answer.status


def unsent_uninstall(stage: Stage) -> Message:
    """Uninstall in the portal; return the ONAPPUNINSTALL message, which is not sent."""
    outcome = stage.portal.installer.uninstall(stage.card.client_id, manner=Manner(send=False))
    return outcome.sent[0].message


def problem(reply: Reply) -> tuple[int, str]:
    return reply.status, str(reply.json["type"]).rpartition(":")[2]


def read(secrets: "SecretsManagerClient", arn: str) -> str:
    """Return the text of a secret, or the error code if it cannot be read."""
    try:
        return secrets.get_secret_value(SecretId=arn)["SecretString"]
    except ClientError as error:
        return str(error.response["Error"]["Code"])
