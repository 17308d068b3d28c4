"""Forged first contacts: each is refused with a readable page, and changes nothing (design 5, Trust).

Here the grant itself is forged: of another portal, used, expired, or of a user who is no administrator. Each test
checks all that the stores hold, what both portals have registered, and the hosts to which the process connected.
"""

from collections.abc import Callable

import pytest

from local.portal.events.http_delivery import Answer
from tests.support.portals.unknown_portal import (
    ADMINISTRATOR,
    APP,
    CHOSEN_TOKEN,
    EMPLOYEE,
    INSTALL,
    Stage,
    assert_refused,
)

REFRESHED = ("oauth/token",)
"""The authorisation server is called, the portal is not."""
PROVED = ("oauth/token", "profile")
VISITED = ("profile",)
"""The known portal is called with the offered access token, and settles it."""
BOTH = ("profile", "oauth/token")

WAYS = {
    "frame": lambda stage, **fields: stage.contact(**fields),
    "frame of the application": lambda stage, **fields: stage.contact(path=APP, **fields),
    "ONAPPINSTALL": lambda stage, **fields: stage.event("ONAPPINSTALL", **fields),
    "ONAPPUPDATE": lambda stage, **fields: stage.event("ONAPPUPDATE", **fields),
}
"""Every kind of first contact that contains a refresh token."""

Way = Callable[..., Answer]
each_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())


def named_fields(**fields: str | None) -> dict[str, str | None]:
    """Return the fields under their names in a frame and in an event."""
    events = {"REFRESH_ID": "refresh_token", "AUTH_ID": "access_token", "DOMAIN": "domain"}
    auth = {f"auth[{events.get(name, name).lower()}]": value for name, value in fields.items()}
    return {**fields, **auth}


@each_way
def test_genuine_contact_installs(stage: Stage, way: Way) -> None:
    answer = way(stage)

    assert answer.status == 200, answer
    assert (record := stage.record()) is not None
    assert (record["state"], record["kind"]) == ({"S": "active"}, {"S": "oauth"})


@each_way
def test_employee_cannot_install_with_own_tokens_and_a_chosen_application_token(stage: Stage, way: Way) -> None:
    with stage.untouched(PROVED):
        answer = way(stage, user_id=EMPLOYEE, fields=named_fields(APPLICATION_TOKEN=CHOSEN_TOKEN))

    assert_refused(answer, "administrator")


@pytest.mark.parametrize("name", ["frame", "ONAPPINSTALL", "ONAPPUPDATE"])
def test_employee_cannot_replace_the_application_token_of_an_installed_portal(stage: Stage, name: str) -> None:
    stage.install()

    with stage.untouched(VISITED):
        answer = WAYS[name](stage, user_id=EMPLOYEE, fields=named_fields(APPLICATION_TOKEN=CHOSEN_TOKEN))

    assert_refused(answer, "administrator")


def test_page_with_a_forged_application_token_changes_nothing_and_calls_no_portal(
    stage: Stage,
) -> None:
    stage.install()

    with stage.untouched():
        answer = stage.contact(path=APP, user_id=EMPLOYEE, fields=named_fields(APPLICATION_TOKEN=CHOSEN_TOKEN))

    assert answer.status == 403
    assert "installFinish" not in answer.body


def test_employee_cannot_restore_a_dead_grant(stage: Stage) -> None:
    stage.install()
    stage.set_state("reauthorise")

    with stage.untouched(VISITED):
        answer = stage.contact(path=APP, user_id=EMPLOYEE, fields=named_fields(APPLICATION_TOKEN=CHOSEN_TOKEN))

    assert_refused(answer, "administrator")


@each_way
def test_token_of_another_application_is_refused(stage: Stage, way: Way) -> None:
    theirs = stage.grant(client_id=stage.another_card())

    with stage.untouched(REFRESHED):
        answer = way(stage, fields=named_fields(REFRESH_ID=theirs["refresh_token"], AUTH_ID=theirs["access_token"]))

    assert_refused(answer, "grant")


@each_way
def test_member_id_of_another_portal_is_refused(stage: Stage, way: Way) -> None:
    with stage.untouched(REFRESHED):
        answer = way(stage, fields=named_fields(member_id=stage.service.member_id))

    assert_refused(answer, "portal")


def test_all_addresses_of_another_portal_do_not_make_the_grant_valid(stage: Stage) -> None:
    ours = stage.service.stack.target.local
    assert ours is not None
    theirs = {"member_id": ours.member_id, "DOMAIN": ours.domain, "SERVER_ENDPOINT": f"https://{ours.domain}/rest/"}

    with stage.untouched():
        answer = stage.contact(fields=theirs)

    # That portal is known, and does not accept the access token: its authorisation server is not called.
    assert [(call["method"], call["error"]) for call in stage.service.calls()] == [("profile", "NO_AUTH_FOUND")]
    assert_refused(answer, "grant")


@each_way
def test_used_refresh_token_is_refused(stage: Stage, way: Way) -> None:
    stage.install()
    stage.set_state("reauthorise")
    granted = named_fields(REFRESH_ID=stage.grant()["refresh_token"])
    assert way(stage, fields=granted).status == 200
    stage.set_state("reauthorise")

    with stage.untouched(BOTH):
        answer = way(stage, fields=granted)

    assert_refused(answer, "card")


def test_replayed_installation_is_refused(stage: Stage) -> None:
    message = stage.message()
    assert stage.send(message).status == 200

    with stage.untouched(BOTH):
        answer = stage.send(message)

    assert_refused(answer, "card")


