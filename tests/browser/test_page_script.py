"""The local portal's stand-in for the vendor's script, in the page of an application of its own (bitrix24.md 10.5)."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from local.net.admission import Admission, Run
from local.net.http_server import HttpServer
from local.portal import LocalPortal
from local.shared_clock import SharedClock
from tests.browser.chromium import Browser

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

PAGE: Final = """<!DOCTYPE html><html lang="en"><head><title>Page</title><script src="SCRIPT"></script>
</head><body><p></p>
<script>
const seen = { name: window.name, before: BX24.getAuth(), runs: [] }
BX24.install(() => seen.runs.push('install'))
BX24.init(() => {
  seen.runs.push('init')
  Object.assign(seen, { auth: BX24.getAuth(), domain: BX24.getDomain(), lang: BX24.getLang(), admin: BX24.isAdmin() })
  seen.place = BX24.placement.info()
  BX24.refreshAuth(fresh => BX24.resizeWindow(300, 444, size => BX24.fitWindow(fitted => {
    Object.assign(seen, { fresh, size, fitted: fitted.height > 0 })
    document.querySelector('p').textContent = JSON.stringify(seen)
  })))
})
</script></body></html>"""
FINISHING: Final = '<!DOCTYPE html><script src="SCRIPT"></script><script>BX24.init(() => BX24.installFinish())</script>'
ELSEWHERE: Final = """
window.seen = []
window.addEventListener('message', event => window.seen.push(event.data))
window.postMessage(`getInitData:c1:${arguments[0]}`, '*')
"""


class Application:
    """A portal with one application, whose installer ends the installation and whose page calls the script."""

    def __init__(self, folder: Path) -> None:
        run = Run()
        self.portal = LocalPortal(folder, SharedClock(folder / "clock"), run=run)
        self.server = HttpServer(self._serve, admission=Admission.of(run))
        self.card = self.portal.applications.add(service_url=self.server.url())
        self.url = f"{self.portal.page_url}/marketplace/app/{self.card.client_id}/"

    def _serve(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        page = FINISHING if environ["PATH_INFO"] == "/bitrix24/install" else PAGE
        start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
        return [page.replace("SCRIPT", self.portal.script_url).encode()]


@pytest.fixture(scope="module")
def application(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    application = Application(tmp_path_factory.mktemp("application"))
    with application.portal:
        application.server.start()
        browser.open(application.url + "?user=1")
        browser.until(lambda: "install_finished=Y" in browser.driver.current_url, "it is not installed")
        yield application
        application.server.stop()


def seen_by(browser: Browser, application: Application, user_id: int, language: str) -> Any:
    """What the page's script found, as the page shows it."""
    browser.open(f"{application.url}?user={user_id}&lang={language}")
    browser.driver.switch_to.frame(browser.element("iframe"))
    try:
        return json.loads(browser.until(lambda: browser.text("p"), "the script does not end"))
    finally:
        browser.driver.switch_to.default_content()


def test_documented_calls_answer_what_the_portal_knows_of_the_user(browser: Browser, application: Application) -> None:
    seen = seen_by(browser, application, 2, "de")
    host, protocol, _ = seen["name"].split("|")
    assert f"http://{host}" == application.portal.page_url
    assert protocol == "0"
    assert (seen["before"], seen["runs"]) == (False, ["install", "init"])
    assert (seen["domain"], seen["lang"], seen["admin"]) == (application.portal.domain, "de", False)
    assert seen["place"] == {"placement": "DEFAULT", "options": {}}
    assert seen["auth"]["member_id"] == application.portal.member_id
    assert seen["auth"]["access_token"] != seen["fresh"]["access_token"]
    assert (seen["size"], seen["fitted"]) == ({"width": 300, "height": 444}, True)
    again = seen_by(browser, application, 2, "ru")
    assert (again["runs"], again["lang"]) == (["init"], "ru")
    assert seen_by(browser, application, 1, "en")["admin"] is True


def test_message_that_does_not_come_from_the_frame_is_not_answered(browser: Browser, application: Application) -> None:
    browser.open(application.url + "?user=1")
    sid = browser.element("iframe").get_attribute("data-sid")
    browser.driver.execute_script(ELSEWHERE, sid)
    browser.driver.switch_to.frame(browser.element("iframe"))
    browser.until(lambda: browser.text("p"), "the frame's own messages are not answered")
    browser.driver.switch_to.default_content()
    assert not [each for each in browser.driver.execute_script("return window.seen") if "AUTH_ID" in str(each)]
