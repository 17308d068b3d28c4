"""Replies of the authorisation server that lack a field, after it used up the token: the received fields are stored."""

import pytest

from chat_lookup.credentials.renewal import OUTAGE_PAUSE
from tests.support.portals.unknown_portal import Stage
from tests.support.reply_checks import counted, found, problem

pytestmark = pytest.mark.usefixtures("leaping_clock")

MINOR: dict[str, dict[str, object]] = {
    "no member_id": {"member_id": None},
    "an odd member_id": {"member_id": 17},
    "no expires_in": {"expires_in": None},
    "no time at all": {"expires_in": None, "expires": None},
    "expires_in 0": {"expires_in": 0},
    "expires_in as a text": {"expires_in": "3600"},
    "expires_in with a fraction": {"expires_in": 3600.0},
    "expires_in that is no number": {"expires_in": "an hour", "expires": "soon"},
    "no client_endpoint": {"client_endpoint": None},
    "a client_endpoint with a folder": {"client_endpoint": "https://acme.example/folder/rest/"},
    "a Cyrillic client_endpoint": {"client_endpoint": "https://портал.рф/rest/"},
    "a private client_endpoint": {"client_endpoint": "https://10.0.0.1/rest/"},
    "no server_endpoint": {"server_endpoint": None},
    "a stray server_endpoint": {"server_endpoint": "https://oauth.bitrix24.info/rest/"},
    "no scope": {"scope": None},
    "no status": {"status": None},
    "no user_id": {"user_id": None},
    "nothing but the tokens": dict.fromkeys(
        ("member_id", "expires_in", "expires", "client_endpoint", "server_endpoint", "scope", "status", "user_id")
    ),
}
"""Changes to the reply; null: the field is missing."""

AN_HOUR = 3600.0


@pytest.fixture
def key(stage: Stage) -> str:
    """A key of the portal, which is installed by OAuth and whose token has just expired."""
    return stage.installed_with_an_expired_token()


def test_pair_without_an_optional_field_is_used_and_renewed(stage: Stage, key: str) -> None:
    for name, changes in MINOR.items():
        stage.service.mark()
        before = stage.calls().count("oauth/token")
        stage.answers("oauth/token", fields=changes, times=1)
        assert found(stage.look_up(key, fresh="true"))["chat_id"] == 1437, name
        stage.service.clock.advance(AN_HOUR)
        stage.service.cold_start()
        assert found(stage.look_up(key, fresh="true"))["chat_id"] == 1437, name
        assert counted(stage.service, "TokenRefreshes", outcome="refreshed") == 2, name
        assert stage.state == "active", name
        assert stage.calls().count("oauth/token") - before == 2, name
        stage.service.clock.advance(AN_HOUR)


def test_pair_without_refresh_token_is_used_until_it_expires(stage: Stage, key: str) -> None:
    stage.answers("oauth/token", fields={"refresh_token": None}, times=1)
    assert found(stage.look_up(key, fresh="true"))["chat_id"] == 1437
    stage.service.cold_start()
    assert found(stage.look_up(key, fresh="true"))["chat_id"] == 1437
    assert stage.calls().count("oauth/token") == 1


def test_pair_without_access_token_is_renewed_with_its_refresh_token(stage: Stage, key: str) -> None:
    stage.answers("oauth/token", fields={"access_token": None}, times=1)
    problem(stage.look_up(key, fresh="true"), 503, "portal-unavailable")
    stage.service.clock.advance(OUTAGE_PAUSE)
    stage.service.cold_start()
    assert found(stage.look_up(key, fresh="true"))["chat_id"] == 1437
    assert stage.calls().count("oauth/token") == 2


def test_pair_of_another_portal_is_neither_stored_nor_used(stage: Stage, key: str) -> None:
    stage.answers("oauth/token", fields={"member_id": "0" * 32}, times=1)
    problem(stage.look_up(key, fresh="true"), 503, "portal-unavailable")
    assert counted(stage.service, "TokenRefreshes", outcome="lost") == 1
