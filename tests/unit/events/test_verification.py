"""An event belongs to the portal of the application token at its top level; the check costs one read."""

from collections.abc import Iterator

import pytest

from chat_lookup.bitrix24.event_names import EventKind
from chat_lookup.errors import EventRejected, RejectionReason
from chat_lookup.events.decoder import Arrived
from chat_lookup.events.verification import Origin
from chat_lookup.portals.application_tokens import hashed
from chat_lookup.portals.portal import Portal, PortalState
from chat_lookup.portals.store import Portals
from tests.support.events.event_arrival import DOMAIN, PORTAL, TOKEN, reads_of
from tests.support.fakes import MEMBER_ID, ManualClock, Stores

OTHER_TOKEN, NEXT_TOKEN = "t0ken-of-globex", "t0ken-after-reinstallation"
NO_PORTAL = "0" * 32
GLOBEX = Portal("f" * 32, "globex.bitrix24.com", "arn:other", "v", application_tokens=frozenset({hashed(OTHER_TOKEN)}))


@pytest.fixture
def portals(stores: Stores, clock: ManualClock) -> Portals:
    """The portals of the function that installs: two are installed."""
    found = Portals(stores.portal_rows, clock)
    found.save(PORTAL)
    found.save(GLOBEX)
    return found


@pytest.fixture
def origin(stores: Stores, portals: Portals, clock: ManualClock) -> Origin:
    """Another process with the same stores."""
    del portals
    return Origin(Portals(stores.portal_rows, clock), clock)


@pytest.fixture
def reads(stores: Stores, origin: Origin) -> Iterator[list[str]]:
    del origin
    with reads_of(stores.dynamodb) as keys:
        yield keys


def arrived(token: str = TOKEN, member_id: str = MEMBER_ID, domain: str = "") -> Arrived:
    return Arrived(
        "ONIMBOTMESSAGEADD", EventKind.MESSAGE_ADD, member_id, domain, token, {}, frozenset(), fault="", dropped=0
    )


def refused(origin: Origin, token: str = TOKEN, member_id: str = MEMBER_ID, domain: str = "") -> str:
    """The reason for which an event is rejected."""
    with pytest.raises(EventRejected) as raised:
        origin.portal_of(arrived(token, member_id, domain))
    return raised.value.reason


def reinstalled(portals: Portals, token: str = NEXT_TOKEN) -> None:
    portals.save(PORTAL._replace(secret_arn="arn:next", application_tokens=frozenset({hashed(token)})))


# -- accepted events ---------------------------------------------------------------------------------------------------


def test_token_of_the_named_portal_proves_an_event(origin: Origin) -> None:
    assert origin.portal_of(arrived()).member_id == MEMBER_ID
    assert origin.portal_of(arrived(OTHER_TOKEN, GLOBEX.member_id)).member_id == GLOBEX.member_id


def test_each_token_of_a_portal_proves_its_events(origin: Origin, portals: Portals) -> None:
    # Bots that a webhook registered have one each (bitrix24.md 5.3).
    portals.save(PORTAL._replace(application_tokens=frozenset(map(hashed, ("bot-1", "bot-2")))))
    assert {origin.portal_of(arrived(token)).member_id for token in ("bot-1", "bot-2")} == {MEMBER_ID}


@pytest.mark.parametrize("state", [each for each in PortalState if each is not PortalState.UNINSTALLED])
def test_event_of_a_portal_that_cannot_be_called_is_accepted(
    origin: Origin, portals: Portals, state: PortalState
) -> None:
    portals.save(PORTAL._replace(state=state))
    assert origin.portal_of(arrived()).state is state


# -- rejected events ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("token", "member_id", "reason", "cost"),
    [
        ("", MEMBER_ID, RejectionReason.MISSING_TOKEN, 0),
        ("", NO_PORTAL, RejectionReason.MISSING_TOKEN, 0),
        (TOKEN, "", RejectionReason.UNKNOWN_PORTAL, 0),
        (TOKEN, NO_PORTAL, RejectionReason.UNKNOWN_PORTAL, 1),
        ("made-up", MEMBER_ID, RejectionReason.WRONG_TOKEN, 1),
        (OTHER_TOKEN, MEMBER_ID, RejectionReason.WRONG_TOKEN, 1),
        (TOKEN, GLOBEX.member_id, RejectionReason.WRONG_TOKEN, 1),
        (hashed(TOKEN), MEMBER_ID, RejectionReason.WRONG_TOKEN, 1),
    ],
)
def test_a_forged_event_is_refused_and_costs_one_read_at_most(
    origin: Origin, reads: list[str], token: str, member_id: str, reason: RejectionReason, cost: int
) -> None:
    assert refused(origin, token, member_id) == reason
    assert len(reads) == cost


def test_portal_without_a_token_rejects_every_event(origin: Origin, portals: Portals) -> None:
    portals.save(PORTAL._replace(application_tokens=frozenset()))
    assert refused(origin, "made-up") == RejectionReason.WRONG_TOKEN
    assert refused(origin, "") == RejectionReason.MISSING_TOKEN


def test_domain_is_not_used_if_the_member_id_is_unknown(origin: Origin, reads: list[str]) -> None:
    assert refused(origin, member_id=NO_PORTAL, domain=DOMAIN) == RejectionReason.UNKNOWN_PORTAL
    assert reads == [f"PORTAL#{NO_PORTAL}"]


