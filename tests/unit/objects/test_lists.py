"""What lists cost in CacheTable, as docs/costs.md has it, and answers without it."""

import pytest

from chat_lookup.objects.model import ObjectChats
from tests.support.fakes import FakeBitrix24, ManualClock, Stores
from tests.support.in_process_service import Service, build, list_chats, list_many, with_scopes
from tests.support.portals.crm_content import FakeCrm, named
from tests.support.stores.faulty_dynamodb import FaultyDynamoDB


def on(store: FaultyDynamoDB, service: Service, stores: Stores, clock: ManualClock, bitrix24: FakeBitrix24) -> Service:
    """A process whose DynamoDB is this one."""
    counted = Stores(store.client, stores.secrets, stores.portal_table, stores.cache_table)
    return build(counted, clock, bitrix24, service.telemetry)


@pytest.mark.parametrize(("relatives", "writes"), [(0, 3), (1, 5), (3, 7), (16, 20)])
def test_answer_writes_the_lease_the_slots_and_a_row_for_each_list_and_one_from_the_cache_writes_nothing(
    service: Service,
    stores: Stores,
    clock: ManualClock,
    bitrix24: FakeBitrix24,
    crm: FakeCrm,
    relatives: int,
    writes: int,
) -> None:
    store = FaultyDynamoDB(stores.dynamodb)
    process = on(store, service, stores, clock, bitrix24)
    portal = with_scopes(process, "im", "imopenlines", "crm")
    crm.contacts["DEAL|7"] = list(range(1, relatives))
    crm.companies["DEAL|7"] = [1] if relatives else []
    list_chats(process, portal, named("DEAL|9"))
    began = (store.reads, store.writes)
    list_chats(process, portal, named("DEAL|7"))
    asked = (store.reads, store.writes)
    list_chats(process, portal, named("DEAL|7"))
    assert asked[1] - began[1] == writes
    assert (store.reads - asked[0], store.writes - asked[1]) == (1 + (relatives > 0), 0)


@pytest.mark.parametrize(
    "down", [{"get_item", "batch_get_item"}, {"put_item"}, {"get_item", "batch_get_item", "put_item"}]
)
def test_failing_cache_fails_no_answer(
    service: Service, stores: Stores, clock: ManualClock, bitrix24: FakeBitrix24, crm: FakeCrm, down: set[str]
) -> None:
    store = FaultyDynamoDB(stores.dynamodb)
    process = on(store, service, stores, clock, bitrix24)
    portal = with_scopes(process, "im", "imopenlines", "crm")
    crm.discussions |= {"DEAL|7": 1437, "CONTACT|42": 1500}
    crm.contacts["DEAL|7"] = [42]
    list_chats(process, portal, named("DEAL|9"))
    store.down |= down
    answer = list_chats(process, portal, named("DEAL|7"))
    assert [each.chat_id for each in answer.chats] == [1437, 1500]
    (outcome,) = list_many(process, portal, [named("DEAL|7")])
    assert isinstance(outcome, ObjectChats)
    assert [each.chat_id for each in outcome.chats] == [1437, 1500]
