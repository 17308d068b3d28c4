"""Installing, opening, updating and removing an application, as a service receives it (bitrix24.md 4)."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from local.net.certificates import Authority
from local.portal.protocol.php import decode_query
from tests.support.portals.portal_service import FINISHING, ApplicationProbe, Page, Received, RecordingService

NEWER = {"SERVER_ENDPOINT", "APPLICATION_TOKEN", "APPLICATION_SCOPE"}
FRAME = {"AUTH_ID", "AUTH_EXPIRES", "REFRESH_ID", "member_id", "status", "PLACEMENT"}
AUTH = {
    "domain",
    "scope",
    "access_token",
    "refresh_token",
    "expires",
    "expires_in",
    "user_id",
    "server_endpoint",
    "status",
    "client_endpoint",
    "member_id",
    "application_token",
}


@pytest.fixture(scope="module")
def framed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApplicationProbe]:
    with ApplicationProbe(tmp_path_factory.mktemp("framed"), interface=True) as probe:
        yield probe


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApplicationProbe]:
    with ApplicationProbe(tmp_path_factory.mktemp("bare")) as probe:
        yield probe


@pytest.fixture
def probe(framed: ApplicationProbe) -> ApplicationProbe:
    """A portal with an application that has an interface."""
    return framed.afresh()


@pytest.fixture
def script(bare: ApplicationProbe) -> ApplicationProbe:
    """A portal with an application that has none."""
    return bare.afresh()


def finishing(_: Received) -> Page:
    return Page(FINISHING)


def install(probe: ApplicationProbe) -> Received:
    """Installs to the end; returns the first request that was sent."""
    probe.service.answer = finishing
    assert probe.tell("/install", {})["finished"] is True
    return probe.service.received[0]


def bind(probe: ApplicationProbe, *events: str) -> None:
    token = probe.grant()["access_token"]
    for event in events:
        handler = probe.service.url + "/bitrix24/install"
        assert probe.result_with(token, "event.bind", event=event, handler=handler) is True


def token_hash(probe: ApplicationProbe) -> str:
    found: str = probe.ask("/installs")[0]["application_token_sha256"]
    return found


def test_interface_is_opened_by_a_post_with_a_query_and_a_form(probe: ApplicationProbe) -> None:
    sent = install(probe)
    assert (sent.verb, sent.path) == ("POST", "/bitrix24/install")
    assert sent.content_type == "application/x-www-form-urlencoded"
    assert sent.query.keys() == {"DOMAIN", "PROTOCOL", "LANG", "APP_SID"}
    assert (sent.query["DOMAIN"], sent.query["PROTOCOL"]) == (probe.portal.domain, "1")
    assert sent.form.keys() == FRAME | NEWER
    assert (sent.form["AUTH_EXPIRES"], sent.form["PLACEMENT"], sent.form["status"]) == ("3600", "DEFAULT", "L")
    assert sent.form["member_id"] == probe.portal.member_id
    assert sent.form["SERVER_ENDPOINT"] == f"https://{probe.portal.server_domain}/rest/"
    assert sent.form["APPLICATION_SCOPE"] == "im,imbot"
    assert hashlib.sha256(sent.form["APPLICATION_TOKEN"].encode()).hexdigest() == token_hash(probe)
    assert probe.result_with(sent.form["AUTH_ID"], "profile")["ADMIN"] is True
    assert probe.refresh(sent.form["REFRESH_ID"])[1]["user_id"] == 1


def test_older_portal_sends_three_fields_less(probe: ApplicationProbe) -> None:
    probe.tell("/shape", {"frame": "old"})
    assert install(probe).form.keys() == FRAME


@pytest.mark.parametrize(
    ("page", "why"),
    [
        (Page("<html></html>"), "library"),
        (Page("<script>BX24.installFinish();</script>"), "library"),
        (Page(FINISHING, content_type="application/json"), "not HTML"),
        (Page(FINISHING, status=403), "403"),
        (Page(status=302, headers=(("Location", "/elsewhere"),)), "302"),
    ],
)
def test_installation_is_not_finished_unless_the_page_can_end_it(probe: ApplicationProbe, page: Page, why: str) -> None:
    probe.service.answer = lambda _: page
    reply = probe.tell("/install", {})
    assert reply["finished"] is False
    assert why in reply["why"]
    assert (reply["status"], reply["body"]) == (page.status, page.body)
    assert [each.path for each in probe.service.received] == ["/bitrix24/install"]
    assert probe.ask("/installs")[0]["finished"] is False
    assert probe.result_with(probe.grant()["access_token"], "app.info")["INSTALLED"] is False


def test_no_event_is_delivered_before_the_installation_is_finished(probe: ApplicationProbe) -> None:
    probe.tell("/install", {})
    bind(probe, "ONAPPTEST", "ONAPPUNINSTALL")
    assert probe.tell("/emit", {"event": "ONAPPTEST"}) == {"status": None, "body": "", "sent": []}
    probe.tell("/uninstall", {})
    assert probe.service.events() == []


def test_service_may_call_the_portal_before_it_answers(probe: ApplicationProbe) -> None:
    found: list[Any] = []

    def bind_and_finish(sent: Received) -> Page:
        if "AUTH_ID" in sent.form:
            token = sent.form["AUTH_ID"]
            for event in ("ONAPPINSTALL", "ONAPPUPDATE", "ONAPPUNINSTALL"):
                handler = probe.service.url + "/bitrix24/install"
                found.append(probe.result_with(token, "event.bind", event=event, handler=handler))
            found.append(probe.result_with(token, "app.info")["INSTALLED"])
        return Page(FINISHING)

    probe.service.answer = bind_and_finish
    reply = probe.tell("/install", {})
    assert reply["finished"] is True
    assert found == [True, True, True, False]
    assert probe.service.events() == ["ONAPPINSTALL"]
    assert [each["status"] for each in reply["sent"]] == [200, 200]
    bound = probe.ask("/installs")[0]["bindings"]
    assert [each["event"] for each in bound] == ["ONAPPINSTALL", "ONAPPUPDATE", "ONAPPUNINSTALL"]


def test_opening_the_installer_again_continues_the_same_installation(probe: ApplicationProbe) -> None:
    first = install(probe)
    with ThreadPoolExecutor(4) as visitors:
        answers = list(visitors.map(lambda _: probe.tell("/install", {})["finished"], range(4)))
    assert answers == [True] * 4
    sent = probe.service.received
    assert {each.form["APPLICATION_TOKEN"] for each in sent} == {first.form["APPLICATION_TOKEN"]}
    assert len({each.form["AUTH_ID"] for each in sent}) == 5
    assert len(probe.ask("/installs")) == 1


def test_user_opens_the_application_with_tokens_of_the_user(probe: ApplicationProbe) -> None:
    install(probe)
    reply = probe.tell("/visit", {"user_id": 2})
    assert reply["status"] == 200
    sent = probe.service.received[-1]
    assert (sent.verb, sent.path) == ("POST", "/bitrix24/app")
    assert probe.result_with(sent.form["AUTH_ID"], "profile")["ADMIN"] is False
    assert probe.refresh(sent.form["REFRESH_ID"])[1]["user_id"] == 2


def test_unfinished_installation_shows_the_installer_to_administrators_only(
    probe: ApplicationProbe,
) -> None:
    assert probe.refused("/visit", {"user_id": 1}) == "the application is not installed"
    probe.tell("/install", {})
    assert "not fully installed" in probe.refused("/visit", {"user_id": 2})
    probe.service.answer = finishing
    assert probe.tell("/visit", {"user_id": 1})["finished"] is True
    assert [each.path for each in probe.service.received] == ["/bitrix24/install"] * 2
    assert probe.tell("/visit", {"user_id": 2})["finished"] is True
    assert probe.service.received[-1].path == "/bitrix24/app"


def test_application_without_an_interface_is_installed_by_an_event(script: ApplicationProbe) -> None:
    reply = script.tell("/install", {"user_id": 1})
    assert (reply["status"], reply["finished"]) == (200, True)
    sent = script.service.received[0]
    assert (sent.verb, sent.path, sent.query) == ("POST", "/bitrix24/install", {})
    assert sent.body.startswith("event=ONAPPINSTALL&event_handler_id=")
    assert "&data%5BVERSION%5D=1&data%5BACTIVE%5D=Y&" in sent.body
    assert sent.form.keys() == {"event", "event_handler_id", "data", "ts", "auth"}
    assert sent.form["data"] == {"VERSION": "1", "ACTIVE": "Y", "INSTALLED": "Y", "LANGUAGE_ID": "en"}
    auth = sent.form["auth"]
    assert auth.keys() == AUTH
    assert (auth["scope"], auth["expires_in"], auth["domain"]) == ("im imbot", "3600", script.portal.domain)
    assert abs(int(sent.form["ts"]) - script.clock.now()) < 60
    assert script.refresh(auth["refresh_token"])[1]["user_id"] == 1


def test_application_without_an_interface_is_installed_whatever_it_answers(script: ApplicationProbe) -> None:
    script.service.answer = lambda _: Page(status=500)
    assert script.tell("/install", {})["finished"] is True
    assert script.result_with(script.grant()["access_token"], "app.info")["INSTALLED"] is True


def test_installation_by_code_returns_the_user_with_a_code(script: ApplicationProbe) -> None:
    reply = script.tell("/install", {"kind": "code", "user_id": 3, "fields": {"state": "mine"}})
    assert reply["finished"] is True
    sent = script.service.received[0]
    assert (sent.verb, sent.path, sent.form) == ("GET", "/bitrix24/app", {})
    code = sent.query.pop("code")
    assert sent.query == {
        "state": "mine",
        "domain": script.portal.domain,
        "member_id": script.portal.member_id,
        "scope": "im,imbot",
        "server_domain": script.portal.server_domain,
    }
    pair = script.token(**script.keys(), grant_type="authorization_code", code=code)[1]
    assert script.result_with(pair["access_token"], "profile")["ID"] == "3"


def test_message_can_have_other_fields_and_another_path_on_the_same_host(
    probe: ApplicationProbe,
) -> None:
    fields = {"DOMAIN": "other.example", "member_id": "forged", "APPLICATION_TOKEN": None, "EXTRA": "~ é"}
    probe.tell("/install", {"path": "/bitrix24/app", "fields": fields})
    sent = probe.service.received[0]
    assert (sent.path, sent.query["DOMAIN"], sent.form["member_id"]) == ("/bitrix24/app", "other.example", "forged")
    assert "APPLICATION_TOKEN" not in sent.form
    assert sent.form["EXTRA"] == "~ é"
    assert "EXTRA=%7E+%C3%A9" in sent.body


def test_fields_of_an_event_are_named_as_on_the_wire(script: ApplicationProbe) -> None:
    fields = {"auth[member_id]": "forged", "auth[refresh_token]": None, "data[VERSION]": "9"}
    script.tell("/install", {"fields": fields})
    form = script.service.received[0].form
    assert (form["auth"]["member_id"], form["data"]["VERSION"]) == ("forged", "9")
    assert "refresh_token" not in form["auth"]


def test_message_can_be_written_without_being_sent(probe: ApplicationProbe) -> None:
    reply = probe.tell("/install", {"send": False})
    assert (reply["status"], reply["finished"], probe.service.received) == (None, False, [])
    written = reply["sent"][0]
    assert written["url"].startswith(probe.service.url + "/bitrix24/install?DOMAIN=")
    form = decode_query(written["body"])
    assert probe.refresh(str(form["REFRESH_ID"]))[0] == 200


def test_installer_can_be_used_in_python_without_the_control_address(probe: ApplicationProbe) -> None:
    probe.service.answer = finishing
    outcome = probe.portal.installer.install(probe.application.client_id)
    assert (outcome.finished, outcome.answer.status) == (True, 200)
    assert outcome.answer.body == FINISHING


def test_update_changes_the_application_token_and_removes_the_bindings(probe: ApplicationProbe) -> None:
    first = install(probe)
    bind(probe, "ONAPPUPDATE", "ONAPPUNINSTALL")
    granted = probe.grant()
    assert probe.tell("/update", {})["status"] == 200
    form = probe.service.received[-1].form
    assert (form["event"], form["data"]["VERSION"], form["data"]["PREVIOUS_VERSION"]) == ("ONAPPUPDATE", "2", "1")
    assert form["auth"].keys() == AUTH
    assert form["event_handler_id"].isdigit()
    assert form["auth"]["scope"] == "im,imbot"
    assert form["auth"]["application_token"] != first.form["APPLICATION_TOKEN"]
    assert probe.ask("/installs")[0]["bindings"] == []
    assert probe.result_with(granted["access_token"], "app.info")["VERSION"] == 2
    assert probe.tell("/update", {})["sent"] == []


def test_bindings_stay_after_an_update_if_the_shape_is_stay(probe: ApplicationProbe) -> None:
    install(probe)
    probe.tell("/shape", {"bindings": "stay"})
    bind(probe, "ONAPPUPDATE")
    for _ in range(2):
        assert probe.tell("/update", {})["status"] == 200
    handler = probe.service.url + "/bitrix24/install"
    token = probe.grant()["access_token"]
    assert probe.error_with(token, "event.bind", event="ONAPPUPDATE", handler=handler) == (400, "ERROR_CORE")


def test_update_without_an_interface_is_sent_to_the_installation_address(script: ApplicationProbe) -> None:
    script.tell("/install", {})
    assert script.tell("/update", {})["status"] == 200
    assert script.service.events() == ["ONAPPINSTALL", "ONAPPUPDATE"]


@pytest.mark.parametrize(("clean", "flag"), [(True, "1"), (False, "0")])
def test_uninstall_event_is_sent_without_tokens_to_its_handlers(
    script: ApplicationProbe, clean: bool, flag: str
) -> None:
    script.tell("/install", {})
    bind(script, "ONAPPUNINSTALL")
    mine = token_hash(script)
    assert script.tell("/uninstall", {"clean": clean})["status"] == 200
    form = script.service.received[-1].form
    assert (form["event"], form["data"]) == ("ONAPPUNINSTALL", {"LANGUAGE_ID": "en", "CLEAN": flag})
    assert form["auth"].keys() == {"domain", "server_endpoint", "client_endpoint", "member_id", "application_token"}
    assert hashlib.sha256(form["auth"]["application_token"].encode()).hexdigest() == mine
    assert script.ask("/installs") == []


def test_uninstall_without_handlers_sends_nothing(script: ApplicationProbe) -> None:
    script.tell("/install", {})
    assert script.tell("/uninstall", {})["sent"] == []
    assert script.service.events() == ["ONAPPINSTALL"]


def test_uninstall_event_may_arrive_after_a_new_installation(script: ApplicationProbe) -> None:
    script.tell("/install", {})
    bind(script, "ONAPPUNINSTALL")
    late = script.tell("/uninstall", {"send": False})["sent"][0]["body"]
    script.tell("/install", {})
    assert script.tell("/emit", {"raw": late, "path": "/bitrix24/install"})["status"] == 200
    former, current = (script.service.received[-1].form["auth"], script.service.received[-2].form["auth"])
    assert former["application_token"] != current["application_token"]
    assert len(script.ask("/installs")) == 1


def test_event_is_sent_to_all_its_handlers(script: ApplicationProbe) -> None:
    script.tell("/install", {})
    token = script.grant()["access_token"]
    for path in ("/one", "/other"):
        script.result_with(token, "event.bind", event="onAppTest", handler=script.service.url + path)
    reply = script.tell("/emit", {"event": "onapptest", "data": {"QUERY": {"any": "data"}, "NONE": None}, "user_id": 2})
    assert [each["status"] for each in reply["sent"]] == [200, 200]
    sent = script.service.received[-2:]
    assert [each.path for each in sent] == ["/one", "/other"]
    assert sent[0].form["data"] == {"QUERY": {"any": "data"}}
    assert script.result_with(sent[0].form["auth"]["access_token"], "profile")["ID"] == "2"


@pytest.mark.parametrize(
    ("raw", "content_type"),
    [
        ("event=ONAPPTEST&auth%5Bmember_id%5D={{member_id}}&auth[application_token]={{application_token}}", None),
        ('{"event":"ONAPPTEST","auth":{"member_id":"{{member_id}}"},"t":"{{application_token}}"}', "application/json"),
    ],
)
def test_raw_text_is_sent_unchanged_with_both_placeholders_filled(
    script: ApplicationProbe, raw: str, content_type: str | None
) -> None:
    script.tell("/install", {})
    bind(script, "ONAPPTEST")
    token = script.service.received[0].form["auth"]["application_token"]
    kind = {"content_type": content_type} if content_type else {}
    assert script.tell("/emit", {"raw": raw, **kind})["status"] == 200
    sent = script.service.received[-1]
    expected = raw.replace("{{member_id}}", script.portal.member_id).replace("{{application_token}}", token)
    assert sent.body == expected
    assert sent.content_type == content_type or not content_type


def test_nothing_is_sent_to_a_host_that_is_not_on_the_card(script: ApplicationProbe) -> None:
    with RecordingService() as foreign:
        script.tell("/install", {})
        token = script.grant()["access_token"]
        script.result_with(token, "event.bind", event="ONAPPTEST", handler=foreign.url + "/bitrix24/install")
        assert script.tell("/emit", {"event": "ONAPPTEST"})["sent"] == []
        script.service.answer = lambda _: Page(status=302, headers=(("Location", foreign.url),))
        assert script.tell("/install", {})["status"] == 302
        body = {"raw": "event=X", "path": f"@{foreign.url.removeprefix('http://')}/"}
        response = script.http.request("POST", script.portal.control_url + "/emit", json=body)
        assert response.status == 400
        assert foreign.received == []


def test_service_may_use_https_with_a_certificate_of_the_same_authority(
    script: ApplicationProbe, tmp_path: Path
) -> None:
    own = Authority(script.portal.ca_file.parent)
    with RecordingService(tls=own.server_context()) as service:
        assert script.tell("/install", {"service_url": service.url})["status"] == 200
        assert service.events() == ["ONAPPINSTALL"]
    with RecordingService(tls=Authority(tmp_path).server_context()) as foreign:
        assert script.tell("/install", {"service_url": foreign.url})["status"] is None
        assert foreign.received == []


def test_unreachable_service_leaves_the_installation_unfinished(probe: ApplicationProbe) -> None:
    with RecordingService() as gone:
        url = gone.url
    reply = probe.tell("/install", {"service_url": url})
    assert (reply["status"], reply["why"]) == (None, "the service did not answer")


def test_long_answer_is_cut_off(probe: ApplicationProbe) -> None:
    probe.service.answer = lambda _: Page("x" * 1_000_000)
    assert len(probe.tell("/install", {})["body"]) == 64 * 1024


def test_impossible_request_is_refused_with_the_reason(tmp_path: Path) -> None:
    with ApplicationProbe(tmp_path) as probe:
        assert "no such user" in probe.refused("/install", {"user_id": 99})
        for path in ("/visit", "/update", "/uninstall"):
            assert probe.refused(path, {}) == "the application is not installed"
        assert probe.refused("/emit", {"event": "ONAPPTEST"}) == "the application is not installed"
        other = probe.tell("/applications", {"interface": False})["client_id"]
        assert other in probe.refused("/install", {})
        assert "no address" in probe.refused("/install", {"client_id": other})
        assert probe.tell("/install", {"client_id": other, "service_url": probe.service.url})["finished"] is True
