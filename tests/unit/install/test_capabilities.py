"""The capabilities of a portal are read once; a refused or unreadable one counts as missing."""

import pytest

from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.clock import Deadline
from chat_lookup.install.capabilities import Capabilities, probe
from chat_lookup.portals.portal import Portal
from tests.support.fakes import FakeBitrix24
from tests.support.in_process_service import Service
from tests.support.portals.first_contact import answer_as_a_portal, refusing


def probed(service: Service, portal: Portal) -> Capabilities:
    return probe(service.calls, portal, Deadline.after(20, service.clock))


@pytest.fixture(autouse=True)
def _portal_answers(bitrix24: FakeBitrix24) -> None:
    answer_as_a_portal(bitrix24)


def test_current_portal_has_every_capability(service: Service, portal: Portal) -> None:
    assert probed(service, portal) == Capabilities(frozenset({"im", "imbot"}), "v2", 36, 2.0, 50)


@pytest.mark.parametrize(
    ("there", "api"),
    [({"imbot.v2.bot.register", "imbot.register"}, "v2"), ({"imbot.register"}, "v1"), (set(), "")],
)
def test_newest_available_family_of_bot_methods_is_used(
    service: Service, portal: Portal, bitrix24: FakeBitrix24, there: set[str], api: str
) -> None:
    bitrix24.answers_by(
        "method.get", lambda params: {"isExisting": params["name"] in there, "isAvailable": params["name"] in there}
    )
    can = probed(service, portal)
    assert (can.bot_api, can.bot_revision) == (api, 36 if api == "v2" else None)


def test_method_that_exists_but_is_not_granted_is_not_used(
    service: Service, portal: Portal, bitrix24: FakeBitrix24
) -> None:
    bitrix24.answers("method.get", {"isExisting": True, "isAvailable": False})
    assert probed(service, portal).bot_api == ""


def test_bot_methods_are_not_queried_without_the_scope(
    service: Service, portal: Portal, bitrix24: FakeBitrix24
) -> None:
    bitrix24.answers("scope", ["im", "crm"])
    assert probed(service, portal).bot_api == ""
    assert bitrix24.methods == ["scope", "app.info"]


@pytest.mark.parametrize(("family", "pace"), [("ent", (5.0, 250)), ("std", (2.0, 50)), (None, (2.0, 50))])
def test_plan_sets_the_rate_and_the_burst(
    service: Service, portal: Portal, bitrix24: FakeBitrix24, family: str | None, pace: tuple[float, int]
) -> None:
    bitrix24.answers("app.info", {"LICENSE_FAMILY": family})
    can = probed(service, portal)
    assert (can.rate, can.burst) == pace


@pytest.mark.parametrize("method", ["scope", "method.get", "imbot.v2.Revision.get", "app.info"])
@pytest.mark.parametrize("code", ["ERROR_METHOD_NOT_FOUND", "insufficient_scope", "INVALID_CREDENTIALS"])
def test_refused_capability_counts_as_missing(
    service: Service, portal: Portal, bitrix24: FakeBitrix24, method: str, code: str
) -> None:
    bitrix24.answers_by(method, refusing(code, 403))
    assert probed(service, portal).rate == 2.0


@pytest.mark.parametrize("method", ["scope", "method.get", "imbot.v2.Revision.get", "app.info"])
@pytest.mark.parametrize("result", [None, [], {}, "x", 7, [None, 7, "IM"], {"isExisting": 1}, {"rest": "36"}])
def test_unreadable_capability_counts_as_missing(
    service: Service, portal: Portal, bitrix24: FakeBitrix24, method: str, result: object
) -> None:
    bitrix24.answers(method, result)
    assert probed(service, portal).burst == 50


@pytest.mark.parametrize(("code", "status"), [("TIMEOUT", 0), ("HTTP_5XX", 502), ("QUERY_LIMIT_EXCEEDED", 503)])
def test_capability_without_an_answer_raises(
    service: Service, portal: Portal, bitrix24: FakeBitrix24, code: str, status: int
) -> None:
    bitrix24.answers_by("scope", refusing(code, status))
    with pytest.raises(BitrixError):
        probed(service, portal)
