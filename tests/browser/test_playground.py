"""The playground shows look-ups, the bot, faults and what passes, by clicking and by keyboard."""

import json
from itertools import pairwise

import pytest
import urllib3
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from tests.browser.chromium import Browser
from tests.support.processes import programs
from tests.support.processes.run import Running
from tests.support.repository import ROOT

NARROW = 360
QUESTIONS = "return performance.getEntriesByType('resource').filter(each => each.name.includes('/v1/')).length"


@pytest.fixture
def page(browser: Browser, run: Running) -> Browser:
    """The page of the run, whose portal works, and whose cache is empty of the pair."""
    urllib3.request("POST", run.facts["control_url"] + "/reset", timeout=20)
    browser.open(run.facts["api_url"] + "/")
    browser.wait_for_text("#faults", "End all faults")
    browser.complaints()
    return browser


def look_up(page: Browser, *, fresh: bool = False) -> None:
    if page.element("[name=fresh]").is_selected() != fresh:
        page.click("[name=fresh]")
    page.click("#panel-pair .main")


def test_look_up_leads_to_the_chat_its_source_and_a_command_that_finds_the_same(page: Browser) -> None:
    look_up(page, fresh=True)
    page.wait_for_text("#answer", "chat 1437 · CRM DEAL|1663")
    assert [each.text for each in page.elements("#answer .badge")][:2] == ["200", "portal"]
    look_up(page)
    page.wait_for_text("#answer .badge", "cache")
    found = programs.run(["bash", "-euc", page.text("#command")], cwd=ROOT, timeout=60)
    assert json.loads(found.stdout)["chat_id"] == 1437
    page.wait_for_text("#requests li", "GET /v1/chats?entity_type=CRM&entity_id=DEAL%7C1663&fresh=true 200 portal")
    page.picture("playground")
    assert page.complaints() == []


def test_wrong_pair_shows_what_looks_wrong_about_it(page: Browser) -> None:
    page.click("[data-fill*='\"DEAL\"']")
    page.wait_for_text("#answer", "No chat has this pair")
    page.wait_for_text("#answer", "Objects of the CRM are looked up with entity_type CRM and entity_id DEAL|1663.")


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        ("chat", "chat 1437 · CRM DEAL|1663"),
        ("link", "chat 1437 · CRM DEAL|1663"),
        ("object", "chats"),
    ],
)
def test_chat_link_and_object_are_looked_up_from_tabs_of_their_own(page: Browser, kind: str, answer: str) -> None:
    page.click(f"#tab-{kind}")
    page.click(f"#panel-{kind} .main")
    page.wait_for_text("#answer .big", answer)


def test_question_to_the_bot_gets_its_answer(page: Browser) -> None:
    page.click("#say .main")
    page.wait_for_text("#talk li.mine", "Where is the chat of deal 1663?")
    page.wait_for_text("#talk li:not(.mine)", "CRM DEAL|1663: chat 1437")
    page.click("[data-say='chat 1437']")
    page.until(lambda: len(page.elements("#talk li:not(.mine)")) > 1, "the bot does not answer")
    page.wait_for_text("#requests li", "EVENT")
    page.picture("bot", "#bot")


def test_fault_is_seen_in_the_answer_in_the_calls_and_in_the_list_until_it_is_ended(page: Browser) -> None:
    page.click("#faults button:nth-of-type(3)")
    page.wait_for_text("#active", "ACCESS_ERROR for im.chat.get, applied 0 of 1")
    look_up(page, fresh=True)
    page.wait_for_text("#answer", "The portal does not show this chat to the application")
    page.wait_for_text("#active", "applied 1 of 1")
    page.click("#tab-calls")
    page.wait_for_text("#calls li", "im.chat.get 400 ACCESS_ERROR")
    page.picture("fault")
    page.click("#mend")
    page.until(lambda: not page.elements("#active li"), "the fault does not end")
    look_up(page, fresh=True)
    page.wait_for_text("#answer", "chat 1437")


