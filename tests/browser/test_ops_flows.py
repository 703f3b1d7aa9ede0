"""Ops at the page: bulk resync by cause, pause, an edit, a search, all of it live; and it is for everybody."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from sync.sandbox import faults
from sync.visitor import OPS
from tests.browser.acting import let_in
from tests.browser.conftest import OpenWindow
from tests.browser.test_accessible import LOST, faults_by_axe
from tests.support.browser import (
    DESKTOP,
    DESKTOP_ENGLISH,
    TABLET_DARK,
    TABLET_ENGLISH_DARK,
    Look,
    Window,
)
from tests.support.served_device import ServedDevice


def refusing(device: ServedDevice, company: int) -> int:
    """The server does not know this customer; answers the number of the fault."""
    body = {"message": f"companyId {company} is not a customer of this account", "field": "companyId"}
    fault = faults.answer("unplanned", 422, when={"companyId": company}, body=body, times=None)
    return device.sandbox.faults.add(fault)


def test_cause_is_let_go_for_all_it_holds(open_window: OpenWindow, device: ServedDevice) -> None:
    """Field story: support has added the customer, and three tablets' worth of entries wait for it."""
    fault = refusing(device, 21)
    ids = [device.capture(seed, companyId=21, owner=owner) for seed, owner in ((1, "9"), (2, None), (3, "9"))]
    for id in ids:
        device.until(id, "dead")
    device.sandbox.faults.remove(fault)
    window = open_window(DESKTOP)
    let_in(window, device, OPS)
    page = window.page
    page.goto(f"{device.url}/ops")
    expect(page.get_by_test_id("cause")).to_have_count(1)
    window.shot("ops-cause")
    page.get_by_test_id("let-go").click()
    window.shot("ops-cause-sure")
    page.get_by_test_id("confirm").click()

    expect(page.get_by_test_id("flash")).to_be_visible()
    for id in ids:
        device.until(id, "done")
    page.goto(f"{device.url}/ops")
    expect(page.get_by_test_id("cause")).to_have_count(0)


def test_queue_is_paused_and_resumed(open_window: OpenWindow, device: ServedDevice) -> None:
    window = open_window(DESKTOP_ENGLISH)
    let_in(window, device, OPS)
    page = window.page
    page.goto(f"{device.url}/ops")
    page.locator("#pause-open").click()
    page.locator("#pause-reason").fill("server is being moved")
    page.get_by_test_id("pause").click()
    expect(page.get_by_test_id("resume")).to_be_visible()
    id = device.capture(1)
    expect(page.locator("body")).to_contain_text("server is being moved")
    page.get_by_test_id("resume").click()

    device.until(id, "done")
    expect(page.get_by_test_id("resume")).to_have_count(0)


def test_payload_is_edited_and_goes(open_window: OpenWindow, device: ServedDevice) -> None:
    refusing(device, 21)
    id = device.capture(1, companyId=21)
    device.until(id, "dead")
    window = open_window(DESKTOP)
    let_in(window, device, OPS)
    page = window.page
    page.goto(f"{device.url}/ops/entries/{id}")
    page.locator("#editing > summary").click()
    data = page.locator("#data")
    data.fill("{")
    window.expect("status of 4[0-9][0-9]")
    page.get_by_test_id("edit").get_by_role("button").last.click()
    expect(page.get_by_test_id("refused")).to_be_visible()
    assert data.input_value() == "{", "what was typed is not lost"
    page.goto(f"{device.url}/ops/entries/{id}")
    page.locator("#editing > summary").click()
    data.fill(re.sub(r'"companyId": ?21\b', '"companyId": 12', data.input_value()))
    page.get_by_test_id("edit").get_by_role("button").last.click()

    device.until(id, "done")
    assert [record["body"]["companyId"] for record in device.sandbox.state.records()] == [12]


def test_board_moves_without_a_reload(open_window: OpenWindow, device: ServedDevice) -> None:
    device.sandbox.offline()
    window = open_window(DESKTOP)
    let_in(window, device, OPS)
    page = window.page
    page.goto(f"{device.url}/ops")
    page.evaluate("window.sameDocument = true")
    headline = page.get_by_test_id("headline")
    before = headline.inner_text()
    device.capture(1)
    expect(headline).not_to_have_text(before, timeout=20_000)
    between = headline.inner_text()
    device.sandbox.online()

    expect(headline).not_to_have_text(between, timeout=30_000)
    assert page.evaluate("window.sameDocument")


