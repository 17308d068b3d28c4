"""The application's page in the portal, by clicking and by keyboard: chats found and opened, keys made and revoked."""

from typing import Final

import pytest
import urllib3
from selenium.webdriver.common.keys import Keys

from chat_lookup.doctor.findings import REMEDIES, FindingCode
from chat_lookup.languages import Language
from chat_lookup.page.doctor_texts import remedy_in, title_in
from chat_lookup.page.texts import in_script
from tests.browser.chromium import Browser
from tests.browser.portal_pages import ADMIN, EMPLOYEE, NARROW, Portal
from tests.support.processes.waiting import until

LOOK_UP: Final = "/v1/chats?entity_type=CRM&entity_id=DEAL%7C1663"
CHATS_OF_THE_DEAL: Final = {"1437", "1763", "1764"}
CHATS_OF_THE_CONTACT: Final = {"1763", "1764"}
QUESTIONS: Final = """
return performance.getEntriesByType('resource').filter(each => each.name.endsWith('/v1/page/find')).length
"""
LARGEST_FIRST_VIEW: Final = 60 * 1024
BYTES: Final = """
return performance.getEntriesByType('navigation').concat(performance.getEntriesByType('resource'))
  .filter(each => new URL(each.name).pathname !== '/api/v1/').map(each => each.decodedBodySize)
"""
REVOKED_WITHIN_S: Final = 30.0
UNFINISHED: Final = FindingCode.INSTALLATION_UNFINISHED


def answer_of(portal: Portal, key: str) -> int:
    url = portal.run.facts["api_url"] + LOOK_UP
    return int(urllib3.request("GET", url, headers={"X-Api-Key": key}, timeout=20).status)


def shown_chats(frame: Browser) -> set[str]:
    return {str(each.get_attribute("data-chat-id")) for each in frame.elements("[data-chat-id]")}


def find_the_deal(frame: Browser) -> None:
    frame.write("[data-test=query]", "deal 1663")
    frame.click("[data-test=find]")
    frame.until(lambda: shown_chats(frame) == CHATS_OF_THE_DEAL, "the chats of the deal are not shown")


def wait_for_keys(frame: Browser, number: int) -> None:
    frame.until(lambda: len(frame.elements("[data-test=key-revoke]")) == number, f"there are not {number} keys")


def test_employee_finds_all_chats_of_a_deal_and_opens_one_in_the_portal(portal: Portal) -> None:
    portal.open_application(EMPLOYEE)
    with portal.frame() as frame:
        find_the_deal(frame)
        assert not frame.elements("[data-test=key-create], [data-test=doctor]")
        frame.click("[data-chat-id='1764'] [data-test=open]")
    portal.browser.element("#messenger[data-messenger=chat1764]:not([hidden])")
    portal.browser.picture("page-messenger")
    portal.browser.click("#messenger a")
    portal.browser.wait_for_text("main", "LINES telegrambot|2|209607941|744")
    assert portal.browser.complaints() == []


def test_answer_to_an_earlier_question_is_not_shown_as_that_to_a_later_one(portal: Portal) -> None:
    portal.open_application(EMPLOYEE)
    with portal.frame() as frame:
        portal.tell("/faults", {"method": "batch", "delay_ms": 2000, "times": 1})
        frame.write("[data-test=query]", "deal 1663")
        frame.click("[data-test=find]")
        frame.click("[data-test=kind] option[value=contact]")
        frame.write("[data-test=number]", "42")
        frame.click("[data-test=pick]")
        frame.until(lambda: shown_chats(frame) == CHATS_OF_THE_CONTACT, "the chats of the contact are not shown")
        frame.until(lambda: frame.driver.execute_script(QUESTIONS) == 2, "the earlier question has not ended")
        assert shown_chats(frame) == CHATS_OF_THE_CONTACT
        assert in_script(Language.ENGLISH)["found"].format(count=2) in frame.text("#find ~ .status")
    assert portal.browser.complaints() == []


def test_chat_is_found_and_opened_by_keyboard_alone(portal: Portal) -> None:
    portal.open_application(EMPLOYEE)
    with portal.frame() as frame:
        frame.element("[data-test=query]")
        portal.tab_to("[data-test=query]")
        portal.press("deal 1663", Keys.ENTER)
        frame.until(lambda: shown_chats(frame) == CHATS_OF_THE_DEAL, "the chats of the deal are not shown")
        portal.tab_to("[data-chat-id='1437'] [data-test=open]")
        portal.press(Keys.ENTER)
    portal.browser.element("#messenger[data-messenger=chat1437]:not([hidden])")


def test_administrator_makes_a_key_that_works_until_it_is_revoked(portal: Portal) -> None:
    portal.open_application(ADMIN)
    with portal.frame() as frame:
        frame.write("[data-test=key-label]", "reports")
        frame.click("[data-test=key-create]")
        key = frame.text("[data-test=key-value]")
        assert answer_of(portal, key) == 200
        wait_for_keys(frame, 1)
        portal.browser.picture("page-keys")
        frame.click("[data-test=key-revoke]")
        wait_for_keys(frame, 0)
        assert not frame.elements("[data-test=key-value]")
    until(lambda: answer_of(portal, key) == 401, REVOKED_WITHIN_S)
    assert portal.browser.complaints() == []


