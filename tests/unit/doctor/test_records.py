"""What the doctor finds in a record alone, in every state of a portal."""

import pytest

from chat_lookup.doctor.findings import FindingCode
from chat_lookup.doctor.records import OLD_AFTER_DAYS, from_record, from_token_age
from chat_lookup.portals.failures import ASKED_AGAIN, NEVER
from chat_lookup.portals.portal import Portal, PortalKind, PortalState

NOW = 1_763_000_000.0
A_DAY = 86_400.0
OURS = "https://chats.example.com"
HEALTHY = Portal(
    "0123", "acme.bitrix24.com", "arn", "v1", kind=PortalKind.OAUTH, client_id="local.1", refreshed_at=NOW - A_DAY,
    application_tokens=frozenset({"hash"}), public_url=OURS, bot_id=456, bot_api="v2",
)  # fmt: skip


def codes(portal: Portal, own_address: str = OURS) -> list[FindingCode]:
    return [each.code for each in from_record(portal, own_address, NOW)]


def test_healthy_record_has_no_finding_where_our_own_address_is_known_or_not() -> None:
    assert codes(HEALTHY) == codes(HEALTHY, "") == []
    assert list(from_token_age(HEALTHY, NOW)) == []


@pytest.mark.parametrize("state", [each for each in PortalState if each is not PortalState.ACTIVE])
def test_each_closed_state_is_a_finding_of_its_name(state: PortalState) -> None:
    assert codes(HEALTHY._replace(state=state)) == [FindingCode(state.value)]


@pytest.mark.parametrize("state", sorted(ASKED_AGAIN))
def test_closed_state_names_its_code_and_its_next_look(state: PortalState) -> None:
    closed = HEALTHY._replace(state=state, state_code="SOME_CODE", closed_at=NOW - 60, retry_at=NOW + 60)
    (finding,) = from_record(closed, OURS, NOW)
    assert "(SOME_CODE); closed at 2025-11-13T02:12:20+00:00; " in finding.detail
    assert finding.detail.endswith("The next caller looks at it from 2025-11-13T02:14:20+00:00 on")
    (finding,) = from_record(closed._replace(retry_at=NOW - 1), OURS, NOW)
    assert finding.detail.endswith("; The next caller looks at it")
    (finding,) = from_record(closed._replace(retry_at=NEVER), OURS, NOW)
    assert finding.detail.endswith("It is not looked at again before portal.start")


def test_code_of_a_portal_is_one_printable_line_in_a_detail() -> None:
    (finding,) = from_record(HEALTHY._replace(state=PortalState.UNPAID, state_code="A\n\x1b[31mB" + "x" * 900), "", NOW)
    assert finding.detail.isprintable()
    assert len(finding.detail) < 300


@pytest.mark.parametrize(("days", "found"), [(OLD_AFTER_DAYS - 1, 0), (OLD_AFTER_DAYS, 1), (400, 1)])
def test_tokens_are_old_once_the_keepalive_must_have_renewed_them(days: int, found: int) -> None:
    assert len(list(from_token_age(HEALTHY._replace(refreshed_at=NOW - days * A_DAY), NOW))) == found


def test_webhook_has_no_tokens_address_or_application() -> None:
    webhook = Portal("0123", "acme.bitrix24.com", "arn", "v1", bot_api="v1")
    assert codes(webhook) == []
    assert list(from_token_age(webhook, NOW)) == []


def test_events_that_nothing_proves_are_a_finding_for_each_kind_of_portal() -> None:
    without = HEALTHY._replace(application_tokens=frozenset())
    assert codes(without) == [FindingCode.APPLICATION_TOKEN_MISSING]
    assert codes(without._replace(kind=PortalKind.WEBHOOK)) == [FindingCode.APPLICATION_TOKEN_MISSING]


def test_nothing_but_the_uninstallation_is_reported_of_an_uninstalled_portal() -> None:
    gone = HEALTHY._replace(
        state=PortalState.UNINSTALLED, application_tokens=frozenset(), public_url="", bot_api="v1", refreshed_at=1.0
    )
    assert codes(gone) == [FindingCode.UNINSTALLED]
    assert list(from_token_age(gone, NOW)) == []


@pytest.mark.parametrize("registered", ["", "https://former.example.com"])
def test_registration_at_another_address_is_a_finding(registered: str) -> None:
    assert codes(HEALTHY._replace(public_url=registered)) == [FindingCode.ADDRESS_CHANGED]
