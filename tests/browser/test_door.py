"""How a person gets in: by a link that opens once, and how a stranger is told."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenWindow
from tests.support.browser import BARE, DESKTOP, TABLET, Look
from tests.support.served_device import ServedDevice


@pytest.mark.parametrize("look", [TABLET, BARE], ids=lambda look: look.name)
def test_link_opens_the_page_once(open_window: OpenWindow, device: ServedDevice, look: Look) -> None:
    """Field story: the foreman sends the link, and somebody else tries it again."""
    link = device.link()
    first, second = open_window(look), open_window(look)
    second.expect("status of 410")

    first.page.goto(link)
    first.shot("door")
    first.page.get_by_role("button").first.click()
    first.page.wait_for_url(f"{device.url}/")
    second.page.goto(link)

    expect(second.page.get_by_role("heading", level=1)).to_be_visible()
    assert second.page.get_by_role("button").count() == 0
    assert not second.context.cookies(device.url)


def test_looking_at_the_link_spends_nothing(open_window: OpenWindow, device: ServedDevice) -> None:
    """Field story: the mail program looks into every link to make a preview of it."""
    link = device.link()
    window = open_window(DESKTOP)
    for _ in range(3):
        window.page.goto(link)
    window.page.get_by_role("button").first.click()

    window.page.wait_for_url(f"{device.url}/")


def test_stranger_is_told_how_to_get_in(open_window: OpenWindow, device: ServedDevice) -> None:
    device.capture(1)
    window = open_window(TABLET)
    window.expect("status of 401")
    answer = window.page.goto(f"{device.url}/")

    assert answer is not None
    assert answer.status == 401
    assert "fieldsync open" in window.page.inner_text("body")
    assert "Zoé" not in window.page.content()
