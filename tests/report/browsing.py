"""Chromium, and what a reader does with it, for the tests of ``report.html``."""

import socket

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from harness.bench.browser import CHROMEDRIVER, CHROMIUM


def _has_loopback():
    """A network namespace of its own may be without even this; ChromeDriver is spoken to over it."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        try:
            socket.create_connection(listener.getsockname(), timeout=5).close()
        except OSError:
            return False
    return True


IN_A_BROWSER = [
    pytest.mark.browser,
    pytest.mark.skipif(not (CHROMIUM and CHROMEDRIVER), reason="Chromium and ChromeDriver are not installed"),
    pytest.mark.skipif(not _has_loopback(), reason="ChromeDriver needs the loopback interface, which is down"),
]
"""Of a test module that needs a browser."""


def open_afresh(browser, path):
    """Opens a page with nothing of the last one left, in the console neither."""
    browser.get("about:blank")
    browser.get_log("browser")
    browser.get(path.as_uri())


def case(page, number):
    return page.find_element(By.CSS_SELECTOR, f'.case[data-case="{number}"]')


def opened(page, number):
    """The details of a case, after a click on it."""
    element = case(page, number)
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
    element.find_element(By.TAG_NAME, "summary").click()
    WebDriverWait(page, 5).until(lambda _: element.find_elements(By.CSS_SELECTOR, ".body table"))
    return element.find_element(By.CSS_SELECTOR, ".body")


def number_of(run, start):
    return next(number for number, record in enumerate(run.cases) if record.case.id.startswith(start))


def click(page, selector):
    element = page.find_element(By.CSS_SELECTOR, selector)
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
    element.click()
