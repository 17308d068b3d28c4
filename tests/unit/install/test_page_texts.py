"""The pages have words for everything that they may be asked to say, in each of their languages."""

import pytest

from chat_lookup import errors
from chat_lookup.errors import InstallationRefused, RefusalReason
from chat_lookup.install.page_texts import refused, said
from chat_lookup.install.registration import Remark
from chat_lookup.languages import Language

GENERAL = {language: said("internal-error", language) for language in Language}
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
    [*RefusalReason, *Remark, "installed", "active", "healed", "unpaid", "misconfigured", "nothing",
     *(error.code for error in PASSING)],
)  # fmt: skip
def test_each_key_has_sentences_of_its_own(key: str, language: Language) -> None:
    assert said(key, language) != GENERAL[language]
    assert len(said(key, language)) > 15


@pytest.mark.parametrize("reason", RefusalReason)
def test_the_languages_differ(reason: RefusalReason) -> None:
    assert len({said(reason, language) for language in Language}) == len(Language)


def test_what_has_no_words_gets_general_ones() -> None:
    assert said("never heard of", Language.GERMAN) == GENERAL[Language.GERMAN]


@pytest.mark.parametrize("reason", RefusalReason)
def test_a_refusal_says_the_same_to_machines_and_to_people(reason: RefusalReason) -> None:
    error = refused(reason)
    assert (error.reason, error.detail) == (reason, said(reason, Language.ENGLISH))
    assert isinstance(error, InstallationRefused)
