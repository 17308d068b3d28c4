"""The languages of pages and of the bot's answers."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Language(StrEnum):
    """The languages of the pages; all others read English."""

    ENGLISH = "en"
    GERMAN = "de"
    RUSSIAN = "ru"


def language_of(code: str) -> Language:
    """The language for the portal's `LANG`."""
    return _LANGUAGES.get(code.strip().lower()[:2], Language.ENGLISH)


Sentence = tuple[str, str, str]
"""A text in every language, in the order of `Language`."""


def sentence_in(language: Language, sentence: Sentence) -> str:
    """The sentence in one language."""
    return sentence[_COLUMN[language]]


_LANGUAGES: Final[Mapping[str, Language]] = {language.value: language for language in Language}
_COLUMN: Final[Mapping[Language, int]] = {language: column for column, language in enumerate(Language)}
