"""The portal sends objects with telephones and mails in them: none is in an answer, a log, a metric or a table."""

import json
from collections.abc import Iterator
from typing import Any, Final

import pytest

from local.portal.content import crm_json
from tests.support.portals.crm_objects import KnownObject, chats_of, chats_of_many, objects_in
from tests.support.service import Service

pytestmark = pytest.mark.usefixtures("leaping_clock")

KINDS: Final = ("deal", "contact", "company")
PHONE, MAIL = "+15550100000", "user@client.example"


@pytest.fixture(scope="module")
def known(running_service: Service) -> list[KnownObject]:
    return objects_in(running_service.control, 800_000, KINDS)


def addresses(service: Service) -> set[str]:
    """Every telephone and mail of the portal's objects."""
    return {each[name] for each in service.control("/crm") for name in ("phone", "mail")}


def all_answers(service: Service, known: list[KnownObject]) -> Iterator[Any]:
    """By every entry point, the second time from the cache."""
    for _ in range(2):
        yield list(chats_of_many(service, (each.key for each in known)))
        yield chats_of(service, "deal", 1663).json
        yield service.direct({"object": {"type": "deal", "id": 1663}})


def places(service: Service) -> str:
    """All that the service stores and prints."""
    tables = [service.items(table) for table in ("CacheTable", "PortalTable")]
    return f"{service.output()}{tables!r}{service.published()!r}"


def test_no_clients_address_is_in_what_the_service_lets_out(service: Service, known: list[KnownObject]) -> None:
    service.control("/plan", {"rate": 10_000, "burst": 10_000})
    answers = json.dumps(list(all_answers(service, known)), ensure_ascii=False)
    assert answers.count("DEAL|1663") >= 4
    everywhere, secret = answers + places(service), addresses(service)
    assert {each for each in secret if each in everywhere} == set()
    assert len(secret) > len(known)


@pytest.mark.parametrize(
    "clients",
    [{"contactIds": PHONE, "companyId": 0}, {"contactIds": [MAIL], "companyId": 0}, {"contactId": {"phone": PHONE}},
     {"companyId": MAIL, "contactIds": []}],
)  # fmt: skip
def test_object_that_cannot_be_read_is_not_quoted(
    service: Service, monkeypatch: pytest.MonkeyPatch, clients: dict[str, object]
) -> None:
    monkeypatch.setattr(crm_json, "_clients", lambda _: clients)
    reply = chats_of(service, "deal", 1663)
    everywhere = reply.body.decode() + places(service)
    assert {each for each in (PHONE, MAIL, *addresses(service)) if each in everywhere} == set()
