"""Chromium without a window, to look at pages as their reader does."""

from __future__ import annotations

import importlib.util
import shutil
import tempfile
from pathlib import Path
from typing import Any

from harness.vocabulary import HarnessError

CHROMIUM, CHROMEDRIVER = shutil.which("chromium"), shutil.which("chromedriver")

_QUIET = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--window-size=1400,1000",
)
_COMPLETE = "return performance.getEntriesByType('navigation')[0].domComplete / 1000"


def started(profile: Path) -> Any:
    """A browser that keeps what it needs in a folder: Selenium's driver of it, which the caller quits."""
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    options = Options()
    options.binary_location = CHROMIUM or ""
    for argument in (*_QUIET, f"--user-data-dir={profile}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return webdriver.Chrome(options=options, service=Service(CHROMEDRIVER))


def opening_seconds(page: Any) -> float:
    """From the start of the navigation until the page that is open was complete."""
    return page.execute_script(_COMPLETE)


def open_repeatedly(file: Path, repetitions: int) -> tuple[float, ...]:
    """Opens a page over and over, each time in a browser that has not seen it. Returns the seconds that it took.

    Raises:
        HarnessError: there is no Chromium with ChromeDriver, or no Selenium.
    """
    if not (CHROMIUM and CHROMEDRIVER and importlib.util.find_spec("selenium")):
        raise HarnessError(
            "Chromium, ChromeDriver and the package selenium are not all installed. "
            "To mend it: apt-get install chromium chromium-driver, and the extra 'test'"
        )
    return tuple(_opened_once(file) for _ in range(repetitions))


def _opened_once(file: Path) -> float:
    with tempfile.TemporaryDirectory(prefix="harness-bench-") as profile:
        page = started(Path(profile))
        try:
            page.get(file.as_uri())
            return opening_seconds(page)
        finally:
            page.quit()
