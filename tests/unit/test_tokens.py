"""The secret that opens a portal: read by the version that the record names, and never to be seen."""

import json
import uuid
from dataclasses import replace

import pytest

from chat_lookup.clock import Deadline
from chat_lookup.errors import PortalMisconfigured, PortalUnavailable
from chat_lookup.records import Portal
from chat_lookup.redaction import MASK, Redactor
from chat_lookup.tokens import Tokens
from tests.fakes import MEMBER_ID, WEBHOOK_CODE, WEBHOOK_URL, ManualClock, Stores

BOT_TOKEN = "b0tt0ken-b0tt0ken"


@pytest.fixture
def redactor() -> Redactor:
    return Redactor()


@pytest.fixture
def tokens(stores: Stores, clock: ManualClock, redactor: Redactor) -> Tokens:
    return Tokens(stores.secrets, "unit", clock, redactor)


def portal_with(secret_arn: str, token_version: str) -> Portal:
    return Portal(MEMBER_ID, "acme.bitrix24.com", secret_arn, token_version)


def test_a_webhook_is_kept_in_a_secret_of_its_own_and_read_again(tokens: Tokens, clock: ManualClock) -> None:
    first = portal_with(*tokens.create(WEBHOOK_URL, BOT_TOKEN))
    second = portal_with(*tokens.create("https://globex.bitrix24.com/rest/1/another/", None))
    grant = tokens.grant(first, Deadline.after(10, clock))
    assert (grant.endpoint.base_url, grant.bot_token) == (WEBHOOK_URL, BOT_TOKEN)
    assert tokens.grant(second, Deadline.after(10, clock)).bot_token is None
    assert first.secret_arn != second.secret_arn


def test_the_version_that_the_record_names_is_read_and_not_the_latest(tokens: Tokens, clock: ManualClock) -> None:
    arn, version = tokens.create(WEBHOOK_URL, None)
    newer = tokens.replace(arn, WEBHOOK_URL.replace("acme", "acme-two"), None)
    deadline = Deadline.after(10, clock)
    assert tokens.grant(portal_with(arn, version), deadline).endpoint.host == "acme.bitrix24.com"
    assert tokens.grant(portal_with(arn, newer), deadline).endpoint.host == "acme-two.bitrix24.com"


def test_a_version_that_is_not_there_yet_is_waited_for_but_not_beyond_the_deadline(
    tokens: Tokens, clock: ManualClock
) -> None:
    arn, _ = tokens.create(WEBHOOK_URL, None)
    deadline = Deadline.after(3, clock)
    with pytest.raises(PortalUnavailable):
        tokens.grant(portal_with(arn, str(uuid.uuid4())), deadline)
    assert len(clock.slept) > 5
    assert clock.now() <= deadline.at


def test_a_version_that_comes_while_it_is_waited_for_is_taken(
    stores: Stores, redactor: Redactor, clock: ManualClock
) -> None:
    later = str(uuid.uuid4())

    class ComesLate(ManualClock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            stores.secrets.put_secret_value(
                SecretId=arn, SecretString=json.dumps({"webhook_url": WEBHOOK_URL}), ClientRequestToken=later
            )

    late = ComesLate(clock.now())
    tokens = Tokens(stores.secrets, "unit", late, redactor)
    arn, _ = tokens.create("https://globex.bitrix24.com/rest/1/another/", None)
    assert tokens.grant(portal_with(arn, later), Deadline.after(3, late)).endpoint.host == "acme.bitrix24.com"


@pytest.mark.parametrize(
    "secret",
    ["", "no json", "[]", "7", "{}", '{"webhook_url": 7}', '{"webhook_url": "http://acme.bitrix24.com/rest/1/x/"}'],
)
def test_a_secret_that_holds_no_webhook_is_a_matter_of_configuration(
    stores: Stores, tokens: Tokens, clock: ManualClock, secret: str
) -> None:
    version = str(uuid.uuid4())
    made = stores.secrets.create_secret(
        Name=f"unit/{version}", SecretString=secret or " ", ClientRequestToken=version
    )  # fmt: skip
    with pytest.raises(PortalMisconfigured) as raised:
        tokens.grant(portal_with(made["ARN"], version), Deadline.after(10, clock))
    assert raised.value.__cause__ is None


def test_every_part_of_a_grant_is_known_to_the_redactor_before_anything_is_called(
    tokens: Tokens, redactor: Redactor, clock: ManualClock
) -> None:
    tokens.grant(portal_with(*tokens.create(WEBHOOK_URL, BOT_TOKEN)), Deadline.after(10, clock))
    for secret in (WEBHOOK_URL, WEBHOOK_CODE, BOT_TOKEN):
        assert redactor.clean(f"so: {secret}") == f"so: {MASK}"


def test_a_grant_does_not_show_what_it_holds(tokens: Tokens, clock: ManualClock) -> None:
    grant = tokens.grant(portal_with(*tokens.create(WEBHOOK_URL, BOT_TOKEN)), Deadline.after(10, clock))
    for shown in (repr(grant), str(grant), f"{grant}", repr(grant.endpoint)):
        assert WEBHOOK_CODE not in shown
        assert BOT_TOKEN not in shown


def test_a_grant_is_read_once_and_a_new_version_is_read_anew(
    stores: Stores, tokens: Tokens, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    portal = portal_with(*tokens.create(WEBHOOK_URL, None))
    deadline = Deadline.after(10, clock)
    tokens.grant(portal, deadline)
    newer = tokens.replace(portal.secret_arn, WEBHOOK_URL, BOT_TOKEN)
    read = stores.secrets.get_secret_value
    reads: list[str] = []

    def counted(**arguments: str) -> object:
        reads.append(arguments["VersionId"])
        return read(**arguments)

    monkeypatch.setattr(stores.secrets, "get_secret_value", counted)
    tokens.grant(portal, deadline)
    for _ in range(3):
        assert tokens.grant(replace(portal, token_version=newer), deadline).bot_token == BOT_TOKEN
    assert reads == [newer]
