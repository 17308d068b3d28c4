"""The document: marked up for programs that read it aloud, and with what its user may do only."""

import re
from html.parser import HTMLParser

import pytest

from chat_lookup.errors import PortalBusy
from chat_lookup.languages import Language
from chat_lookup.page.document import Documents
from chat_lookup.portals.portal import Portal, PortalState

PORTAL = Portal("0123", "acme.bitrix24.com", "arn", "v1")
DOCUMENTS = Documents("https://api.bitrix24.com/api/v1/", "", keys=True)


class Parts(HTMLParser):
    """The tags of a document, each with its attributes; `open` are those that are not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in ("meta", "link", "input", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def named(self, *tags: str) -> list[dict[str, str]]:
        return [attributes for tag, attributes in self.tags if tag in tags]


def page(language: Language = Language.ENGLISH, *, administrator: bool = True, documents: Documents = DOCUMENTS) -> str:
    return str(documents.application(language, PORTAL, "session", administrator=administrator)["body"])


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("administrator", [True, False])
def test_each_field_has_a_label_and_each_reference_leads_to_one_element(
    language: Language, administrator: bool
) -> None:
    parts = Parts(page(language, administrator=administrator))
    assert parts.open == []
    ids = [attributes["id"] for _, attributes in parts.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    labelled = {each["for"] for each in parts.named("label") if "for" in each}
    assert {each["id"] for each in parts.named("input", "select")} - labelled <= {"details"}
    referred = {
        each[name] for _, each in parts.tags for name in ("aria-labelledby", "aria-describedby") if name in each
    }
    assert referred <= set(ids)
    assert parts.named("html") == [{"lang": language.value}]


def test_only_administrators_get_their_part_and_only_where_operators_allow_it_the_keys() -> None:
    assert "keys" not in re.findall(r'data-test="([a-z]+)', page(administrator=False))
    without_keys = Documents("", "", keys=False)
    assert 'data-test="key-create"' not in page(documents=without_keys)
    assert 'data-test="doctor"' in page(documents=without_keys)


def test_text_of_a_portal_is_escaped() -> None:
    odd = PORTAL._replace(domain='a"><script>')
    answer = DOCUMENTS.application(Language.ENGLISH, odd, "session", administrator=False)
    assert "a&quot;&gt;&lt;script&gt;" in answer["body"]


@pytest.mark.parametrize("state", [PortalState.UNPAID, PortalState.MISCONFIGURED, PortalState.STOPPED])
def test_each_state_that_keeps_the_page_closed_has_a_sentence_of_its_own(state: PortalState) -> None:
    answers = {DOCUMENTS.closed(Language.GERMAN, PORTAL._replace(state=each), None)["body"] for each in PortalState}
    answer = DOCUMENTS.closed(Language.GERMAN, PORTAL._replace(state=state), None)
    assert answer["statusCode"] == 503
    assert answer["body"] in answers
    assert len(answers) == 4


def test_failure_before_any_proof_may_be_framed_by_no_page() -> None:
    answer = DOCUMENTS.failure(Language.ENGLISH, PortalBusy(retry_after=2.5))
    assert (answer["statusCode"], answer["headers"]["retry-after"]) == (429, "3")
    assert answer["headers"]["content-security-policy"].endswith("frame-ancestors 'none'")
