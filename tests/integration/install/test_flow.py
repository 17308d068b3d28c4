"""A portal installs, opens, updates, removes and reinstalls the application, over HTTPS as portals do it.

The portal is another one than the service's own, which no test here may change (`first_contact`).
"""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from local.portal.events.http_delivery import Answer
from local.portal.events.installer import Kind, Manner, Outcome
from tests.support.portals.unknown_portal import ADMINISTRATOR, EMPLOYEE, Stage

BOT_CODE = "chat_lookup"
EVENTS = {"ONAPPINSTALL", "ONAPPUPDATE", "ONAPPUNINSTALL"}


def install(stage: Stage, kind: Kind = "interface", user_id: int = ADMINISTRATOR, **fields: str | None) -> Outcome:
    """Install as the portal does; an authorisation code returns with the state of a link that the service made."""
    if kind == "code":
        fields["state"] = stage.link()
    return stage.portal.installer.install(stage.card.client_id, kind=kind, user_id=user_id, manner=Manner("", fields))


def visit(stage: Stage, user_id: int = ADMINISTRATOR) -> Answer:
    return stage.portal.installer.visit(stage.card.client_id, user_id=user_id).answer


def state(stage: Stage) -> str:
    """The state of the portal's record; empty without one."""
    record = stage.record()
    return str(record["state"]["S"]) if record else ""


def bots(stage: Stage) -> list[dict[str, Any]]:
    return [bot for bot in stage.ask("/bots") if bot["code"].startswith(BOT_CODE)]


def bindings(stage: Stage) -> list[tuple[str, str]]:
    return [
        (binding["event"], binding["handler"])
        for installation in stage.ask("/installs")
        for binding in installation["bindings"]
        if binding["event"] in EVENTS
    ]


def assert_bound_once(stage: Stage, address: str = "") -> None:
    """Each event is bound once, to the address of the service."""
    address = address or stage.service.stack.addresses.api_https_url
    assert sorted(bindings(stage)) == sorted((event, f"{address}/bitrix24/install") for event in EVENTS)


def look_up(stage: Stage) -> dict[str, Any]:
    """Look up a chat in this portal with its stored grant."""
    found: dict[str, Any] = stage.service.direct(
        {"portal": stage.portal.member_id, "entity_type": "CRM", "entity_id": "DEAL|1663"}
    )
    return found


def secrets_of(stage: Stage) -> set[str]:
    """The ARNs of secrets that hold a grant of this portal; secrets left by other tests included."""
    arns = [json.loads(each)[0] for each in stage.kept().secrets]
    held = {arn: stage.secrets.get_secret_value(SecretId=arn)["SecretString"] for arn in arns if "/portal/" in arn}
    return {arn for arn, secret in held.items() if json.loads(secret).get("member_id") == stage.portal.member_id}


@pytest.mark.parametrize("kind", ["interface", "event", "code"])
def test_installed_portal_has_record_bot_and_bindings_and_answers_look_ups(stage: Stage, kind: Kind) -> None:
    outcome = install(stage, kind)
    assert (outcome.answer.status, outcome.finished) == (200, True)
    assert state(stage) == "active"
    (bot,) = bots(stage)
    assert bot["commands"]
    assert_bound_once(stage)
    assert look_up(stage)["chat_id"] > 0


def test_install_event_is_answered_with_the_documented_body(stage: Stage) -> None:
    assert json.loads(install(stage, "event").answer.body) == {"status": "success"}


def test_frame_of_older_portal_installs(stage: Stage) -> None:
    stage.tell("/shape", {"frame": "old"})
    assert install(stage).finished
    assert state(stage) == "active"
    # When the installation is finished, the portal sends the application token with the event that follows.
    record = stage.record()
    assert record is not None
    assert len(record["application_tokens"]["SS"]) == 1


def test_second_installation_leaves_one_bot_one_set_of_bindings_and_one_record(stage: Stage) -> None:
    install(stage)
    first = bots(stage)
    install(stage)
    assert bots(stage) == first
    assert_bound_once(stage)
    portals = stage.service.admin("portals")["portals"]
    assert [portal["member_id"] for portal in portals].count(stage.portal.member_id) == 1


def test_two_browsers_installing_at_once_leave_one_bot_one_set_of_bindings_and_one_secret(stage: Stage) -> None:
    before, messages = secrets_of(stage), [stage.message() for _ in range(2)]
    with ThreadPoolExecutor(2) as browsers:
        answers = list(browsers.map(stage.send, messages))
    assert [answer.status for answer in answers] == [200, 200]
    assert len(bots(stage)) == 1
    assert_bound_once(stage, stage.service.api_url.replace("http:", "https:"))  # messages are sent to this address
    assert len(secrets_of(stage) - before) == 1
    assert look_up(stage)["chat_id"] > 0


def test_next_installation_deletes_the_former_secret(stage: Stage) -> None:
    before = secrets_of(stage)
    install(stage)
    (first,) = secrets_of(stage) - before
    install(stage)
    (second,) = secrets_of(stage) - before
    assert second != first


