"""Credentials are recognised by their names in every spelling, and by their values in every other field."""

import pytest

from chat_lookup.events.token_stripping import secrets_in, without_credentials
from chat_lookup.http.php_forms import Form


def cleaned(form: Form) -> Form:
    return without_credentials(form, secrets_in(form))


@pytest.mark.parametrize(
    "name",
    [
        "access_token", "ACCESS_TOKEN", "accessToken", "refresh_token", "application_token", "bot_token", "botToken",
        "token", "client_secret", "clientSecret", "client_id", "CLIENT_ID", "AUTH_ID", "REFRESH_ID", "auth", "AUTH",
        "password", "sessid",
    ],
)  # fmt: skip
def test_credential_is_removed_and_its_value_masked_elsewhere(name: str) -> None:
    form: Form = {"a": {name: "s3cret", "text": "it is s3cret, s3cret!"}, "b": "xs3cretx"}
    assert cleaned(form) == {"a": {"text": "it is ***, ***!"}, "b": "x***x"}


@pytest.mark.parametrize("name", ["expires", "expires_in", "EXPIRES_IN", "AUTH_EXPIRES"])
def test_expiry_of_a_token_is_removed_but_not_masked(name: str) -> None:
    assert cleaned({name: "1771943628", "text": "1771943628"}) == {"text": "1771943628"}


@pytest.mark.parametrize("name", ["author", "AUTHOR_ID", "authorId", "member_id", "user_id", "domain", "TOKENS", "id"])
def test_field_with_a_name_like_a_credentials_is_kept(name: str) -> None:
    assert cleaned({name: "abcdefg", "text": "abcdefg"}) == {name: "abcdefg", "text": "abcdefg"}


def test_whole_block_is_removed_and_only_its_credentials_are_masked() -> None:
    auth: Form = {"domain": "acme.bitrix24.com", "access_token": "t0ken-1", "x": {"token": "t0ken-2"}}
    form: Form = {"bot": {"id": "456", "auth": auth}, "text": "t0ken-1 t0ken-2 acme.bitrix24.com"}
    assert cleaned(form) == {"bot": {"id": "456"}, "text": "*** *** acme.bitrix24.com"}


def test_credential_that_begins_like_another_is_masked_whole() -> None:
    form: Form = {"a_token": "s3cret", "b_token": "s3cret-and-longer", "text": "s3cret-and-longer s3cret"}
    assert cleaned(form) == {"text": "*** ***"}


def test_value_as_short_as_a_word_is_removed_but_not_masked() -> None:
    assert cleaned({"token": "short", "text": "a short text"}) == {"text": "a short text"}
    assert cleaned({"token": "", "text": "all of it"}) == {"text": "all of it"}


def test_input_form_is_not_changed() -> None:
    form: Form = {"auth": {"access_token": "s3cret"}, "text": "s3cret"}
    cleaned(form)
    assert form == {"auth": {"access_token": "s3cret"}, "text": "s3cret"}
