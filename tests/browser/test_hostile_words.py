"""Words of callers, users and portals stay words on every page, which is no wider for them: the application's, the
portal's and the playground."""

from collections.abc import Iterator
from typing import Final

import pytest
import urllib3

from tests.browser.chromium import Browser
from tests.browser.portal_pages import ADMIN, NARROW, Portal
from tests.support.processes.run import Running

HOSTILE: Final = (
    "<img src=x onerror=\"document.title='hostile'\"><b id=status>bold</b></script><script>alert(1)</script>" + 60 * "w"
)
MARKUP: Final = "img, b, script:not([src]):not([type='application/json'])"
PAIR: Final = {"entity_type": "ORDER", "entity_id": "2026-0815"}


@pytest.fixture
def hostile_chat(portal: Portal) -> int:
    """A chat with a hostile title, of which the administrator is a member."""
    made = portal.tell("/chats", {**PAIR, "title": HOSTILE, "members": [ADMIN]})
    return int(made["chat_id"])


@pytest.fixture(autouse=True)
def narrow(browser: Browser) -> Iterator[None]:
    browser.look(width=NARROW)
    yield
    browser.look()


def shows_words(page: Browser) -> bool:
    """Whether a page shows them as text, within its window."""
    return not page.elements(MARKUP) and page.driver.title != "hostile" and not page.is_wider_than_its_window()


def test_title_of_a_chat_stays_text_on_the_application_and_the_portals_pages(portal: Portal, hostile_chat: int) -> None:
    portal.open_application(ADMIN)
    with portal.frame() as frame:
        frame.write("[data-test=query]", f"{HOSTILE} chat {hostile_chat}")
        frame.click("[data-test=find]")
        frame.wait_for_text("[data-test=answer] .title", HOSTILE)
        frame.wait_for_text("#recent button", HOSTILE)
        assert shows_words(frame)
        frame.click(f"[data-chat-id='{hostile_chat}'] [data-test=open]")
    portal.browser.wait_for_text("#messenger h2", HOSTILE)
    assert shows_words(portal.browser)
    for path in (f"/online/?IM_DIALOG=chat{hostile_chat}", f"/?user={ADMIN}", f"/online/?IM_DIALOG={HOSTILE}"):
        portal.open(path)
        assert shows_words(portal.browser)
    assert [each for each in portal.browser.complaints() if "404" not in each] == []


def test_label_of_a_key_stays_text_on_the_application_page(portal: Portal) -> None:
    portal.open_application(ADMIN)
    label = HOSTILE[:100]
    with portal.frame() as frame:
        frame.write("[data-test=key-label]", label)
        frame.click("[data-test=key-create]")
        frame.wait_for_text("[data-test=keys] .title", label)
        assert shows_words(frame)
        frame.click("[data-test=key-revoke]")
        frame.until(lambda: not frame.elements("[data-test=key-revoke]"), "the key is still listed")
    assert portal.browser.complaints() == []


def test_titles_questions_and_log_lines_stay_text_in_the_playground(browser: Browser, run: Running) -> None:
    chat = {**PAIR, "entity_id": HOSTILE, "title": HOSTILE, "members": [ADMIN]}
    urllib3.request("POST", f"{run.facts['control_url']}/chats", json=chat, timeout=20)
    browser.open(f"{run.facts['api_url']}/")
    browser.write("[name=entity_type]", PAIR["entity_type"])
    browser.write("[name=entity_id]", HOSTILE)
    browser.click("[name=expand]")
    browser.click("#panel-pair .main")
    browser.wait_for_text("#answer .big", f"ORDER {chat['entity_id']}")
    browser.write("#say [name=text]", HOSTILE)
    browser.click("#say .main")
    browser.wait_for_text("#talk li.mine", HOSTILE)
    browser.wait_for_text("#talk li:not(.mine)", "deal 1663")
    browser.until(lambda: browser.elements("#calls li"), "no call of the portal is listed")
    assert shows_words(browser)
