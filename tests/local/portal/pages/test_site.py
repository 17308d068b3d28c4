"""The portal's pages, and the frames of applications in them, asked as a browser asks."""

import json
import re
import socket
from collections.abc import Iterator
from html import unescape
from http.client import HTTPResponse
from typing import Any, Final, NamedTuple

import pytest
import urllib3

from tests.support.portals.portal_service import ApplicationProbe

ADMIN: Final = 1
EMPLOYEE: Final = 2
EXTRANET: Final = 4


@pytest.fixture(scope="module")
def framed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApplicationProbe]:
    with ApplicationProbe(tmp_path_factory.mktemp("framed"), interface=True) as probe:
        yield probe


@pytest.fixture
def probe(framed: ApplicationProbe) -> ApplicationProbe:
    """A portal with an application that has an interface, and is not installed."""
    return framed.afresh()


class Around(NamedTuple):
    """The page around a frame."""

    probe: ApplicationProbe
    html: str

    def of(self, pattern: str) -> str:
        found = re.search(pattern, self.html)
        assert found, self.html
        return unescape(found[1])

    @property
    def sid(self) -> str:
        return self.of('data-sid="([^"]*)"')

    @property
    def form(self) -> dict[str, str]:
        fields = re.findall('type="hidden" name="([^"]*)" value="([^"]*)"', self.html)
        return {unescape(name): unescape(value) for name, value in fields}

    def post(self, message: object, *, key: str | None = None, **headers: str) -> urllib3.BaseHTTPResponse:
        sent = {"X-Frame-Key": self.of('data-key="([^"]*)"') if key is None else key, **headers}
        url = f"{self.probe.portal.page_url}/frames/{self.sid}"
        return self.probe.http.request("POST", url, json={"message": message}, headers=sent)

    def send(self, command: str, params: object = None, callback: str = "c1") -> Any:
        """What the page does for a command."""
        words = [command, *([] if params is None else [json.dumps(params)]), callback, self.sid]
        return self.post(":".join(words)).json()

    def result(self, command: str, params: object = None) -> Any:
        """What the command's callback gets."""
        callback, _, text = self.send(command, params)["reply"].partition(":")
        assert callback == "c1"
        return json.loads(text)


def get(probe: ApplicationProbe, path: str, **headers: str) -> urllib3.BaseHTTPResponse:
    return probe.http.request("GET", probe.portal.page_url + path, headers=headers, redirect=False)


def open_application(probe: ApplicationProbe, user_id: int = ADMIN, more: str = "") -> Around:
    answer = get(probe, f"/marketplace/app/{probe.application.client_id}/?user={user_id}{more}")
    assert answer.status == 200, answer.data
    return Around(probe, answer.data.decode())


def is_finished(probe: ApplicationProbe) -> bool:
    return any(each["finished"] for each in probe.ask("/installs"))


def test_frame_is_posted_the_documented_body_and_named_as_the_product_names_it(probe: ApplicationProbe) -> None:
    around = open_application(probe, more="&lang=de")
    page = probe.portal.page_url.removeprefix("http://")
    assert around.of('iframe name="([^"]*)"') == around.of('target="([^"]*)"') == f"{page}|0|{around.sid}"
    action = around.of('action="([^"]*)"')
    assert action.startswith(f"{probe.service.url}/bitrix24/install?DOMAIN=")
    assert f"PROTOCOL=1&LANG=de&APP_SID={around.sid}" in action
    assert around.form.keys() == {
        "AUTH_ID", "AUTH_EXPIRES", "REFRESH_ID", "SERVER_ENDPOINT", "APPLICATION_TOKEN", "APPLICATION_SCOPE",
        "member_id", "status", "PLACEMENT",
    }  # fmt: skip
    assert probe.result_with(around.form["AUTH_ID"], "profile")["ADMIN"] is True
    assert probe.service.received == []


def test_installation_ends_by_the_installers_message_and_only_by_that(probe: ApplicationProbe) -> None:
    around = open_application(probe)
    assert around.result("getInitData")["INSTALL"] is True
    assert around.send("installFinish", {})["reply"] is None
    assert around.post(f"setInstallFinish:{{}}::{'0' * 32}").json()["reload"] is False
    assert around.post("setInstallFinish:{}::" + around.sid, key="another").status == 403
    assert not is_finished(probe)
    assert around.send("setInstallFinish", {}) | {"size": None} == {
        "reply": None, "size": None, "title": None, "messenger": None, "reload": True, "again": False,
    }  # fmt: skip
    assert is_finished(probe)
    assert "/bitrix24/app?" in open_application(probe).of('action="([^"]*)"')


