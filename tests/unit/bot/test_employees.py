"""Who is an employee: by the event's flag, else by the portal's, kept for a day; without either the user is none."""

from collections.abc import Callable

import pytest

from chat_lookup.bot.employees import KEPT, METHOD, People
from chat_lookup.clock import Deadline
from chat_lookup.errors import PortalBusy
from chat_lookup.events.model import EventUser
from chat_lookup.portals.portal import Portal
from tests.support.fakes import FakeBitrix24, Stores
from tests.support.in_process_service import Service, install

ADA = {
    "id": 27, "active": True, "name": "Ada Lovelace", "extranet": False, "network": False, "bot": False,
    "connector": False, "departments": [50], "type": "employee",
}  # fmt: skip
USER = EventUser(27)

Asks = Callable[..., bool]


@pytest.fixture
def employs(service: Service, stores: Stores) -> Asks:
    """Ask as one process that remembers the answers."""
    people = People(service.calls, stores.cache_rows, service.clock)

    def ask(portal: Portal, user: EventUser = USER, seconds: float = 10) -> bool:
        with service.telemetry.invocation("test"):
            return people.is_employee(portal, user, Deadline.after(seconds, service.clock))

    return ask


def in_another_process(service: Service, stores: Stores, portal: Portal) -> bool:
    people = People(service.calls, stores.cache_rows, service.clock)
    return people.is_employee(portal, USER, Deadline.after(10, service.clock))


@pytest.mark.parametrize("flag_value", [True, False])
def test_flag_of_the_event_costs_no_call(
    employs: Asks, portal: Portal, bitrix24: FakeBitrix24, *, flag_value: bool
) -> None:
    assert employs(portal, EventUser(27, employee=flag_value)) is flag_value
    assert bitrix24.calls == []


def test_portal_is_asked_if_the_event_has_no_flag(employs: Asks, portal: Portal, bitrix24: FakeBitrix24) -> None:
    bitrix24.answers(METHOD, ADA)
    assert employs(portal)
    assert [(call.method, call.params) for call in bitrix24.calls] == [(METHOD, {"ID": 27})]


@pytest.mark.parametrize(
    "differing",
    [
        {"extranet": True},
        {"connector": True},
        {"network": True},
        {"bot": True},
        {"bot": "Y"},
        {"extranet": 1},
        {"active": False},
        {"type": "collaber"},
        {"type": "email"},
        {"type": ""},
        {"type": "user", "external_auth_id": "email"},
        {"type": ["user"]},
        {"id": 28},
    ],
    ids=str,
)
def test_guests_customers_bots_and_former_employees_are_no_employees(
    employs: Asks, portal: Portal, bitrix24: FakeBitrix24, differing: dict[str, object]
) -> None:
    bitrix24.answers(METHOD, {**ADA, **differing})
    assert not employs(portal)


@pytest.mark.parametrize("flag", ["extranet", "network", "bot", "connector"])
@pytest.mark.parametrize("flag_value", [None, ""])
def test_user_with_an_empty_flag_is_no_employee(
    employs: Asks, portal: Portal, bitrix24: FakeBitrix24, flag: str, flag_value: object
) -> None:
    bitrix24.answers(METHOD, {**ADA, flag: flag_value})
    assert not employs(portal)


@pytest.mark.parametrize("missing", ["extranet", "network", "bot", "connector"])
def test_user_with_a_missing_flag_is_no_employee(
    employs: Asks, portal: Portal, bitrix24: FakeBitrix24, missing: str
) -> None:
    bitrix24.answers(METHOD, {name: value for name, value in ADA.items() if name != missing})
    assert not employs(portal)


@pytest.mark.parametrize("result", [None, [], "27", 27, [ADA], {}], ids=str)
def test_answer_without_a_user_makes_no_employee(
    employs: Asks, portal: Portal, bitrix24: FakeBitrix24, result: object
) -> None:
    bitrix24.answers(METHOD, result)
    assert not employs(portal)


