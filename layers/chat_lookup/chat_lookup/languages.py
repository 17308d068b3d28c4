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


_LANGUAGES: Final[Mapping[str, Language]] = {language.value: language for language in Language}
