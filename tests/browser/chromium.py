"""A headless Chromium, driven by Selenium; what it needs, and whether this machine has it."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from tests.support.repository import ROOT

AXE: Final = ROOT / ".venv-node/node_modules/axe-core/axe.min.js"
Found = TypeVar("Found")

PATIENCE_S: Final = 30.0
_GRAVE: Final = ("serious", "critical")
_RUN_AXE: Final = "const done = arguments[0]; axe.run(document).then(found => done(JSON.stringify(found.violations)))"


def missing() -> str:
    """What this machine lacks; nothing if it has all."""
    programs = [name for name in ("chromium", "chromedriver") if not shutil.which(name)]
    return ", ".join([*programs, *([] if AXE.exists() else ["axe-core in .venv-node"])])


@contextmanager
def started() -> Iterator["Browser"]:
    """A browser with a profile of its own, which ends with the block."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = ChromeOptions()
        options.binary_location = str(shutil.which("chromium"))
        for word in ("headless=new", "no-sandbox", "disable-dev-shm-usage", f"user-data-dir={profile}"):
            options.add_argument(f"--{word}")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        driver = Chrome(options=options, service=Service(str(shutil.which("chromedriver"))))
        try:
            yield Browser(driver)
        finally:
            driver.quit()


class Browser:
    """What tests do with a page; elements are named by CSS selectors, and waited for."""

    def __init__(self, driver: Chrome) -> None:
        self.driver = driver

    def open(self, url: str, *, width: int = 1200, height: int = 1000, dark: bool = False) -> None:
        self.look(width=width, height=height, dark=dark)
        self.driver.get(url)

    def look(self, *, width: int = 1200, height: int = 1000, dark: bool = False) -> None:
        """The page in a window of another size, or in the other colours."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._devtools("Emulation.setEmulatedMedia", features=[scheme])
        self._devtools(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )

    def element(self, selector: str) -> WebElement:
        return self.until(lambda: self.elements(selector), f"no element {selector}")[0]

    def elements(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def click(self, selector: str) -> None:
        self.element(selector).click()

    def write(self, selector: str, text: str) -> None:
        field = self.element(selector)
        field.clear()
        field.send_keys(text)

    def text(self, selector: str) -> str:
        return self.element(selector).text

    def wait_for_text(self, selector: str, text: str) -> None:
        def appears() -> bool:
            return any(text in each.text for each in self.elements(selector))

        self.until(appears, f"{text!r} does not appear in {selector}")

    def until(self, condition: Callable[[], Found], message: str) -> Found:
        """What the condition returns, once it is true."""
        # The page replaces elements while they are read.
        wait = WebDriverWait(self.driver, PATIENCE_S, 0.1, ignored_exceptions=[StaleElementReferenceException])
        return wait.until(lambda _: condition(), message)

    def complaints(self) -> list[str]:
        """What the browser wrote to its console since the last call, breaches of the page's policy among it."""
        entries: list[dict[str, Any]] = self.driver.execute("getLog", {"type": "browser"})["value"]
        return [str(entry["message"]) for entry in entries if entry["level"] == "SEVERE"]

    def grave_barriers(self) -> list[str]:
        """axe-core's serious and critical findings on the page as it is, each with the elements."""
        self.driver.execute_script(AXE.read_text("utf-8"))
        found: list[dict[str, Any]] = json.loads(self.driver.execute_async_script(_RUN_AXE))
        return [
            f"{each['id']}: {[node['target'] for node in each['nodes']]}" for each in found if each["impact"] in _GRAVE
        ]

    def is_wider_than_its_window(self) -> bool:
        return bool(self.driver.execute_script("return document.documentElement.scrollWidth > innerWidth"))

    def picture(self, name: str, selector: str = "") -> None:
        """Writes what the window shows, or one element, if PICTURES names a folder."""
        if folder := os.environ.get("PICTURES"):
            Path(folder).mkdir(parents=True, exist_ok=True)
            file = str(Path(folder) / f"{name}.png")
            self.element(selector).screenshot(file) if selector else self.driver.save_screenshot(file)

    def _devtools(self, command: str, **parameters: object) -> None:
        self.driver.execute_cdp_cmd(command, parameters)