def test_message_that_ends_an_installation_has_no_effect_elsewhere(probe: ApplicationProbe) -> None:
    open_application(probe).send("setInstallFinish", {})
    assert open_application(probe, EMPLOYEE).send("setInstallFinish", {})["reload"] is False


@pytest.mark.parametrize("user_id", [EMPLOYEE, EXTRANET])
def test_application_that_is_not_installed_opens_for_administrators_only(probe: ApplicationProbe, user_id: int) -> None:
    answer = get(probe, f"/marketplace/app/{probe.application.client_id}/?user={user_id}")
    assert (answer.status, b"not an administrator" in answer.data) == (409, True)
    assert probe.ask("/installs") == []


def test_frame_learns_who_looks_and_gets_fresh_tokens_of_that_user(probe: ApplicationProbe) -> None:
    open_application(probe).send("setInstallFinish", {})
    around = open_application(probe, EMPLOYEE)
    data = around.result("getInitData")
    assert (data["IS_ADMIN"], data["INSTALL"], data["FIRST_RUN"], data["PLACEMENT"]) == (False, False, True, "DEFAULT")
    assert (data["DOMAIN"], data["AUTH_ID"]) == (probe.portal.domain, around.form["AUTH_ID"])
    assert open_application(probe, EMPLOYEE).result("getInitData")["FIRST_RUN"] is False
    fresh = around.result("refreshAuth", {})
    assert fresh["AUTH_ID"] != data["AUTH_ID"]
    assert probe.result_with(fresh["AUTH_ID"], "profile")["ID"] == str(EMPLOYEE)
    probe.tell("/deactivate", {"user_id": EMPLOYEE})
    assert around.send("refreshAuth", {})["reply"] is None


def test_page_does_what_a_frame_asks_for(probe: ApplicationProbe) -> None:
    around = open_application(probe)
    assert around.send("resizeWindow", {"width": "100%", "height": 640})["size"] == {"width": "100%", "height": 640}
    assert around.send("resizeWindow", {"height": "1px;x"})["size"] == {}
    assert around.send("setTitle", {"title": "Chats"})["title"] == "Chats"
    messenger = around.send("imOpenMessenger", {"dialogId": "chat1437"})
    assert messenger["messenger"] == {"dialog_id": "chat1437", "title": "Deal: 200 office chairs"}
    assert messenger["reply"] is None
    assert around.send("imOpenMessenger", {"dialogId": "chat99"})["messenger"]["title"] == ""


def test_pages_show_what_their_user_may_see(probe: ApplicationProbe) -> None:
    chats = {user: set(re.findall('data-dialog="([^"]*)"', get(probe, f"/?user={user}").data.decode())) for user in (
        ADMIN, EXTRANET)}  # fmt: skip
    assert chats == {
        ADMIN: {"chat1437", "chat10", "chat2725", "chat1764", "chat1763", "chat1582", "chat1103"},
        EXTRANET: {"chat1103"},
    }
    deal = get(probe, "/crm/deal/details/1663/?user=1").data.decode()
    assert set(re.findall('data-dialog="([^"]*)"', deal)) == {"chat1437", "chat1764"}
    assert get(probe, "/online/?IM_DIALOG=chat1437&user=1").status == 200
    assert get(probe, f"/online/?IM_DIALOG=chat1437&user={EXTRANET}").status == 404
    assert get(probe, "/crm/deal/details/99/").status == 404


def test_user_of_the_address_is_remembered_and_can_be_switched(probe: ApplicationProbe) -> None:
    answer = get(probe, "/online/?IM_DIALOG=chat1437&user=2")
    cookie = answer.headers["Set-Cookie"].partition(";")[0]
    assert 'data-user="2" aria-current="true"' in get(probe, "/", Cookie=cookie).data.decode()
    assert 'href="/online/?IM_DIALOG=chat1437&amp;user=1"' in answer.data.decode()
    assert get(probe, "/?user=744").status == get(probe, "/?user=99").status == 404


