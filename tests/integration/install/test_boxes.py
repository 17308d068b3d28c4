"""Self-hosted portals: a private address, an authorisation server and a certificate authority of their own."""

from collections.abc import Callable
from typing import Final

import pytest

from chat_lookup.install.page_texts import page_text
from chat_lookup.languages import Language
from tests.support.portals.unknown_portal import Stage, shown

Set = Callable[..., None]
SETTINGS: Final = ("PRIVATE_PORTALS", "AUTHORISATION_SERVERS", "PORTAL_CA")


@pytest.fixture
def box(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Set:
    """Give the service settings for the unknown portal, which is exempt from nothing: all that it needs by default."""
    local = stage.service.stack.target.local
    assert local is not None
    usual = {
        "PRIVATE_PORTALS": stage.portal.domain,
        "AUTHORISATION_SERVERS": stage.portal.server_domain,
        "PORTAL_CA": stage.portal.ca_pem.replace("\n", " "),
    }
    # Without the exceptions of a local run, and without its authority.
    monkeypatch.setenv("LOCAL_HOSTS", "")
    monkeypatch.setenv("CA_PEM", "")

    def give(**settings: str) -> None:
        for name in SETTINGS:
            monkeypatch.setenv(name, {**usual, **settings}[name])
        stage.service.cold_start()

    return give


def test_box_with_its_own_server_and_authority_is_installed_and_renewed(stage: Stage, box: Set) -> None:
    box()
    assert stage.contact().status == 200
    record = stage.record()
    assert record is not None
    assert (record["domain"], record["server"]) == ({"S": stage.portal.domain}, {"S": stage.portal.server_domain})
    key = stage.key()
    stage.tell("/chats", {"entity_type": "CRM", "entity_id": "DEAL|1663"})
    stage.tell("/expire_tokens", {})
    known = len(stage.calls())
    assert stage.look_up(key).status == 200
    assert stage.calls()[known:] == ["im.chat.get", "oauth/token", "im.chat.get"]


def test_box_whose_portal_names_no_server_is_its_own(stage: Stage, box: Set) -> None:
    box()
    assert stage.contact(fields={"SERVER_ENDPOINT": None}).status == 200


def test_server_that_is_not_listed_gets_nothing(stage: Stage, box: Set) -> None:
    box(AUTHORISATION_SERVERS="oauth.acme.example")
    answer = stage.contact()
    assert (answer.status, page_text("server", Language.ENGLISH) in shown(answer)) == (403, True)
    assert stage.calls() == []


def test_listed_server_is_no_portal(stage: Stage, box: Set) -> None:
    box(PRIVATE_PORTALS="b24.acme.example:443")
    answer = stage.contact()
    assert answer.status == 403
    assert f"by naming {stage.portal.domain} in the parameter PrivatePortals" in shown(answer)
    assert stage.calls() == []


def test_certificate_of_an_unknown_authority_is_named_and_tried_once_the_authority_is_given(
    stage: Stage, box: Set
) -> None:
    box(PORTAL_CA="")
    answer = stage.contact()
    assert answer.status == 503
    assert page_text("certificate not trusted", Language.ENGLISH) in shown(answer)
    assert "PortalCa" in shown(answer)
    assert stage.calls() == []
    box()
    assert stage.contact().status == 200
