"""A pair is read from an answer once: every field checked, nothing of it shown."""

import json
from dataclasses import replace
from math import inf
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_lookup.bitrix24.errors import BitrixError, ErrorClass
from chat_lookup.bitrix24.http import Wire
from chat_lookup.bitrix24.oauth import Application, AuthorisationServer, TokenPair, pair_from, successor
from chat_lookup.bitrix24.responses import Reply
from chat_lookup.clock import Deadline
from tests.support.fakes import ManualClock

NOW = 1_763_000_000.5
LOCAL = frozenset({"127.0.0.1:3010"})
ANSWER: dict[str, object] = {
    "access_token": "c4naryaccess1",
    "refresh_token": "c4naryrefresh1",
    "expires_in": 3600,
    "client_endpoint": "https://acme.bitrix24.com/rest/",
    "server_endpoint": "https://oauth.bitrix24.tech/rest/",
    "domain": "oauth.bitrix.info",
    "member_id": "f0e1d2c3b4a5968778695a4b3c2d1e0f",
    "scope": "im,imbot",
    "status": "L",
    "user_id": 17,
}


def _read(**changes: object) -> TokenPair | BitrixError:
    return pair_from({**ANSWER, **changes}, "oauth.bitrix.info", NOW, LOCAL)


def _pair(**changes: object) -> TokenPair:
    pair = _read(**changes)
    assert isinstance(pair, TokenPair)
    return pair


def _error(**changes: object) -> BitrixError:
    error = _read(**changes)
    assert isinstance(error, BitrixError)
    return error


def test_every_field_of_the_answer_is_stored() -> None:
    assert _pair() == TokenPair(
        access_token="c4naryaccess1",
        refresh_token="c4naryrefresh1",
        expires_at=NOW + 3600,
        member_id="f0e1d2c3b4a5968778695a4b3c2d1e0f",
        client_endpoint="https://acme.bitrix24.com/rest/",
        server="oauth.bitrix24.tech",
        user_id=17,
        scopes=frozenset({"im", "imbot"}),
        status="L",
    )


REQUIRED = ("access_token", "refresh_token", "member_id", "client_endpoint")


@pytest.mark.parametrize("name", REQUIRED)
@pytest.mark.parametrize("value", [None, "", 0, -1, True, 1.5, [], {}, ["x"]])
def test_required_field_of_another_kind_is_a_protocol_error(name: str, value: object) -> None:
    error = _error(**{name: value})

    if (name, value) == ("client_endpoint", ""):
        assert error.metric_code == "ADDRESS_REFUSED"
    else:
        assert (error.metric_code, error.error_class) == ("PROTOCOL", ErrorClass.RETRY)


@pytest.mark.parametrize("name", ["access_token", "refresh_token", "member_id"])
@pytest.mark.parametrize("value", [" ", "\n", "inner\nline", "\x00", "é", "x" * 5000])
def test_required_field_with_odd_text_is_a_protocol_error(name: str, value: str) -> None:
    assert _error(**{name: value}).metric_code == "PROTOCOL"


@pytest.mark.parametrize("name", REQUIRED)
def test_required_field_that_is_absent_is_a_protocol_error(name: str) -> None:
    answer = {key: value for key, value in ANSWER.items() if key != name}
    error = pair_from(answer, "oauth.bitrix.info", NOW, LOCAL)

    assert isinstance(error, BitrixError)
    assert error.metric_code == "PROTOCOL"


@pytest.mark.parametrize(("sent", "token"), [(" t0ken\n", "t0ken"), ("with blank", "with blank"), ("{x}", "{x}")])
def test_token_is_stored_unchanged_except_for_surrounding_white_space(sent: str, token: str) -> None:
    assert _pair(access_token=sent).access_token == _pair(refresh_token=sent).refresh_token == token


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://acme.bitrix24.com/rest/",
        "https://acme.bitrix24.com/rest",
        " HTTPS://ACME.bitrix24.com/rest/ ",
        "https://acme.bitrix24.com/rest//",
    ],
)
def test_address_of_the_portal_is_normalised(endpoint: str) -> None:
    assert _pair(client_endpoint=endpoint).client_endpoint == "https://acme.bitrix24.com/rest/"


@pytest.mark.parametrize(
    "endpoint",
    [
        "ftp://acme.bitrix24.com/rest/",
        "acme.bitrix24.com/rest/",
        "https://acme.bitrix24.com/folder/rest/",
        "https://портал.рф/rest/",
        "https://10.0.0.1/rest/",
        "https://127.0.0.1:3011/rest/",
        "https://u@acme.bitrix24.com/rest/",
    ],
)
def test_invalid_address_of_the_portal_is_refused(endpoint: str) -> None:
    assert _error(client_endpoint=endpoint).metric_code == "ADDRESS_REFUSED"


