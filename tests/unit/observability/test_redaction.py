"""No log line contains a secret: no registered one and none recognised by its shape."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_lookup.observability.redaction import MASK, Redactor

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


def test_registered_secret_is_masked_anywhere_in_any_form() -> None:
    secret = 'p/ss wörd"\\7'
    redactor = Redactor()
    redactor.register(secret)
    for text in (
        f"x{secret}x",
        json.dumps(secret),
        json.dumps(secret, ensure_ascii=False),
        "p%2Fss%20w%C3%B6rd%22%5C7",
    ):
        assert MASK in redactor.clean(text)
        assert "rd" not in redactor.clean(text)


def test_secret_that_begins_with_another_is_masked_whole() -> None:
    redactor = Redactor()
    redactor.register("secret-one")
    redactor.register("secret-one-and-more")
    assert redactor.clean("secret-one-and-more") == MASK


def test_text_too_short_for_a_secret_is_not_registered() -> None:
    redactor = Redactor()
    redactor.register("")
    redactor.register("id")
    assert redactor.clean("the id of a deal") == "the id of a deal"


def test_newest_of_very_many_secrets_are_masked_and_their_number_is_bounded() -> None:
    redactor = Redactor()
    for number in range(5_000):
        redactor.register(f"secret-number-{number:05}")
    assert redactor.clean("secret-number-04999") == MASK
    assert redactor.clean("secret-number-00000") != MASK


def test_secret_in_use_is_kept_among_many_others() -> None:
    redactor = Redactor()
    for number in range(2_000):
        redactor.register("the-one-in-use")
        redactor.register(f"secret-number-{number:05}")
    assert redactor.clean("the-one-in-use") == MASK


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=6, max_size=40), st.text(max_size=80))
def test_no_registered_secret_is_in_a_cleaned_json_line(secret: str, around: str) -> None:
    redactor = Redactor()
    redactor.register(secret)
    line = redactor.clean(json.dumps({"message": around + secret}, ensure_ascii=False))
    # The mask itself may complete a secret that is made of asterisks: that reveals nothing.
    assert secret not in line.replace(MASK, "")


@pytest.mark.parametrize("text", ["auth=" * 20_000, "/rest/1/" * 20_000, "Bearer " * 20_000, "a" * 200_000])
def test_long_line_is_cleaned_fast(text: str) -> None:
    began = time.process_time()
    Redactor().clean(text)
    assert time.process_time() - began < 2
