"""A portal that cannot be reached, or does not reply in time: a problem document within the deadline."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from chat_lookup.calls.retry_policy import RetryPolicy
from local.net.certificates import LOCAL_NAMES, Authority
from local.net.http_server import HttpServer
from local.portal import LocalPortal
from tests.support.reply_checks import counted, found, only_line, problem
from tests.support.service import Reply, Service

SILENCE = 60
HURRY = 3
"""Seconds of a function in place of its usual ones: a look-up then ends before its own ten."""
POLICY = RetryPolicy(lambda: 0.0)


@dataclass(frozen=True)
class SecondPortal:
    """A second portal that is stored in the service, on a host that the service may call."""

    portal: LocalPortal
    key: str

    @property
    def port(self) -> int:
        return int(self.portal.portal_url.rpartition(":")[2])

    def look_up(self, service: Service) -> Reply:
        path = "/v1/chats?entity_type=CRM&entity_id=DEAL%7C1663&fresh=true"
        return service.get(path, {"X-Api-Key": self.key})


@pytest.fixture
def second(service: Service, monkeypatch: pytest.MonkeyPatch) -> Iterator[SecondPortal]:
    """A second portal with a certificate of the same authority: its only fault is the one that the test sets."""
    with LocalPortal(service.stack.settings.state_dir, service.clock) as portal:
        host = portal.portal_url.removeprefix("https://")
        monkeypatch.setenv("LOCAL_HOSTS", f"{service.stack.target.endpoint.host},{host}")
        service.cold_start()
        service.admin("portal.add_webhook", webhook_url=portal.webhook_url, member_id=portal.member_id)
        key = service.admin("keys.create", portal=portal.member_id, label="second", scopes=["lookup"])["key"]
        second_portal = SecondPortal(portal, key)
        found(second_portal.look_up(service))
        service.mark()
        yield second_portal


def assert_unavailable(service: Service, reply: Reply, code: str) -> None:
    body = problem(reply, 503, "portal-unavailable")
    assert "portal_error" not in body
    assert only_line(service)["portal_error"] == code
    assert counted(service, "PortalErrors", code=code) == POLICY.attempts
    assert counted(service, "PortalErrors", **{"class": "retry"}) == POLICY.attempts


def test_portal_with_closed_port_is_unavailable(service: Service, second: SecondPortal) -> None:
    second.portal.stop()

    assert_unavailable(service, second.look_up(service), "TRANSPORT")


@pytest.mark.parametrize(
    ("names", "authority"),
    [(("portal.example",), "authority"), (LOCAL_NAMES, "another-authority")],
    ids=["for another name", "by an untrusted authority"],
)
def test_portal_with_an_invalid_certificate_is_unavailable(
    service: Service, second: SecondPortal, names: tuple[str, ...], authority: str
) -> None:
    second.portal.stop()
    context = Authority(service.stack.settings.state_dir / authority).server_context(names)
    requests: list[object] = []

    def answer(environ: object, _: object) -> list[bytes]:
        requests.append(environ)
        return []

    impostor = HttpServer(answer, port=second.port, ssl_context=context)
    impostor.start()
    try:
        reply = second.look_up(service)
    finally:
        impostor.stop()

    assert_unavailable(service, reply, "TRANSPORT")
    assert requests == [], "the webhook's code was sent to an unproved host"


def test_portal_at_a_private_address_is_not_called(
    service: Service, second: SecondPortal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCAL_HOSTS", service.stack.target.endpoint.host)
    service.cold_start()

    body = problem(second.look_up(service), 502, "portal-misconfigured")

    assert "portal_error" not in body
    assert only_line(service)["portal_error"] == "ADDRESS_REFUSED"
    assert counted(service, "PortalErrors", code="ADDRESS_REFUSED") == 1


def test_silent_portal_ends_the_look_up_at_its_deadline(service: Service) -> None:
    found(service.look_up("CRM", "LEAD|13"))
    service.clock.advance(27 * 3600)
    service.control("/faults", {"method": "im.chat.get", "delay_ms": SILENCE * 1000})
    service.mark()
    began = time.monotonic()

    with service.hurried(HURRY), ThreadPoolExecutor() as callers:
        uncached = callers.submit(service.look_up, "CRM", "DEAL|1663")
        stale = callers.submit(service.look_up, "CRM", "LEAD|13")

    problem(uncached.result(), 503, "portal-unavailable")
    assert found(stale.result())["source"] == "stale"
    assert time.monotonic() - began < SILENCE / 2
    assert counted(service, "PortalErrors", code="TIMEOUT") == 2
    assert [line["portal_error"] for line in service.logs()] == ["TIMEOUT", "TIMEOUT"]