@pytest.mark.parametrize(
    ("fields", "expires_at"),
    [
        ({"expires_in": 3600}, NOW + 3600),
        ({"expires_in": "3600"}, NOW + 3600),
        ({"expires_in": 3600, "expires": 1}, NOW + 3600),
        ({"expires_in": None, "expires": 1_763_003_600}, 1_763_003_600),
        ({"expires_in": "soon", "expires": "1763003600"}, 1_763_003_600),
        ({"expires_in": 3600.0}, NOW + 3600),
        ({"expires_in": None}, NOW + 3600),
        ({"expires_in": 0, "expires": 0}, NOW + 3600),
        ({"expires_in": -5}, NOW + 3600),
        ({"expires_in": 1.5}, NOW + 3600),
        ({"expires_in": "an hour"}, NOW + 3600),
        ({"expires_in": True, "expires": True}, NOW + 3600),
        ({"expires_in": None, "expires": 1}, NOW + 3600),
        ({"expires_in": 10**14}, NOW + 86_400),
        ({"expires_in": 0, "expires": 1_763_003_600_000}, NOW + 86_400),
    ],
)
def test_expiry_is_computed_by_our_clock_where_the_answer_allows(fields: dict[str, object], expires_at: float) -> None:
    assert _pair(**fields).expires_at == expires_at


@pytest.mark.parametrize(
    ("scope", "scopes"),
    [
        ("im,imbot", {"im", "imbot"}),
        ("im imbot", {"im", "imbot"}),
        (" im ,\timbot,, ", {"im", "imbot"}),
        ("crm,<script>,im", {"crm", "im"}),
        ("", set()),
        (None, set()),
        (["im"], set()),
    ],
)
def test_scopes_are_separated_by_commas_or_blanks(scope: object, scopes: set[str]) -> None:
    assert _pair(scope=scope).scopes == scopes


def test_number_of_scopes_is_bounded() -> None:
    assert len(_pair(scope=",".join(f"scope{number}" for number in range(100_000))).scopes) <= 201


@pytest.mark.parametrize(
    ("sent", "user_id"),
    [
        (17, 17),
        ("17", 17),
        (0, None),
        ("0", None),
        (None, None),
        ("me", None),
        (True, None),
        (-1, None),
        (10**30, None),
    ],
)
def test_user_id_is_a_positive_number_or_absent(sent: object, user_id: int | None) -> None:
    assert _pair(user_id=sent).user_id == user_id


@pytest.mark.parametrize("named", [None, 7, "", "https://oauth.bitrix24.info/rest/", "https://evil.example/rest/"])
def test_unlisted_server_never_replaces_the_one_that_answered(named: object) -> None:
    assert _pair(server_endpoint=named).server == "oauth.bitrix.info"


def test_domain_field_is_not_read_as_the_portals_domain() -> None:
    assert "bitrix.info" not in _pair(domain="https://evil.example").client_endpoint
    assert _pair(domain="https://evil.example") == _pair()


def test_neither_a_pair_nor_an_application_shows_a_secret() -> None:
    shown = repr(_pair()) + str(_pair()) + repr(Application("local.1", "c4narysecret1"))

    assert "c4nary" not in shown
    assert "f0e1d2c3b4a5968778695a4b3c2d1e0f" in shown
    assert "local.1" in shown


# -- timeouts ----------------------------------------------------------------------------------------------------------


