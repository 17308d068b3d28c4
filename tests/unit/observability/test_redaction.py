"""No log line contains a secret: no registered one and none recognised by its shape."""

import json
import time
from typing import SupportsIndex
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_lookup.observability.redaction import MASK, SHORTEST_SECRET, Redactor, forms, own_forms

CODE = "abc123def456ghi7"


@pytest.mark.parametrize(
    "text",
    [
        f"https://acme.bitrix24.com/rest/1/{CODE}/im.chat.get",
        f"https://acme.bitrix24.com/rest/api/1/{CODE}/im.chat.get",
        rf"https:\/\/acme.bitrix24.com\/rest\/1\/{CODE}\/im.chat.get",
        f"https%3A%2F%2Facme.bitrix24.com%2Frest%2F1%2F{CODE}%2F",
        f"Authorization: Bearer {CODE}",
        f"BEARER {CODE}",
        f"clk_{CODE}",
        f'{{"access_token":"{CODE}"}}',
        f'{{"refresh_token": "{CODE}"}}',
        json.dumps(json.dumps({"application_token": CODE})),
        f"client_secret={CODE}&grant_type=refresh_token",
        f"auth={CODE}",
        f"?auth%3D{CODE}",
        f"{{'botToken': '{CODE}'}}",
        f"bot_token: {CODE}",
        f"X-Api-Key: {CODE}",
        f"X-Page-Session: {CODE}.{CODE}",
        f"AUTH_ID={CODE}&REFRESH_ID={CODE}",
    ],
)
def test_unregistered_secret_is_recognised_by_its_shape(text: str) -> None:
    assert CODE not in Redactor().clean(text)


@pytest.mark.parametrize(
    "text",
    [
        "chat_id 1437 of CRM DEAL|1663",
        "BOT_TOKEN_NOT_SPECIFIED",
        "expired_token",
        "GET /v1/chats?entity_type=CRM",
        "the author: Pushkin wrote",
        "https://acme.bitrix24.com/rest/scope",
    ],
)
def test_text_without_a_secret_is_unchanged(text: str) -> None:
    assert Redactor().clean(text) == text


SECRETS = {
    "a webhook's code": CODE,
    "an application token": "0a1b2c3d4e5f60718293a4b5c6d7e8f9",
    "an access token": "f" * 70,
    "a base64 text": "q+Zr/9sTq7Lk2m0Pq8Aa4w==",
    "a text with everything": 'p/ss wörd"\\7 and 😀 more',
}


def forms_of(secret: str) -> list[str]:
    """Every form of a secret that a text may contain."""
    return [
        secret,
        f"x{secret}x",
        f"key={secret}&more=1",
        f"https://acme.bitrix24.com/{secret}/im.chat.get",
        json.dumps(secret),
        json.dumps(secret, ensure_ascii=False),
        json.dumps({"nested": [secret]}),
        f"a={quote(secret, safe='')}",
        f"{secret}{secret}",
        f"{'long text ' * 500}{secret}",
    ]


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
@pytest.mark.parametrize("others", [0, 4_000])
def test_registered_secret_is_masked_anywhere_in_any_form(secret: str, others: int) -> None:
    redactor = Redactor()
    redactor.register(secret, owner="acme")
    for number in range(others):
        redactor.register(f"{number:070}", owner=f"portal {number}")
    for text in forms_of(secret):
        cleaned = redactor.clean(text)
        assert MASK in cleaned
        assert not any(form in cleaned for form in forms(secret))


def test_secret_that_begins_with_another_is_masked_whole() -> None:
    redactor = Redactor()
    redactor.register("secret-number-one", owner="acme")
    redactor.register("secret-number-one-and-more", owner="acme")
    assert redactor.clean("secret-number-one-and-more") == MASK
    assert redactor.clean("so: secret-number-one.") == f"so: {MASK}."


def test_secrets_that_overlap_are_masked_whole() -> None:
    redactor = Redactor()
    redactor.register("0123456789abcdef", owner="acme")
    redactor.register("89abcdef01234567", owner="acme")
    assert redactor.clean("so: 0123456789abcdef01234567, and 0123456789abcdef") == f"so: {MASK}, and {MASK}"


@pytest.mark.parametrize("text", ["", "id", "chat-lookup", "x" * (SHORTEST_SECRET - 1)])
def test_text_too_short_for_a_secret_is_not_registered(text: str) -> None:
    redactor = Redactor()
    redactor.register(text, owner="acme")
    assert redactor.clean(f"so: {text} of a deal") == f"so: {text} of a deal"


