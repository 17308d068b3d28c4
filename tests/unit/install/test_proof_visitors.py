"""An offer for a known portal is checked by that portal; others learn nothing of its connection."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.bootstrap.services import Services
from chat_lookup.dynamodb import text
from chat_lookup.portals.portal import STOPPED, PortalState, record_key
from functions.install import app
from tests.support.fakes import (
    MEMBER_ID,
    FakeAuthorisationServer,
    FakeBitrix24,
    ManualClock,
    Output,
    Stores,
    lambda_context,
)
from tests.support.portals.first_contact import (
    APPLICATION_TOKEN,
    DOMAIN,
    FRAME_FORM,
    SOURCE,
    event,
    frame,
    refusing,
)

UNKNOWN = "f0e1d2c3b4a5968778695a4b3c2d1e0f"
FORGED = {
    "AUTH_ID": "forged-access-token",
    "REFRESH_ID": "forged-refresh-token",
    "APPLICATION_TOKEN": "f0rgedf0rgedf0rged",
}
USED = "used already or has expired"
STATES = [None, *PortalState]
"""None: the portal is not known."""

Send = Callable[..., dict[str, Any]]


@pytest.fixture(autouse=True)
def _known(settled: Services, server: FakeAuthorisationServer, bitrix24: FakeBitrix24) -> None:
    """The portal is installed, and accepts the tokens of its own frames and of grants."""
    del settled

    def profile(_: Mapping[str, object]) -> object:
        token = str(bitrix24.calls[-1].endpoint.auth)
        if "offered" not in token and "issued" not in token:
            raise BitrixError("NO_AUTH_FOUND", 401, method="profile", description="Wrong authorization data")
        return {"ID": "1", "ADMIN": "employee" not in token}

    bitrix24.answers_by("profile", profile)
    server.grants("offered-refresh-token")
    assert send(frame())["statusCode"] == 200
    server.asked.clear()
    bitrix24.calls.clear()


def send(request: dict[str, Any], source: str = SOURCE) -> dict[str, Any]:
    request["requestContext"]["http"]["sourceIp"] = source
    return app.handler(request, lambda_context())


def in_state(stores: Stores, state: PortalState | None) -> str:
    """Put the record in this state; return the member id to name."""
    if state is None:
        return UNKNOWN
    stopped = state is PortalState.STOPPED
    fields: Any = {STOPPED: {"BOOL": True}} if stopped else {"state": text(state)}
    stores.portal_rows.update(record_key(MEMBER_ID), fields)
    return MEMBER_ID


def frame_of(form: Mapping[str, str], **query: str) -> dict[str, Any]:
    return frame(form=form, query=query)


def event_of(form: Mapping[str, str], **__: str) -> dict[str, Any]:
    names = {"AUTH_ID": "access_token", "REFRESH_ID": "refresh_token"}
    return event("ONAPPUPDATE", {names.get(name, name).lower(): value for name, value in form.items()})


@pytest.mark.parametrize("make", [frame_of, event_of])
@pytest.mark.parametrize(
    "forged", [FORGED, FORGED | {"APPLICATION_TOKEN": ""}, FORGED | {"SERVER_ENDPOINT": ""}], ids=str
)
def test_forged_visit_gets_the_same_bytes_in_every_state_of_a_portal(
    stores: Stores, make: Send, forged: dict[str, str]
) -> None:
    answers = [send(make(forged | {"member_id": in_state(stores, state)}, LANG="de")) for state in STATES]
    assert [answer == answers[0] for answer in answers] == [True] * len(STATES)
    assert answers[0]["statusCode"] == 403


@pytest.mark.parametrize("domain", ["globex.bitrix24.com", "10.0.0.1", DOMAIN])
def test_forged_visit_without_its_tokens_or_by_another_domain_gets_the_same_bytes_in_every_state(
    stores: Stores, domain: str
) -> None:
    for form in (
        {"AUTH_ID": "forged-access-token", "REFRESH_ID": ""},
        {"AUTH_ID": "", "REFRESH_ID": "forged-refresh-token"},
    ):
        answers = [
            send(
                frame(
                    form=FORGED | form | {"member_id": in_state(stores, state)},
                    query={"DOMAIN": domain},
                ),
                f"198.51.{number}.1",
            )
            for number, state in enumerate(STATES)
        ]
        assert [answer == answers[0] for answer in answers] == [True] * len(STATES)


def test_forged_visit_to_a_known_portal_costs_the_authorisation_server_nothing(
    server: FakeAuthorisationServer, bitrix24: FakeBitrix24
) -> None:
    for _ in range(2):
        assert USED in send(frame(form=FORGED))["body"]
    assert server.asked == []
    # The same token is not tried twice.
    assert [(call.method, call.endpoint.host, call.endpoint.auth) for call in bitrix24.calls] == [
        ("profile", DOMAIN, "forged-access-token")
    ]


def test_right_application_token_with_a_forged_access_token_proves_nothing() -> None:
    assert USED in send(frame(form=FORGED | {"APPLICATION_TOKEN": APPLICATION_TOKEN}))["body"]


def test_user_who_is_no_administrator_is_refused_without_the_authorisation_server(
    server: FakeAuthorisationServer,
) -> None:
    server.grants("offered-refresh-token")
    answer = send(frame(form={"AUTH_ID": "offered-employee"}))
    assert (answer["statusCode"], "Only an administrator" in answer["body"]) == (403, True)
    assert server.asked == []


@pytest.mark.parametrize("code", ["expired_token", "PAYMENT_REQUIRED", "TIMEOUT", "HTTP_5XX", "ADDRESS_REFUSED"])
def test_portal_that_cannot_say_leaves_the_decision_to_the_authorisation_server(
    server: FakeAuthorisationServer, bitrix24: FakeBitrix24, code: str
) -> None:
    bitrix24.answers_by("profile", refusing(code, 401 if code.isupper() is False else 0))
    answer = send(frame(form={"APPLICATION_TOKEN": "another0another0"}))
    assert len(server.asked) == 1
    assert USED in answer["body"]


@pytest.mark.parametrize("state", [PortalState.ACTIVE, PortalState.REAUTHORISE, PortalState.UNINSTALLED])
def test_page_for_an_administrator_whose_card_was_made_anew_asks_for_its_keys(
    stores: Stores, server: FakeAuthorisationServer, state: PortalState
) -> None:
    in_state(stores, state)
    server.grants("offered-refresh-token", client_id="local.fedcba9876543210.76543210")
    for language, word in (("en", "made anew"), ("de", "neu angelegt"), ("ru", "создана заново")):
        answer = send(frame(query={"LANG": language}))
        assert (answer["statusCode"], word in answer["body"], "apps.add" in answer["body"]) == (403, True, True)
    assert len(server.asked) == 1  # the refused token is remembered


def test_page_for_an_unknown_portal_with_a_new_card_asks_for_the_keys_too(
    server: FakeAuthorisationServer,
) -> None:
    server.grants("offered-refresh-token", client_id="local.fedcba9876543210.76543210")
    assert "apps.add" in send(frame(form={"member_id": UNKNOWN}))["body"]


def test_flood_for_a_known_portal_leaves_room_for_its_administrator(
    server: FakeAuthorisationServer, bitrix24: FakeBitrix24
) -> None:
    for number in range(40):
        form = {
            "AUTH_ID": f"forged-token-number-{number}",
            "REFRESH_ID": f"forged-token-number-{number}",
            "APPLICATION_TOKEN": "f0rgedf0rgedf0rged",
        }
        assert send(frame(form=form), f"198.51.100.{number % 8}")["statusCode"] in (403, 429)
    assert server.asked == []
    assert len(bitrix24.calls) <= 20
    server.grants("offered-refresh-token")
    # Installed anew in the portal: its application token is another one now.
    assert send(frame(form={"APPLICATION_TOKEN": "an0theran0theran0ther"}))["statusCode"] == 200


def test_flood_for_unknown_portals_leaves_known_ones_their_limits(
    server: FakeAuthorisationServer, clock: ManualClock
) -> None:
    for number in range(90):
        form = {"member_id": f"{number:032x}", "REFRESH_ID": f"forged-token-number-{number}"}
        assert send(frame(form=form), f"198.51.{number % 30}.1")["statusCode"] in (403, 429)
        clock.advance(2 / 3)
    assert 17 <= len(server.asked) <= 19
    server.grants("offered-refresh-token")
    assert send(frame())["statusCode"] == 200


def test_same_forged_offer_is_tried_once(server: FakeAuthorisationServer) -> None:
    form = FRAME_FORM | {"member_id": UNKNOWN, "REFRESH_ID": "forged-refresh-token"}
    answers = [send(frame(form=form), f"198.51.{number}.1") for number in range(30)]
    assert len(server.asked) == 1
    assert all(answer == answers[0] for answer in answers)


def test_offered_access_token_is_in_no_log_line(output: Output) -> None:
    send(frame(form=FORGED))
    assert "forged-access-token" not in str(output.lines)
