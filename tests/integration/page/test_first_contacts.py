"""Floods of first views of the page: what they may cost the portal, its authorisation server and the stores.

Every view is another one. They come from addresses of the loopback network, which the API's server sees as they are.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, urlencode

import pytest
import urllib3

from chat_lookup.page.pace import SHARE
from chat_lookup.portals.portal import DEFAULT_BURST, DEFAULT_RATE
from local.portal.events.installer import Manner
from tests.support.portals.unknown_portal import EMPLOYEE, FORM, Stage
from tests.support.stores import dynamodb_engine

ONE_ADDRESS: Final = ("127.0.0.30",)
TEN_ADDRESSES: Final = tuple(f"127.0.0.{30 + number}" for number in range(10))
FROM_ONE_ADDRESS: Final = 2
"""Failures of one address at once (decision 022)."""
REFUSED: Final = (307, 429)
"""Statuses of views that the page refuses by a limit, or hands over."""
UNPROVED: Final = 6
"""Failures of views without an application token at once, from all addresses."""
FROM_A_PORTAL: Final = 30
"""First views of one portal at once."""
FROM_STRANGERS: Final = 17
"""Failures of all together that reach the authorisation server at once."""
OF_THE_PACE: Final = int(DEFAULT_BURST * SHARE)
"""Calls of the portal that the page makes at once."""
OF_THE_RATE: Final = DEFAULT_RATE * SHARE
"""Calls of the portal that it makes in each second after these."""


class Flood(NamedTuple):
    """What is changed in a user's form, what the portal and its authorisation server may be called for so many
    such views, and with how many requests to DynamoDB one of them is refused, the portal's record among them."""

    form: Callable[[int], Mapping[str, str | None]]
    addresses: tuple[str, ...]
    statuses: frozenset[int]
    profiles: int = 0
    refreshes: int = 0
    requests: int = 1
    views: int = 16


FLOODS: Final = {
    "unknown portals": Flood(lambda n: {"member_id": f"{n:032x}"}, ONE_ADDRESS, frozenset({307})),
    "forged application tokens": Flood(
        lambda n: {"APPLICATION_TOKEN": f"{n:032x}"}, ONE_ADDRESS, frozenset({403, 429}), requests=3
    ),
    "forged users, without an application token": Flood(
        lambda n: {"APPLICATION_TOKEN": None, "AUTH_ID": f"forged-{n}"}, ONE_ADDRESS, frozenset({403, 429}),
        profiles=FROM_ONE_ADDRESS, requests=4,
    ),
    "forged users from many addresses": Flood(
        lambda n: {"APPLICATION_TOKEN": None, "AUTH_ID": f"forged-{n}"}, TEN_ADDRESSES, frozenset({403, 429}),
        profiles=UNPROVED, requests=11,
    ),
    "forged users with the application token": Flood(
        lambda n: {"AUTH_ID": f"forged-{n}"}, TEN_ADDRESSES, frozenset({403, 429}), profiles=OF_THE_PACE, requests=4,
        views=FROM_A_PORTAL + 5,
    ),
    "one user": Flood(lambda _: {}, ONE_ADDRESS, frozenset({200, 429}), profiles=OF_THE_PACE, requests=4),
}  # fmt: skip


class Senders:
    """Posts frames to the page's address from several addresses, as a program does: it follows no redirect."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._pools: dict[str, urllib3.PoolManager] = {}
        sent = stage.portal.installer.visit(stage.card.client_id, user_id=EMPLOYEE, manner=Manner(send=False)).sent[0]
        self._url = stage.service.stack.addresses.api_url + "/bitrix24/app?" + sent.message.url.partition("?")[2]
        self._form = dict(parse_qsl(sent.message.body))

    def post(self, address: str, changed: Mapping[str, str | None], url: str = "") -> urllib3.BaseHTTPResponse:
        form = {name: value for name, value in {**self._form, **changed}.items() if value is not None}
        pool = self._pools.setdefault(address, urllib3.PoolManager(retries=False, source_address=(address, 0)))
        return pool.request(
            "POST", url or self._url, body=urlencode(form), headers={"Content-Type": FORM}, redirect=False
        )


@pytest.fixture(scope="module")
def installed(one_stage: Stage) -> Stage:
    one_stage.reset()
    one_stage.install()
    return one_stage


@pytest.fixture
def senders(installed: Stage) -> Senders:
    installed.begin_again()
    return Senders(installed)


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The operations of DynamoDB that the service asks for."""
    asked: list[str] = []
    answered = dynamodb_engine.answered

    def noted(client: Any, action: str, content: Mapping[str, Any]) -> tuple[int, Mapping[str, Any]]:
        asked.append(action)
        return answered(client, action, content)

    monkeypatch.setattr(dynamodb_engine, "answered", noted)
    return asked


@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS)
def test_flood_of_first_views_costs_no_more_calls_than_its_limit(
    installed: Stage, senders: Senders, requests: list[str], flood: Flood
) -> None:
    before, began = len(installed.calls()), installed.service.clock.now()
    statuses, costs = Counter[int](), []
    for number in range(flood.views):
        requests.clear()
        status = senders.post(flood.addresses[number % len(flood.addresses)], flood.form(number)).status
        statuses[status] += 1
        if status in REFUSED:
            costs.append(len(requests))
    assert statuses.keys() == flood.statuses
    calls = Counter(installed.calls()[before:])
    seconds = installed.service.clock.now() - began
    assert calls["profile"] <= flood.profiles + (math.ceil(seconds * OF_THE_RATE) if flood.profiles else 0)
    assert calls["oauth/token"] <= flood.refreshes
    assert calls.keys() <= {"profile", "oauth/token"}
    assert max(costs) <= flood.requests


def test_unknown_portal_followed_to_the_installation_costs_what_strangers_may(
    installed: Stage, senders: Senders
) -> None:
    before = len(installed.calls())
    statuses = Counter[int]()
    for number in range(5):
        forged = {name: f"{name}-{number:032x}" for name in ("REFRESH_ID", "AUTH_ID")}
        changed = {"member_id": f"{number:032x}", **forged}
        handed_over = senders.post(ONE_ADDRESS[0], changed)
        assert handed_over.status == 307, (handed_over.status, handed_over.data)
        location = handed_over.headers["location"]
        url = installed.service.stack.addresses.api_url + location
        statuses[senders.post(ONE_ADDRESS[0], changed, url).status] += 1
    assert statuses == {403: FROM_ONE_ADDRESS, 429: 5 - FROM_ONE_ADDRESS}
    assert installed.calls()[before:] == ["oauth/token"] * FROM_ONE_ADDRESS


def test_users_open_the_page_beside_a_flood_of_forged_users_that_lasts(installed: Stage, senders: Senders) -> None:
    forged, statuses = FLOODS["forged users from many addresses"].form, []
    for number in range(30):
        senders.post(f"127.0.1.{1 + number}", forged(number))
        installed.service.clock.advance(1)
        if number % 5 == 4:
            statuses.append(senders.post("127.0.0.99", {}).status)
    assert statuses == [200] * 6
