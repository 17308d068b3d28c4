"""The bot has a sentence for each outcome in each of its languages."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_lookup import errors
from chat_lookup.bot import texts
from chat_lookup.entity import EntityRef
from chat_lookup.languages import Language

DEAL = EntityRef("CRM", "DEAL|1663")
HOST = "acme.bitrix24.com"
OPEN = {Language.ENGLISH: "Open the chat", Language.GERMAN: "Chat öffnen", Language.RUSSIAN: "Открыть чат"}

SENTENCES: dict[str, Callable[[Language], str]] = {
    "help": texts.help_line,
    "found": lambda language: texts.found(DEAL, 1437, HOST, language),
    "this chat": lambda language: texts.this_chat(1437, DEAL, language),
    "this chat without an object": lambda language: texts.this_chat(1437, None, language),
    "personal chat": lambda language: texts.personal_chat(1437, language),
    "entity of a chat": lambda language: texts.entity_of(1437, DEAL, HOST, language),
    "no entity of a chat": lambda language: texts.entity_of(1437, None, HOST, language),
    "chat of an open line": lambda language: texts.entity_of(1437, EntityRef("LINES", "a|1|2|3"), HOST, language),
    "hidden chat": lambda language: texts.hidden(1437, language),
    "another portal": lambda language: texts.other_portal(HOST, language),
    "more objects": lambda language: texts.several([], 3, language),
    "no chat of the CRM": lambda language: texts.not_found(DEAL, language),
    "no chat of a task": lambda language: texts.not_found(EntityRef("TASK", "8293"), language),
    "no chat of a group": lambda language: texts.not_found(EntityRef("SONET_GROUP", "133"), language),
    "no open line": lambda language: texts.not_found(EntityRef("LINES", "telegrambot|2|20|744"), language),
    "no other chat": lambda language: texts.not_found(EntityRef("CALENDAR", "15"), language),
    "busy": lambda language: texts.failed(errors.PortalBusy.code, language),
    "unavailable": lambda language: texts.failed(errors.PortalUnavailable.code, language),
    "store": lambda language: texts.failed(errors.StoreUnavailable.code, language),
    "blocked": lambda language: texts.failed(errors.PortalBlocked.code, language),
    "reauthorise": lambda language: texts.failed(errors.PortalReauthorise.code, language),
    "misconfigured": lambda language: texts.failed(errors.PortalMisconfigured.code, language),
    "not accessible": lambda language: texts.failed(errors.ChatNotAccessible.code, language),
    "anything else": lambda language: texts.failed(errors.ServiceMisconfigured.code, language),
}


@pytest.mark.parametrize("language", Language)
def test_each_sentence_is_one_line_and_unique(language: Language) -> None:
    sentences = [sentence(language) for sentence in SENTENCES.values()]
    assert len(set(sentences)) == len(sentences)
    for line in sentences:
        assert len(line) > 15
        assert line.isprintable()
        assert "{" not in line


@pytest.mark.parametrize("sentence", SENTENCES.values(), ids=SENTENCES)
def test_languages_differ(sentence: Callable[[Language], str]) -> None:
    assert len({sentence(language) for language in Language}) == len(Language)


@pytest.mark.parametrize("language", Language)
def test_found_chat_is_described_with_its_ids_and_a_link_that_opens_it(language: Language) -> None:
    sentence = texts.found(DEAL, 1437, HOST, language)
    assert sentence.startswith("CRM DEAL|1663: ")
    assert " 1437, " in sentence
    assert " chat1437. " in sentence
    assert sentence.endswith(f"[URL=https://{HOST}/online/?IM_DIALOG=chat1437]{OPEN[language]}[/URL]")


@pytest.mark.parametrize("language", Language)
def test_current_chat_is_described_with_its_ids_and_its_entity(language: Language) -> None:
    sentence = texts.this_chat(1437, DEAL, language)
    assert " 1437, " in sentence
    assert "chat1437" in sentence
    assert "CRM DEAL|1663" in sentence
    assert "CRM" not in texts.this_chat(1437, None, language)


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("entity_type", ["TASK", "TASKS", "TASKS_TASK"])
def test_missing_task_of_both_generations_has_the_same_sentence(entity_type: str, language: Language) -> None:
    sentence = texts.not_found(EntityRef(entity_type, "8293"), language)
    assert sentence == SENTENCES["no chat of a task"](language).replace("TASK 8293", f"{entity_type} 8293")


@pytest.mark.parametrize("code", ["internal-error", "unknown-code", "help", "found", ""])
def test_failure_without_its_own_sentence_gets_the_general_one(code: str) -> None:
    assert texts.failed(code, Language.GERMAN) == texts.failed("internal-error", Language.GERMAN)


printable = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=60).filter(
    lambda text: text != "0"
)
tags = st.sampled_from(
    ["[URL=https://evil.example]x[/URL]", "[USER=1]", "[send=/x]", "{domain}", "{0}", "\u2028", "\u202e"]
)


@given(printable | tags, printable | tags, st.sampled_from(Language))
def test_pair_adds_no_tag_and_no_line_to_the_sentence(entity_type: str, entity_id: str, language: Language) -> None:
    ref = EntityRef(entity_type, entity_id)
    for sentence in (texts.this_chat(1437, ref, language), texts.not_found(ref, language)):
        assert not set("[]") & set(sentence)
        assert sentence.isprintable()
    found = texts.found(ref, 1437, HOST, language)
    assert found.count("[") == found.count("]") == 2
    assert found.endswith(f"[URL=https://{HOST}/online/?IM_DIALOG=chat1437]{OPEN[language]}[/URL]")
