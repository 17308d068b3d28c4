"""The return with an authorisation code: valid once, with an unexpired link of the service (bitrix24.md 3.3)."""

import pytest

from local.portal.events.http_delivery import Answer
from tests.support.portals.unknown_portal import APP, EMPLOYEE, INSTALL, Stage, assert_refused

EXCHANGED = ("oauth/token",)
PROVED = ("oauth/token", "profile")
CODE_LIVES_S = 30
LINK_LIVES_S = 600

each_address = pytest.mark.parametrize("path", [INSTALL, APP])


def returned(stage: Stage, state: str | None, path: str = INSTALL, user_id: int = 1, **fields: str | None) -> Answer:
    """The browser of a user returns with an authorisation code of this user."""
    return stage.contact("code", user_id=user_id, path=path, fields={"state": state, **fields})


@each_address
def test_genuine_return_with_a_code_installs(stage: Stage, path: str) -> None:
    answer = returned(stage, stage.link(), path)

    assert answer.status == 200, answer
    assert (record := stage.record()) is not None
    assert record["state"] == {"S": "active"}


@each_address
@pytest.mark.parametrize("state", [None, "", "invented", "x" * 5000, "../../", "a\x00b", "é"])
def test_code_without_a_link_of_the_service_is_refused(stage: Stage, path: str, state: str | None) -> None:
    with stage.untouched():
        answer = returned(stage, state, path)

    assert_refused(answer, "link")


def test_used_link_is_refused(stage: Stage) -> None:
    state = stage.link()
    assert returned(stage, state).status == 200

    with stage.untouched():
        answer = returned(stage, state)

    assert_refused(answer, "link")


def test_expired_link_is_refused(stage: Stage) -> None:
    state = stage.link()
    stage.service.clock.advance(LINK_LIVES_S + 1)

    answer = returned(stage, state)

    assert_refused(answer, "link")
    assert stage.record() is None
    assert stage.calls() == []


def test_link_for_another_portal_is_refused(stage: Stage) -> None:
    ours = stage.service.stack.target.local
    assert ours is not None

    answer = returned(stage, stage.link(ours.domain))

    assert_refused(answer, "link")
    assert stage.record() is None
    assert stage.calls() == []


def test_link_for_a_domain_that_another_portal_owns_is_refused(stage: Stage) -> None:
    state = stage.link("acme.bitrix24.com")
    before = stage.kept().secrets

    answer = returned(stage, state, domain="acme.bitrix24.com", server_domain=stage.portal.server_domain)

    assert_refused(answer, "portal")
    assert (stage.record(), stage.kept().secrets) == (None, before)


def test_expired_code_is_refused(stage: Stage) -> None:
    state = stage.link()
    message = stage.message("code", path=INSTALL, fields={"state": state})
    stage.service.clock.advance(CODE_LIVES_S + 1)

    assert_refused(stage.send(message), "grant")
    assert stage.record() is None


def test_used_code_is_refused(stage: Stage) -> None:
    first, second = stage.link(), stage.link()
    message = stage.message("code", path=INSTALL, fields={"state": first})
    assert stage.send(message).status == 200
    before = stage.record()

    assert_refused(stage.request("GET", _with_state(message.url, first, second)), "grant")
    assert stage.record() == before


def test_employee_cannot_install_with_a_code(stage: Stage) -> None:
    state, before = stage.link(), stage.kept().secrets

    answer = returned(stage, state, user_id=EMPLOYEE)

    assert_refused(answer, "administrator")
    assert (stage.record(), stage.kept().secrets) == (None, before)
    assert stage.calls() == list(PROVED)


@pytest.mark.parametrize("member_id", ["another", "our own"])
def test_code_with_the_member_id_of_another_portal_is_refused(stage: Stage, member_id: str) -> None:
    offered = stage.service.member_id if member_id == "our own" else "f" * 32

    answer = returned(stage, stage.link(), member_id=offered)

    assert_refused(answer, "portal")
    assert stage.record() is None
    assert stage.calls() == list(EXCHANGED)


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
def test_code_is_sent_only_to_listed_servers(stage: Stage, server: str) -> None:
    host = server.format(listener=stage.listener.host, server=stage.portal.server_domain)

    answer = returned(stage, stage.link(), server_domain=host)

    assert answer.status == 403
    assert "installFinish" not in answer.body
    assert stage.listener.requests == []
    assert (stage.record(), stage.calls()) == (None, [])


def test_link_creation_is_rate_limited(stage: Stage) -> None:
    path = f"{INSTALL}?portal={stage.portal.domain}"
    statuses = [stage.request("GET", path).status for _ in range(40)]

    assert set(statuses) == {302, 429}
    assert len([item for item in stage.kept().items if "STATE#" in item]) == statuses.count(302)


def _with_state(url: str, before: str, after: str) -> str:
    """Return the path of the URL with the state replaced."""
    return INSTALL + "?" + url.partition("?")[2].replace(before, after)
