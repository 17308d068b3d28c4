"""Ten minutes with a failing portal: how often it is called, what callers receive, and that the service recovers.

Every 10 seconds, by a clock that takes no account of the machine, a pair without a cached answer is looked up. The
expected counts follow from the constants of the modules under test.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import accumulate, count, takewhile
from math import ceil

import pytest

from chat_lookup.calls.circuit_breaker import REMEMBERED_FOR
from chat_lookup.calls.circuit_state import IN_A_ROW, LONGEST_PAUSE, pause
from chat_lookup.calls.operating_budget import BUCKET
from chat_lookup.portals import failures
from chat_lookup.portals.failures import LONGEST_PAUSE as LONGEST_CHECK
from tests.support.portals.unknown_portal import Stage
from tests.support.reply_checks import counted, found, problem
from tests.support.service import Reply, Service

TEN_MINUTES = 600.0
STEP = 9.9
"""A pause of whole tens is over between two steps, and not with one."""
A_DAY_AND_MORE = 27 * 3600.0

# A probe that is due waits up to one step for the next look-up.
PROBES = len(list(takewhile(lambda at: at < TEN_MINUTES, accumulate(pause(probes) + STEP for probes in count()))))
"""Probes of a circuit that opens at the start."""
ROUNDS = ceil(TEN_MINUTES / (BUCKET + STEP))
"""Calls of a method without operating time: the first refusal, then one per minute."""

CHECKS = len(
    list(takewhile(lambda at: at < TEN_MINUTES, accumulate(failures.pause(checks) + STEP for checks in count())))
)
"""Checks of a portal that is closed at the start: each is one call of `profile`."""

LookUp = Callable[[str], Reply]


def ten_minutes(service: Service, look_up: LookUp, numbers: Iterator[int]) -> list[Reply]:
    """Look up a new pair in each step; return the replies."""
    replies = []
    with service.stopped_clock() as clock:
        for _ in range(int(TEN_MINUTES / STEP)):
            replies.append(look_up(f"DEAL|{next(numbers)}"))
            clock.advance(STEP)
    return replies


def recovered(look_up: LookUp, numbers: Iterator[int]) -> bool:
    """Whether the portal is called again for each look-up: it replies that there is no such chat."""
    return all(look_up(f"DEAL|{next(numbers)}").status == 404 for _ in range(5))


def statuses(replies: list[Reply]) -> set[int]:
    return {reply.status for reply in replies}


@pytest.fixture
def numbers() -> Iterator[int]:
    return count(500_000)


@pytest.fixture
def look_up(service: Service) -> LookUp:
    """Look-ups in the portal that is called by webhook."""
    return lambda entity_id: service.look_up("CRM", entity_id)


@pytest.fixture
def unknown_portal_looked_up(stage: Stage) -> LookUp:
    """Look-ups in a portal that is installed by OAuth; the calls of its installation are not counted."""
    stage.install()
    key = stage.key()
    stage.tell("/reset", {})
    return lambda entity_id: stage.look_up(key, entity_id=entity_id)


# -- portals that refuse every call -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("code", "status"), [("OVERLOAD_LIMIT", 503), ("PORTAL_DELETED", 500), ("ACCESS_DENIED", 403)])
def test_blocked_portal_is_called_once_and_then_probed_at_growing_intervals(
    service: Service, look_up: LookUp, numbers: Iterator[int], code: str, status: int
) -> None:
    service.control("/faults", {"method": "*", "error": code, "status": status})

    replies = ten_minutes(service, look_up, numbers)

    assert PROBES == 4
    # The first call and the second sign, then the probes.
    assert len(service.calls()) == 2 + PROBES
    for reply in replies:
        body = problem(reply, 503, "portal-blocked")
        assert body["portal_error"] == code
        assert 1 <= body["retry_after"] <= LONGEST_PAUSE
    assert counted(service, "PortalErrors", code=code) == 2 + PROBES

    service.control("/faults", [])
    service.clock.advance(LONGEST_PAUSE)
    assert recovered(look_up, numbers)


def test_silent_portal_is_probed_at_growing_intervals(
    service: Service, look_up: LookUp, numbers: Iterator[int]
) -> None:
    service.control("/faults", {"method": "*", "drop": True})

    replies = ten_minutes(service, look_up, numbers)

    assert len(service.calls()) == IN_A_ROW + PROBES
    for reply in replies:
        problem(reply, 503, "portal-unavailable")

    service.control("/faults", [])
    service.clock.advance(LONGEST_PAUSE)
    assert recovered(look_up, numbers)


def test_stale_answer_is_served_while_the_portal_is_blocked(service: Service) -> None:
    found(service.look_up("CRM", "DEAL|1663"))
    service.clock.advance(A_DAY_AND_MORE)
    service.control("/faults", {"method": "*", "error": "OVERLOAD_LIMIT"})
    for _ in range(3):
        answer = found(service.look_up("CRM", "DEAL|1663"))
        assert (answer["chat_id"], answer["source"]) == (1437, "stale")
        service.clock.advance(REMEMBERED_FOR)
    assert len(service.calls()) == 3


# -- operating time ----------------------------------------------------------------------------------------------------


def test_method_without_operating_time_is_tried_once_a_minute_and_the_other_method_answers(
    service: Service, look_up: LookUp, numbers: Iterator[int]
) -> None:
    service.control("/faults", {"method": "im.chat.get", "error": "OPERATION_TIME_LIMIT", "status": 429})

    replies = ten_minutes(service, look_up, numbers)

    assert statuses(replies) == {404}
    calls = Counter(call["method"] for call in service.calls())
    assert calls == {"im.chat.get": ROUNDS, "imbot.chat.get": len(replies)}

    service.control("/faults", [])
    service.clock.advance(BUCKET)
    assert recovered(look_up, numbers)
    assert len(service.calls("imbot.chat.get")) == len(replies)


def test_callers_get_portal_busy_while_both_methods_have_no_operating_time(
    service: Service, look_up: LookUp, numbers: Iterator[int]
) -> None:
    spent = {"error": "OPERATION_TIME_LIMIT", "status": 429}
    service.control("/faults", [{"method": method, **spent} for method in ("im.chat.get", "imbot.chat.get")])

    replies = ten_minutes(service, look_up, numbers)

    calls = Counter(call["method"] for call in service.calls())
    assert calls == {"im.chat.get": ROUNDS, "imbot.chat.get": ROUNDS}
    for reply in replies:
        body = problem(reply, 429, "portal-busy")
        assert body["portal_error"] == "OPERATION_TIME_LIMIT"

    service.control("/faults", [])
    service.clock.advance(BUCKET)
    assert recovered(look_up, numbers)


# -- tokens and addresses ----------------------------------------------------------------------------------------------


def test_expired_tokens_cost_one_refused_call_and_one_refresh(
    stage: Stage, unknown_portal_looked_up: LookUp, numbers: Iterator[int]
) -> None:
    stage.tell("/expire_tokens", {})

    replies = ten_minutes(stage.service, unknown_portal_looked_up, numbers)

    assert statuses(replies) == {404}
    assert Counter(stage.calls()) == {"im.chat.get": len(replies) + 1, "oauth/token": 1}


def test_portal_that_refuses_every_token_costs_one_refresh_in_ten_minutes(
    stage: Stage, unknown_portal_looked_up: LookUp, numbers: Iterator[int]
) -> None:
    refused = {"error": "expired_token", "status": 401}
    stage.tell("/faults", [{"method": method, **refused} for method in ("im.chat.get", "profile")])

    replies = ten_minutes(stage.service, unknown_portal_looked_up, numbers)

    # The call, its repetition with a new pair, and the second sign.
    assert Counter(stage.calls()) == {"im.chat.get": 2, "oauth/token": 1, "profile": 1 + CHECKS}
    for reply in replies:
        problem(reply, 503, "portal-reauthorise")

    stage.tell("/faults", [])
    stage.service.clock.advance(LONGEST_CHECK)
    assert recovered(unknown_portal_looked_up, numbers)


def test_renamed_portal_costs_one_redirect_and_one_refresh(
    stage: Stage, unknown_portal_looked_up: LookUp, numbers: Iterator[int]
) -> None:
    stage.tell("/rename", {"host": "localhost"})

    replies = ten_minutes(stage.service, unknown_portal_looked_up, numbers)

    assert statuses(replies) == {404}
    assert Counter(stage.calls()) == {"im.chat.get": len(replies) + 1, "oauth/token": 1}


def test_redirect_to_another_page_is_an_outage_and_does_not_close_the_portal(
    stage: Stage, unknown_portal_looked_up: LookUp, numbers: Iterator[int]
) -> None:
    stage.answers("im.chat.get", status=302, body="", headers={"Location": "https://acme.example/rest/"})

    replies = ten_minutes(stage.service, unknown_portal_looked_up, numbers)

    assert Counter(stage.calls()) == {"im.chat.get": IN_A_ROW + PROBES}
    for reply in replies:
        problem(reply, 503, "portal-unavailable")
    assert stage.state == "active"

    stage.tell("/faults", [])
    stage.service.clock.advance(LONGEST_PAUSE)
    assert recovered(unknown_portal_looked_up, numbers)


def test_renamed_webhook_portal_is_checked_at_growing_intervals_until_it_gets_a_new_url(
    service: Service, look_up: LookUp, numbers: Iterator[int]
) -> None:
    service.control("/rename", {"host": "localhost"})

    replies = ten_minutes(service, look_up, numbers)

    # The call and the second sign, then the checks.
    assert len(service.calls()) == 2 + CHECKS
    for reply in replies[1:]:
        assert "portal.add_webhook" in problem(reply, 502, "portal-misconfigured")["detail"]
