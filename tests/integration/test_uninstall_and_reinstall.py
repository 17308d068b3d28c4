"""The application is taken out of a portal, put in again, forgotten: what is over is over, and what is new works at once."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError

from chat_lookup import bootstrap
from local.portal.installer import Manner
from tests.integration.first_contact import EMPLOYEE, Stage, assert_refused
from tests.integration.service import Reply

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

SEEN_EVERYWHERE_S: Final = 30.0
"""Within this time an uninstalled portal is seen by every process (design 3.1)."""
PAIR: Final = {"entity_type": "CRM", "entity_id": "DEAL|1663"}
CHAT: Final = 1437


def key_of(stage: Stage) -> str:
    key: str = stage.service.admin("keys.create", portal=stage.portal.member_id, label="test")["key"]
    return key


def look_up(stage: Stage, key: str, **options: str) -> Reply:
    query = "&".join(f"{name}={value}" for name, value in {**PAIR, **options}.items()).replace("|", "%7C")
    return stage.service.get(f"/v1/chats?{query}", {"X-Api-Key": key})


def uninstall(stage: Stage, **said: str | None) -> int | None:
    """What the service answered to ONAPPUNINSTALL."""
    return stage.portal.installer.uninstall(stage.card.client_id, manner=Manner(fields=said)).answer.status


def problem(reply: Reply) -> tuple[int, str]:
    return reply.status, str(reply.json["type"]).rpartition(":")[2]


@pytest.fixture
def installed(stage: Stage) -> Stage:
    """The stranger's portal, installed as one that is to be hurried."""
    stage.tell("/plan", {"rate": 1000, "burst": 10_000})
    assert stage.contact().status == 200
    return stage