def test_list_is_searched_by_what_an_entry_says(open_window: OpenWindow, device: ServedDevice) -> None:
    device.sandbox.offline()
    ids = [device.capture(seed, companyId=1000 + seed) for seed in range(1, 4)]
    window = open_window(DESKTOP)
    let_in(window, device, OPS)
    page = window.page
    page.goto(f"{device.url}/ops/entries")
    expect(page.locator("tr[data-id]")).to_have_count(3)
    window.shot("ops-list")
    page.locator("#f-q").fill(ids[1][-8:])
    page.get_by_test_id("filter").click()

    expect(page.locator("tr[data-id]")).to_have_count(1)
    expect(page.locator(f"tr[data-id='{ids[1]}']")).to_be_visible()


def test_technician_is_kept_from_the_page_of_ops(open_window: OpenWindow, device: ServedDevice) -> None:
    id = device.capture(1, owner="somebody-else")
    window = open_window(DESKTOP)
    window.expect("status of 40[34]")
    let_in(window, device)
    for path in ("/ops", "/ops/entries", f"/ops/entries/{id}"):
        answer = window.page.goto(device.url + path)
        assert answer is not None
        assert answer.status in (403, 404), path
        assert id[-8:] not in window.page.inner_text("main")
    headers = {"origin": device.url}
    assert window.page.request.post(f"{device.url}/ops/pause", headers=headers).status in (403, 404)
    assert window.page.request.post(f"{device.url}/v1/pause", headers=headers, data={}).status == 403


def pages(window: Window, device: ServedDevice) -> Iterator[str]:
    """Every page of ops with all that folds open, named."""
    page, url = window.page, device.url
    window.expect("status of 4[0-9][0-9]")
    let_in(window, device, OPS)
    page.goto(f"{url}/ops")
    yield "board-empty"
    page.goto(f"{url}/ops/entries")
    yield "list-empty"
    refusing(device, 21)
    sent, refused = device.capture(1), device.capture(2, companyId=21)
    device.until(sent, "done")
    device.until(refused, "dead")
    device.sandbox.offline()
    waiting = device.capture(3)

    def unfolded() -> None:
        page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")

    page.goto(f"{url}/ops")
    unfolded()
    yield "board"
    page.get_by_test_id("let-go").click()
    yield "cause"
    page.goto(f"{url}/ops/entries")
    yield "list"
    page.goto(f"{url}/ops/entries?q=nothing-like-it")
    yield "list-none"
    for name, id in (("sent", sent), ("refused", refused), ("waiting", waiting)):
        page.goto(f"{url}/ops/entries/{id}")
        unfolded()
        yield f"entry-{name}"
    page.goto(f"{url}/ops/entries/{refused}")
    unfolded()
    page.locator("#data").fill("{")
    page.get_by_test_id("edit").get_by_role("button").last.click()
    expect(page.get_by_test_id("refused")).to_be_visible()
    yield "entry-edit-refused"
    page.goto(f"{url}/ops/entries/0190f3c2-7a5b-7cc3-98c4-dc0c0c07398f")
    yield "missing"
    page.goto(f"{url}/docs")
    yield "docs"


LOOKS = (DESKTOP, DESKTOP_ENGLISH, TABLET_DARK, TABLET_ENGLISH_DARK)


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: look.name)
def test_every_page_of_ops_is_for_everybody(
    open_window: OpenWindow, device: ServedDevice, look: Look
) -> None:
    window = open_window(look)
    found = {}
    for name in pages(window, device):
        window.shot(f"ops-{name}")
        wrong = faults_by_axe(window.page)
        if name != "docs":
            wrong += [f"lost: {each}" for each in window.page.evaluate(LOST)]
        if wrong:
            found[name] = wrong

    assert not found, "\n".join(f"{name}: {each}" for name, wrong in found.items() for each in wrong)
