"""French and English: by the browser, by ?lang=, and it stays as chosen."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.acting import let_in
from tests.browser.conftest import OpenWindow
from tests.support.browser import DESKTOP, DESKTOP_ENGLISH, TABLET, TABLET_ENGLISH, Look
from tests.support.served_device import ServedDevice

GERMAN = Look("german", 800, 1280, touch=True, locale="de-DE")


@pytest.mark.parametrize(
    ("look", "language"), [(TABLET, "fr"), (TABLET_ENGLISH, "en"), (GERMAN, "fr"), (DESKTOP_ENGLISH, "en")]
)
def test_page_speaks_the_language_of_the_browser(
    open_window: OpenWindow, device: ServedDevice, look: Look, language: str
) -> None:
    window = open_window(look)
    let_in(window, device)
    window.page.goto(f"{device.url}/")

    expect(window.page.locator("html")).to_have_attribute("lang", language)
    last = {"fr": "Tout est parti. Vous pouvez éteindre.", "en": "Everything has gone. You can switch off."}
    expect(window.page.get_by_test_id("last-line")).to_have_text(last[language])


def test_chosen_language_stays(open_window: OpenWindow, device: ServedDevice) -> None:
    window = open_window(DESKTOP)
    let_in(window, device)
    page = window.page
    page.goto(f"{device.url}/?lang=en")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.get_by_test_id("new").click()

    page.wait_for_url("**/new")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.get_by_test_id("language").click()
    expect(page.locator("html")).to_have_attribute("lang", "fr")


def test_last_line_counts_what_is_kept_here(open_window: OpenWindow, device: ServedDevice) -> None:
    device.sandbox.offline()
    for seed in range(1, 8):
        device.capture(seed)
    window = open_window(TABLET)
    let_in(window, device)
    window.page.goto(f"{device.url}/")

    expect(window.page.get_by_test_id("last-line")).to_have_text(
        "7 enregistrées sur cet appareil : vous pouvez éteindre, ne réinitialisez pas la tablette."
    )
    expect(window.page.get_by_test_id("state")).to_contain_text(
        "Hors ligne - 7 enregistrées sur cet appareil"
    )
