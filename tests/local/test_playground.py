"""The playground: who may use what is behind the page, and what it shows."""

import json
import re
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
import urllib3

from local.playground.feed import Feed
from local.playground.site import Playground
from local.run import playground
from tests.support.repository import ROOT
from tests.support.service import Service

PAIR = "/v1/chats?entity_type=CRM&entity_id=DEAL%7C1663"


class Page:
    """The page as a browser has it: the address, and the token that is in it."""

    def __init__(self, service: Service) -> None:
        self._http = urllib3.PoolManager(retries=False, timeout=20)
        self._url = service.stack.addresses.api_url
        self.text = self._http.request("GET", self._url + "/").data.decode()
        (self.token,) = re.findall(r'name="play-token" content="([^"]+)"', self.text)

    def call(self, path: str, body: object = None, verb: str = "", **headers: str) -> urllib3.BaseHTTPResponse:
        sent = json.dumps(body) if body is not None else None
        return self._http.request(verb or ("POST" if sent else "GET"), self._url + path, body=sent, headers=headers)

    def play(self, path: str, body: object = None, verb: str = "") -> Any:
        answer = self.call(f"/_play/{path}", body, verb, **{"X-Play-Token": self.token})
        return answer.json() if answer.status == HTTPStatus.OK else (answer.status, answer.json()["error"])


@pytest.fixture
def page(service: Service) -> Iterator[Page]:
    stack, feed = service.stack, Feed()
    stack.addresses.site.playground = playground(stack, ROOT / ".local/run.json", feed)
    stack.backend.functions.watchers.append(feed)
    yield Page(service)
    stack.backend.functions.watchers.remove(feed)
    stack.addresses.site.playground = None


def look_up(page: Page, service: Service) -> Any:
    return page.call(PAIR, **{"X-Api-Key": service.stack.api_key}).json()


@pytest.mark.parametrize("path", ["run", "feed?after=0", "control/calls", "control/faults", "control/unknown", ""])
@pytest.mark.parametrize("token", [None, "", "x", "é"])
def test_what_is_behind_the_page_refuses_requests_without_its_token(page: Page, path: str, token: str | None) -> None:
    answer = page.call(f"/_play/{path}", **({} if token is None else {"X-Play-Token": token}))
    assert (answer.status, answer.json()["error"]) == (403, "only the page itself may call this; load it again")


def test_every_address_of_the_page_is_its_own_and_its_policy_admits_no_other(page: Page) -> None:
    files = ["/", "/playground.css", "/playground.js"]
    for path in files:
        answer = page.call(path)
        policy = answer.headers["Content-Security-Policy"]
        assert answer.status == HTTPStatus.OK
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert re.findall(rb"https?://(?!www\.w3\.org/2000/svg)[^\s'\"]+", answer.data) == []
    assert re.findall(r'(?:src|href)="(/[^"]*)"', page.text) == ["/playground.css", "/playground.js"]
    assert page.call("/", {}, "POST").status == HTTPStatus.METHOD_NOT_ALLOWED


def test_page_contains_no_key_and_hands_it_out_for_its_token_only(page: Page, service: Service) -> None:
    assert service.stack.api_key not in page.text
    run = page.play("run")
    assert run["api_key"] == service.stack.api_key
    assert run["run_file"] == ".local/run.json"
    assert run["local_portal"] is True
    assert "control_url" not in run


def test_look_up_shows_its_request_its_log_line_and_its_metrics(page: Page, service: Service) -> None:
    assert look_up(page, service)["source"] == "portal"
    feed = page.play("feed?after=0")
    assert [line.partition(" ")[2].partition(" ms")[0].rsplit(" ", 1)[0] for line in feed["requests"]] == [
        "GET /v1/chats?entity_type=CRM&entity_id=DEAL%7C1663 200 portal"
    ]
    assert [line["source"] for line in feed["log"] if line["message"] == "request"] == ["portal"]
    look_ups = [each for each in feed["metrics"] if each["name"] == "Lookups"]
    assert [(each["dimensions"], each["values"], each["total"]) for each in look_ups] == [("source portal", 1, 1)]

    assert look_up(page, service)["source"] == "cache"
    newer = page.play(f"feed?after={feed['last']}")
    assert [line.split(" ")[4] for line in newer["requests"]] == ["cache"]
    assert page.play(f"feed?after={newer['last']}")["requests"] == []


