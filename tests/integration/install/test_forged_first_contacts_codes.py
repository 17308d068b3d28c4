"""The return with an authorisation code: for a link that we made, once, while it lives (bitrix24.md 3.3)."""

import pytest

from local.portal.events.http_delivery import Answer
from tests.support.portals.unknown_portal import APP, EMPLOYEE, INSTALL, Stage, assert_refused

ASKED = ("oauth/token",)
PROVED = ("oauth/token", "profile")
CODE_LIVES_S = 30
LINK_LIVES_S = 600

each_address = pytest.mark.parametrize("path", [INSTALL, APP])


def returned(stage: Stage, state: str | None, path: str = INSTALL, user_id: int = 1, **said: str | None) -> Answer:
    """A user's browser comes back with a code of his own."""
    return stage.contact("code", user_id=user_id, path=path, fields={"state": state, **said})


@each_address
def test_the_same_return_without_a_lie_installs(stage: Stage, path: str) -> None:
    answer = returned(stage, stage.link(), path)

    assert answer.status == 200, answer
    assert (record := stage.record()) is not None
    assert record["state"] == {"S": "active"}


@each_address
@pytest.mark.parametrize("state", [None, "", "invented", "x" * 5000, "../../", "a\x00b", "é"])
def test_a_code_that_nobody_asked_for_is_not_taken(stage: Stage, path: str, state: str | None) -> None:
    with stage.untouched():
        answer = returned(stage, state, path)

    assert_refused(answer, "link")


def test_a_link_serves_once(stage: Stage) -> None:
    state = stage.link()
    assert returned(stage, state).status == 200

    with stage.untouched():
        answer = returned(stage, state)

    assert_refused(answer, "link")


def test_a_link_that_is_too_old_is_not_taken(stage: Stage) -> None:
    state = stage.link()
    stage.service.clock.advance(LINK_LIVES_S + 1)

    answer = returned(stage, state)

    assert_refused(answer, "link")
    assert stage.record() is None
    assert stage.calls() == []


def test_a_link_for_another_portal_is_not_taken(stage: Stage) -> None:
    ours = stage.service.stack.target.local
    assert ours is not None

    answer = returned(stage, stage.link(ours.domain))

    assert_refused(answer, "link")
    assert stage.record() is None
    assert stage.calls() == []


def test_a_link_for_a_name_that_another_portal_answers_to_proves_that_portal_and_no_other(stage: Stage) -> None:
    state = stage.link("acme.bitrix24.com")
    before = stage.kept().secrets

    answer = returned(stage, state, domain="acme.bitrix24.com", server_domain=stage.portal.server_domain)

    assert_refused(answer, "portal")
    assert (stage.record(), stage.kept().secrets) == (None, before)


def test_a_code_that_is_too_old_is_not_taken(stage: Stage) -> None:
    state = stage.link()
    message = stage.message("code", path=INSTALL, fields={"state": state})
    stage.service.clock.advance(CODE_LIVES_S + 1)

    assert_refused(stage.send(message), "grant")
    assert stage.record() is None


def test_a_code_serves_once(stage: Stage) -> None:
    first, second = stage.link(), stage.link()
    message = stage.message("code", path=INSTALL, fields={"state": first})
    assert stage.send(message).status == 200
    before = stage.record()

    assert_refused(stage.request("GET", _with_state(message.url, first, second)), "grant")
    assert stage.record() == before


def test_an_employee_cannot_install_with_a_code(stage: Stage) -> None:
    state, before = stage.link(), stage.kept().secrets

    answer = returned(stage, state, user_id=EMPLOYEE)

    assert_refused(answer, "administrator")
    assert (stage.record(), stage.kept().secrets) == (None, before)
    assert stage.calls() == list(PROVED)


@pytest.mark.parametrize("member_id", ["another", "our own"])
def test_a_code_cannot_speak_for_another_portal(stage: Stage, member_id: str) -> None:
    said = stage.service.member_id if member_id == "our own" else "f" * 32

    answer = returned(stage, stage.link(), member_id=said)

    assert_refused(answer, "portal")
    assert stage.record() is None
    assert stage.calls() == list(ASKED)


@pytest.mark.parametrize(
    "server",
    [
        "{listener}",
        "attacker.example",
        "{server}@{listener}",
        "{listener}/{server}",
        "{server}.",
        "x" * 400,
        "a b",
        "[",
    ],
)
def test_a_code_is_shown_to_no_server_but_those_on_the_list(stage: Stage, server: str) -> None:
    said = server.format(listener=stage.listener.host, server=stage.portal.server_domain)

    answer = returned(stage, stage.link(), server_domain=said)

    assert answer.status == 403
    assert "installFinish" not in answer.body
    assert stage.listener.heard == []
    assert (stage.record(), stage.calls()) == (None, [])


def test_links_are_not_made_faster_than_somebody_needs_them(stage: Stage) -> None:
    path = f"{INSTALL}?portal={stage.portal.domain}"
    statuses = [stage.request("GET", path).status for _ in range(40)]

    assert set(statuses) == {302, 429}
    assert len([item for item in stage.kept().items if "STATE#" in item]) == statuses.count(302)


def _with_state(url: str, before: str, after: str) -> str:
    """The path of an address with another state in it."""
    return INSTALL + "?" + url.partition("?")[2].replace(before, after)
