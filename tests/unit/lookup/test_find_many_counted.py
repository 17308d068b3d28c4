"""The metrics and the log line of each look-up."""

import pytest

from chat_lookup.cache.rows import FRESH_POSITIVE
from chat_lookup.entity import EntityRef
from chat_lookup.errors import PortalUnavailable
from chat_lookup.portals.portal import Portal
from tests.support.fakes import MEMBER_ID, WEBHOOK_CODE, FakeBitrix24, ManualClock, Output
from tests.support.in_process_service import Service, find

LINE = EntityRef("LINES", "whatsapp|2|79161234567|744")


def test_each_look_up_is_counted_by_its_source_and_logged_on_one_line(
    service: Service, portal: Portal, bitrix24: FakeBitrix24, clock: ManualClock, output: Output
) -> None:
    bitrix24.seconds = 0.2
    bitrix24.answers("im.chat.get", 1437)
    find(service, portal)
    find(service, portal)
    clock.advance(FRESH_POSITIVE + 1)
    bitrix24.fails("im.chat.get", "TRANSPORT", 0)
    find(service, portal)
    with pytest.raises(PortalUnavailable):
        find(service, portal, EntityRef("CRM", "DEAL|7"))
    assert [line["source"] for line in output.lines] == ["portal", "cache", "stale", "none"]
    for source in ("portal", "cache", "stale", "none"):
        assert output.metric("Lookups", source=source) == 1
    assert output.metric("LookupLatency", source="portal") == pytest.approx(200)
    assert output.metric("LookupLatency", source="cache") == 0
    first = output.lines[0]
    assert (first["portal"], first["entity_type"], first["entity_id"], first["chat_id"]) == (
        MEMBER_ID,
        "CRM",
        "DEAL|1663",
        1437,
    )
    assert WEBHOOK_CODE not in output.text


def test_no_telephone_number_of_an_open_line_is_logged(
    service: Service, portal: Portal, bitrix24: FakeBitrix24, output: Output
) -> None:
    bitrix24.answers("im.chat.get", 1437)
    find(service, portal, LINE)
    service.lookup.forget(portal, LINE)
    assert output.lines
    assert "79161234567" not in output.text