def test_fault_that_the_page_sets_hits_the_next_look_up_and_ends_from_there(page: Page, service: Service) -> None:
    fault = {"method": "im.chat.get", "error": "ACCESS_ERROR", "times": 1}
    page.play("control/faults", fault)
    assert [each["error"] for each in page.play("control/faults")] == ["ACCESS_ERROR"]
    assert look_up(page, service)["type"].endswith(":chat-not-accessible")
    page.play("control/faults", fault)
    page.play("control/faults", [])
    assert look_up(page, service)["chat_id"] == 1437
    assert [call["error"] for call in page.play("control/calls?last=2")] == ["ACCESS_ERROR", None]


@pytest.mark.parametrize(
    ("path", "body", "verb", "refused"),
    [
        ("feed?after=-1", None, "", (400, "after must be a whole number")),
        ("feed?after=x", None, "", (400, "after must be a whole number")),
        ("run", {}, "POST", (404, "there are GET run, GET feed, and the portal's control below control/")),
        ("other", None, "", (404, "there are GET run, GET feed, and the portal's control below control/")),
        ("control/faults", None, "DELETE", (405, "use GET or POST")),
        ("control/say", {"text": "x" * 70_000}, "", (413, "the body has more than 65536 bytes")),
        ("control/calls?last=0", None, "", (400, '"last" must be a positive whole number')),
    ],
)
def test_bad_request_of_the_page_gets_a_reason(
    page: Page, path: str, body: object, verb: str, refused: tuple[int, str]
) -> None:
    assert page.play(path, body, verb) == refused


def test_run_without_a_portal_of_its_own_has_nothing_to_control(page: Page, service: Service) -> None:
    shown = service.stack.addresses.site.playground
    assert shown is not None
    service.stack.addresses.site.playground = Playground(shown.facts._replace(control_url=None), Feed())
    page.token = service.stack.addresses.site.playground.token
    assert page.play("run")["local_portal"] is False
    assert page.play("control/faults") == (409, "this run has no portal of its own, so nothing of it can be changed")


def test_run_that_other_hosts_reach_has_no_playground(service: Service) -> None:
    class Reachable:
        class settings:  # noqa: N801 - stands for the field of this name
            bind = "0.0.0.0"  # noqa: S104 - the address in question

    assert playground(Reachable(), Path("run.json"), Feed()) is None  # type: ignore[arg-type]
    answer = urllib3.request("GET", service.stack.addresses.api_url + "/", timeout=20)
    assert (answer.status, answer.json()["type"]) == (404, "urn:bitrix24-chat-lookup:problem:route-not-found")


@pytest.mark.parametrize(
    "path",
    [
        "feed?after=" + "9" * 5_000, "feed?after=%D9%A3", "feed?after=-1", "control/calls?last=" + "9" * 5_000,
        "control/calls?last=%C2%B2", "control/%0D%0AX-Other:%201", "control/calls?last=1%0D%0AX-Other:%201",
        "control/%2E%2E/%2E%2E/etc/passwd", "control//other.example/", "control/@other.example/", "control/%3F%23",
        "control/http://other.example/", "control/%00%FF", "control/%5C%5Cother.example", "control/[::1", "../run",
    ],
    ids=lambda path: path[:30],
)  # fmt: skip
def test_path_and_query_of_any_form_are_refused_by_the_run_itself(page: Page, path: str) -> None:
    """Nothing of them reaches another host, another file or a header."""
    answer = page.call(f"/_play/{path}", **{"X-Play-Token": page.token})
    assert answer.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND), answer.data
    assert "X-Other" not in answer.headers
