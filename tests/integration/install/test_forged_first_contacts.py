"""First contacts that nobody may make: each is refused in words, and leaves nothing behind (design 5, Trust).

Here the grant itself is the lie: another's, spent, lapsed, or of somebody who is no administrator. Each test looks at
all that the stores hold, at what both portals have registered, and at what the process reached for.
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

ASKED = ("oauth/token",)
"""The authorisation server was asked, and the portal was not."""
PROVED = ("oauth/token", "profile")

WAYS = {
    "frame": lambda stage, **said: stage.contact(**said),
    "frame of the application": lambda stage, **said: stage.contact(path=APP, **said),
    "ONAPPINSTALL": lambda stage, **said: stage.event("ONAPPINSTALL", **said),
    "ONAPPUPDATE": lambda stage, **said: stage.event("ONAPPUPDATE", **said),
}
"""Every way in that brings a refresh token along."""

Way = Callable[..., Answer]
each_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())


def saying(**fields: str | None) -> dict[str, str | None]:
    """Fields under the names that they have in a frame and in an event."""
    events = {"REFRESH_ID": "refresh_token", "AUTH_ID": "access_token", "DOMAIN": "domain"}
    auth = {f"auth[{events.get(name, name).lower()}]": value for name, value in fields.items()}
    return {**fields, **auth}


@each_way
def test_the_same_contact_without_a_lie_installs(stage: Stage, way: Way) -> None:
    answer = way(stage)

    assert answer.status == 200, answer
    assert (record := stage.record()) is not None
    assert (record["state"], record["kind"]) == ({"S": "active"}, {"S": "oauth"})


@each_way
def test_an_employee_cannot_install_with_his_own_tokens_and_an_application_token_of_his_choice(
    stage: Stage, way: Way
) -> None:
    with stage.untouched(PROVED):
        answer = way(stage, user_id=EMPLOYEE, fields=saying(APPLICATION_TOKEN=CHOSEN_TOKEN))

    assert_refused(answer, "administrator")


@pytest.mark.parametrize("name", ["frame", "ONAPPINSTALL", "ONAPPUPDATE"])
def test_an_employee_cannot_swap_the_application_token_of_an_installed_portal(stage: Stage, name: str) -> None:
    assert stage.contact().status == 200

    with stage.untouched(PROVED):
        answer = WAYS[name](stage, user_id=EMPLOYEE, fields=saying(APPLICATION_TOKEN=CHOSEN_TOKEN))

    assert_refused(answer, "administrator")


def test_an_employee_who_opens_the_page_of_an_installed_portal_changes_nothing(stage: Stage) -> None:
    assert stage.contact().status == 200

    with stage.untouched():
        answer = stage.contact(path=APP, user_id=EMPLOYEE, fields=saying(APPLICATION_TOKEN=CHOSEN_TOKEN))

    assert answer.status == 200
    assert "installFinish" not in answer.body


def test_an_employee_cannot_heal_a_portal_whose_grant_is_dead(stage: Stage) -> None:
    assert stage.contact().status == 200
    stage.becomes("reauthorise")

    with stage.untouched(PROVED):
        answer = stage.contact(path=APP, user_id=EMPLOYEE, fields=saying(APPLICATION_TOKEN=CHOSEN_TOKEN))

    assert_refused(answer, "administrator")


@each_way
def test_a_token_of_another_application_is_no_grant_for_ours(stage: Stage, way: Way) -> None:
    theirs = stage.grant(client_id=stage.another_card())

    with stage.untouched(ASKED):
        answer = way(stage, fields=saying(REFRESH_ID=theirs["refresh_token"], AUTH_ID=theirs["access_token"]))

    assert_refused(answer, "grant")


@each_way
def test_a_portal_cannot_speak_for_another_one(stage: Stage, way: Way) -> None:
    with stage.untouched(ASKED):
        answer = way(stage, fields=saying(member_id=stage.service.member_id))

    assert_refused(answer, "portal")


def test_a_portal_cannot_take_the_place_of_another_one_by_its_whole_address(stage: Stage) -> None:
    ours = stage.service.stack.target.local
    assert ours is not None
    theirs = {"member_id": ours.member_id, "DOMAIN": ours.domain, "SERVER_ENDPOINT": f"https://{ours.domain}/rest/"}

    with stage.untouched():
        answer = stage.contact(fields=theirs)

    # That server knows the application, and never issued the token.
    assert [call["error"] for call in stage.service.calls()] == ["invalid_grant"]
    assert_refused(answer, "grant")


@each_way
def test_a_refresh_token_serves_once(stage: Stage, way: Way) -> None:
    assert stage.contact().status == 200
    stage.becomes("reauthorise")
    granted = saying(REFRESH_ID=stage.grant()["refresh_token"])
    assert way(stage, fields=granted).status == 200
    stage.becomes("reauthorise")

    with stage.untouched(ASKED):
        answer = way(stage, fields=granted)

    assert_refused(answer, "grant")


def test_an_installation_is_not_replayed(stage: Stage) -> None:
    message = stage.message()
    assert stage.send(message).status == 200

    with stage.untouched(ASKED):
        answer = stage.send(message)

    assert_refused(answer, "grant")


def test_an_installation_is_not_replayed_after_the_uninstall(stage: Stage) -> None:
    spent, unspent = stage.message(), stage.message()
    assert stage.contact().status == 200
    assert stage.tell("/uninstall", {"client_id": stage.card.client_id})["status"] == 200

    for message in (spent, unspent):
        with stage.untouched(ASKED):
            answer = stage.send(message)
        assert_refused(answer, "grant")


@each_way
def test_a_refresh_token_that_has_lapsed_installs_nothing(stage: Stage, way: Way) -> None:
    granted = stage.grant()
    stage.tell("/expire_tokens", {"refresh": True})

    with stage.untouched(ASKED):
        answer = way(stage, fields=saying(REFRESH_ID=granted["refresh_token"]))

    assert_refused(answer, "grant")


@each_way
def test_an_administrator_who_has_left_installs_nothing(stage: Stage, way: Way) -> None:
    granted = stage.grant()
    stage.tell("/deactivate", {"user_id": ADMINISTRATOR, "active": False})

    with stage.untouched(PROVED):
        answer = way(stage, user_id=EMPLOYEE, fields=saying(REFRESH_ID=granted["refresh_token"]))

    assert_refused(answer, "administrator")


@each_way
@pytest.mark.parametrize("missing", [None, ""])
def test_an_access_token_alone_proves_nothing(stage: Stage, way: Way, missing: str | None) -> None:
    with stage.untouched():
        answer = way(stage, fields=saying(REFRESH_ID=missing))

    assert_refused(answer, "no_refresh_token")


@each_way
def test_an_invented_token_installs_nothing(stage: Stage, way: Way) -> None:
    with stage.untouched(ASKED):
        answer = way(stage, fields=saying(REFRESH_ID="f" * 70))

    assert_refused(answer, "grant")


@each_way
def test_only_listed_portals_may_install_where_there_is_a_list(
    stage: Stage, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INSTALL_MEMBERS", stage.service.member_id)
    stage.service.cold_start()

    with stage.untouched():
        assert_refused(way(stage), "member")
    with stage.untouched(ASKED):
        assert_refused(way(stage, fields=saying(member_id=stage.service.member_id)), "portal")
    with stage.untouched(ASKED):
        assert_refused(way(stage, fields=saying(member_id=None)), "member")


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
def test_nothing_but_a_plain_yes_makes_an_administrator(stage: Stage, profile: object) -> None:
    stage.answers("profile", body=profile)

    with stage.untouched(PROVED):
        answer = stage.contact(user_id=EMPLOYEE)

    assert answer.status in (403, 503)
    assert "installFinish" not in answer.body


def test_whoever_knocks_too_often_is_sent_away_before_anybody_is_called(stage: Stage) -> None:
    invented = {"REFRESH_ID": "f" * 70}
    answers = [stage.contact(fields=invented).status for _ in range(40)]

    assert set(answers) == {403, 429}
    with stage.untouched():
        answer = stage.contact(fields=invented)
    assert answer.status == 429
    stage.service.clock.advance(60)
    with stage.untouched(ASKED):
        assert_refused(stage.contact(fields=invented), "grant")


@pytest.mark.parametrize("token", [CHOSEN_TOKEN, "", None])
def test_an_uninstall_that_nothing_proves_wipes_nothing(stage: Stage, token: str | None) -> None:
    assert stage.contact().status == 200

    with stage.untouched():
        answer = stage.event("ONAPPUNINSTALL", fields={"auth[application_token]": token})

    assert_refused(answer, "application_token")


def test_an_uninstall_with_the_token_of_another_portal_wipes_nothing(stage: Stage) -> None:
    assert stage.contact().status == 200

    with stage.untouched():
        answer = stage.event("ONAPPUNINSTALL", fields={"auth[member_id]": stage.service.member_id})

    assert_refused(answer, "application_token")


def test_an_employee_who_read_the_application_token_cannot_uninstall(stage: Stage) -> None:
    assert stage.contact().status == 200

    with stage.untouched(["app.info"]):
        answer = stage.event("ONAPPUNINSTALL", user_id=EMPLOYEE)

    assert answer.status == 200


def test_an_event_at_the_address_of_the_application_is_proved_all_the_same(stage: Stage) -> None:
    forged = stage.message("event", user_id=EMPLOYEE, path=APP, fields={"event": "ONAPPUPDATE"})

    with stage.untouched(PROVED):
        assert_refused(stage.send(forged), "administrator")
    with stage.untouched():
        assert_refused(stage.request("POST", INSTALL, b"event=ONAPPINSTALL&auth=1"), "form")
