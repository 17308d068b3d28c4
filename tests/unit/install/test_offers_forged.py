"""Any bytes are read as an offer within its bounds or refused with a reason."""

from collections.abc import Callable
from string import ascii_letters
from urllib.parse import quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chat_lookup.bitrix24.endpoints import is_token, portal_endpoint
from chat_lookup.errors import InstallationRefused
from chat_lookup.install.offers import Offer, Visit, arrival, offer_of_code, offer_of_event, offer_of_visit
from chat_lookup.observability.redaction import SHORTEST_SECRET

GOOD = "acme.bitrix24.com"
EVENTS = ["ONAPPINSTALL", "ONAPPUPDATE", "ONAPPUNINSTALL"]
NO_LOCAL_HOSTS: frozenset[str] = frozenset()
REASONS = ("form", "short_secret")

_PIECES = st.sampled_from(
    [
        GOOD,
        "127.0.0.1",
        "localhost",
        "169.254.169.254",
        "[::1]",
        "evil",
        ".",
        "@",
        ":",
        "443",
        "/",
        "\\",
        "#",
        "?",
        "%00",
    ]
)
HOSTS = st.lists(_PIECES, min_size=1, max_size=5).map("".join)
"""What hosts are forged from."""

TEXTS = st.one_of(HOSTS, st.text(max_size=80), st.sampled_from(["", "a" * 70, "a" * 2000, "f0e1d2c3", "é", "\r\n"]))
FIELDS = st.sampled_from(
    ["DOMAIN", "member_id", "AUTH_ID", "REFRESH_ID", "SERVER_ENDPOINT", "APPLICATION_TOKEN", "LANG", "code", "domain"]
)
AUTH = st.sampled_from(
    ["domain", "member_id", "client_endpoint", "server_endpoint", "refresh_token", "application_token", "access_token"]
)
TYPES = st.sampled_from(["", "application/x-www-form-urlencoded", "application/json", "text/plain", "a/b+json; q=1"])


def form(fields: dict[str, str]) -> bytes:
    pairs = (f"{quote_plus(name)}={quote_plus(value, errors='replace')}" for name, value in fields.items())
    return "&".join(pairs).encode()


def assert_within_bounds(offer: Offer) -> None:
    assert portal_endpoint(f"https://{offer.domain}/rest/", NO_LOCAL_HOSTS) == f"https://{offer.domain}/rest/"
    assert set(offer.member_id) <= {*ascii_letters, *"0123456789_-"}
    assert len(offer.member_id) <= 64
    assert len(offer.server_endpoint) <= 300
    for token in (offer.refresh_token, offer.code, offer.application_token):
        assert token == "" or (is_token(token) and len(token) >= SHORTEST_SECRET)


def read(query: dict[str, list[str]], body: bytes, content_type: str = "") -> Offer:
    came = arrival(query, body, content_type)
    return offer_of_visit(came, NO_LOCAL_HOSTS) if isinstance(came, Visit) else offer_of_event(came, NO_LOCAL_HOSTS)


def outcome(make: Callable[[], Offer]) -> Offer | str:
    """The offer, or the reason why there is none. Any other error is the test's failure."""
    try:
        return make()
    except InstallationRefused as refusal:
        return refusal.reason


def assert_bounded(made: Offer | str, *reasons: str) -> None:
    if isinstance(made, Offer):
        assert_within_bounds(made)
    else:
        assert made in reasons


@given(st.binary(max_size=300), TYPES, st.dictionaries(FIELDS, st.lists(TEXTS, min_size=1, max_size=2), max_size=3))
@example(b'{"event":{"a":"ONAPPINSTALL"}}', "application/json", {})
@example(b"auth[a]=1&auth=2", "", {"REFRESH_ID": ["r"]})
def test_arbitrary_bytes_are_read_or_refused(body: bytes, content_type: str, query: dict[str, list[str]]) -> None:
    assert_bounded(outcome(lambda: read(query, body, content_type)), *REASONS, "portal")


@given(st.dictionaries(FIELDS, TEXTS))
def test_frame_is_within_its_bounds_or_refused(fields: dict[str, str]) -> None:
    assert_bounded(outcome(lambda: read({}, form({"REFRESH_ID": "r" * 16, "DOMAIN": GOOD, **fields}))), *REASONS)


@given(st.sampled_from(EVENTS), st.dictionaries(AUTH, TEXTS))
def test_event_is_within_its_bounds_or_refused(name: str, auth: dict[str, str]) -> None:
    sent = {f"auth[{key}]": value for key, value in {"domain": GOOD, **auth}.items()}
    made = outcome(lambda: read({}, form({"event": name, **sent})))
    assert_bounded(made, *REASONS, "portal")
    if isinstance(made, Offer):
        assert auth.get("client_endpoint", "").lower() in ("", f"https://{made.domain}/rest/")


@given(st.dictionaries(st.sampled_from(["code", "server_domain", "member_id", "state"]), st.lists(TEXTS, min_size=1)))
def test_return_with_a_code_is_within_its_bounds_or_refused(query: dict[str, list[str]]) -> None:
    made = outcome(lambda: offer_of_code(query, GOOD))
    assert_bounded(made, *REASONS)
    if isinstance(made, Offer):
        assert made.code


@pytest.mark.parametrize("name", ["DOMAIN", "member_id", "REFRESH_ID", "SERVER_ENDPOINT", "APPLICATION_TOKEN"])
def test_refusal_repeats_nothing_of_the_request(name: str) -> None:
    planted = "planted secret " * 30
    with pytest.raises(InstallationRefused) as caught:
        read({}, form({"AUTH_ID": "a", "DOMAIN": GOOD, name: planted}))

    assert "planted" not in f"{caught.value!r} {caught.value.detail} {caught.value.__context__!r}"
