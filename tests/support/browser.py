"""A real Chromium for the tests: which one, how it is started, and what no page may do while a test looks at it.

A window collects console errors, page errors, violated content policies, failed requests, answers that say failure
and anything that leaves this machine; a test ends well only where there was none, or none but those it expected.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, sync_playwright

ARTIFACTS: Final = Path(__file__).parents[1] / "artifacts"
VARIABLE: Final = "FIELDSYNC_TEST_CHROMIUM"
_NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_NONE: Final = (
    f"no Chromium is here: install the package chromium (Debian: apt-get install chromium fonts-liberation), or name "
    f"one with {VARIABLE}"
)
# Nothing of it speaks to anybody, whatever a page asks for: only this machine has an address.
_FLAGS: Final = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)
LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


def executable(environ: Mapping[str, str]) -> str | None:
    """The Chromium of this machine; None where there is none.

    Raises:
        ValueError: the one that was named is not there.
    """
    named = environ.get(VARIABLE)
    if named:
        found = shutil.which(named)
        if found is None:
            raise ValueError(f"{VARIABLE} names {named}, which cannot be run")
        return found
    return next(filter(None, (shutil.which(name, path=environ.get("PATH")) for name in _NAMES)), None)


def without_one(environ: Mapping[str, str]) -> None:
    """What a test does that finds no browser: skip with words, and fail where nothing may be left out (CI)."""
    if environ.get("CI", "").lower() not in ("", "0", "false"):
        pytest.fail(_NONE)
    pytest.skip(_NONE)


@contextmanager
def started(environ: Mapping[str, str] = os.environ) -> Iterator[Browser]:
    """One browser. As long as it runs, no `asyncio.run` can be called in this thread."""
    path = executable(environ)
    if path is None:
        without_one(environ)
        return
    # As root its sandbox cannot be had; the pages are our own.
    as_root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, headless=True, args=[*_FLAGS, *as_root])
        try:
            yield browser
        finally:
            browser.close()


@dataclass(frozen=True, slots=True)
class Look:
    """Who looks, and through what."""

    name: str
    width: int
    height: int
    touch: bool = False
    locale: str = "fr-FR"
    scheme: Literal["light", "dark"] = "light"
    scripts: bool = True
    scale: float = 1.0

    def options(self) -> dict[str, Any]:
        return {
            "viewport": {"width": self.width, "height": self.height},
            "has_touch": self.touch,
            "locale": self.locale,
            "timezone_id": "Europe/Paris",
            "color_scheme": self.scheme,
            "java_script_enabled": self.scripts,
            "device_scale_factor": self.scale,
            "reduced_motion": "reduce",
        }


TABLET: Final = Look("tablet", 800, 1280, touch=True)
TABLET_DARK: Final = Look("tablet-dark", 800, 1280, touch=True, scheme="dark")
TABLET_ENGLISH: Final = Look("tablet-en", 800, 1280, touch=True, locale="en-GB")
TABLET_ENGLISH_DARK: Final = Look("tablet-en-dark", 800, 1280, touch=True, locale="en-GB", scheme="dark")
PHONE: Final = Look("phone", 360, 740, touch=True, scale=2.0)
DESKTOP: Final = Look("desktop", 1280, 900)
DESKTOP_ENGLISH: Final = Look("desktop-en", 1280, 900, locale="en-GB")
BARE: Final = Look("bare", 800, 1280, scripts=False)


@dataclass
class Window:
    """A fresh browser profile and one page in it, watched. `expect` says what this test provokes on purpose."""

    look: Look
    context: BrowserContext
    faults: list[str] = field(default_factory=list)
    expected: list[re.Pattern[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.context.on("console", self._said)
        self.context.on("weberror", lambda error: self.faults.append(f"page error: {error.error}"))
        self.context.on("request", self._asked)
        self.context.on("requestfailed", self._failed)
        self.page = self.context.new_page()

    def expect(self, *patterns: str) -> None:
        """Faults that match one of these are part of the test."""
        self.expected += [re.compile(pattern) for pattern in patterns]

    def unexpected(self) -> list[str]:
        return [fault for fault in self.faults if not any(each.search(fault) for each in self.expected)]

    def shot(self, name: str, page: Page | None = None) -> Path:
        """A picture of the whole page, for people; CI keeps them."""
        ARTIFACTS.mkdir(exist_ok=True)
        path = ARTIFACTS / f"{name}-{self.look.name}.png"
        (page or self.page).screenshot(path=path, full_page=True)
        return path

    def tell_more(self, test: str) -> None:
        """A picture of how a failed test left it."""
        if not self.page.is_closed():
            self.shot("failed-" + re.sub(r"\W+", "-", test))

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning", "assert"):
            self.faults.append(f"console {message.type}: {message.text} ({message.location.get('url', '')})")

    def _asked(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.hostname not in LOOPBACK:
            self.faults.append(f"left this machine: {request.method} {parts.scheme}://{parts.netloc}")

    def _failed(self, request: Request) -> None:
        # A page that is left cuts its event stream, and what it had begun to load: that is no fault.
        if request.failure != "net::ERR_ABORTED":
            self.faults.append(f"request failed: {request.method} {request.url} ({request.failure})")


@contextmanager
def window(browser: Browser, look: Look = TABLET, **options: Any) -> Iterator[Window]:
    """A window that is closed at the end, and fails the test for what went wrong in it."""
    context = browser.new_context(**(look.options() | options))
    context.set_default_timeout(15_000)
    opened = Window(look, context)
    try:
        yield opened
    finally:
        context.close()
    assert not opened.unexpected(), "\n".join(opened.unexpected())