def test_replayed_installation_is_refused_after_the_uninstall(stage: Stage) -> None:
    spent, unspent = stage.message(), stage.message()
    stage.install()
    assert stage.tell("/uninstall", {"client_id": stage.card.client_id})["status"] == 200

    for message in (spent, unspent):
        with stage.untouched(VISITED):
            answer = stage.send(message)
        assert_refused(answer, "grant")


@each_way
def test_expired_refresh_token_is_refused(stage: Stage, way: Way) -> None:
    granted = stage.grant()
    stage.tell("/expire_tokens", {"refresh": True})

    with stage.untouched(REFRESHED):
        answer = way(stage, fields=named_fields(REFRESH_ID=granted["refresh_token"]))

    assert_refused(answer, "grant")


@each_way
def test_grant_of_deactivated_administrator_is_refused(stage: Stage, way: Way) -> None:
    granted = stage.grant()
    stage.tell("/deactivate", {"user_id": ADMINISTRATOR, "active": False})

    with stage.untouched(PROVED):
        answer = way(stage, user_id=EMPLOYEE, fields=named_fields(REFRESH_ID=granted["refresh_token"]))

    assert_refused(answer, "administrator")


@each_way
@pytest.mark.parametrize("missing", [None, ""])
def test_contact_without_refresh_token_is_refused(stage: Stage, way: Way, missing: str | None) -> None:
    with stage.untouched():
        answer = way(stage, fields=named_fields(REFRESH_ID=missing))

    assert_refused(answer, "no_refresh_token")


@each_way
def test_invented_refresh_token_is_refused(stage: Stage, way: Way) -> None:
    with stage.untouched(REFRESHED):
        answer = way(stage, fields=named_fields(REFRESH_ID="f" * 70))

    assert_refused(answer, "grant")


@each_way
def test_portal_outside_the_install_list_is_refused(stage: Stage, way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSTALL_MEMBERS", stage.service.member_id)
    stage.service.cold_start()

    with stage.untouched():
        assert_refused(way(stage), "member")
    with stage.untouched(REFRESHED):
        assert_refused(way(stage, fields=named_fields(member_id=stage.service.member_id)), "portal")
    with stage.untouched(REFRESHED):
        assert_refused(way(stage, fields=named_fields(member_id=None)), "member")


@pytest.mark.parametrize(
    "profile",
    [
        {"result": {"ID": "2", "ADMIN": "true"}},
        {"result": {"ID": "2", "ADMIN": 1}},
        {"result": {"ID": "2", "ADMIN": "Y"}},
        {"result": {"ID": "2", "admin": True}},
        {"result": {"ID": "2"}},
        {"result": [{"ADMIN": True}]},
        {"result": []},
        {"result": True},
        {"ADMIN": True},
        {"error": "ACCESS_DENIED", "ADMIN": True},
    ],
    ids=str,
)
def test_profile_without_literal_admin_true_is_no_administrator(stage: Stage, profile: object) -> None:
    stage.answers("profile", body=profile)

    with stage.untouched(PROVED):
        answer = stage.contact(user_id=EMPLOYEE)

    assert answer.status in (403, 503)
    assert "installFinish" not in answer.body


def test_too_frequent_contacts_are_refused_before_any_host_is_called(stage: Stage) -> None:
    answers = [stage.contact(fields={"REFRESH_ID": f"{number}" * 70}).status for number in range(8)]

    assert answers == [403] * 2 + [429] * 6
    with stage.untouched():
        answer = stage.contact(fields={"REFRESH_ID": "f" * 70})
    assert answer.status == 429
    stage.service.clock.advance(60)
    with stage.untouched(REFRESHED):
        assert_refused(stage.contact(fields={"REFRESH_ID": "f" * 70}), "grant")


def test_refused_contact_that_comes_again_is_refused_without_a_call(stage: Stage) -> None:
    invented = {"REFRESH_ID": "f" * 70}
    with stage.untouched(REFRESHED):
        assert_refused(stage.contact(fields=invented), "grant")
    with stage.untouched():
        for _ in range(5):
            assert_refused(stage.contact(fields=invented), "grant")


@pytest.mark.parametrize("token", [CHOSEN_TOKEN, "", None])
def test_uninstall_without_valid_application_token_is_refused(stage: Stage, token: str | None) -> None:
    stage.install()

    with stage.untouched():
        answer = stage.event("ONAPPUNINSTALL", fields={"auth[application_token]": token})

    assert_refused(answer, "application_token")


def test_uninstall_with_the_token_of_another_portal_is_refused(stage: Stage) -> None:
    stage.install()

    with stage.untouched():
        answer = stage.event("ONAPPUNINSTALL", fields={"auth[member_id]": stage.service.member_id})

    assert_refused(answer, "application_token")


def test_uninstall_by_employee_with_the_application_token_changes_nothing(stage: Stage) -> None:
    stage.install()

    with stage.untouched(["app.info"]):
        answer = stage.event("ONAPPUNINSTALL", user_id=EMPLOYEE)

    assert answer.status == 200


def test_event_at_the_application_address_needs_proof_too(stage: Stage) -> None:
    forged = stage.message("event", user_id=EMPLOYEE, path=APP, fields={"event": "ONAPPUPDATE"})

    with stage.untouched(PROVED):
        assert_refused(stage.send(forged), "administrator")
    with stage.untouched():
        assert_refused(stage.request("POST", INSTALL, b"event=ONAPPINSTALL&auth=1"), "form")
