"""The portal as pages of applications use it: from another origin, in JSON."""

from collections.abc import Iterator
from datetime import datetime

import pytest

from tests.support.portals.portal_probe import PortalProbe

PAGE = {"Origin": "https://page.example"}


@pytest.fixture(scope="module")
def probe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PortalProbe]:
    with PortalProbe(tmp_path_factory.mktemp("portal")) as probe:
        yield probe


def test_browser_may_send_json_and_its_question_is_no_call(probe: PortalProbe) -> None:
    before = probe.calls()
    preflight = probe.http.request("OPTIONS", probe.portal.webhook_url + "im.chat.get", headers=PAGE)
    assert (preflight.status, preflight.data) == (200, b"")
    assert preflight.headers["Access-Control-Allow-Origin"] == "*"
    assert preflight.headers["Access-Control-Allow-Headers"] == "origin, content-type, accept"
    assert probe.calls() == before


def test_every_answer_of_a_method_may_be_read_from_any_origin(probe: PortalProbe) -> None:
    for method, status in (("profile", 200), ("im.nothing", 404), ("batch", 200)):
        answer = probe.http.request("POST", probe.portal.webhook_url + method, json={}, headers=PAGE)
        assert answer.status == status
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Credentials" not in answer.headers


def test_time_is_the_portals_own(probe: PortalProbe) -> None:
    assert datetime.fromisoformat(probe.result("server.time")).timestamp() == int(probe.clock.now())