class SlowWire(Wire):
    """Records the read timeout of each call, and refuses POST like a server that supports GET only."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self.waits: list[tuple[float, float]] = []

    def post(
        self, url: str, body: str, content_type: str, method: str, deadline: Deadline, *, read_seconds: float = 10
    ) -> Reply | BitrixError:
        del url, body, content_type, method
        self.waits.append((deadline.left(), read_seconds))
        return Reply(405, b"", "")

    def get(self, url: str, method: str, deadline: Deadline, *, read_seconds: float = 10) -> Reply | BitrixError:
        del url, method
        self.waits.append((deadline.left(), read_seconds))
        return Reply(200, json.dumps(ANSWER).encode(), "")


def test_authorisation_call_may_take_until_the_deadline_unlike_a_portal_call() -> None:
    clock = ManualClock()
    wire = SlowWire(clock)
    AuthorisationServer(clock, wire).refresh(
        "oauth.bitrix.info", Application("local.1", "s3cret"), "t0ken", Deadline.after(26, clock)
    )
    assert [(round(left), read_seconds) for left, read_seconds in wire.waits] == [(26, inf)] * 2


# -- the pair that replaces a spent one --------------------------------------------------------------------------------

FORMER = TokenPair(
    access_token="f0rmer-access",
    refresh_token="f0rmer-refresh",
    expires_at=NOW - 1,
    member_id="f0e1d2c3b4a5968778695a4b3c2d1e0f",
    client_endpoint="https://former.bitrix24.com/rest/",
    server="oauth.bitrix24.tech",
    user_id=5,
    scopes=frozenset({"crm"}),
    status="P",
)


def _successor(answer: dict[str, object]) -> TokenPair | BitrixError:
    return successor(FORMER, answer, "oauth.bitrix.info", NOW, LOCAL)


ODD: tuple[object, ...] = (None, "", 0, -1, True, 1.5, [], {}, ["x"], " ", "\x00", "é", "x" * 5000)
KEPT: dict[str, tuple[str, Any]] = {
    "refresh_token": ("refresh_token", "f0rmer-refresh"),
    "member_id": ("member_id", FORMER.member_id),
    "client_endpoint": ("client_endpoint", "https://former.bitrix24.com/rest/"),
    "scope": ("scopes", frozenset({"crm"})),
    "status": ("status", "P"),
    "user_id": ("user_id", 5),
    "expires_in": ("expires_at", NOW + 3600),
    "server_endpoint": ("server", "oauth.bitrix.info"),
}
"""By field of the answer: the pair's value where the field is missing or invalid. All other values are as received."""


@pytest.mark.parametrize("name", KEPT)
@pytest.mark.parametrize("value", [..., *ODD], ids=repr)
def test_received_pair_is_kept_though_a_minor_field_is_missing_or_invalid(name: str, value: object) -> None:
    pair = _successor(
        {each: value if each == name else it for each, it in ANSWER.items() if (each, value) != (name, ...)}
    )
    whole = _successor(ANSWER)
    assert isinstance(pair, TokenPair)
    assert isinstance(whole, TokenPair)
    field, kept = KEPT[name]
    assert pair == replace(whole, **{field: kept})


@pytest.mark.parametrize("value", [..., *ODD], ids=repr)
def test_pair_without_an_access_token_keeps_the_refresh_token_and_has_expired(value: object) -> None:
    pair = _successor({**ANSWER, "access_token": value})
    whole = _successor(ANSWER)
    assert isinstance(whole, TokenPair)
    assert pair == replace(whole, access_token="f0rmer-access", expires_at=NOW)


@pytest.mark.parametrize("value", ODD, ids=repr)
def test_answer_without_any_token_is_a_protocol_error(value: object) -> None:
    error = _successor({**ANSWER, "access_token": value, "refresh_token": value})
    assert isinstance(error, BitrixError)
    assert error.metric_code == "PROTOCOL"


@pytest.mark.parametrize(
    "endpoint", ["https://10.0.0.1/rest/", "https://evil.example:8443/rest/", "https://портал.рф/rest/"]
)
def test_address_that_may_not_be_called_is_not_stored_as_the_portals(endpoint: str) -> None:
    pair = _successor({**ANSWER, "client_endpoint": endpoint})
    assert isinstance(pair, TokenPair)
    assert pair.client_endpoint == "https://former.bitrix24.com/rest/"
    assert pair.refresh_token == ANSWER["refresh_token"]


def test_new_address_and_another_portals_id_are_returned_as_received() -> None:
    pair = _successor({**ANSWER, "client_endpoint": "https://new.bitrix24.com/rest", "member_id": "0" * 32})
    assert isinstance(pair, TokenPair)
    assert (pair.client_endpoint, pair.member_id) == ("https://new.bitrix24.com/rest/", "0" * 32)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(sorted([*ANSWER, "expires"])), JSON))
def test_any_answer_is_read_as_a_pair_or_an_error(changes: dict[str, object]) -> None:
    outcome = _read(**changes)

    if isinstance(outcome, TokenPair):
        assert 0 < outcome.expires_at <= NOW + 86_400
        assert outcome.client_endpoint.startswith("https://")
        assert len(outcome.member_id) <= 64
    else:
        assert outcome.metric_code in {"PROTOCOL", "ADDRESS_REFUSED"}


@given(st.dictionaries(st.sampled_from(sorted([*ANSWER, "expires"])), JSON))
def test_any_answer_with_a_token_is_read_as_a_pair(changes: dict[str, object]) -> None:
    outcome = _successor({**ANSWER, **changes})

    if isinstance(outcome, BitrixError):
        assert changes.keys() >= {"access_token", "refresh_token"}
    else:
        assert NOW <= outcome.expires_at <= NOW + 86_400
        assert outcome.client_endpoint in (FORMER.client_endpoint, ANSWER["client_endpoint"])