def test_link_to_the_portals_own_address_leads_to_the_page(probe: ApplicationProbe) -> None:
    link = f"{probe.portal.portal_url}/online/?IM_DIALOG=chat1437"
    answer = probe.http.request("GET", link, redirect=False)
    assert answer.headers["Location"] == f"{probe.portal.page_url}/online/?IM_DIALOG=chat1437"


def test_pages_of_other_origins_get_the_script_and_nothing_else(probe: ApplicationProbe) -> None:
    other = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
    assert get(probe, "/api/v1/", **other).headers["Content-Type"].startswith("text/javascript")
    assert get(probe, "/", **other).status == 403
    assert get(probe, "/", Host="portal.example").status == 403
    foreign = open_application(probe).post("getInitData:c1:x", Origin="https://other.example")
    assert foreign.status == 403


def test_page_is_shown_at_the_one_address_that_its_frames_post_to(probe: ApplicationProbe) -> None:
    port = probe.portal.page_url.rpartition(":")[2]
    answer = get(probe, "/?user=2", Host=f"localhost:{port}")
    assert (answer.status, answer.headers["Location"]) == (302, f"{probe.portal.page_url}/?user=2")


@pytest.mark.parametrize(
    ("sent", "led_to"),
    [
        ("/crm/%D1%81/?q=%D1%81&a[]=1", "/crm/%D1%81/?q=%D1%81&a%5B%5D=1"),
        ("/%0d%0aSet-Cookie:x=1?%0d%0a", "/%0D%0ASet-Cookie%3Ax%3D1?%0d%0a"),
        ("@evil.example/", "/%40evil.example/"),
        (".evil.example/", "/.evil.example/"),
        ("///evil.example/", "/evil.example/"),
        ("/%2F%2Fevil.example/?", "/evil.example/"),
        ("/\\evil.example/", "/%5Cevil.example/"),
        ('/\x01?\xe9\x01"', "/%01?%E9%01%22"),
        ("/a%3Fb%23c?d#e", "/a%3Fb%23c?d"),
    ],
)
def test_redirect_to_the_pages_has_their_address_whatever_is_asked_for(
    probe: ApplicationProbe, sent: str, led_to: str
) -> None:
    host, _, port = probe.portal.page_url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        request = f"GET {sent} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n"
        connection.sendall(request.encode("latin-1"))
        answer = HTTPResponse(connection)
        answer.begin()
    assert (answer.status, answer.getheader("Location")) == (302, probe.portal.page_url + led_to)


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize("destination", ["document", "iframe"])
def test_page_of_another_origin_installs_nothing_by_leading_a_browser_to_an_application(
    probe: ApplicationProbe, site: str, destination: str
) -> None:
    path = f"/marketplace/app/{probe.application.client_id}/?lang=de"
    led = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": destination}
    answer = get(probe, path, **led)
    assert (answer.status, b"<iframe" in answer.data, probe.ask("/installs")) == (200, False, [])
    (link,) = re.findall('id="install" href="([^"]*)"', answer.data.decode())
    assert unescape(link) == path
    assert b"<iframe" in get(probe, path, **led | {"Sec-Fetch-Site": "same-origin"}).data
    assert not is_finished(probe)


def test_link_of_another_origin_opens_an_application_that_is_installed(probe: ApplicationProbe) -> None:
    open_application(probe).send("setInstallFinish", {})
    led = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert b"<iframe" in get(probe, f"/marketplace/app/{probe.application.client_id}/", **led).data


def test_address_that_was_typed_opens_the_installer(probe: ApplicationProbe) -> None:
    typed = {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert b"<iframe" in get(probe, f"/marketplace/app/{probe.application.client_id}/", **typed).data


def test_page_admits_the_application_it_frames_and_no_other_origin(probe: ApplicationProbe) -> None:
    around = get(probe, f"/marketplace/app/{probe.application.client_id}/").headers["Content-Security-Policy"]
    policy = dict(directive.split(" ", 1) for directive in around.split("; "))
    assert policy["frame-src"] == policy["form-action"] == probe.service.url
    assert policy["default-src"] == policy["frame-ancestors"] == "'none'"
    assert "frame-src" not in get(probe, "/").headers["Content-Security-Policy"]