@pytest.fixture
def other_process(installed: Stage, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Puts on a process with a memory of its own, which was there all the time, in place of the one that heard the
    events."""
    remembering = bootstrap.services()
    installed.service.cold_start()

    def put_on() -> None:
        monkeypatch.setattr(bootstrap, "services", lambda: remembering)

    return put_on


def test_a_look_up_after_the_uninstall_says_so_at_once(installed: Stage) -> None:
    key = key_of(installed)
    assert look_up(installed, key).json["chat_id"] == CHAT

    assert uninstall(installed) == 200

    assert problem(look_up(installed, key)) == (403, "portal-not-installed")


def test_every_other_process_says_so_within_30_seconds(installed: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    key = key_of(installed)
    assert look_up(installed, key).json["source"] == "portal"
    # Two processes, each with a memory of its own: one hears of the uninstall, and the other one does not.
    other = bootstrap.services()
    installed.service.cold_start()
    assert uninstall(installed) == 200
    monkeypatch.setattr(bootstrap, "services", lambda: other)

    installed.service.clock.advance(SEEN_EVERYWHERE_S)

    assert problem(look_up(installed, key)) == (403, "portal-not-installed")
    assert problem(look_up(installed, key, fresh="true")) == (403, "portal-not-installed")


def test_the_uninstall_leaves_no_tokens(installed: Stage) -> None:
    arn = secret_of(installed)

    assert uninstall(installed) == 200

    assert_gone(installed.secrets, arn)
    assert arn not in "".join(installed.kept().secrets)


def test_the_portal_is_not_called_any_more(installed: Stage) -> None:
    key = key_of(installed)
    assert uninstall(installed) == 200
    before = len(installed.calls())

    for _ in range(3):
        look_up(installed, key, fresh="true")
        installed.service.clock.advance(3 * SEEN_EVERYWHERE_S)

    assert installed.calls()[before:] == []


@pytest.mark.parametrize("clean", [True, False])
def test_old_answers_are_not_served_after_a_new_installation(installed: Stage, clean: bool) -> None:
    key = key_of(installed)
    assert look_up(installed, key).json["source"] == "portal"
    assert look_up(installed, key).json["source"] == "cache"

    assert uninstall(installed, **{"data[CLEAN]": "1" if clean else "0"}) == 200
    assert installed.contact().status == 200

    # And where the portal fails at this very moment, nothing that is stale is served either.
    installed.answers("im.chat.get", status=500)
    assert look_up(installed, key).status == 503
    installed.tell("/faults", [])
    assert look_up(installed, key).json["source"] == "portal"


def test_a_new_installation_works_at_once(installed: Stage) -> None:
    key, before = key_of(installed), secret_of(installed)

    assert uninstall(installed) == 200
    assert installed.contact().status == 200

    assert look_up(installed, key).json["chat_id"] == CHAT
    assert secret_of(installed) != before


@dataclass
class Lingering:
    """Secrets Manager as it is and moto is not: who was deleted is refused for days, by name and by ARN."""

    gone: list[str] = field(default_factory=list)

    def attach(self, client: "SecretsManagerClient") -> None:
        for action in ("CreateSecret", "GetSecretValue", "PutSecretValue", "DeleteSecret", "DescribeSecret"):
            client.meta.events.register(f"before-parameter-build.secretsmanager.{action}", self._note)
            client.meta.events.register(f"before-call.secretsmanager.{action}", self._answer)

    def _note(self, params: dict[str, Any], context: dict[str, Any], **_: object) -> None:
        context["named"] = params.get("SecretId") or params.get("Name")

    def _answer(self, model: Any, context: dict[str, Any], **_: object) -> object:
        named = str(context["named"])
        if any(named in (arn, name_of(arn)) for arn in self.gone):
            said = {"Code": "InvalidRequestException", "Message": "a secret with this name is scheduled for deletion"}
            return AWSResponse("", 400, {}, None), {
                "Error": said,
                "ResponseMetadata": {"HTTPStatusCode": 400, "HTTPHeaders": {}, "RetryAttempts": 0},
            }
        if model.name == "DeleteSecret":
            self.gone.append(named)
        return None


def name_of(arn: str) -> str:
    """A secret's name: its ARN ends in it, with six characters of Secrets Manager's own."""
    return arn.rpartition(":secret:")[2].rpartition("-")[0]


@pytest.fixture
def lingering(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lingering]:
    """From here on, what is deleted stays taken."""
    made, rule = bootstrap._secrets, Lingering()

    def lingering_client(settings: Any) -> "SecretsManagerClient":
        client = made(settings)
        rule.attach(client)
        return client

    monkeypatch.setattr(bootstrap, "_secrets", lingering_client)
    stage.service.cold_start()
    yield rule
    monkeypatch.undo()
    stage.service.cold_start()


def test_a_new_installation_works_although_deleted_names_stay_taken(lingering: Lingering, installed: Stage) -> None:
    key = key_of(installed)
    for _ in range(2):
        former = secret_of(installed)
        assert uninstall(installed) == 200
        assert lingering.gone[-1] == former
        with pytest.raises(ClientError, match="scheduled for deletion"):
            taken(lingering, installed, former)

        assert installed.contact().status == 200
        assert look_up(installed, key, fresh="true").json["chat_id"] == CHAT


def test_an_uninstall_that_comes_twice_is_over_the_second_time(lingering: Lingering, installed: Stage) -> None:
    event = written_uninstall(installed)
    uninstall(installed)

    answers = [installed.send(event).status for _ in range(2)]

    assert answers == [200, 200]
    assert len(lingering.gone) == 1
    assert state_of(installed) == "uninstalled"


def test_a_late_uninstall_never_wipes_the_new_installation(installed: Stage) -> None:
    key, event = key_of(installed), written_uninstall(installed)
    assert installed.contact().status == 200
    new = secret_of(installed)

    with installed.untouched():
        assert_refused(installed.send(event), "application_token")

    assert (state_of(installed), secret_of(installed)) == ("active", new)
    assert look_up(installed, key).json["chat_id"] == CHAT


def test_a_late_uninstall_that_knows_the_new_token_wipes_nothing_either(installed: Stage) -> None:
    key = key_of(installed)
    before = installed.record()

    with installed.untouched(["app.info"]):
        assert installed.event("ONAPPUNINSTALL").status == 200

    assert installed.record() == before
    assert look_up(installed, key).json["chat_id"] == CHAT


def test_an_uninstall_while_the_portal_does_not_answer_wipes_nothing(installed: Stage) -> None:
    installed.answers("app.info", status=503)
    before = installed.kept()

    answer = installed.event("ONAPPUNINSTALL")

    assert answer.status == 503
    assert installed.kept() == before


def test_a_portal_whose_uninstall_was_never_heard_is_told_by_its_refusals(installed: Stage) -> None:
    key = key_of(installed)
    installed.portal.installer.uninstall(installed.card.client_id, manner=Manner(send=False))

    assert problem(look_up(installed, key, fresh="true")) == (403, "portal-not-installed")

    assert installed.contact().status == 200
    assert look_up(installed, key, fresh="true").json["chat_id"] == CHAT


def test_what_is_forgotten_is_gone_without_a_trace(installed: Stage) -> None:
    keys = [key_of(installed), key_of(installed)]
    arn, member_id = secret_of(installed), installed.portal.member_id
    for options in ({}, {"entity_id": "LEAD|13"}, {"entity_id": "DEAL|404"}, {"expand": "chat"}):
        look_up(installed, keys[0], **options)

    installed.service.admin("portal.forget", portal=member_id)

    kept = installed.kept()
    assert [item for item in kept.items if member_id in item or installed.portal.domain in item] == []
    assert arn not in "".join(kept.secrets)
    assert_gone(installed.secrets, arn)
    assert [look_up(installed, key).status for key in keys] == [401, 401]
    listed = installed.service.admin("portals")["portals"]
    assert member_id not in [portal["member_id"] for portal in listed]


def test_nothing_of_a_forgotten_portal_comes_back_with_it(installed: Stage) -> None:
    former = key_of(installed)
    assert look_up(installed, former).json["source"] == "portal"
    installed.service.admin("portal.forget", portal=installed.portal.member_id)

    assert installed.contact().status == 200

    assert look_up(installed, former).status == 401
    assert look_up(installed, key_of(installed)).json["source"] == "portal"


def test_another_portal_keeps_everything_when_one_is_forgotten(installed: Stage) -> None:
    service = installed.service
    assert service.look_up("CRM", "DEAL|1663").json["chat_id"] == CHAT
    before = [item for item in installed.kept().items if service.member_id in item]

    service.admin("portal.forget", portal=installed.portal.member_id)

    assert [item for item in installed.kept().items if service.member_id in item] == before
    assert service.look_up("CRM", "DEAL|1663").json["source"] == "cache"


def test_an_employee_cannot_bring_back_what_was_uninstalled(installed: Stage) -> None:
    assert uninstall(installed) == 200
    installed.message()

    with installed.untouched(["oauth/token", "profile"]):
        assert_refused(installed.contact(user_id=EMPLOYEE), "administrator")

    assert state_of(installed) == "uninstalled"


def secret_of(stage: Stage) -> str:
    record = stage.record()
    assert record is not None
    arn: str = record["secret_arn"]["S"]
    return arn


def state_of(stage: Stage) -> str:
    record = stage.record()
    assert record is not None
    state: str = record["state"]["S"]
    return state


def written_uninstall(stage: Stage) -> Any:
    """ONAPPUNINSTALL on paper; the application is out of the portal."""
    outcome = stage.portal.installer.uninstall(stage.card.client_id, manner=Manner(send=False))
    return outcome.sent[0].message


def taken(rule: Lingering, stage: Stage, arn: str) -> None:
    """Make a secret of a name that was deleted."""
    client = stage.service.stack.backend.aws.secrets()
    rule.attach(client)
    client.create_secret(Name=name_of(arn), SecretString=json.dumps({}))


def assert_gone(secrets: "SecretsManagerClient", arn: str) -> None:
    with pytest.raises(ClientError) as caught:
        secrets.get_secret_value(SecretId=arn)
    assert caught.value.response["Error"]["Code"] in ("ResourceNotFoundException", "InvalidRequestException")
