"""Applications: which keys are tried for a portal, and a change of secret during which both are valid."""

import itertools
from collections.abc import Mapping
from typing import Any

import pytest

from chat_lookup.bitrix24.errors import BitrixError
from chat_lookup.bitrix24.oauth import Application, TokenPair
from chat_lookup.clock import Deadline
from chat_lookup.credentials.applications import FORMER_SERVES, ApplicationKind, Applications, newest_first
from chat_lookup.credentials.secret_store import Vault
from chat_lookup.errors import InvalidRequest
from chat_lookup.observability.redaction import MASK, Redactor
from chat_lookup.portals.store import Portals
from tests.support.fakes import ManualClock, Stores

LOCAL, MARKET = ApplicationKind.LOCAL, ApplicationKind.MARKET
ACME = Application("local.acme", "s3cr3t-of-acme-acme")
GLOBEX = Application("local.globex", "s3cr3t-of-globex")
OURS = Application("app.ours", "s3cr3t-of-ours-ours")
PAIR = TokenPair("a", "r", 0.0, "m", "https://p.example/rest/", "s", 1, frozenset(), "L")


@pytest.fixture
def redactor() -> Redactor:
    return Redactor()


@pytest.fixture
def applications(stores: Stores, clock: ManualClock, redactor: Redactor) -> Applications:
    return Applications(
        stores.portal_rows, Vault(stores.secrets, "unit", clock, redactor), Portals(stores.portal_rows, clock), clock
    )


@pytest.fixture
def elsewhere(stores: Stores, clock: ManualClock) -> Applications:
    """The same applications for another process."""
    return Applications(
        stores.portal_rows, Vault(stores.secrets, "unit", clock, Redactor()), Portals(stores.portal_rows, clock), clock
    )


@pytest.fixture
def deadline(clock: ManualClock) -> Deadline:
    return Deadline.after(5, clock)


def secrets_of(applications: Applications, client_id: str) -> list[str]:
    return [keys.client_secret for keys in applications.keys(client_id)]


# -- selection ---------------------------------------------------------------------------------------------------------


def test_first_contact_tries_the_portals_own_application_else_the_market_one(
    applications: Applications,
) -> None:
    applications.add(ACME, LOCAL, "acme.bitrix24.com")
    assert applications.for_portal("acme.bitrix24.com") == "local.acme"
    assert applications.for_portal("globex.bitrix24.com") is None
    applications.add(OURS, MARKET)
    assert applications.for_portal("acme.bitrix24.com") == "local.acme"
    assert applications.for_portal("globex.bitrix24.com") == "app.ours"


def test_domain_is_compared_without_case(applications: Applications) -> None:
    applications.add(ACME, LOCAL, "Acme.Bitrix24.com")
    assert applications.for_portal("ACME.bitrix24.COM") == "local.acme"


def test_list_returns_every_application_without_its_secret(applications: Applications, elsewhere: Applications) -> None:
    applications.add(ACME, LOCAL, "acme.bitrix24.com")
    applications.add(OURS, MARKET)
    listed = list(elsewhere.all())
    assert {(each.client_id, each.kind, each.domain) for each in listed} == {
        ("local.acme", LOCAL, "acme.bitrix24.com"),
        ("app.ours", MARKET, ""),
    }
    assert "s3cr3t" not in repr(listed)


def test_unknown_application_has_no_keys(applications: Applications) -> None:
    assert applications.keys("local.unknown") == ()
    assert applications.record("local.unknown") is None


# -- adding ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "kind", "domain"),
    [
        (ACME, LOCAL, "other.bitrix24.com"),
        (GLOBEX, LOCAL, "acme.bitrix24.com"),
        (ACME, MARKET, ""),
    ],
)
def test_second_application_with_the_same_client_id_or_portal_is_refused(
    applications: Applications, elsewhere: Applications, keys: Application, kind: ApplicationKind, domain: str
) -> None:
    applications.add(ACME, LOCAL, "acme.bitrix24.com")
    with pytest.raises(InvalidRequest):
        elsewhere.add(keys, kind, domain)
    assert elsewhere.for_portal("acme.bitrix24.com") == "local.acme"
    assert secrets_of(elsewhere, "local.acme") == ["s3cr3t-of-acme-acme"]


def test_second_market_application_is_refused(applications: Applications) -> None:
    applications.add(OURS, MARKET)
    with pytest.raises(InvalidRequest):
        applications.add(Application("app.other", "s3cr3t"), MARKET)


