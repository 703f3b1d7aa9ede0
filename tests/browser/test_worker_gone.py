"""The tablet's own worker is stopped: the page stays calm, and is back with it; nothing of anybody is kept."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.acting import draw, fill_in, let_in, save, saved_id
from tests.browser.conftest import OpenWindow
from tests.support.browser import Window
from tests.support.served_device import ServedDevice

# What the browser says of a server that is not there.
GONE = (
    "ERR_CONNECTION_REFUSED",
    "ERR_INCOMPLETE_CHUNKED_ENCODING",
    "ERR_CONNECTION_RESET",
    "ERR_EMPTY_RESPONSE",
)


def installed(open_window: OpenWindow, device: ServedDevice) -> Window:
    """A technician's page whose service worker is at work."""
    window = open_window()
    let_in(window, device)
    window.page.goto(f"{device.url}/")
    window.page.evaluate("navigator.serviceWorker.ready.then(() => null)")
    window.expect(*GONE)
    return window


def test_reload_without_the_worker_shows_a_calm_page(open_window: OpenWindow, device: ServedDevice) -> None:
    """Field story: the tablet has just been switched on, and the browser was faster."""
    window = installed(open_window, device)
    page = window.page
    device.stop()
    page.reload()

    expect(page.get_by_role("heading", level=1).first).to_be_visible()
    assert page.url == f"{device.url}/"
    assert page.evaluate("getComputedStyle(document.body).fontFamily") != "Times New Roman", (
        "it has its style"
    )
    window.shot("worker-gone")
    device.start()
    page.goto(f"{device.url}/")
    expect(page.get_by_test_id("state")).to_be_visible()


def test_browser_keeps_nothing_about_anybody(open_window: OpenWindow, device: ServedDevice) -> None:
    device.sandbox.offline()
    id = device.capture(1)
    window = installed(open_window, device)
    page = window.page
    page.goto(f"{device.url}/entries/{id}")
    page.evaluate("fetch('/v1/entries').then((answer) => answer.text())")
    kept = page.evaluate(
        """async () => {
            const found = [];
            for (const name of await caches.keys()) {
                for (const request of await (await caches.open(name)).keys()) found.push(new URL(request.url).pathname);
            }
            return found;
        }"""
    )
    assert kept, "nothing is kept: it was not installed"
    assert all(path.startswith("/static/") or path == "/offline" for path in kept), kept
    device.stop()
    try:
        answers = page.evaluate(
            """(paths) => Promise.all(paths.map((path) => fetch(path).then(() => path, () => null)))""",
            ["/v1/entries", "/v1/status", f"/entries/{id}", "/", f"/entries/{id}/signature"],
        )
        assert answers == [None] * 5
    finally:
        device.start()


def test_form_that_cannot_be_saved_keeps_everything(open_window: OpenWindow, device: ServedDevice) -> None:
    """Field story: the worker is being updated while the customer signs."""
    window = installed(open_window, device)
    page = window.page
    page.goto(f"{device.url}/new")
    fill_in(page)
    draw(page, "touch")
    device.stop()
    page.get_by_test_id("save").click()
    expect(page.get_by_test_id("notice")).to_be_visible()
    assert page.locator("#first_name").input_value() == "Zoé"
    window.shot("form-not-saved")
    device.start()
    save(page)

    assert list(device.states()) == [saved_id(page)]
