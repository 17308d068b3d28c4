"""The methods of /rest: the answers of look-ups, their shapes, and the calls to the portal."""

import pytest

from chat_lookup.bitrix24.client import OperatingTime
from chat_lookup.bootstrap.services import Services
from chat_lookup.portals.portal import Portal, ResultForm
from tests.support.fakes import FakeBitrix24, ManualClock
from tests.support.in_process_service import Service, install
from tests.support.rest_function import DEAL, asked, result

FOUND = {"ID": 1437}


@pytest.fixture
def key(booted: Services, portal: Portal) -> str:
    return booted.keys.create(portal.member_id, "shop", ["rest"], None)[0]


@pytest.mark.parametrize("method", ["im.chat.get", "imbot.chat.get", "IM.Chat.GET.json"])
def test_found_chat_is_an_object_and_requested_once(key: str, bitrix24: FakeBitrix24, method: str) -> None:
    name = method.removesuffix(".json").lower()
    bitrix24.answers(name, FOUND)
    assert [result(key, method, DEAL) for _ in range(3)] == [FOUND] * 3
    assert [(call.method, call.params) for call in bitrix24.calls] == [(name, DEAL)]


def test_name_of_a_parameter_is_read_in_any_case(key: str, bitrix24: FakeBitrix24) -> None:
    bitrix24.answers("im.chat.get", FOUND)
    assert result(key, "im.chat.get", {"entity_type": "CRM", "Entity_Id": "DEAL|1663"}) == FOUND
    assert bitrix24.calls[0].params == DEAL


def test_result_shape_can_be_set_to_the_bare_number(
    booted: Services, key: str, bitrix24: FakeBitrix24, service: Service, portal: Portal
) -> None:
    bitrix24.answers("im.chat.get", 1437)
    assert result(key, "im.chat.get", DEAL) == FOUND
    service.portals.states.change(portal, result_form={"S": ResultForm.INT})
    booted.portals.forget(portal.member_id)
    assert result(key, "im.chat.get", DEAL) == 1437
    assert install(service).result_form is ResultForm.INT, "an installation does not change it"


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"ENTITY_TYPE": "CRM"},
        {"ENTITY_TYPE": "CRM", "ENTITY_ID": "0"},
        {"ENTITY_TYPE": "CRM", "ENTITY_ID": 0},
        {"ENTITY_TYPE": "CRM", "ENTITY_ID": ["DEAL|1663"]},
        {"ENTITY_TYPE": "CRM", "ENTITY_ID": "x" * 256},
        {"ENTITY_TYPE": "CRM", "ENTITY_ID": "a\x00b"},
    ],
)
def test_invalid_pair_is_null_without_a_call(key: str, bitrix24: FakeBitrix24, params: dict[str, object]) -> None:
    assert result(key, "im.chat.get", params) is None
    assert bitrix24.calls == []


def test_not_found_is_null_and_no_fallback_convention_is_called(key: str, bitrix24: FakeBitrix24) -> None:
    bitrix24.answers("im.chat.get", None)
    for entity_type in ("CRM", "LINES", "TASK"):
        assert result(key, "im.chat.get", {"ENTITY_TYPE": entity_type, "ENTITY_ID": "7"}) is None
    assert bitrix24.methods == ["im.chat.get"] * 3


def test_bot_id_is_sent_if_it_is_valid(key: str, bitrix24: FakeBitrix24) -> None:
    bitrix24.answers("imbot.chat.get", FOUND)
    for number, (bot_id, sent) in enumerate([(39, 39), ("39", 39), ("x", None), (0, None), (None, None)]):
        pair = {"ENTITY_TYPE": "OPEN", "ENTITY_ID": str(13 + number)}
        assert result(key, "imbot.chat.get", {**pair, "BOT_ID": bot_id}) == FOUND
        assert bitrix24.calls[-1].params.get("BOT_ID") == sent


def test_time_contains_measured_values_and_the_last_operating_time_of_the_portal(
    key: str, bitrix24: FakeBitrix24, clock: ManualClock
) -> None:
    bitrix24.answers("im.chat.get", FOUND)
    bitrix24.time, bitrix24.seconds = OperatingTime(3.25, clock.now() + 600, 0.2), 0.5
    began = clock.now()
    _, body = asked(key, "im.chat.get", DEAL)
    time = body["time"]
    assert (time["start"], time["finish"]) == (began, began + 0.5)
    assert time["duration"] == pytest.approx(0.5)
    assert (time["operating"], time["operating_reset_at"]) == (3.25, int(began + 600))
    _, cached = asked(key, "im.chat.get", DEAL)
    assert (cached["time"]["duration"], cached["time"]["operating"]) == (0.0, 3.25)
    _, other = asked(key, "imbot.chat.get", DEAL)
    assert other["time"]["operating"] == 0.0, "the other method has no used time yet"
    assert list(other["time"]) == list(time)