def test_user_without_type_and_activity_can_be_an_employee(
    employs: Asks, portal: Portal, bitrix24: FakeBitrix24
) -> None:
    # The page's sample has neither (im-user-get.md).
    bitrix24.answers(METHOD, {name: value for name, value in ADA.items() if name not in ("type", "active")})
    assert employs(portal)


@pytest.mark.parametrize("kind", ["employee", "user"])
def test_employee_has_either_type(employs: Asks, portal: Portal, bitrix24: FakeBitrix24, kind: str) -> None:
    bitrix24.answers(METHOD, {**ADA, "type": kind, "external_auth_id": "default"})
    assert employs(portal)


@pytest.mark.parametrize("employed", [True, False])
def test_answer_of_the_portal_is_kept_for_a_day_for_every_process(
    employs: Asks, service: Service, stores: Stores, portal: Portal, bitrix24: FakeBitrix24, *, employed: bool
) -> None:
    bitrix24.answers(METHOD, {**ADA, "extranet": not employed})
    employs(portal)
    service.clock.advance(KEPT - 1)
    assert employs(portal) is employed
    assert in_another_process(service, stores, portal) is employed
    assert len(bitrix24.calls) == 1
    service.clock.advance(1)
    employs(portal)
    assert len(bitrix24.calls) == 2


def test_dismissed_user_counts_as_an_employee_for_a_day_at_most(
    employs: Asks, service: Service, portal: Portal, bitrix24: FakeBitrix24
) -> None:
    bitrix24.answers(METHOD, ADA)
    employs(portal)
    bitrix24.answers(METHOD, {**ADA, "active": False})
    for _ in range(25):
        service.clock.advance(3600)
        last = employs(portal)
    assert not last


def test_portal_is_asked_again_after_another_installation(
    employs: Asks, service: Service, bitrix24: FakeBitrix24
) -> None:
    bitrix24.answers(METHOD, ADA)
    assert employs(install(service))
    assert employs(install(service))
    assert len(bitrix24.calls) == 2


def test_only_the_flag_is_stored(employs: Asks, stores: Stores, portal: Portal, bitrix24: FakeBitrix24) -> None:
    bitrix24.answers(METHOD, ADA)
    employs(portal)
    items = stores.dynamodb.scan(TableName=stores.cache_table)["Items"]
    (kept,) = [item for item in items if item["pk"].get("S", "").startswith("PERSON#")]
    assert set(kept) == {"pk", "employee", "asked_at", "expires_at"}
    assert "Ada" not in str(kept)


@pytest.mark.parametrize(
    ("code", "status"),
    [("USER_NOT_EXISTS", 400), ("ACCESS_DENIED", 403), ("QUERY_LIMIT_EXCEEDED", 503), ("TIMEOUT", 0)],
)
def test_portal_is_asked_again_after_a_failure(
    employs: Asks, portal: Portal, bitrix24: FakeBitrix24, code: str, status: int
) -> None:
    bitrix24.fails(METHOD, code, status)
    assert not employs(portal)
    bitrix24.answers(METHOD, ADA)
    assert employs(portal)


def test_question_without_a_slot_in_time_raises(employs: Asks, service: Service, bitrix24: FakeBitrix24) -> None:
    portal = install(service, rate=0.1, burst=1)
    bitrix24.answers(METHOD, None)
    employs(portal, EventUser(28))
    with pytest.raises(PortalBusy):
        employs(portal)
    assert len(bitrix24.calls) == 1


def test_without_the_scope_the_portal_is_not_asked(employs: Asks, service: Service, bitrix24: FakeBitrix24) -> None:
    assert not employs(install(service, scopes=frozenset({"imbot"})))
    assert bitrix24.calls == []


def test_portal_with_unknown_scopes_is_asked(employs: Asks, service: Service, bitrix24: FakeBitrix24) -> None:
    bitrix24.answers(METHOD, ADA)
    assert employs(install(service, scopes=None))
