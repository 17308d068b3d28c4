"""A portal's address that is not called: the page names which, why, and what to set, and shows nothing else."""

from html import unescape
from typing import Any

import pytest

from chat_lookup import config
from chat_lookup.bitrix24.endpoints import AddressFault, portal_endpoint, refused_address
from chat_lookup.install.offers import not_admitted
from chat_lookup.install.page_texts import page_text
from chat_lookup.languages import Language
from functions.install import app
from tests.support.fakes import FakeAuthorisationServer, FakeBitrix24, lambda_context
from tests.support.portals.first_contact import DOMAIN, event, frame, http, refusing

XN = "xn--80aswg.xn--p1ai"
LETTERS = "сайт.рф"
WALK = [
    ("b24.company.example:8443", AddressFault.PORT, "b24.company.example:8443"),
    ("acme.bitrix24.com:80", AddressFault.PORT, "acme.bitrix24.com:80"),
    ("192.168.0.5", AddressFault.IP, "192.168.0.5:443"),
    ("192.168.0.5:8443", AddressFault.PORT, "192.168.0.5:8443"),
    ("127.0.0.1", AddressFault.IP, "127.0.0.1:443"),
    ("[fd00::5]", AddressFault.OTHER, ""),
    ("[fd00::5]:8443", AddressFault.OTHER, ""),
    (LETTERS, AddressFault.LETTERS, XN),
    (LETTERS.upper(), AddressFault.LETTERS, XN),
    (f"{LETTERS}:8443", AddressFault.LETTERS, XN),
    ("bitrix", AddressFault.NAME, "bitrix:443"),
    ("BITRIX:443", AddressFault.NAME, "bitrix:443"),
    ("bitrix:8443", AddressFault.PORT, "bitrix:8443"),
    ("localhost", AddressFault.NAME, "localhost:443"),
    ("portal.123", AddressFault.NAME, "portal.123:443"),
    ("my_portal.company.example", AddressFault.OTHER, ""),
    ("portal.company.example.", AddressFault.OTHER, ""),
    ("acme..company.example", AddressFault.OTHER, ""),
    ("b24.company.example:0", AddressFault.OTHER, ""),
    ("http://b24.company.example", AddressFault.SCHEME, ""),
    ("http://192.168.0.5:8080", AddressFault.SCHEME, ""),
]
HARMFUL = [
    "<script>alert(1)</script>", "a b", "a@b.example", "a.example/x", "a.example?x", "a.example#", "a\\b", "a\r\nb",
    "Call +1 555 0100 now", "a" * 300, "", "%61.example", "a.example:99999999", "１０.0.0.1", "a\u202eb.example",
    '"><img src=x onerror=x>', "a'b", "a&b.example", "javascript:alert(1)",
]  # fmt: skip


@pytest.mark.parametrize(("address", "fault", "instead"), WALK)
def test_refused_address_has_a_reason_and_what_to_set(address: str, fault: AddressFault, instead: str) -> None:
    assert portal_endpoint(f"https://{address}/rest/", frozenset()) is None
    found = refused_address(address)
    assert found is not None
    assert (found.fault, found.instead) == (fault, instead)
    if fault in (AddressFault.PORT, AddressFault.IP, AddressFault.NAME):
        # What is to be set is admitted as a setting, and with it the address.
        names = dict.fromkeys(("PORTAL_TABLE", "CACHE_TABLE", "SECRET_PREFIX"), "chat-lookup")
        admitted = config.from_environ({**names, "PRIVATE_PORTALS": instead}).private_portals
        assert portal_endpoint(f"https://{address.lower()}/rest/", admitted) is not None


@pytest.mark.parametrize(
    "address", [*HARMFUL, "https://acme.bitrix24.com", "acme.bitrix24.com/", "ftp://a.b24.example"]
)
def test_text_that_is_no_address_is_not_shown(address: str) -> None:
    assert refused_address(address) is None
    error = not_admitted(address)
    assert (error.cause, error.detail) == ("", page_text("form", Language.ENGLISH))


def as_frame(address: str) -> dict[str, Any]:
    return frame(query={"DOMAIN": address})


def as_link(address: str) -> dict[str, Any]:
    return http("GET /bitrix24/install", {"portal": address})


def as_event(address: str) -> dict[str, Any]:
    return event("ONAPPINSTALL", {"domain": address, "client_endpoint": None})


def as_endpoint(address: str) -> dict[str, Any]:
    scheme = "" if "://" in address else "https://"
    return event("ONAPPINSTALL", {"client_endpoint": f"{scheme}{address}/rest/", "domain": None})


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("make", [as_frame, as_link, as_event, as_endpoint])
def test_every_first_contact_names_the_refused_address(make: Any, server: FakeAuthorisationServer) -> None:
    for address, _, instead in WALK:
        answer = app.handler(make(address), lambda_context())
        text = unescape(answer["body"])
        assert answer["statusCode"] == 403
        assert address.lower().removeprefix("http://").removesuffix(":443") in text
        assert instead in text
    for address in HARMFUL:
        answer = app.handler(make(address), lambda_context())
        assert answer["statusCode"] in (200, 403)
        assert "The portal's address" not in unescape(answer["body"])
    assert server.asked == []


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("language", Language)
def test_page_has_the_address_in_each_language(language: Language) -> None:
    answer = app.handler(frame(query={"DOMAIN": "b24.company.example:8443", "LANG": language}), lambda_context())
    assert "b24.company.example:8443" in answer["body"]
    assert "PrivatePortals" in answer["body"]
    assert "{" not in unescape(answer["body"]).partition("</style>")[2]


@pytest.mark.usefixtures("settled")
def test_page_for_a_name_with_a_private_address_names_what_to_set(
    server: FakeAuthorisationServer, bitrix24: FakeBitrix24
) -> None:
    server.grants("offered-refresh-token")
    bitrix24.answers_by("profile", refusing("ADDRESS_REFUSED", 0))
    answer = app.handler(frame(), lambda_context())
    assert answer["statusCode"] == 403
    assert f"naming {DOMAIN}:443 in the parameter PrivatePortals" in unescape(answer["body"])


@pytest.mark.parametrize("fault", AddressFault)
def test_each_fault_has_its_own_sentences(fault: AddressFault) -> None:
    texts = {page_text(fault, language) for language in Language}
    assert len(texts) == len(Language)
    assert all("{address}" in text for text in texts)
    assert not texts & {page_text("internal-error", language) for language in Language}
