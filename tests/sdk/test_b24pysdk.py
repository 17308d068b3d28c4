"""What only b24pysdk has: calls by its own scopes, lazy batches, a class for each error, a limit for reading."""

from collections.abc import Callable
from typing import Any, Final

import pytest
from b24pysdk.constants import DEFAULT_READ_TIMEOUT  # type: ignore[import-untyped]  # it has no py.typed

from tests.sdk.calls import FOUND, LINE, NO_CHAT
from tests.sdk.clients import of_door
from tests.sdk.doors import Door, Doors, Mode
from tests.sdk.webhook_mode import Sdk, outcome
from tests.support.service import Service

Both = Callable[[Mode], Doors]

PAIRS: Final = (*(each[:2] for each in FOUND), NO_CHAT)

pytestmark = pytest.mark.usefixtures("python", "leaping_clock")
both_modes = pytest.mark.parametrize("mode", ["webhook", "oauth"])


def look_up(sdk: Sdk, entity_type: str, entity_id: str | int) -> Any:
    return sdk.get_client().im.chat.get(entity_type=entity_type, entity_id=entity_id).result


def fifty(sdk: Sdk) -> object:
    """Send a batch of the scopes' requests; its answer consists of lazy objects."""
    client = sdk.get_client()
    requests = [client.im.chat.get(entity_type=kind, entity_id=key) for kind, key in PAIRS * 10]
    found = client.call_batch(requests).result
    return found.result, found.result_error


RESULTS: Final[dict[str, tuple[Callable[[Sdk], object], object]]] = {
    "a deal": (lambda sdk: look_up(sdk, "CRM", "DEAL|1663"), {"ID": 1437}),
    "an open line": (lambda sdk: look_up(sdk, "LINES", LINE), {"ID": 1764}),
    "a number for an id": (lambda sdk: look_up(sdk, "CHAT", 13), {"ID": 2725}),
    "no chat": (lambda sdk: look_up(sdk, *NO_CHAT), None),
    "a method that exists": (
        lambda sdk: sdk.get_client().method.get(name="im.chat.get").result,
        {"isExisting": True, "isAvailable": True},
    ),
    "fifty": (fifty, ([{"ID": 1437}, {"ID": 10}, {"ID": 1764}, {"ID": 2725}, None] * 10, [])),
}


@both_modes
@pytest.mark.parametrize(("call", "expected"), RESULTS.values(), ids=RESULTS)
def test_call_by_a_scope_has_the_same_result_at_both_doors(
    both: Both, mode: Mode, call: Callable[[Sdk], object], expected: object
) -> None:
    assert [call(of_door(door)) for door in both(mode)] == [expected, expected]


def raised(door: Door, method: str, **params: object) -> str:
    """The class of the error that a call raises."""
    kind, error = outcome(lambda sdk: sdk.call_method(method, params), of_door(door))
    assert kind == "raised"
    assert isinstance(error, type)
    return error.__name__


@both_modes
def test_each_error_has_the_same_class_at_both_doors(service: Service, both: Both, mode: Mode) -> None:
    doors = both(mode)
    assert {raised(door, "im.nothing") for door in doors} == {"BitrixAPINotFound"}
    assert {raised(door, "im.dialog.get", DIALOG_ID="chat404") for door in doors} == {"BitrixAPIAccessError"}
    service.control("/faults", {"method": "im.dialog.get", "error": "OVERLOAD_LIMIT"})
    assert {raised(door, "im.dialog.get", DIALOG_ID="chat10") for door in doors} == {"BitrixAPIOverloadLimit"}


def test_busy_portal_is_reported_before_the_sdk_stops_reading(service: Service, both: Both) -> None:
    door = both("webhook").service
    service.control("/faults", {"method": "im.chat.get", "error": "QUERY_LIMIT_EXCEEDED"})
    before = service.clock.now()

    assert raised(door, "im.chat.get", ENTITY_TYPE="CRM", ENTITY_ID="DEAL|4711") == "BitrixAPIQueryLimitExceeded"
    assert service.clock.now() - before < DEFAULT_READ_TIMEOUT
