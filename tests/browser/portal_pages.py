"""The local portal's pages in the browser, and the frame of an application in them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import urllib3
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.browser.chromium import Browser
from tests.support.processes.run import Running

ADMIN: Final = 1
EMPLOYEE: Final = 2
NARROW: Final = 360


@dataclass(frozen=True)
class Portal:
    """What a test does as people in the portal, and, by its control, with the portal."""

    browser: Browser
    run: Running

    def ask(self, path: str) -> Any:
        return urllib3.request("GET", self.run.facts["control_url"] + path, timeout=30).json()

    def tell(self, path: str, body: object) -> Any:
        answer = urllib3.request("POST", self.run.facts["control_url"] + path, json=body, timeout=60)
        assert answer.status == 200, answer.data
        return answer.json()

    def is_installed(self) -> bool:
        return any(each["finished"] for each in self.ask("/installs"))

    def open(self, path: str, **options: Any) -> None:
        self.browser.open(self.run.facts["portal_page_url"] + path, **options)

    def open_application(self, user_id: int = ADMIN, language: str = "en", **options: Any) -> None:
        """As a click on the application's entry does, for this user."""
        self.open(f"/?user={user_id}", **options)
        link = self.browser.element("a[href^='/marketplace/app/']").get_attribute("href")
        self.open(f"/marketplace/app/{str(link).split('/')[5]}/?user={user_id}&lang={language}", **options)

    @contextmanager
    def frame(self) -> Iterator[Browser]:
        """Inside, the browser's elements are those of the frame."""
        driver = self.browser.driver
        driver.switch_to.default_content()
        driver.switch_to.frame(self.browser.element("iframe[name*='|']"))
        try:
            yield self.browser
        finally:
            driver.switch_to.default_content()

    def press(self, *keys: str) -> None:
        """Keys for whatever has the focus."""
        self.browser.driver.switch_to.active_element.send_keys(*keys)

    def tab_to(self, selector: str, most: int = 40) -> None:
        """Moves the focus by the Tab key until an element has it."""
        for _ in range(most):
            self.press(Keys.TAB)
            active = self.browser.driver.switch_to.active_element
            if active in self.browser.driver.find_elements(By.CSS_SELECTOR, selector):
                return
        raise AssertionError(f"the Tab key does not reach {selector}")
