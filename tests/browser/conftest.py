"""One browser for each process of the run, a fresh window for each test; see tests/support/browser.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.support.browser import TABLET, Look, Window, started, window

OpenWindow = Callable[..., Window]


# Not for the session: while it lives, tests of other folders could not use asyncio in the same process.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with started() as one:
        yield one


@pytest.fixture
def open_window(browser: Browser) -> Iterator[OpenWindow]:
    """Opens a window; those of a test are closed, and judged, at its end."""
    with ExitStack() as windows:

        def opened(look: Look = TABLET, **options: Any) -> Window:
            return windows.enter_context(window(browser, look, **options))

        yield opened