def test_second_of_two_concurrent_applications_for_a_portal_is_refused_and_leaves_no_secret(
    stores: Stores, applications: Applications, elsewhere: Applications, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = stores.secrets.create_secret
    turns = itertools.count()

    def meanwhile(**arguments: Any) -> object:
        if next(turns) == 0:
            elsewhere.add(GLOBEX, LOCAL, "acme.bitrix24.com")
        return create(**arguments)

    before = names(stores)
    monkeypatch.setattr(stores.secrets, "create_secret", meanwhile)
    with pytest.raises(InvalidRequest) as raised:
        applications.add(ACME, LOCAL, "acme.bitrix24.com")
    assert raised.value.__context__ is None, "no failure of DynamoDB goes with it"
    assert applications.for_portal("acme.bitrix24.com") == "local.globex"
    assert applications.record("local.acme") is None
    assert len(names(stores) - before) == 1


def names(stores: Stores) -> set[str]:
    """The names of all secrets."""
    pages = stores.secrets.get_paginator("list_secrets").paginate()
    return {secret["Name"] for page in pages for secret in page["SecretList"]}


def test_secret_of_an_application_is_registered_with_the_redactor_on_every_read(
    applications: Applications, elsewhere: Applications, redactor: Redactor
) -> None:
    elsewhere.add(ACME, LOCAL, "acme.bitrix24.com")
    applications.keys("local.acme")
    assert redactor.clean("so: s3cr3t-of-acme-acme") == f"so: {MASK}"


# -- rotation ----------------------------------------------------------------------------------------------------------


def test_new_secret_is_tried_first_and_the_former_one_for_a_day_after_a_rotation(
    applications: Applications, elsewhere: Applications, deadline: Deadline, clock: ManualClock
) -> None:
    applications.add(ACME, LOCAL, "acme.bitrix24.com")
    assert secrets_of(elsewhere, "local.acme") == ["s3cr3t-of-acme-acme"]
    applications.rotate_secret(Application("local.acme", "n3w-s3cr3t-of-acme"), deadline)
    for each in (applications, elsewhere):
        assert secrets_of(each, "local.acme") == ["n3w-s3cr3t-of-acme", "s3cr3t-of-acme-acme"]
    clock.advance(FORMER_SERVES + 1)
    assert secrets_of(elsewhere, "local.acme") == ["n3w-s3cr3t-of-acme"]


def test_repeated_rotation_keeps_the_former_secret(
    applications: Applications, elsewhere: Applications, deadline: Deadline, clock: ManualClock
) -> None:
    applications.add(ACME, LOCAL, "acme.bitrix24.com")
    applications.rotate_secret(Application("local.acme", "n3w-s3cr3t-of-acme"), deadline)
    clock.advance(10)
    elsewhere.rotate_secret(Application("local.acme", "n3w-s3cr3t-of-acme"), Deadline.after(5, clock))
    assert secrets_of(elsewhere, "local.acme") == ["n3w-s3cr3t-of-acme", "s3cr3t-of-acme-acme"]


def test_secret_of_an_unknown_application_cannot_be_rotated(applications: Applications, deadline: Deadline) -> None:
    with pytest.raises(InvalidRequest):
        applications.rotate_secret(ACME, deadline)


BOTH = [Application("local.acme", "new"), Application("local.acme", "former")]


def asked_with(answers: Mapping[str, str]) -> tuple[list[str], TokenPair | str]:
    """The secrets that were tried, and the pair or the error code; `answers` holds the server's error by secret."""
    tried: list[str] = []

    def ask(keys: Application) -> TokenPair:
        tried.append(keys.client_secret)
        if keys.client_secret in answers:
            raise BitrixError(answers[keys.client_secret], 401, method="oauth/token")
        return PAIR

    try:
        return tried, newest_first(BOTH, ask)
    except BitrixError as error:
        return tried, error.code


@pytest.mark.parametrize(
    ("answers", "tried", "outcome"),
    [
        ({}, ["new"], PAIR),
        ({"new": "invalid_client"}, ["new", "former"], PAIR),
        ({"new": "INVALID_CLIENT"}, ["new", "former"], PAIR),
        ({"new": "invalid_client", "former": "invalid_client"}, ["new", "former"], "invalid_client"),
        ({"new": "invalid_client", "former": "invalid_grant"}, ["new", "former"], "invalid_grant"),
        ({"new": "invalid_grant"}, ["new"], "invalid_grant"),
        ({"new": "HTTP_5XX"}, ["new"], "HTTP_5XX"),
    ],
)
def test_former_secret_is_tried_only_if_the_new_one_is_refused_as_a_secret(
    answers: Mapping[str, str], tried: list[str], outcome: TokenPair | str
) -> None:
    assert asked_with(answers) == (tried, outcome)


def test_application_without_keys_is_a_wrong_client() -> None:
    with pytest.raises(BitrixError, match="wrong_client"):
        newest_first([], lambda _: PAIR)
