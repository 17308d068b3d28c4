"""The page's share of the pace: a quarter of the burst at once and of the rate after it, and an error beyond."""

import pytest

from chat_lookup.calls.gcra import Pace, Share
from chat_lookup.calls.rate_limiter import Limiter
from chat_lookup.clock import Deadline
from chat_lookup.errors import PortalBusy
from chat_lookup.install.attempt_limiter import AttemptLimiter
from chat_lookup.page.pace import PagePace
from chat_lookup.portals.portal import Portal
from tests.support.fakes import ManualClock, Stores

PORTAL = "acme"
PORTAL_OF_50 = Portal(PORTAL, "acme.bitrix24.com", "arn", "v1")


def page_of(stores: Stores, clock: ManualClock) -> PagePace:
    return PagePace(Limiter(stores.cache_rows, clock), AttemptLimiter(stores.cache_rows, clock))


def taken(limiter: PagePace, clock: ManualClock, pace: Pace, most: int = 200) -> int:
    """How many requests are let through before one is refused."""
    for count in range(most):
        try:
            limiter.wait(PORTAL, pace, Share.INTERACTIVE, Deadline.after(20, clock))
        except PortalBusy:
            return count
    raise AssertionError("no request was refused")


@pytest.mark.parametrize(("pace", "at_once"), [(Pace(2, 50), 12), (Pace(5, 250), 62), (Pace(2, 4), 4)])
def test_quarter_of_the_burst_is_let_through_at_once_and_a_quarter_of_the_rate_after_it(
    stores: Stores, clock: ManualClock, pace: Pace, at_once: int
) -> None:
    limiter = page_of(stores, clock)
    assert taken(limiter, clock, pace) == at_once
    clock.advance(10 / pace.rate * 4)
    assert taken(limiter, clock, pace) == min(10, at_once)


def busy(limiter: PagePace, requests: int) -> bool:
    try:
        with limiter.of_a_view(PORTAL_OF_50, requests):
            return False
    except PortalBusy:
        return True


def test_view_takes_its_requests_beforehand_and_gives_back_what_it_does_not_use(
    stores: Stores, clock: ManualClock
) -> None:
    page, pace, deadline = page_of(stores, clock), Pace(2, 50), Deadline.after(20, clock)
    with page.of_a_view(PORTAL_OF_50, 9):
        page.wait(PORTAL, pace, Share.INTERACTIVE, deadline)
        assert (busy(page, 4), busy(page, 3)) == (True, False)
    assert (busy(page, 12), busy(page, 11)) == (True, False)


def test_request_of_a_view_beyond_what_it_took_is_let_through_as_any_other(stores: Stores, clock: ManualClock) -> None:
    page, pace, deadline = page_of(stores, clock), Pace(2, 50), Deadline.after(20, clock)
    with page.of_a_view(PORTAL_OF_50, 2):
        for _ in range(12):
            page.wait(PORTAL, pace, Share.INTERACTIVE, deadline)
        with pytest.raises(PortalBusy):
            page.wait(PORTAL, pace, Share.INTERACTIVE, deadline)


def test_look_ups_keep_the_rest_and_are_not_counted(stores: Stores, clock: ManualClock) -> None:
    page, everyone = page_of(stores, clock), Limiter(stores.cache_rows, clock)
    taken(page, clock, Pace(2, 50))
    began = clock.now()
    for _ in range(30):
        everyone.wait(PORTAL, Pace(2, 50), Share.INTERACTIVE, Deadline.after(20, clock))
    assert clock.now() == began
    clock.advance(2)
    page.wait(PORTAL, Pace(2, 50), Share.INTERACTIVE, Deadline.after(20, clock))
