"""The request that installs the application is read in every documented mix and refused beyond its bounds."""

import json
from urllib.parse import urlencode

import pytest

from chat_lookup.errors import InstallationRefused
from chat_lookup.install.offers import (
    ApplicationEvent,
    Offer,
    Visit,
    admitted_domain,
    arrival,
    offer_of_code,
    offer_of_event,
    offer_of_visit,
)
from tests.support.fakes import MEMBER_ID
from tests.support.portals.first_contact import (
    APPLICATION_TOKEN,
    DOMAIN,
    EVENT_AUTH,
    FORM_TYPE,
    FRAME_FORM,
    FRAME_QUERY,
    SERVER_ENDPOINT,
    Changes,
    changed,
    event_body,
)

NO_LOCAL_HOSTS: frozenset[str] = frozenset()
WHOLE = Offer(
    DOMAIN, MEMBER_ID, SERVER_ENDPOINT, "offered-refresh-token", "", APPLICATION_TOKEN, "offered-access-token"
)


def visited(query: dict[str, str], form: dict[str, str]) -> Visit:
    came = arrival({name: [value] for name, value in query.items()}, urlencode(form).encode(), FORM_TYPE)
    assert isinstance(came, Visit)
    return came


def event_in(body: str, content_type: str = FORM_TYPE) -> ApplicationEvent:
    came = arrival({}, body.encode(), content_type)
    assert isinstance(came, ApplicationEvent)
    return came


def refusal(query: Changes | None = None, form: Changes | None = None) -> str:
    """The reason for which a frame with these changes is refused."""
    with pytest.raises(InstallationRefused) as raised:
        offer_of_visit(visited(changed(FRAME_QUERY, query or {}), changed(FRAME_FORM, form or {})), NO_LOCAL_HOSTS)
    return raised.value.reason


def test_frame_is_read_from_its_query_and_its_form() -> None:
    assert offer_of_visit(visited(FRAME_QUERY, FRAME_FORM), NO_LOCAL_HOSTS) == WHOLE


@pytest.mark.parametrize(
    ("query", "form"),
    [({}, FRAME_QUERY | FRAME_FORM), (FRAME_QUERY | {"member_id": MEMBER_ID}, FRAME_FORM), (FRAME_FORM, FRAME_QUERY)],
    ids=["all in the form", "member id in the query", "the other way round"],
)
def test_frame_is_read_in_every_mix(query: dict[str, str], form: dict[str, str]) -> None:
    assert offer_of_visit(visited(query, form), NO_LOCAL_HOSTS) == WHOLE


def test_names_of_fields_are_compared_without_case() -> None:
    query = {name.lower(): value for name, value in FRAME_QUERY.items()}
    form = {name.swapcase(): value for name, value in FRAME_FORM.items()}
    assert offer_of_visit(visited(query, form), NO_LOCAL_HOSTS) == WHOLE


@pytest.mark.parametrize("name", ["SERVER_ENDPOINT", "APPLICATION_TOKEN", "APPLICATION_SCOPE", "member_id", "status"])
def test_newer_fields_are_optional(name: str) -> None:
    form = changed(FRAME_FORM, {name: None})
    offer = offer_of_visit(visited(FRAME_QUERY, form), NO_LOCAL_HOSTS)
    assert (offer.domain, offer.refresh_token) == (DOMAIN, "offered-refresh-token")


@pytest.mark.parametrize(
    "domain",
    [
        "", "localhost", "127.0.0.1", "10.0.0.1", "169.254.169.254", "[::1]", "2130706433", "0x7f.1", "acme",
        "acme.bitrix24.com:8443", "acme.bitrix24.com@evil.example", "evil.example/acme.bitrix24.com",
        "acme.bitrix24.com\\@evil.example", "acme.bitrix24.com#", "acme.bitrix24.com?x", "аcme.bitrix24.com",
        "acme.bitrix24.com\r\nHost: x", "acme..bitrix24.com", "-acme.bitrix24.com", "a" * 300 + ".com", "%61cme.com",
    ],
)  # fmt: skip
def test_invalid_domain_is_refused(domain: str) -> None:
    assert refusal({"DOMAIN": domain}) == "form"


@pytest.mark.parametrize("domain", [DOMAIN.upper(), f"{DOMAIN}:443"])
def test_host_is_normalised(domain: str) -> None:
    assert admitted_domain(domain, NO_LOCAL_HOSTS) == DOMAIN


def test_local_portal_may_have_a_port_and_no_name() -> None:
    assert admitted_domain("127.0.0.1:3010", frozenset({"127.0.0.1:3010"})) == "127.0.0.1:3010"
    assert admitted_domain("127.0.0.1:3011", frozenset({"127.0.0.1:3010"})) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REFRESH_ID", "with blank"),
        ("REFRESH_ID", "x" * 2000),
        ("APPLICATION_TOKEN", "line\nend"),
        ("member_id", "a/b"),
        ("member_id", "m" * 65),
        ("SERVER_ENDPOINT", "https://" + "x" * 300),
    ],
)
def test_field_beyond_its_bounds_is_refused(name: str, value: str) -> None:
    assert refusal(form={name: value}) == "form"


