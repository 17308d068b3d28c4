"""A thousand objects on the plan of most portals: as fast as it lets bulk work be, never refused, none left out."""

from typing import Final

import pytest

from benchmarks.bulk.scenario import PLAN, Scenario
from chat_lookup.objects.model import ObjectChats
from chat_lookup.objects.portal_objects import PortalObject
from chat_lookup.portals.portal import Portal
from local.portal.behaviour.limits import LeakyBucket, Plan
from tests.support.fakes import FakeBitrix24, ManualClock
from tests.support.in_process_service import Service, list_many
from tests.support.portals.crm_content import FakeCrm

OBJECTS: Final = 1000
AT_ONCE: Final = 200
CONTACTS: Final = 100
MOST: Final = 1.05


@pytest.mark.parametrize(("with_clients", "answer_s"), [(False, 0.0), (True, 0.4)])
def test_thousand_objects_take_what_the_plan_allows_bulk_work(
    service: Service, portal: Portal, crm: FakeCrm, bitrix24: FakeBitrix24, clock: ManualClock, answer_s: float,
    with_clients: bool,
) -> None:  # fmt: skip
    deals = [PortalObject("DEAL", number) for number in range(1, OBJECTS + 1)]
    if with_clients:
        crm.contacts |= {deal.name: [1 + deal.number % CONTACTS] for deal in deals}
        crm.companies |= {deal.name: [1 + deal.number % 7] for deal in deals}
    bitrix24.seconds = answer_s
    began = clock.now()
    pieces = [deals[at : at + AT_ONCE] for at in range(0, OBJECTS, AT_ONCE)]
    outcomes = [each for piece in pieces for each in list_many(service, portal, piece)]
    seconds, batches = clock.now() - began, len(bitrix24.calls)
    assert [each for each in outcomes if not complete(each)] == []
    # One caller asks for one batch after the other.
    allowed = max(Scenario(PLAN, batches=batches).paced_seconds + answer_s, batches * answer_s)
    assert seconds <= allowed * MOST
    assert refused(bitrix24) == 0


def complete(outcome: object) -> bool:
    return isinstance(outcome, ObjectChats) and not any(part.problem for part in outcome.parts)


def refused(bitrix24: FakeBitrix24) -> int:
    """How many of the requests the portal would have refused."""
    bucket, count = LeakyBucket(), 0
    for call in bitrix24.calls:
        poured = bucket.pour(call.at, Plan())
        count += poured is None
        bucket = poured or bucket
    return count
