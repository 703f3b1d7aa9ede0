"""A web page of another origin, in the same browser that is let in here: it can neither order, nor read, nor show."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Page

from sync.visitor import OPS
from tests.browser.acting import let_in
from tests.browser.conftest import OpenWindow
from tests.support.browser import DESKTOP
from tests.support.served_device import ServedDevice


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b"<!doctype html><meta charset=utf-8><title>another site</title><link rel=icon href=data:,><p>hello"
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: standard error belongs to the tests."""


@pytest.fixture(params=["localhost", "127.0.0.1"])
def other(request: pytest.FixtureRequest) -> Iterator[str]:
    """Another site, and the same site on another port: to that one the browser sends our cookie."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield f"http://{request.param}:{server.server_address[1]}/"
    server.shutdown()
    thread.join(10)
    server.server_close()


@pytest.fixture
def visited(open_window: OpenWindow, device: ServedDevice, other: str) -> Page:
    """The other page, in the browser of somebody from ops who is let in."""
    window = open_window(DESKTOP)
    window.expect(".*")  # what it tries fails, and the browser says so
    let_in(window, device, OPS)
    answer = window.page.goto(f"{device.url}/v1/status")
    assert answer is not None
    assert answer.ok, "this browser is let in: otherwise nothing here proves anything"
    window.page.goto(other)
    return window.page


# Each order with a way to see that it was carried out.
_FORM = "application/x-www-form-urlencoded"
ORDERS: dict[str, Callable[[str], tuple[str, str, str]]] = {
    "pause": lambda id: ("/v1/pause", "text/plain", '{"reason": "from elsewhere"}'),
    "discard": lambda id: (f"/v1/entries/{id}/discard", "text/plain", '{"reason": "from elsewhere"}'),
    "pause_by_form": lambda id: ("/ops/pause", _FORM, "reason=from+elsewhere"),
    "switch": lambda id: ("/switch", _FORM, "online="),
    "leave": lambda id: ("/leave", _FORM, ""),
}


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_page_of_another_origin_orders_nothing(
    visited: Page, device: ServedDevice, order: Callable[[str], tuple[str, str, str]]
) -> None:
    """Field story: a page on the web tries what it finds on the machine of whoever looks at it."""
    device.sandbox.faults.add(_refusal())
    id = device.capture(1)
    device.until(id, "dead")
    path, media_type, body = order(id)
    visited.evaluate(
        """([url, type, body]) => fetch(url, {
            method: "POST", mode: "no-cors", credentials: "include", headers: {"content-type": type}, body
        }).catch(() => null)""",
        [device.url + path, media_type, body],
    )
    _post_form(visited, device.url + path, body)

    assert device.states() == {id: "dead"}
    assert device.sandbox.is_online("api")
    status = visited.request.get(f"{device.url}/v1/status", headers=device.bearer()).json()
    assert status["paused"] is None
    again = visited.context.new_page()
    answer = again.goto(f"{device.url}/v1/status")
    assert answer is not None
    assert answer.ok, "it was logged out from elsewhere"


def _refusal() -> object:
    from sync.sandbox import faults

    return faults.answer("unplanned", 422, body={"message": "no", "field": "companyId"}, times=None)


def _post_form(page: Page, url: str, body: str) -> None:
    """As a form that sends itself, which needs no permission of the other side."""
    with page.context.expect_page() as opened:
        page.evaluate(
            """([url, body]) => {
                const form = document.createElement("form");
                Object.assign(form, {method: "post", action: url, target: "_blank"});
                for (const [name, value] of new URLSearchParams(body)) {
                    form.append(Object.assign(document.createElement("input"), {name, value}));
                }
                document.body.append(form);
                form.submit();
            }""",
            [url, body],
        )
    opened.value.wait_for_load_state()
    opened.value.close()


def test_page_of_another_origin_reads_nothing(visited: Page, device: ServedDevice) -> None:
    id = device.capture(1)
    read = visited.evaluate(
        """async (urls) => {
            const got = [];
            for (const url of urls) {
                try { got.push(await (await fetch(url, {credentials: "include"})).text()); } catch { got.push(null); }
            }
            return got;
        }""",
        [
            device.url + path
            for path in ("/v1/status", "/v1/entries", f"/v1/entries/{id}", "/ops", "/openapi.json")
        ],
    )
    heard = visited.evaluate(
        """(url) => new Promise((done) => {
            const source = new EventSource(url, {withCredentials: true});
            source.onopen = () => done("open");
            source.onerror = () => done("refused");
        })""",
        f"{device.url}/v1/events",
    )

    assert read == [None] * 5
    assert heard == "refused"


def test_page_of_another_origin_shows_nothing(visited: Page, device: ServedDevice) -> None:
    id = device.capture(1)
    width = visited.evaluate(
        """(url) => new Promise((done) => {
            const image = new Image();
            image.onload = image.onerror = () => done(image.naturalWidth);
            image.src = url;
        })""",
        f"{device.url}/v1/entries/{id}/signature",
    )
    visited.evaluate(
        """(urls) => Promise.all(urls.map((url) => new Promise((done) => {
            const frame = document.createElement("iframe");
            frame.onload = done;
            frame.src = url;
            document.body.append(frame);
        })))""",
        [f"{device.url}/", f"{device.url}/ops"],
    )
    framed = [frame for frame in visited.frames if frame != visited.main_frame]

    assert width == 0
    assert len(framed) == 2
    # What the browser shows there instead is its own.
    for frame in framed:
        frame.wait_for_load_state()
    assert {frame.url for frame in framed} <= {"chrome-error://chromewebdata/", ""}
