"""How operators see a portal: its state and age, and nothing that opens it."""

import pytest

from chat_lookup.bootstrap.services import Services
from chat_lookup.portals.portal import PortalState
from tests.support.admin_function import run
from tests.support.fakes import CLIENT_ID, MEMBER_ID, ManualClock, Output
from tests.support.portals.first_contact import OWN_ADDRESS

pytestmark = pytest.mark.usefixtures("installed")


def test_view_shows_state_owner_and_age_of_the_tokens(installed: Services, clock: ManualClock) -> None:
    clock.advance(36 * 3600)
    (shown,) = run(command="portals")["portals"]
    assert (shown["kind"], shown["state"], shown["client_id"]) == ("oauth", "active", CLIENT_ID)
    assert (shown["owner_id"], shown["token_age_days"], shown["bot_api"]) == (1, 1.5, "v2")
    assert shown["public_url"] == OWN_ADDRESS
    installed.portals.states.close(installed.portals.get(MEMBER_ID), PortalState.REAUTHORISE, "invalid_grant")
    (shown,) = run(command="portals")["portals"]
    assert (shown["state"], shown["state_code"]) == ("reauthorise", "invalid_grant")


def test_view_shows_no_secret(output: Output) -> None:
    shown = str(run(command="portals"))
    assert "issued" not in shown
    assert "arn:" not in shown
    assert output.lines
