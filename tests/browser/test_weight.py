"""What a technician's page costs the network of a browser that has never seen it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.acting import let_in
from tests.browser.conftest import OpenWindow
from tests.support.browser import TABLET
from tests.support.served_device import ServedDevice

LIMIT = 60_000


@pytest.mark.parametrize("path", ["/", "/new"])
def test_page_transfers_less_than_60_kb(open_window: OpenWindow, device: ServedDevice, path: str) -> None:
    """With twenty interventions in its lists. Headers and the event stream's first words count."""
    device.sandbox.offline()
    for seed in range(1, 21):
        device.capture(seed)
    window = open_window(TABLET, service_workers="block")
    window.expect("Service Worker registration blocked")
    let_in(window, device)
    cdp = window.context.new_cdp_session(window.page)
    sizes: dict[str, float] = {}

    def received(event: dict[str, Any]) -> None:
        sizes[event["requestId"]] = sizes.get(event["requestId"], 0) + event.get("encodedDataLength", 0)

    cdp.on("Network.responseReceived", lambda event: received(event | event["response"]))
    cdp.on("Network.dataReceived", received)
    cdp.send("Network.enable")
    cdp.send("Network.setCacheDisabled", {"cacheDisabled": True})
    window.page.goto(device.url + path, wait_until="load")
    window.page.wait_for_timeout(1000)

    total = sum(sizes.values())
    assert len(sizes) >= 4, "page, style, script and icon at least"
    assert 5_000 < total < LIMIT, total
