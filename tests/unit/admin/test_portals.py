"""Operators' commands about portals: rate, result shape, default portal, bindings."""

import pytest

from chat_lookup.bootstrap.services import Services
from chat_lookup.errors import InvalidRequest, PortalNotInstalled, PortalUnavailable
from tests.support.admin_function import run
from tests.support.fakes import MEMBER_ID, FakeAuthorisationServer, FakeBitrix24
from tests.support.in_process_service import Service, install
from tests.support.portals.first_contact import DOMAIN, OWN_ADDRESS, refusing
from tests.support.portals.known_portal import install_application

pytestmark = pytest.mark.usefixtures("installed")


@pytest.mark.parametrize("name", [DOMAIN, MEMBER_ID])
def test_rate_and_burst_can_be_set(installed: Services, name: str) -> None:
    shown = run(command="portal.set", portal=name, rate=5)
    assert (shown["rate"], shown["burst"]) == (5, 50)
    portal = installed.portals.get(MEMBER_ID)
    assert (portal.rate, portal.burst, portal.paced_by) == (5.0, 50, "operator")


@pytest.mark.parametrize("shape", ["int", "object"])
def test_result_shape_can_be_set_and_survives_an_installation(
    installed: Services, server: FakeAuthorisationServer, shape: str
) -> None:
    assert run(command="portal.set", portal=DOMAIN, result_shape=shape)["result_shape"] == shape
    install_application(server)
    portal = installed.portals.get(MEMBER_ID)
    assert (portal.result_form, portal.paced_by) == (shape, "")


def test_default_portal_can_be_set(installed: Services, service: Service) -> None:
    other = install(service, member_id="0123456789abcdef0123456789abcdef", domain="globex.bitrix24.com")
    assert service.portals.find(None).member_id == other.member_id
    run(command="portal.set", portal=DOMAIN, default=True)
    assert installed.portals.find(None).member_id == MEMBER_ID


@pytest.mark.parametrize(
    ("fields", "reported"),
    [
        ({}, "at least one of"),
        ({"rate": 0}, "rate must be"),
        ({"burst": 0}, "burst must be"),
        ({"result_shape": "list"}, "result_shape can only be"),
        ({"default": "yes"}, "default must be"),
        ({"rate": 2, "colour": "red"}, "colour is an unknown field"),
    ],
)
def test_error_of_a_setting_names_the_field(fields: dict[str, object], reported: str) -> None:
    with pytest.raises(InvalidRequest, match=reported):
        run(command="portal.set", portal=DOMAIN, **fields)


@pytest.mark.parametrize("command", ["portal.set", "portal.rebind", "portal.forget"])
@pytest.mark.parametrize("name", ["globex.bitrix24.com", "f0e1d2c3", "../x", "x" * 300])
def test_unknown_portal_is_refused(command: str, name: str) -> None:
    with pytest.raises(PortalNotInstalled):
        run(command=command, portal=name, **({"rate": 2} if command == "portal.set" else {}))


def test_bindings_are_registered_again_at_the_given_address(installed: Services, bitrix24: FakeBitrix24) -> None:
    before = installed.portals.get(MEMBER_ID)
    bitrix24.calls.clear()
    shown = run(command="portal.rebind", portal=DOMAIN, public_url="https://chats.acme.example/")
    assert (shown["public_url"], shown["remarks"]) == ("https://chats.acme.example", [])
    addresses = {str(call.params) for call in bitrix24.calls if "bind" in call.method or "Bot.update" in call.method}
    assert len(addresses) == 4
    assert all("https://chats.acme.example/bitrix24/" in each for each in addresses)
    after = installed.portals.get(MEMBER_ID)
    assert (after.public_url, after.generation) == ("https://chats.acme.example", before.generation)
    assert after.token_version == before.token_version


def test_without_an_address_bindings_are_registered_at_the_stored_one(bitrix24: FakeBitrix24) -> None:
    bitrix24.calls.clear()
    assert run(command="portal.rebind", portal=DOMAIN)["public_url"] == OWN_ADDRESS
    assert bitrix24.methods.count("event.bind") == 3


@pytest.mark.parametrize(
    "public_url", ["http://chats.acme.example", "https://chats.acme.example/path", "chats", "https://"]
)
def test_public_url_must_be_https_and_a_host(public_url: str, bitrix24: FakeBitrix24) -> None:
    bitrix24.calls.clear()
    with pytest.raises(InvalidRequest, match="public_url"):
        run(command="portal.rebind", portal=DOMAIN, public_url=public_url)
    assert bitrix24.calls == []


def test_portal_that_does_not_answer_is_not_reported_as_bound(installed: Services, bitrix24: FakeBitrix24) -> None:
    bitrix24.answers_by("imbot.v2.Bot.update", refusing("TIMEOUT", 0))
    with pytest.raises(PortalUnavailable):
        run(command="portal.rebind", portal=DOMAIN, public_url="https://chats.acme.example")
    assert installed.portals.get(MEMBER_ID).public_url == OWN_ADDRESS


def test_webhook_portal_cannot_bind_events(service: Service) -> None:
    install(service, member_id="0123456789abcdef0123456789abcdef", domain="globex.bitrix24.com")
    with pytest.raises(InvalidRequest, match="webhook"):
        run(command="portal.rebind", portal="globex.bitrix24.com", public_url=OWN_ADDRESS)
