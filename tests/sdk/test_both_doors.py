"""Every client gets the same from a portal and from the service: client x mode x door x call, and what may differ."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest

from tests.sdk.calls import BATCHES, CALLS, DIFFERENCES, MANY, MANY_FOUND, Call, Outcome, comparable
from tests.sdk.clients import Client
from tests.sdk.doors import Doors, Mode
from tests.support.service import Service

Named = Callable[[str], Any]  # a Client, or one with batches

CALLING: Final[tuple[tuple[str, Mode], ...]] = (
    ("b24pysdk", "webhook"), ("b24pysdk", "oauth"), ("b24jssdk", "webhook"), ("b24jssdk", "oauth"),
    ("CRest", "webhook"), ("CRest", "oauth"), ("b24phpsdk", "webhook"), ("b24phpsdk", "oauth"),
    ("restCommand", "oauth"), ("BX24", "oauth"),
)  # fmt: skip
BATCHING: Final = tuple(way for way in CALLING if way[0] in ("b24pysdk", "b24jssdk", "CRest"))
SPLITTING: Final = tuple(way for way in CALLING if way[0] in ("b24pysdk", "b24jssdk"))
RECOVERED_AFTER_S: Final = 1_200

pytestmark = pytest.mark.usefixtures("leaping_clock")


@contextmanager
def fault(service: Service, call: Call) -> Iterator[None]:
    """Within the context, the portal has the fault of the call; at its end the clock moves on until all recovered."""
    if not call.fault:
        yield
        return
    service.control("/faults", call.fault)
    yield
    service.control("/faults", [])
    service.control("/clock", {"advance_s": RECOVERED_AFTER_S})


def outcomes(service: Service, client: Client, doors: Doors, name: str) -> tuple[Outcome, Outcome]:
    """The outcomes of a call at the portal and at the service."""
    call, found = CALLS[name], []
    for door in doors:
        with fault(service, call):
            found.append(comparable(name, client.call(door, call.method, call.params)))
    return found[0], found[1]


@pytest.mark.parametrize(("name", "mode"), CALLING)
def test_call_has_the_same_outcome_at_both_doors_unless_it_is_among_the_differences(
    service: Service, client: Named, both: Callable[[Mode], Doors], name: str, mode: Mode
) -> None:
    doors = both(mode)
    found = {call: outcomes(service, client(name), doors, call) for call in CALLS}

    differing = {call: pair for call, pair in found.items() if pair[0] != pair[1]}
    assert differing.keys() == {call for call, each in DIFFERENCES.items() if mode in each.modes}, differing
    for call, pair in differing.items():
        each = DIFFERENCES[call]
        assert [each.on_portal in (None, pair[0]), each.on_service in (None, pair[1])] == [True, True], (call, pair)
    expected = {call: each.expected for call, each in CALLS.items() if each.expected}
    assert {call: found[call][0] for call in expected} == expected
    print(f"\n{name:<12} {mode:<8} {len(found)} calls, {len(found) - len(differing)} alike")  # noqa: T201 - the table


@pytest.mark.parametrize(("name", "mode"), BATCHING)
def test_batch_has_the_same_outcomes_at_both_doors(
    client: Named, both: Callable[[Mode], Doors], name: str, mode: Mode
) -> None:
    doors = both(mode)
    for what, batch in BATCHES.items():
        on_portal, on_service = (client(name).batch(door, batch.commands, batch.halt) for door in doors)

        assert on_portal == on_service, what
        assert on_portal.keys() == batch.expected.keys(), what
        constant = {command: each._replace(status=0) for command, each in batch.expected.items() if each}
        assert {command: on_portal[command] for command in constant} == constant, what
    print(f"\n{name:<12} {mode:<8} {len(BATCHES)} batches, all alike")  # noqa: T201 - the table


@pytest.mark.parametrize(("name", "mode"), SPLITTING)
def test_hundred_and_twenty_commands_have_the_same_results_at_both_doors(
    client: Named, both: Callable[[Mode], Doors], name: str, mode: Mode
) -> None:
    doors = both(mode)
    on_portal, on_service = (client(name).many(door, MANY) for door in doors)

    assert on_portal == on_service == MANY_FOUND
