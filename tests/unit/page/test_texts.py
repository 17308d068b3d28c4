"""The page has each sentence in each language, and a sentence for whatever its script shows."""

import re

import pytest

from chat_lookup.languages import Language
from chat_lookup.page import texts
from chat_lookup.page.texts import in_script, sentence
from chat_lookup.portals.portal import PortalState
from tests.support.repository import PACKAGE

SCRIPT = (PACKAGE / "page" / "assets" / "page.js").read_text("utf-8")


@pytest.mark.parametrize("table", [texts._DOCUMENT, texts._SCRIPT], ids=["document", "script"])
def test_each_sentence_is_there_in_three_languages_with_the_same_places(
    table: dict[str, tuple[str, ...]],
) -> None:
    for key, sentences in table.items():
        assert len(sentences) == len(Language), key
        assert all(each.strip() == each and each for each in sentences), key
        assert len({tuple(sorted(re.findall(r"\{\w+\}", each))) for each in sentences}) == 1, key


def test_script_shows_no_sentence_that_is_missing() -> None:
    shown = set(re.findall(r'(?:text|working)\((?:[^"()]+, )?"([a-z_-]+)"[,)]', SCRIPT))
    assert {"open", "working", "revoked"} <= shown
    assert shown - {"from-"} <= in_script(Language.ENGLISH).keys()


@pytest.mark.parametrize("source", ["portal", "cache", "event", "stale"])
def test_each_source_of_an_answer_has_its_sentence(source: str) -> None:
    assert f"from-{source}" in in_script(Language.GERMAN)


@pytest.mark.parametrize("state", PortalState)
def test_each_state_has_its_words(state: PortalState) -> None:
    assert f"state-{state}" in in_script(Language.RUSSIAN)


def test_sentence_is_in_the_language_asked_for() -> None:
    assert sentence("find", Language.RUSSIAN) == "Найти"