def test_answer_of_before_is_gone_while_the_next_one_is_waited_for(page: Browser) -> None:
    look_up(page)
    page.wait_for_text("#answer .big", "chat 1437")
    page.click("#faults button:nth-of-type(5)")
    page.wait_for_text("#active", "3000 ms late")
    look_up(page, fresh=True)
    assert page.text("#answer") == "Waiting for the answer …"
    page.wait_for_text("#answer .big", "chat 1437")


def test_answer_to_an_earlier_question_is_not_shown_as_that_to_a_later_one(page: Browser, run: Running) -> None:
    late = {"method": "im.chat.get", "delay_ms": 2000, "times": 1}
    urllib3.request("POST", run.facts["control_url"] + "/faults", json=late, timeout=20)
    look_up(page, fresh=True)
    page.click("#tab-object")
    page.click("#panel-object .main")
    page.wait_for_text("#answer .big", "chats")
    page.until(lambda: page.driver.execute_script(QUESTIONS) == 2, "the earlier question has not ended")
    assert page.text("#answer .big").endswith("chats")


def test_a_week_later_the_cached_answer_is_asked_again(page: Browser) -> None:
    look_up(page)
    page.wait_for_text("#answer .badge", "200")
    before = page.text("#clock")
    page.click("[data-advance='604800']")
    page.until(lambda: page.text("#clock") != before, "the clock does not move")
    look_up(page)
    page.wait_for_text("#answer .badge", "portal")


def test_log_lines_and_metrics_are_shown_as_they_come(page: Browser) -> None:
    look_up(page)
    page.click("#tab-log")
    page.wait_for_text("#log li", '"entity_type":"CRM"')
    page.click("#tab-metrics")
    page.wait_for_text("#metrics td", "Lookups")


def test_every_control_is_reached_by_keyboard_in_the_order_of_the_page(page: Browser) -> None:
    reached: list[str] = []
    for _ in range(80):
        ActionChains(page.driver).send_keys(Keys.TAB).perform()
        active = page.driver.switch_to.active_element
        if active.tag_name == "body":
            break
        reached.append(active.id)
        assert page.driver.execute_script("return getComputedStyle(arguments[0]).outlineStyle", active) != "none"
    expected = page.elements("a.skip") + [
        each
        for each in page.elements("button, input, select, [tabindex='0']")
        if each.is_displayed() and each.get_attribute("tabindex") != "-1"
    ]
    assert reached == [each.id for each in expected]
    assert all(one.location["y"] <= other.location["y"] + 1200 for one, other in pairwise(expected))


def test_tabs_move_by_arrow_keys_and_a_form_is_sent_by_enter(page: Browser) -> None:
    page.element("#tab-pair").send_keys(Keys.ARROW_LEFT)
    assert page.driver.switch_to.active_element.get_attribute("id") == "tab-chat"
    assert page.element("#panel-chat").is_displayed()
    page.element("#panel-chat [name=chat_id]").send_keys(Keys.ENTER)
    page.wait_for_text("#answer .big", "chat 1437")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [NARROW, 1200])
def test_page_has_no_grave_barrier_and_fits_its_window(page: Browser, run: Running, width: int, dark: bool) -> None:
    page.open(run.facts["api_url"] + "/", width=width, dark=dark)
    page.wait_for_text("#faults", "End all faults")
    look_up(page)
    page.wait_for_text("#answer .badge", "200")
    page.click("#say .main")
    page.wait_for_text("#talk li:not(.mine)", "chat 1437")
    for tab in ("tab-link", "tab-object", "tab-chat", "tab-calls", "tab-log", "tab-metrics"):
        page.click(f"#{tab}")
        assert page.grave_barriers() == [], tab
        assert not page.is_wider_than_its_window(), tab
    page.picture(f"playground-{width}-{'dark' if dark else 'light'}")