def test_uninstalled_portal_is_reported_only_to_a_caller_with_its_token(origin: Origin, portals: Portals) -> None:
    portals.save(PORTAL._replace(state=PortalState.UNINSTALLED))
    assert refused(origin) == RejectionReason.NOT_INSTALLED
    assert refused(origin, "made-up") == RejectionReason.WRONG_TOKEN


# -- remembered portals ------------------------------------------------------------------------------------------------


def test_portal_of_a_proved_event_is_remembered_for_half_a_minute(
    origin: Origin, reads: list[str], clock: ManualClock
) -> None:
    for _ in range(6):
        origin.portal_of(arrived())
        clock.advance(4.9)
    assert len(reads) == 1
    clock.advance(0.7)
    origin.portal_of(arrived())
    assert len(reads) == 2


def test_portal_stays_remembered_after_forged_events(origin: Origin, reads: list[str]) -> None:
    origin.portal_of(arrived())
    for number in range(10):
        refused(origin, f"made-up-{number}")
    reads.clear()
    origin.portal_of(arrived())
    assert reads == []


def test_unknown_member_id_is_remembered_for_five_seconds(origin: Origin, reads: list[str], clock: ManualClock) -> None:
    for _ in range(5):
        assert refused(origin, member_id=NO_PORTAL) == RejectionReason.UNKNOWN_PORTAL
        clock.advance(0.99)
    assert len(reads) == 1


def test_member_id_becomes_known_during_a_flood_of_events_in_its_name(
    origin: Origin, portals: Portals, clock: ManualClock
) -> None:
    for _ in range(4):
        refused(origin, member_id=NO_PORTAL)
        clock.advance(1)
    portals.save(PORTAL._replace(member_id=NO_PORTAL, domain="new.bitrix24.com"))
    clock.advance(1.01)
    assert origin.portal_of(arrived(member_id=NO_PORTAL)).member_id == NO_PORTAL


def test_known_portal_stays_remembered_in_a_flood_of_unknown_member_ids(
    origin: Origin, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin.portal_of(arrived())
    monkeypatch.setattr(stores.dynamodb, "get_item", lambda **_: {})
    for number in range(2_100):
        refused(origin, member_id=f"{number:032x}")
    assert origin.portal_of(arrived()).member_id == MEMBER_ID


# -- installations -----------------------------------------------------------------------------------------------------


def test_token_of_a_new_installation_is_accepted_at_once(origin: Origin, portals: Portals) -> None:
    origin.portal_of(arrived())
    reinstalled(portals)
    assert origin.portal_of(arrived(NEXT_TOKEN)).secret_arn == "arn:next"
    assert refused(origin) == RejectionReason.WRONG_TOKEN


def test_token_of_a_former_installation_is_refused(origin: Origin, portals: Portals, clock: ManualClock) -> None:
    origin.portal_of(arrived())
    reinstalled(portals)
    clock.advance(30.1)
    assert refused(origin) == RejectionReason.WRONG_TOKEN


def test_portal_reinstalled_just_after_its_uninstallation_is_accepted_at_once(origin: Origin, portals: Portals) -> None:
    portals.save(PORTAL._replace(state=PortalState.UNINSTALLED))
    assert refused(origin) == RejectionReason.NOT_INSTALLED
    reinstalled(portals, TOKEN)
    assert origin.portal_of(arrived()).state is PortalState.ACTIVE


# -- events that name a domain only (bitrix24.md 5.6) ------------------------------------------------------------------


def test_domain_names_the_portal_at_one_more_read_if_there_is_no_member_id(origin: Origin, reads: list[str]) -> None:
    for _ in range(3):
        assert origin.portal_of(arrived(member_id="", domain=DOMAIN)).member_id == MEMBER_ID
    assert reads == [f"DOMAIN#{DOMAIN}", f"PORTAL#{MEMBER_ID}"]


def test_unknown_domain_is_remembered_for_five_seconds(origin: Origin, reads: list[str], clock: ManualClock) -> None:
    for _ in range(3):
        assert refused(origin, member_id="", domain="unknown.bitrix24.com") == RejectionReason.UNKNOWN_PORTAL
    assert len(reads) == 1
    clock.advance(5.1)
    refused(origin, member_id="", domain="unknown.bitrix24.com")
    assert len(reads) == 2


@pytest.mark.parametrize("token", ["made-up", OTHER_TOKEN])
def test_domain_without_the_portals_token_proves_nothing(origin: Origin, token: str) -> None:
    assert refused(origin, token, "", DOMAIN) == RejectionReason.WRONG_TOKEN


def test_domain_that_became_another_portals_names_that_portal_at_once(origin: Origin, portals: Portals) -> None:
    origin.portal_of(arrived(member_id="", domain=DOMAIN))
    portals.save(GLOBEX._replace(domain=DOMAIN))
    assert origin.portal_of(arrived(OTHER_TOKEN, "", DOMAIN)).member_id == GLOBEX.member_id


def test_member_id_equal_to_a_domain_does_not_make_the_domain_unknown(origin: Origin, portals: Portals) -> None:
    portals.save(PORTAL._replace(domain="intranet"))
    assert refused(origin, member_id="intranet") == RejectionReason.UNKNOWN_PORTAL
    assert origin.portal_of(arrived(member_id="", domain="intranet")).member_id == MEMBER_ID
