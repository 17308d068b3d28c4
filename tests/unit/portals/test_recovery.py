"""The record of a portal that is open again: the same id from every process, and distinct from events."""

import pytest

from chat_lookup.portals.portal import Portal
from chat_lookup.portals.recovery import BLOCKED, recovery_in, recovery_of
from tests.support.events.bot_questions import message
from tests.support.fakes import MEMBER_ID

NOW = 1_763_000_000.25
CLOSED = Portal(MEMBER_ID, "acme.bitrix24.com", "arn:secret", "version-1", closed_at=NOW - 600)


def test_recovery_is_encoded_and_decoded_unchanged() -> None:
    recovery = recovery_of(CLOSED, "unpaid", "PAYMENT_REQUIRED", NOW)
    assert recovery_in(recovery.to_json()) == recovery
    assert (recovery.state, recovery.code, recovery.domain) == ("unpaid", "PAYMENT_REQUIRED", "acme.bitrix24.com")


def test_recovery_has_the_same_id_in_every_process_and_the_next_one_has_another() -> None:
    first, second = (recovery_of(CLOSED, "unpaid", "", moment) for moment in (NOW, NOW + 3))
    later = recovery_of(CLOSED._replace(closed_at=NOW), "unpaid", "", NOW + 60)
    assert first.event_id == second.event_id != later.event_id
    assert recovery_of(CLOSED, "refused", "", NOW).event_id != first.event_id
    assert len(first.event_id) == 32


def test_recoveries_without_a_closing_time_differ_by_the_second() -> None:
    circuit = CLOSED._replace(closed_at=0.0)
    first, second = (recovery_of(circuit, BLOCKED, "OVERLOAD_LIMIT", moment) for moment in (NOW, NOW + 600))
    assert first.event_id != second.event_id


def test_placeholder_for_no_code_is_omitted() -> None:
    assert recovery_of(CLOSED, "renamed", "-", NOW).code == ""


@pytest.mark.parametrize(
    "text",
    [
        message("what is portal.recovered?").to_json(),
        "",
        "portal.recovered",
        '["portal.recovered"]',
        '{"kind":"portal.recovered"}',
        '{"kind":"portal.recovered","version":2,"event_id":"1"}',
        '{"kind":"portal.recovered","version":1,"event_id":"1"}',
        "[" * 50_000 + "portal.recovered",
    ],
)
def test_other_message_is_no_recovery(text: str) -> None:
    assert recovery_in(text) is None
