"""Requests in a form that no client sends: whole bodies, queries and paths, at REST, REST 3, the authorisation server
and the pages. None fails, and the portal answers the next one."""

import json
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote

import pytest
import urllib3

from tests.local.platform.odd_values import OTHERS, TEXTS
from tests.support.portals.portal_service import ApplicationProbe

FORM: Final = "application/x-www-form-urlencoded"
JSON: Final = "application/json"
DIGITS: Final = "9" * 5000
PART: Final = b'--x\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
BODIES: Final = (
    (JSON, b""), (JSON, b"\xff\xfe"), (JSON, b"\x00"), (JSON, b"{"), (JSON, b"[" * 200_000), (JSON, b'{"a":' * 5000),
    (JSON, b'"text"'), (JSON, b"[1, 2]"), (JSON, b'{"ENTITY_TYPE": 1, "entity_type": [], "ENTITY_TYPE": null}'),
    (f"{JSON}; charset=utf-16", '{"a": 1}'.encode("utf-16")), ("application/json\x7f", b"{}"), ("", b"a=b"),
    (FORM, b"\xff=%ff&%=%&&&==&a"), (FORM, b"a[" * 5000), (FORM, b"a" + b"[b]" * 5000 + b"=1"),
    (FORM, b"[]=1&[a]=2&]=3"),
    (FORM, f"a[{DIGITS}]=1&a[]=2&a[-{DIGITS}]=3&a[]=4".encode()), (FORM, b"a[9223372036854775807]=1&a[]=2"),
    (FORM, b"a=1&a[b]=2&a[b][c]=3&a=4"), (FORM, b"&".join(b"a%d=1" % n for n in range(3000))),
    (FORM, b"%00=%00&a%00b=1"),
    ("multipart/form-data", b"--x--"), ("multipart/form-data; boundary=", b"----"),
    ("multipart/form-data; boundary=x", b""), ("multipart/form-data; boundary=x", b"--x\r\n\r\n"),
    ("multipart/form-data; boundary=x", PART % (b"ENTITY_TYPE", b"CRM") + b"--x--"),
    ("multipart/form-data; boundary=x", PART % (b"a[", b"\xff\x00") + PART % (b"a[b][]", b"1")),
    ("multipart/form-data; boundary=x", PART % (b'a"; filename="f', b"1" * 9) + b"--x--"),
    ("multipart/form-data; boundary=x", PART % (b"a", b"1") * 2000 + b"--x--"),
    ("multipart/form-data; boundary=" + "x" * 500, b"--x\r\n"), ("multipart/mixed; boundary=x", PART % (b"a", b"1")),
    ("text/xml", b"<a/>"),
)  # fmt: skip
QUERIES: Final = (
    "?" + "a" * 9000,
    "?%ff=%",
    "?a[" + DIGITS + "]=1&a[]=2",
    "?auth[]=1",
    "?auth=%00",
    "?user_id=" + DIGITS,
    "?" + "a[" * 900,
)
PATHS: Final = (
    "/rest/profile", "/rest/im.chat.get", "/rest/batch", "/rest/event.test", "/rest/api/tasks.task.get",
    "/rest/app.info",
    "/rest/" + "9" * 19 + "/%ff/profile", "/rest/1/%00/profile", "/rest/profile.xml", "/oauth/token/",
    "/oauth/authorize/",
)  # fmt: skip
GRANT_FIELDS: Final = ("grant_type", "client_id", "client_secret", "refresh_token", "code", "scope")
PAGES: Final = (
    "/",
    "/online/",
    "/crm/deal/details/1663/",
    "/marketplace/app/x/",
    "/frames/" + "0" * 32,
    "/api/v1/",
    "/none",
)


@pytest.fixture(scope="module")
def probe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApplicationProbe]:
    with ApplicationProbe(tmp_path_factory.mktemp("portal")) as probe:
        probe.tell("/install", {})
        probe.tell("/plan", {"rate": 1e6, "burst": 1e6})
        yield probe
        assert probe.tell("/plan", {})["rate"] == 1e6
        json.loads(probe.http.request("GET", probe.portal.control_url + "/calls").data)


def assert_answered(answer: urllib3.BaseHTTPResponse, shown: str) -> None:
    """By the application, and not by its server because it failed."""
    assert answer.status < 500, (shown[:200], answer.data[:200])


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path[:40])
def test_no_body_and_no_query_makes_the_portal_fail(probe: ApplicationProbe, path: str) -> None:
    by_webhook = probe.portal.webhook_url.replace("/rest/", "/rest/api/" if "/api/" in path else "/rest/")
    method = path.rpartition("/")[2]
    url = probe.portal.portal_url + path if "%" in path or not method else by_webhook + method
    for content_type, body in BODIES:
        headers = {"Content-Type": content_type} if content_type else {}
        answer = probe.http.request("POST", url, body=body, headers=headers, redirect=False)
        assert_answered(answer, f"{url} {content_type} {body!r}")
    for query in QUERIES:
        answer = probe.http.request("GET", url + query, redirect=False)
        assert_answered(answer, url + query)
    assert probe.call("profile")[0] == 200


@pytest.mark.parametrize("field", GRANT_FIELDS)
def test_no_value_makes_the_authorisation_server_fail(probe: ApplicationProbe, field: str) -> None:
    url = f"https://{probe.portal.server_domain}/oauth/token/"
    for grant in ("refresh_token", "authorization_code"):
        usual = {**probe.keys(), "grant_type": grant, "refresh_token": "x", "code": "x"}
        for odd in TEXTS[::3]:
            answer = probe.http.request("POST", url, fields={**usual, field: odd}, encode_multipart=False)
            assert answer.status < 500, odd[:100]
            assert answer.json()["error"], odd[:100]
        for odd in OTHERS[::3]:
            body = json.dumps({**usual, field: "the place"}).replace('"the place"', odd)
            answer = probe.http.request("POST", url, body=body.encode(), headers={"Content-Type": JSON})
            assert answer.status < 500, odd[:100]
            assert answer.json()["error"], odd[:100]
    assert probe.call("profile")[0] == 200


@pytest.mark.parametrize("path", PAGES)
def test_no_query_cookie_or_message_makes_a_page_fail(probe: ApplicationProbe, path: str) -> None:
    url = probe.portal.page_url + path
    for odd in TEXTS:
        query = "&".join(f"{name}={quote(odd)}" for name in ("user", "lang", "IM_DIALOG", "DIALOG"))
        if len(query) < 60_000:
            answer = probe.http.request("GET", f"{url}?{query}", redirect=False)
            assert answer.status in {200, 302, 404, 409}, odd[:100]
        answer = probe.http.request("GET", f"{url}?lang={quote(odd[:5000])}", redirect=False)
        assert answer.status in {200, 302, 404, 405, 409}, odd[:100]
    for odd in OTHERS:
        answer = probe.http.request(
            "POST", url, body=b'{"message": ' + odd.encode() + b"}", headers={"X-Frame-Key": "x"}
        )
        assert answer.status in {403, 405}, odd[:100]
    for cookie in ("portal_user", "portal_user=\xb2", 'portal_user="', "portal_user=" + DIGITS, "=;=;\\"):
        assert probe.http.request("GET", url, headers={"Cookie": cookie}, redirect=False).status < 500, cookie[:100]
