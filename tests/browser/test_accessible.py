"""Every page of the technician for everybody: axe finds nothing, targets are large, larger text loses nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from sync.sandbox import faults
from tests.browser.acting import draw, fill_in, save
from tests.browser.conftest import OpenWindow
from tests.support.browser import (
    PHONE,
    TABLET,
    TABLET_DARK,
    TABLET_ENGLISH,
    TABLET_ENGLISH_DARK,
    Look,
    Window,
)
from tests.support.served_device import ServedDevice

LOOKS: Final = (TABLET, TABLET_DARK, TABLET_ENGLISH, TABLET_ENGLISH_DARK, PHONE)
TARGET_PX: Final = 48


def pages(window: Window, device: ServedDevice) -> Iterator[str]:
    """Every page in every state that a technician meets, one after the other, named."""
    page, url = window.page, device.url
    window.expect("status of 4[0-9][0-9]")
    page.goto(f"{url}/")
    yield "stranger"
    link = device.link()
    page.goto(link)
    yield "door"
    page.get_by_role("button").first.click()
    page.wait_for_url(f"{url}/")
    yield "home-empty"
    spent = page.goto(link)
    assert spent is not None
    assert spent.status == 410
    yield "door-spent"
    body = {"message": "companyId 21 is not a customer of this account", "field": "companyId"}
    device.sandbox.faults.add(faults.answer("unplanned", 422, when={"companyId": 21}, body=body, times=None))
    sent, refused = device.capture(1), device.capture(2, companyId=21)
    device.until(sent, "done")
    device.until(refused, "dead")
    device.sandbox.offline()
    waiting = device.capture(3)
    page.goto(f"{url}/new")
    yield "form"
    page.get_by_test_id("save").click()
    expect(page.get_by_test_id("problems")).to_be_visible()
    yield "form-problems"
    fill_in(page)
    draw(page, "touch")
    page.locator("#file-box").evaluate("box => { box.open = true; }")
    yield "form-filled"
    save(page)
    expect(page.get_by_test_id("list-to_send").get_by_test_id("entry")).to_have_count(2)
    yield "home"
    page.goto(f"{url}/entries/{sent}")
    yield "entry-sent"
    page.goto(f"{url}/entries/{refused}")
    for summary in page.locator("details:not([open]) > summary").all():
        summary.click()
    yield "entry-refused"
    page.goto(f"{url}/entries/{waiting}")
    yield "entry-waiting"
    page.goto(f"{url}/entries/0190f3c2-7a5b-7cc3-98c4-dc0c0c07398f")
    yield "missing"
    page.goto(f"{url}/offline")
    yield "offline"


def faults_by_axe(page: Page) -> list[str]:
    found = Axe().run(page).response
    assert found["passes"], "axe did not look"
    return [
        f"{each['id']}: {each['help']}: {[node['html'][:160] for node in each['nodes']][:4]}"
        for each in found["violations"]
    ]


_TARGETS = """(least) => {
    const small = [];
    const targets = "a, button, input, select, textarea, summary, [role=switch]";
    for (const each of document.querySelectorAll(targets)) {
        if (each.matches("input[type=hidden], .skip, [aria-hidden=true]")) continue;
        if (!each.checkVisibility({visibilityProperty: true})) continue;
        let target = each;
        if (each.matches("input[type=checkbox], input[type=radio]")) target = each.closest("label") ?? each;
        // A link that is spread over its whole card.
        if (getComputedStyle(each, "::after").position === "absolute") target = each.offsetParent;
        const box = target.getBoundingClientRect();
        if (box.width < least - 0.5 || box.height < least - 0.5) {
            small.push(`${target.outerHTML.slice(0, 120)} is ${Math.round(box.width)} x ${Math.round(box.height)}`);
        }
    }
    return small;
}"""


LOST = """() => {
    const lost = [];
    const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
    if (wide > 1) {
        const edge = document.documentElement.clientWidth + 1;
        const out = [...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > edge);
        lost.push(`the page is ${wide} px wider than the screen: ${out.at(-1)?.outerHTML.slice(0, 160)}`);
    }
    for (const each of document.querySelectorAll("main *, header *, footer *")) {
        const style = getComputedStyle(each);
        if (!each.checkVisibility() || !each.textContent.trim() || each.closest("svg, select, .skip, .aside")) continue;
        const cut = (how, has, shows) => ["hidden", "clip"].includes(how) && has > shows + 2;
        if (
            cut(style.overflowX, each.scrollWidth, each.clientWidth) ||
            cut(style.overflowY, each.scrollHeight, each.clientHeight)
        ) {
            lost.push(`cut off: ${each.outerHTML.slice(0, 120)}`);
        }
    }
    return lost;
}"""


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: look.name)
def test_every_page_is_for_everybody(open_window: OpenWindow, device: ServedDevice, look: Look) -> None:
    """One walk through all pages: for a screen reader, for a glove, and with text of twice the size."""
    window = open_window(look)
    found = {}
    for name in pages(window, device):
        window.shot(f"technician-{name}")
        wrong = [*faults_by_axe(window.page), *window.page.evaluate(_TARGETS, TARGET_PX)]
        window.page.evaluate("document.documentElement.style.fontSize = '200%'")
        wrong += [f"at 200 %: {each}" for each in window.page.evaluate(LOST)]
        window.page.evaluate("document.documentElement.style.fontSize = ''")
        if wrong:
            found[name] = wrong

    assert not found, "\n".join(f"{name}: {each}" for name, wrong in found.items() for each in wrong)