def test_latest_secrets_of_an_owner_are_masked_and_their_number_is_bounded() -> None:
    redactor = Redactor()
    for number in range(5_000):
        redactor.register(f"secret-number-{number:05}", owner="acme")
    assert redactor.clean("secret-number-04999 secret-number-04970") == f"{MASK} {MASK}"
    assert redactor.clean("secret-number-00000") != MASK


def test_secret_of_one_owner_is_kept_whatever_others_register() -> None:
    redactor = Redactor()
    redactor.register("the-one-of-a-quiet-portal", owner="acme")
    for number in range(5_000):
        redactor.register(f"secret-number-{number:05}", owner=f"portal {number % 10}")
    assert redactor.clean("the-one-of-a-quiet-portal") == MASK


def test_secret_in_use_is_kept_among_later_ones_of_its_owner() -> None:
    redactor = Redactor()
    for number in range(2_000):
        redactor.register("the-one-that-is-in-use", owner="acme")
        redactor.register(f"secret-number-{number:05}", owner="acme")
    assert redactor.clean("the-one-that-is-in-use") == MASK


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=16, max_size=40), st.text(max_size=80))
def test_no_registered_secret_is_in_a_cleaned_text(secret: str, around: str) -> None:
    redactor = Redactor()
    redactor.register(secret, owner="acme")
    for text in (around + secret, json.dumps({"message": around + secret}, ensure_ascii=False)):
        # The mask itself may complete a secret that is made of asterisks: that reveals nothing.
        assert secret not in redactor.clean(text).replace(MASK, "")


class CountedText(str):
    """A text that counts how often a part of it is read."""

    reads = 0

    def __getitem__(self, part: SupportsIndex | slice) -> str:
        CountedText.reads += 1
        return str.__getitem__(self, part)


@pytest.mark.parametrize("same_head", [False, True])
def test_time_for_a_text_does_not_depend_on_the_number_of_registered_secrets(same_head: bool) -> None:
    counts = []
    for registered in (40, 4_000):
        redactor = Redactor()
        for number in range(registered):
            secret = f"the-same-beginning-{number:06}" if same_head else f"{number * 7919:016}"
            redactor.register(secret, owner=f"portal {number}")
        CountedText.reads = 0
        redactor.clean(CountedText("chat the-same-beginning-000007 " * 100))
        counts.append(CountedText.reads)
    assert counts[0] == counts[1] < 2 * 3_200


# -- a caller's own texts ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("secret", [*SECRETS.values(), "expired", "message"])
def test_own_text_of_an_invocation_is_masked_in_any_form(secret: str) -> None:
    for text in forms_of(secret):
        cleaned = Redactor().clean(text, own_forms(secret))
        assert MASK in cleaned
        assert secret not in cleaned


@pytest.mark.parametrize("text", ["", "a", "level"])
def test_own_text_too_short_for_a_secret_is_not_masked(text: str) -> None:
    assert own_forms(text) == {}


# -- persons -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "Dialog 79161234567 not found",
        "no user +79161234567.",
        "whatsapp|2|79161234567|744",
        "<anna.petrova+crm@mail.example.com>",
        "anna@example.com",
    ],
)
def test_person_that_a_portal_quotes_is_replaced_by_a_pseudonym(text: str) -> None:
    cleaned = Redactor().clean(text)
    assert "sha256:" in cleaned
    assert "9161234567" not in cleaned
    assert "anna" not in cleaned


@pytest.mark.parametrize(
    "text",
    [
        "chat 123456 of DEAL|1663",
        "arn:aws:secretsmanager:eu-central-1:123456789012:secret:unit/portal",
        "arn:aws:sts::123456789012:assumed-role/it",
        "d41d8cd98f00b204e9800998ecf8427e",
        "took 0.1234567 s",
    ],
)
def test_number_of_no_person_is_unchanged(text: str) -> None:
    assert Redactor().clean(text) == text


@pytest.mark.parametrize(
    "text", ["auth=" * 20_000, "/rest/1/" * 20_000, "Bearer " * 20_000, "a" * 200_000, "a@" * 50_000, "1" * 200_000]
)
def test_long_line_is_cleaned_fast(text: str) -> None:
    began = time.process_time()
    Redactor().clean(text)
    assert time.process_time() - began < 2
