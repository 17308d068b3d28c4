"""The installer's page in the portal: step by step, until the portal says that the application is installed."""

import pytest
from selenium.webdriver.common.keys import Keys

from tests.browser.chromium import Browser
from tests.browser.portal_pages import EMPLOYEE, NARROW, Portal

NOT_ISSUED = {"method": "oauth/token", "status": 400, "error": "invalid_grant"}
NOT_BOUND = {"method": "event.bind", "status": 403, "error": "ACCESS_DENIED"}


@pytest.fixture
def portal(portal: Portal) -> Portal:
    """A portal in which the application is not installed, and whose limit an installation does not reach."""
    portal.tell("/plan", {"rate": 1000, "burst": 1000})
    portal.tell("/uninstall", {})
    return portal


def states(frame: Browser) -> list[str]:
    return [str(each.get_attribute("data-state")) for each in frame.elements("[data-step]")]


def reaches(portal: Portal, *expected: str) -> None:
    with portal.frame() as frame:
        frame.until(lambda: states(frame) == list(expected), f"the steps do not become {expected}")


def is_shown_as_installed(portal: Portal) -> None:
    portal.browser.until(lambda: "install_finished=Y" in portal.browser.driver.current_url, "it is not finished")
    assert portal.is_installed()


def test_installation_shows_its_steps_and_ends_by_itself(portal: Portal) -> None:
    portal.tell("/faults", {"method": "event.get", "delay_ms": 2500, "times": 1})
    portal.open_application()
    reaches(portal, "done", "done", "done", "working")
    assert not portal.is_installed()
    portal.browser.picture("installer")
    is_shown_as_installed(portal)
    (bot,) = [each for each in portal.ask("/bots") if each["code"].startswith("chat_lookup")]
    assert bot["commands"]
    assert portal.browser.complaints() == []


def test_failed_step_says_what_to_do_and_is_done_again_by_keyboard(portal: Portal) -> None:
    portal.tell("/faults", NOT_ISSUED)
    portal.open_application()
    reaches(portal, "failed", "waiting", "waiting", "waiting")
    with portal.frame() as frame:
        assert "open the application again" in frame.text("[data-step=proved] .what")
        assert not portal.is_installed()
        portal.tell("/faults", [])
        assert frame.driver.switch_to.active_element.get_attribute("data-test") == "again"
        portal.press(Keys.ENTER)
    is_shown_as_installed(portal)


def test_half_finished_installation_is_ended_when_the_page_is_opened_again(portal: Portal) -> None:
    portal.tell("/faults", {"method": "imbot.v2.bot.register", "status": 500})
    portal.open_application()
    reaches(portal, "done", "done", "failed", "waiting")
    portal.tell("/faults", [])
    portal.open_application()
    is_shown_as_installed(portal)
    assert len([each for each in portal.ask("/bots") if each["code"].startswith("chat_lookup")]) == 1


def test_missing_part_is_shown_before_an_administrator_ends_the_installation(portal: Portal) -> None:
    portal.tell("/faults", NOT_BOUND)
    portal.open_application()
    reaches(portal, "done", "done", "done", "missing")
    with portal.frame() as frame:
        assert frame.text("[data-step=events] .what") != ""
        assert not portal.is_installed()
        frame.click("[data-test=finish]")
    is_shown_as_installed(portal)


def test_other_users_are_told_to_ask_an_administrator(portal: Portal) -> None:
    portal.open_application(EMPLOYEE)
    assert "not an administrator" in portal.browser.text("body")


@pytest.mark.parametrize("language", ["en", "de", "ru"])
def test_page_has_no_grave_barrier_in_any_language_light_and_dark_wide_and_narrow(
    portal: Portal, language: str
) -> None:
    portal.tell("/faults", NOT_BOUND)
    portal.open_application(language=language)
    reaches(portal, "done", "done", "done", "missing")
    for width, dark in ((1200, False), (NARROW, True)):
        portal.browser.look(width=width, dark=dark)
        with portal.frame() as frame:
            assert frame.driver.execute_script("return document.documentElement.lang") == language
            assert frame.grave_barriers() == []
            assert not frame.is_wider_than_its_window()
        portal.browser.picture(f"installer-{language}-{width}-{'dark' if dark else 'light'}")
