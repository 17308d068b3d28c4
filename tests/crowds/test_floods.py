"""Floods of forged first contacts, from several addresses and over the wire: what reaches the authorisation server.

The contacts come from addresses of the loopback network, all of which the API's server sees as they are.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any, Final
from urllib.parse import urlencode

import pytest
import urllib3

from tests.support.portals.unknown_portal import INSTALL, Stage

MOST_CALLS: Final = 20
"""Calls of the authorisation server that a flood may cause within a minute (design 16)."""
Shape = Mapping[str, str]
Recorder = Callable[[str, object], None]
"""pytest's `record_property`: figures for its report (`--junit-xml`)."""


@pytest.fixture
def forgers(stage: Stage) -> Iterator[Sequence["Forger"]]:
    with ExitStack() as open_pools:
        yield [open_pools.enter_context(forger(stage, f"127.0.0.{10 + number}")) for number in range(10)]


class Forger:
    """Posts forged contacts from one address."""

    def __init__(self, stage: Stage, http: urllib3.PoolManager, address: str) -> None:
        self._url = stage.service.stack.addresses.api_url + INSTALL
        self._http = http
        self._address = address
        self._sent = 0

    def post(self, shape: Shape) -> int:
        """Each contact is another one: its tokens differ. Returns the status."""
        self._sent += 1
        mark = f"{self._address}-{self._sent}"
        fields = {"AUTH_ID": f"access-{mark}", "REFRESH_ID": f"refresh-{mark}", "APPLICATION_TOKEN": "c" * 32, **shape}
        return self._http.request(
            "POST",
            self._url,
            body=urlencode(fields),
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        ).status


@contextmanager
def forger(stage: Stage, address: str) -> Iterator[Forger]:
    with urllib3.PoolManager(retries=False, timeout=30, source_address=(address, 0)) as http:
        yield Forger(stage, http, address)


def shapes(stage: Stage) -> dict[str, Shape]:
    portal = stage.portal
    endpoint = {"SERVER_ENDPOINT": f"https://{portal.domain}/rest/"}
    return {
        "the portal": {"DOMAIN": portal.domain, "member_id": portal.member_id, **endpoint},
        "no member id": {"DOMAIN": portal.domain, **endpoint},
        "another member id": {"DOMAIN": portal.domain, "member_id": "0123456789abcdef" * 2, **endpoint},
        "no access token": {"DOMAIN": portal.domain, "member_id": portal.member_id, "AUTH_ID": "", **endpoint},
    }


def refreshes(calls: Sequence[Any]) -> int:
    return list(calls).count("oauth/token")


@pytest.mark.parametrize("shape", ["the portal", "no member id", "another member id", "no access token"])
def test_flood_of_a_minute_from_ten_addresses_leaves_the_authorisation_server_alone(
    stage: Stage, forgers: Sequence[Forger], record_property: Recorder, shape: str
) -> None:
    assert stage.contact().status == 200
    stage.tell("/reset", {})
    fields, statuses = shapes(stage)[shape], []
    for third in range(20):
        statuses += [forgers[(4 * third + number) % 10].post(fields) for number in range(4)]
        if third == 10:
            # An administrator of this portal, where the application is installed anew at this moment.
            assert stage.contact().status == 200
        stage.service.clock.advance(3)
    assert set(statuses) <= {403, 429}
    assert refreshes(stage.calls()) <= MOST_CALLS
    assert stage.contact().status == 200
    record_property("forged contacts", len(statuses))
    record_property("refreshes for them", refreshes(stage.calls()) - 2)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("shape", ["the portal", "no member id"])
def test_burst_of_160_from_eight_addresses_costs_few_refreshes_while_a_true_contact_installs(
    stage: Stage, forgers: Sequence[Forger], record_property: Recorder, shape: str, known: bool
) -> None:
    if known:
        assert stage.contact().status == 200
        stage.tell("/reset", {})
    fields = shapes(stage)[shape]
    with ThreadPoolExecutor(8) as crowd:
        flood = [crowd.submit(lambda each: [each.post(fields) for _ in range(20)], each) for each in forgers[:8]]
        assert stage.contact().status == 200
        statuses = [status for each in flood for status in each.result()]
    assert (len(statuses), set(statuses) <= {403, 429}) == (160, True)
    assert refreshes(stage.calls()) <= MOST_CALLS
    record_property("refreshes of 160 forged contacts and a true one", refreshes(stage.calls()))