def test_installation_without_bot_scope_succeeds_and_the_page_reports_the_missing_bot(stage: Stage) -> None:
    stage.tell("/scopes", {"client_id": stage.card.client_id, "scopes": ["im"]})
    outcome = install(stage)
    stage.tell("/scopes", {"client_id": stage.card.client_id, "scopes": ["im", "imbot"]})
    assert outcome.finished
    assert "There is no bot in the chats" in outcome.answer.body
    assert look_up(stage)["chat_id"] > 0


def test_bot_is_registered_by_v1_methods_where_the_portal_has_no_v2(stage: Stage) -> None:
    stage.tell("/shape", {"bot_api": "v1"})
    assert install(stage).finished
    record = stage.record()
    assert record is not None
    assert record["bot_api"]["S"] == "v1"
    assert [method for method in stage.calls() if method.startswith("imbot.")] != []


def test_update_binds_events_again_and_replaces_the_application_token(stage: Stage) -> None:
    install(stage)
    former = stage.record()
    outcome = stage.portal.installer.update(stage.card.client_id)
    assert outcome.answer.status == 200
    now = stage.record()
    assert former is not None
    assert now is not None
    assert now["application_tokens"] != former["application_tokens"]
    assert len(now["application_tokens"]["SS"]) == 1
    assert_bound_once(stage)


def test_uninstall_closes_the_portal_and_new_installation_reopens_it_at_once(stage: Stage) -> None:
    before = secrets_of(stage)
    install(stage)
    assert look_up(stage)["chat_id"] > 0
    stage.portal.installer.uninstall(stage.card.client_id)
    assert state(stage) == "uninstalled"
    assert secrets_of(stage) == before
    with pytest.raises(Exception, match="uninstalled") as raised:
        look_up(stage)
    assert type(raised.value).__name__ == "PortalNotInstalled"
    install(stage)
    assert look_up(stage)["source"] == "portal"  # answers cached before the uninstall are not served
    assert len(bots(stage)) == 1


def test_late_uninstall_does_not_change_a_newer_installation(stage: Stage) -> None:
    install(stage)
    late = stage.portal.installer.uninstall(stage.card.client_id, manner=Manner(send=False)).sent[0].message
    install(stage)
    record = stage.record()
    assert record is not None
    assert stage.send(late).status == 403  # the new installation has another application token
    assert stage.record() == record
    assert look_up(stage)["chat_id"] > 0


@pytest.mark.usefixtures("leaping_clock")
@pytest.mark.parametrize("how", ["refused", "closed"])
def test_visit_of_administrator_restores_dead_grant_and_employee_is_referred_to_administrator(
    stage: Stage, how: str
) -> None:
    install(stage)
    if how == "refused":
        stage.tell("/expire_tokens", {"client_id": stage.card.client_id, "refresh": True})
        with pytest.raises(Exception, match="administrator"):
            look_up(stage)
    else:
        stage.set_state("reauthorise")
    assert state(stage) == "reauthorise"
    answer = visit(stage, EMPLOYEE)
    assert (answer.status, "ask one" in answer.body) == (403, True)
    assert state(stage) == "reauthorise"
    answer = visit(stage)
    assert (answer.status, "is installed" in answer.body) == (200, True)
    assert state(stage) == "active"
    stage.service.cold_start()
    assert look_up(stage)["chat_id"] > 0


def test_visit_to_active_portal_asks_it_for_the_visitor_only(stage: Stage) -> None:
    install(stage)
    before = len(stage.calls())
    for user_id in (ADMINISTRATOR, EMPLOYEE):
        answer = visit(stage, user_id)
        assert (answer.status, "data-session" in answer.body) == (200, True)
    assert stage.calls()[before:] == ["profile", "profile"]


def test_rebind_command_sends_the_new_public_url_to_the_portal(stage: Stage) -> None:
    install(stage)
    moved = "https://chats.acme.example"
    answer = stage.service.admin("portal.rebind", portal=stage.portal.member_id, public_url=moved)
    assert (answer["public_url"], answer["remarks"]) == (moved, [])
    assert_bound_once(stage, moved)
    (bot,) = bots(stage)
    assert moved in json.dumps(bot)


def test_forgotten_portal_leaves_no_items_and_no_secrets(stage: Stage) -> None:
    before = stage.kept()
    install(stage)
    look_up(stage)
    stage.service.admin("keys.create", portal=stage.portal.member_id, label="crm")
    answer = stage.service.admin("portal.forget", portal=stage.portal.member_id)
    assert (answer["keys"], answer["rows"]) == (1, 1)
    assert stage.kept() == before


def test_keepalive_renews_grants_before_they_expire(stage: Stage) -> None:
    install(stage)
    stage.tell("/clock", {"advance_s": 175 * 86_400})
    stage.service.cold_start()
    refreshes = stage.calls().count("oauth/token")
    answer = stage.service.stack.backend.functions.invoke("KeepaliveFunction", {})
    assert isinstance(answer, dict)
    assert answer["renewed"] == 1
    assert stage.calls().count("oauth/token") == refreshes + 1
    assert stage.service.stack.backend.functions.invoke("KeepaliveFunction", {}) == dict.fromkeys(answer, 0)
    stage.service.cold_start()
    assert look_up(stage)["chat_id"] > 0
