"""One browser for each process of the run, a fresh window for each test; see tests/support/browser.py."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Browser

from sync.sandbox.server import Sandbox
from tests.support.browser import TABLET, Look, Window, started, window
from tests.support.served_device import ServedDevice

CALL: Final = pytest.StashKey[pytest.TestReport]()
OpenWindow = Callable[..., Window]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """So that a fixture knows how its test ended."""
    report = yield
    if report.when == "call":
        item.stash[CALL] = report
    return report


# Not for the session: while it lives, tests of other folders could not use asyncio in the same process.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with started() as one:
        yield one


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture
def device(tmp_path: Path, sandbox: Sandbox) -> Iterator[ServedDevice]:
    """A device with its page, its worker running, on a network that the sandbox switches."""
    with ServedDevice(tmp_path, sandbox) as served:
        yield served


@pytest.fixture
def open_window(
    browser: Browser, device: ServedDevice, request: pytest.FixtureRequest
) -> Iterator[OpenWindow]:
    """Opens a window. Those of a test are closed, and judged, before its device is."""
    with ExitStack() as windows:
        opened: list[Window] = []

        def one_more(look: Look = TABLET, **options: Any) -> Window:
            opened.append(windows.enter_context(window(browser, look, **options)))
            return opened[-1]

        yield one_more
        report = request.node.stash.get(CALL, None)
        if report is not None and report.failed:
            for each in opened:
                each.tell_more(request.node.name)
