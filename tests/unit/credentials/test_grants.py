"""The grant of a webhook: read by the version that the record names, and never shown."""

import json
import uuid
from typing import NoReturn

import pytest

from chat_lookup.clock import Deadline
from chat_lookup.credentials.grants import Tokens
from chat_lookup.credentials.secret_store import Vault
from chat_lookup.errors import PortalMisconfigured, ServiceMisconfigured, StoreUnavailable
from chat_lookup.observability.redaction import MASK, Redactor
from chat_lookup.portals.portal import Portal
from chat_lookup.portals.store import Portals
from tests.support.fakes import MEMBER_ID, WEBHOOK_CODE, WEBHOOK_URL, ManualClock, Stores

BOT_TOKEN = "b0tt0ken-b0tt0ken"
OTHER_URL = "https://globex.bitrix24.com/rest/1/another/"


@pytest.fixture
def redactor() -> Redactor:
    return Redactor()


def tokens_of(stores: Stores, clock: ManualClock, redactor: Redactor) -> Tokens:
    def nothing_to_renew(_: Portal) -> NoReturn:
        raise AssertionError("a webhook has nothing to renew")

    vault = Vault(stores.secrets, "unit", clock, redactor)
    return Tokens(vault, Portals(stores.portal_rows, clock), nothing_to_renew, clock)


@pytest.fixture
def tokens(stores: Stores, clock: ManualClock, redactor: Redactor) -> Tokens:
    return tokens_of(stores, clock, redactor)


@pytest.fixture
def elsewhere(stores: Stores, clock: ManualClock) -> Tokens:
    """The tokens as another process has them: the same secrets, a memory of its own."""
    return tokens_of(stores, clock, Redactor())


@pytest.fixture
def deadline(clock: ManualClock) -> Deadline:
    return Deadline.after(3, clock)


def portal_with(secret_arn: str, token_version: str) -> Portal:
    return Portal(MEMBER_ID, "acme.bitrix24.com", secret_arn, token_version)


def test_webhook_is_stored_in_its_own_secret_and_read_back(
    tokens: Tokens, elsewhere: Tokens, deadline: Deadline
) -> None:
    first = portal_with(*tokens.keep_webhook(WEBHOOK_URL, BOT_TOKEN))
    second = portal_with(*tokens.keep_webhook(OTHER_URL, None))
    assert first.secret_arn != second.secret_arn
    for each in (tokens, elsewhere):
        grant = each.grant(first, deadline)
        assert (grant.endpoint.base_url, grant.bot_token, grant.expires_at) == (WEBHOOK_URL, BOT_TOKEN, None)
        assert each.grant(second, deadline).bot_token is None


def test_version_of_the_record_is_read_and_not_the_latest_one(
    tokens: Tokens, elsewhere: Tokens, deadline: Deadline
) -> None:
    arn, version = tokens.keep_webhook(WEBHOOK_URL, None)
    newer = tokens.replace_webhook(arn, OTHER_URL, None, deadline)
    assert elsewhere.grant(portal_with(arn, version), deadline).endpoint.host == "acme.bitrix24.com"
    assert elsewhere.grant(portal_with(arn, newer), deadline).endpoint.host == "globex.bitrix24.com"


def test_read_waits_for_a_missing_version_until_the_deadline(
    tokens: Tokens, clock: ManualClock, deadline: Deadline
) -> None:
    arn, _ = tokens.keep_webhook(WEBHOOK_URL, None)
    with pytest.raises(StoreUnavailable):
        tokens.grant(portal_with(arn, str(uuid.uuid4())), deadline)
    assert len(clock.slept) > 5
    assert clock.now() <= deadline.at


def test_version_that_appears_during_the_wait_is_read(stores: Stores, redactor: Redactor, clock: ManualClock) -> None:
    later = str(uuid.uuid4())

    class ComesLate(ManualClock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            stores.secrets.put_secret_value(
                SecretId=arn, SecretString=json.dumps({"webhook_url": WEBHOOK_URL}), ClientRequestToken=later
            )

    late = ComesLate(clock.now())
    tokens = tokens_of(stores, late, redactor)
    arn, _ = tokens.keep_webhook(OTHER_URL, None)
    assert tokens.grant(portal_with(arn, later), Deadline.after(3, late)).endpoint.host == "acme.bitrix24.com"


@pytest.mark.parametrize(
    "secret",
    [" ", "no json", "[]", "7", "{}", '{"webhook_url": 7}', '{"webhook_url": "http://acme.bitrix24.com/rest/1/x/"}'],
)
def test_secret_without_a_webhook_is_a_configuration_error(
    stores: Stores, tokens: Tokens, deadline: Deadline, secret: str
) -> None:
    version = str(uuid.uuid4())
    made = stores.secrets.create_secret(Name=f"unit/{version}", SecretString=secret, ClientRequestToken=version)
    with pytest.raises((PortalMisconfigured, ServiceMisconfigured)) as raised:
        tokens.grant(portal_with(made["ARN"], version), deadline)
    assert raised.value.__suppress_context__ or raised.value.__context__ is None


@pytest.mark.parametrize("process", ["tokens", "elsewhere"])
def test_every_part_of_a_grant_is_registered_with_the_redactor_before_the_first_call(
    stores: Stores, tokens: Tokens, clock: ManualClock, redactor: Redactor, deadline: Deadline, process: str
) -> None:
    portal = portal_with(*tokens.keep_webhook(WEBHOOK_URL, BOT_TOKEN))
    if process == "elsewhere":
        redactor = Redactor()
        tokens = tokens_of(stores, clock, redactor)
    tokens.grant(portal, deadline)
    assert WEBHOOK_CODE not in redactor.clean(f"so: {WEBHOOK_URL}")
    for secret in (WEBHOOK_CODE, BOT_TOKEN):
        assert redactor.clean(f"so: {secret}") == f"so: {MASK}"


def test_grant_does_not_show_its_webhook(tokens: Tokens, deadline: Deadline) -> None:
    grant = tokens.grant(portal_with(*tokens.keep_webhook(WEBHOOK_URL, BOT_TOKEN)), deadline)
    for shown in (repr(grant), str(grant), f"{grant}", repr(grant.endpoint)):
        assert WEBHOOK_CODE not in shown
        assert BOT_TOKEN not in shown


def test_grant_is_read_once_per_version(
    stores: Stores, tokens: Tokens, elsewhere: Tokens, deadline: Deadline, monkeypatch: pytest.MonkeyPatch
) -> None:
    portal = portal_with(*tokens.keep_webhook(WEBHOOK_URL, None))
    newer = tokens.replace_webhook(portal.secret_arn, WEBHOOK_URL, BOT_TOKEN, deadline)
    read = stores.secrets.get_secret_value
    reads: list[str] = []

    def counted(**arguments: str) -> object:
        reads.append(arguments["VersionId"])
        return read(**arguments)

    monkeypatch.setattr(stores.secrets, "get_secret_value", counted)
    for _ in range(3):
        assert elsewhere.grant(portal, deadline).bot_token is None
    for _ in range(3):
        assert elsewhere.grant(portal._replace(token_version=newer), deadline).bot_token == BOT_TOKEN
    assert reads == [portal.token_version, newer]