def test_key_that_was_made_stays_shown_while_the_one_before_it_is_revoked(portal: Portal) -> None:
    portal.open_application(ADMIN)
    with portal.frame() as frame:
        for number, label in enumerate(("old", "new"), 1):
            frame.write("[data-test=key-label]", label)
            frame.click("[data-test=key-create]")
            wait_for_keys(frame, number)
        key = frame.text("[data-test=key-value]")
        for left in (1, 0):
            frame.click("[data-test=key-revoke]")
            wait_for_keys(frame, left)
            assert [each.text for each in frame.elements("[data-test=key-value]")] == [key] * left


def test_key_is_made_and_revoked_by_keyboard_alone(portal: Portal) -> None:
    portal.open_application(ADMIN)
    with portal.frame() as frame:
        frame.element("[data-test=key-label]")
        portal.tab_to("[data-test=key-label]")
        portal.press("keyboard", Keys.ENTER)
        wait_for_keys(frame, 1)
        portal.tab_to("[data-test=key-revoke]")
        portal.press(Keys.SPACE)
        wait_for_keys(frame, 0)
        assert frame.driver.switch_to.active_element.get_attribute("data-test") == "key-label", "the focus is lost"


@pytest.mark.parametrize("language", Language)
def test_finding_of_the_doctor_is_shown_and_is_gone_once_it_is_mended_by_click_and_by_keyboard(
    portal: Portal, language: Language
) -> None:
    portal.open_application(ADMIN, language)
    remedy = remedy_in(language, UNFINISHED, REMEDIES[UNFINISHED])
    with portal.frame() as frame:
        portal.tell("/app_info", {"installed": False})
        try:
            frame.click("[data-test=examine]")
            for text in (
                title_in(language, UNFINISHED),
                "not installed yet",
                UNFINISHED,
                remedy,
                in_script(language)["state-active"],
            ):
                frame.wait_for_text("[data-test=doctor]", text)
            portal.browser.picture("page-doctor")
        finally:
            portal.tell("/app_info", {"installed": True})
        portal.tab_to("[data-test=examine]")
        portal.press(Keys.ENTER)
        frame.until(lambda: "not installed yet" not in frame.text("[data-test=doctor]"), "the finding stays")
    assert portal.browser.complaints() == []


def test_failure_is_shown_beside_what_failed_in_the_users_language(portal: Portal) -> None:
    portal.open_application(ADMIN, "de")
    texts = in_script(Language.GERMAN)
    with portal.frame() as frame:
        frame.until(lambda: texts["no-keys"] in frame.text("[data-test=keys]"), "the keys are not listed")
        frame.write("[data-test=query]", "Auftrag")
        frame.click("[data-test=find]")
        frame.wait_for_text("#find ~ .failed", texts["invalid-request"])
        portal.tell("/faults", {"method": "*", "drop": True})
        frame.click("[data-test=examine]")
        frame.wait_for_text("#examine ~ .failed", texts["portal-unavailable"])
        assert frame.text("#find ~ .failed") == texts["invalid-request"]


def test_page_of_an_earlier_installation_is_refused_and_opens_itself_anew(portal: Portal) -> None:
    portal.open_application(EMPLOYEE)
    with portal.frame() as frame:
        frame.element("[data-test=query]")
        portal.tell("/uninstall", {})
        portal.tell("/install", {})
        frame.write("[data-test=query]", "deal 1663")
        frame.click("[data-test=find]")
        frame.wait_for_text(".failed", in_script(Language.ENGLISH)["page-session-rejected"])
        portal.browser.picture("page-ended")
        assert not shown_chats(frame)
    driver = portal.browser.driver
    driver.execute_script("window.isOld = true")
    with portal.frame() as frame:
        frame.click("[data-test=reopen]")
    portal.browser.until(lambda: not driver.execute_script("return window.isOld"), "the page is not loaded again")
    with portal.frame() as frame:
        find_the_deal(frame)


def test_first_view_is_small(portal: Portal) -> None:
    portal.open_application(ADMIN)
    with portal.frame() as frame:
        frame.element("[data-test=query]")
        sizes = frame.driver.execute_script(BYTES)
    assert all(sizes)
    assert len(sizes) >= 3
    assert sum(sizes) < LARGEST_FIRST_VIEW


@pytest.mark.parametrize("language", ["en", "de", "ru"])
def test_page_has_no_grave_barrier_in_any_language_light_and_dark_wide_and_narrow(
    portal: Portal, language: str
) -> None:
    portal.open_application(ADMIN, language)
    with portal.frame() as frame:
        assert frame.driver.execute_script("return document.documentElement.lang") == language
        find_the_deal(frame)
        frame.click("[data-test=examine]")
        frame.element("[data-test=doctor] *")
    for width, dark in ((1200, False), (NARROW, False), (NARROW, True), (1200, True)):
        portal.browser.look(width=width, dark=dark)
        with portal.frame() as frame:
            assert frame.grave_barriers() == []
            assert not frame.is_wider_than_its_window()
        portal.browser.picture(f"page-{language}-{width}-{'dark' if dark else 'light'}")


def test_portal_that_the_service_has_lost_is_connected_anew_by_an_administrators_visit(portal: Portal) -> None:
    portal.tell("/plan", {"rate": 1000, "burst": 1000})
    portal.tell("/uninstall", {})
    portal.tell("/install", {"send": False})
    portal.tell("/app_info", {"installed": True})
    portal.open_application(ADMIN)
    with portal.frame() as frame:
        frame.until(lambda: len(frame.elements("[data-step][data-state=done]")) == 4, "the steps are not done")
        # The portal shows nothing else by itself: it counts the application as installed already.
        frame.until(lambda: frame.element("[data-test=open]").is_displayed(), "nothing leads to the application")
        portal.press(Keys.ENTER)
        find_the_deal(frame)
    assert portal.browser.complaints() == []
