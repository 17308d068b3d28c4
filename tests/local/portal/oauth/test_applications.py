"""Cards of applications: their keys, and the only host that anything is sent to."""

import pytest

from local.portal.oauth.applications import Applications, Impossible
from local.portal.protocol import handler_urls

SERVICE = "http://127.0.0.1:3000"


def test_keys_are_generated_and_not_in_the_repr() -> None:
    applications = Applications()
    local, market = applications.add(service_url=SERVICE), applications.add(kind="market")
    assert local.client_id.startswith("local.")
    assert market.client_id.startswith("app.")
    assert local.client_secret != market.client_secret
    assert local.client_secret not in repr(local)
    assert (local.status, market.status) == ("L", "F")


def test_only_application_is_the_default() -> None:
    applications = Applications()
    with pytest.raises(Impossible, match="none"):
        applications.named()
    first = applications.add(client_id="one")
    assert applications.named() is first
    applications.add(client_id="two")
    for client_id in ("", "three"):
        with pytest.raises(Impossible, match="one, two"):
            applications.named(client_id)
    assert applications.named("one") is first


def test_rotated_secret_differs_from_the_former_one() -> None:
    applications = Applications()
    before = applications.add(service_url=SERVICE)
    secret = applications.rotate_secret(before.client_id)
    after = applications.named()
    assert after.client_secret == secret != before.client_secret
    assert after.install_url == before.install_url


@pytest.mark.parametrize(
    ("url", "served"),
    [
        (SERVICE + "/bitrix24/install", True),
        (SERVICE, True),
        (SERVICE + "?a=b", True),
        ("http://127.0.0.1:3001/bitrix24/install", False),
        ("https://127.0.0.1:3000/bitrix24/install", False),
        (SERVICE + "@evil.example/", False),
        (SERVICE + ".evil.example/", False),
        ("http://user@127.0.0.1:3000/", False),
        ("http://127.0.0.1:3000\\@evil.example/", False),
        ("http://[127.0.0.1:3000/", False),
        ("/bitrix24/install", False),
        ("", False),
    ],
)
def test_application_serves_its_own_host_only(url: str, served: bool) -> None:
    assert Applications().add(service_url=SERVICE).serves(url) is served


def test_card_may_name_two_hosts_and_keeps_its_paths_when_it_moves() -> None:
    card = Applications().add(install_url="https://one.example/setup", app_url="https://two.example/page")
    assert card.serves("https://one.example/x")
    assert card.serves("https://two.example/x")
    moved = card.moved(SERVICE + "/")
    assert (moved.install_url, moved.app_url) == (SERVICE + "/setup", SERVICE + "/page")
    assert not moved.serves("https://one.example/x")


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("https://service.example/x", None),
        ("http://127.0.0.1:3000/x", None),
        ("http://localhost:3000/x", "ERROR_WRONG_HANDLER_URL"),
        ("http:///x", "ERROR_WRONG_HANDLER_URL"),
        ("http://[x", "ERROR_WRONG_HANDLER_URL"),
        ("ftp://service.example/", "ERROR_UNSUPPORTED_PROTOCOL"),
        ("service.example/x", "ERROR_UNSUPPORTED_PROTOCOL"),
        ("", "ERROR_UNSUPPORTED_PROTOCOL"),
    ],
)
def test_handler_address_is_checked_as_the_portal_does(url: str, fault: str | None) -> None:
    assert handler_urls.fault_of(url) == fault
