"""The pages have a sentence for each of their keys in each of their languages."""

import pytest

from chat_lookup import errors
from chat_lookup.errors import InstallationRefused, RefusalReason
from chat_lookup.install.page_texts import page_text, refused
from chat_lookup.install.registration import Remark
from chat_lookup.languages import Language

GENERAL = {language: page_text("internal-error", language) for language in Language}
PASSING = (
    errors.TooManyAttempts,
    errors.InstallationInProgress,
    errors.PortalUnavailable,
    errors.PortalBusy,
    errors.PortalBlocked,
    errors.StoreUnavailable,
)


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize(
    "key",
    [*RefusalReason, *Remark, "installed", "unpaid", "misconfigured", "nothing",
     *(error.code for error in PASSING)],
)  # fmt: skip
def test_each_key_has_its_own_sentences(key: str, language: Language) -> None:
    assert page_text(key, language) != GENERAL[language]
    assert len(page_text(key, language)) > 15


@pytest.mark.parametrize("reason", RefusalReason)
def test_languages_differ(reason: RefusalReason) -> None:
    assert len({page_text(reason, language) for language in Language}) == len(Language)


def test_unknown_key_gets_the_general_sentence() -> None:
    assert page_text("unknown-key", Language.GERMAN) == GENERAL[Language.GERMAN]


@pytest.mark.parametrize("reason", RefusalReason)
def test_detail_of_a_refusal_equals_the_sentence_of_its_page(reason: RefusalReason) -> None:
    error = refused(reason)
    assert (error.reason, error.detail) == (reason, page_text(reason, Language.ENGLISH))
    assert isinstance(error, InstallationRefused)
