"""Sessions: what is signed is read as it was, and nothing else is read at all."""

import base64
import json
from typing import Any, Final

import pytest

from chat_lookup.credentials.secret_store import Vault
from chat_lookup.errors import PageSessionRejected
from chat_lookup.observability.redaction import Redactor
from chat_lookup.page.page_key import PageKey
from chat_lookup.page.sessions import LIVES, RENEWABLE, Session, Sessions
from chat_lookup.portals.portal import Portal
from tests.support.fakes import ManualClock, Stores
from tests.support.portals.page_visitors import with_page_key

PORTAL: Final = Portal("d41d8cd98f00b204e9800998ecf8427e", "acme.bitrix24.com", "arn", "v1", generation=7)


def sessions_by(name: str, stores: Stores, clock: ManualClock) -> Sessions:
    return Sessions(PageKey(Vault(stores.secrets, "unit", clock, Redactor()), name, clock), clock)


@pytest.fixture
def sessions(stores: Stores, clock: ManualClock) -> Sessions:
    return sessions_by(with_page_key(stores), stores, clock)


def begun(sessions: Sessions) -> str:
    return sessions.begin(PORTAL, "5", is_administrator=False)


def decoded(session: str) -> dict[str, Any]:
    content = session.partition(".")[0]
    fields: dict[str, Any] = json.loads(base64.urlsafe_b64decode(content + "=" * (-len(content) % 4)))
    return fields


def encoded(fields: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(fields).encode()).rstrip(b"=").decode()


def test_session_is_read_as_it_was_begun(sessions: Sessions, clock: ManualClock) -> None:
    session = begun(sessions)
    assert sessions.read(session) == Session(PORTAL.member_id, "5", False, int(clock.now()) + LIVES, 7)
    assert decoded(session).keys() == {"v", "member_id", "generation", "user_id", "admin", "exp"}


def test_session_is_read_by_every_process(sessions: Sessions, stores: Stores, clock: ManualClock) -> None:
    name = stores.secrets.list_secrets()["SecretList"][0]["Name"]
    assert sessions_by(name, stores, clock).read(begun(sessions)) == sessions.read(begun(sessions))


@pytest.mark.parametrize("field", ["v", "member_id", "generation", "user_id", "admin", "exp"])
def test_session_with_a_changed_field_is_refused(sessions: Sessions, field: str) -> None:
    session = begun(sessions)
    forged = encoded(decoded(session) | {field: 1}) + "." + session.partition(".")[2]
    for read in (sessions.read, sessions.read_for_renewal):
        with pytest.raises(PageSessionRejected):
            read(forged)


def test_session_with_any_changed_character_is_refused(sessions: Sessions) -> None:
    session = begun(sessions)
    for place, character in enumerate(session[:-1]):
        changed = session[:place] + ("A" if character != "A" else "B") + session[place + 1 :]
        with pytest.raises(PageSessionRejected):
            sessions.read(changed)


@pytest.mark.parametrize(
    ("seconds", "reads", "renews"),
    [
        (0, True, True),
        (LIVES - 1, True, True),
        (LIVES, False, True),
        (LIVES + RENEWABLE - 1, False, True),
        (LIVES + RENEWABLE, False, False),
        (-3_600, False, False),
    ],
)
def test_session_is_read_and_renewed_in_its_time_only(
    sessions: Sessions, clock: ManualClock, seconds: float, reads: bool, renews: bool
) -> None:
    session = begun(sessions)
    clock.advance(seconds)
    for read, admitted in ((sessions.read, reads), (sessions.read_for_renewal, renews)):
        if admitted:
            assert read(session).user_id == "5"
        else:
            with pytest.raises(PageSessionRejected):
                read(session)