@pytest.mark.parametrize(
    "body", [b"", b"PLACEMENT=DEFAULT", b"\xff\xfe", b"x" * 100_000, b"&".join([b"a=1"] * 500), b"a[=1", b"event[]=X"]
)
def test_request_that_is_neither_frame_nor_event_is_refused(body: bytes) -> None:
    with pytest.raises(InstallationRefused) as raised:
        arrival({}, body, FORM_TYPE)
    assert raised.value.reason == "form"
    assert raised.value.__context__ is None  # the unreadable input is not attached to the error


def test_event_is_read_from_a_form() -> None:
    event = event_in(event_body("onAppInstall", EVENT_AUTH))
    assert event.name == "ONAPPINSTALL"
    assert offer_of_event(event, NO_LOCAL_HOSTS) == WHOLE


def test_event_is_read_from_json() -> None:
    body = json.dumps({"event": "ONAPPINSTALL", "data": {"VERSION": 1}, "auth": EVENT_AUTH})
    assert offer_of_event(event_in(body, "application/json; charset=utf-8"), NO_LOCAL_HOSTS) == WHOLE


def test_event_may_name_the_portal_by_its_endpoint_only() -> None:
    event = event_in(event_body("ONAPPINSTALL", changed(EVENT_AUTH, {"domain": None})))
    assert offer_of_event(event, NO_LOCAL_HOSTS).domain == DOMAIN


@pytest.mark.parametrize(
    ("auth", "reason"),
    [
        ({"client_endpoint": "https://globex.bitrix24.com/rest/"}, "portal"),
        ({"client_endpoint": "http://acme.bitrix24.com/rest/"}, "form"),
        ({"client_endpoint": "https://169.254.169.254/rest/"}, "form"),
        ({"domain": None, "client_endpoint": None}, "form"),
    ],
)
def test_event_that_names_two_portals_or_none_is_refused(auth: Changes, reason: str) -> None:
    with pytest.raises(InstallationRefused) as raised:
        offer_of_event(event_in(event_body("ONAPPINSTALL", changed(EVENT_AUTH, auth))), NO_LOCAL_HOSTS)
    assert raised.value.reason == reason


def test_code_belongs_to_the_portal_of_its_link() -> None:
    query = {
        "code": ["c0de-of-the-return"],
        "state": ["s"],
        "member_id": [MEMBER_ID],
        "server_domain": ["oauth.bitrix.info"],
    }
    offer = offer_of_code(query, DOMAIN)
    assert (offer.domain, offer.code, offer.refresh_token) == (DOMAIN, "c0de-of-the-return", "")
    assert offer.server_endpoint == "https://oauth.bitrix.info/"


@pytest.mark.parametrize("query", [{}, {"code": [""]}, {"code": ["c"], "server_domain": ["x" * 301]}])
def test_return_without_a_usable_code_is_refused(query: dict[str, list[str]]) -> None:
    with pytest.raises(InstallationRefused):
        offer_of_code(query, DOMAIN)


@pytest.mark.parametrize("short", ["a", "message", "a" * 15])
def test_secret_shorter_than_any_of_the_platform_is_refused(short: str) -> None:
    assert refusal(form={"REFRESH_ID": short}) == "short_secret"
    assert refusal(form={"APPLICATION_TOKEN": short}) == "short_secret"
    for name in ("refresh_token", "application_token"):
        with pytest.raises(InstallationRefused, match="fewer than 16 characters"):
            offer_of_event(event_in(event_body("ONAPPINSTALL", changed(EVENT_AUTH, {name: short}))), NO_LOCAL_HOSTS)
    with pytest.raises(InstallationRefused, match="fewer than 16 characters"):
        offer_of_code({"code": [short]}, DOMAIN)


@pytest.mark.parametrize("short", ["access_token", "refresh_token"])
def test_visit_lists_the_tokens_that_came(short: str) -> None:
    sent = {short: "x", "AUTH_ID": "offered-access-token", "LANG": "ru"}
    assert set(visited(FRAME_QUERY, changed(FRAME_FORM, sent)).secrets) == {
        "x",
        "offered-access-token",
        "offered-refresh-token",
        APPLICATION_TOKEN,
    }


def test_requests_and_offers_do_not_show_their_tokens() -> None:
    visit = visited(FRAME_QUERY, FRAME_FORM)
    shown = repr(
        [visit, event_in(event_body("ONAPPINSTALL", EVENT_AUTH)), WHOLE, offer_of_visit(visit, NO_LOCAL_HOSTS)]
    )
    for secret in ("offered-access-token", "offered-refresh-token", APPLICATION_TOKEN):
        assert secret not in shown
