"""As a new technician: `fieldsync demo`, its link, an intervention signed without a network, how it turns to sent."""

from __future__ import annotations

import hashlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect

from storage.database import Database
from storage.folder import StorageFolder
from storage.guarded import held
from storage.signatures import read_signature
from tests.browser.acting import draw, ink_is_wrong, save, saved_id
from tests.support.browser import DESKTOP_ENGLISH, TABLET, window
from tests.support.left_behind import PROC, gone, marked, needs_proc
from tests.support.polling import eventually

WITHIN_S = 120


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The links that a running demo prints; it is ended by Ctrl-C and leaves nothing."""
    scratch, told = tmp_path / "scratch", tmp_path / "told"
    scratch.mkdir()
    with told.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "sync", "demo"],
            env=os.environ | {"TMPDIR": str(scratch), "MARK": tmp_path.name},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        eventually(
            lambda: "Ctrl-C ends the demo" in told.read_text("utf-8") or process.poll() is not None,
            within_s=WITHIN_S,
        )
        text = told.read_text("utf-8")
        assert process.poll() is None, text
        links = dict(re.findall(r"^ +(technician|ops): (http://\S+/open/\S+)$", text, re.MULTILINE))
        (folder,) = scratch.glob("fieldsync-demo-*/outbox")
        yield {**links, "folder": str(folder), "mark": tmp_path.name}
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(WITHIN_S) == 0, told.read_text("utf-8")
    finally:
        process.kill()
        process.wait()
    assert gone(tmp_path.name, scratch)


def stored_image(folder: str, id: str) -> bytes:
    """The signature as the device keeps it."""
    database = Database(StorageFolder(Path(folder)))
    try:
        with database.read() as transaction:
            row = held(transaction, id=id)
        assert row is not None
        signature = read_signature(database, row.seq)
        assert signature is not None
        return signature.data
    finally:
        database.close()


def arrived(mark: str) -> set[str]:
    """The digests of the images that lie at the demo's server, which its worker's command line leads to."""
    for pid in marked(mark):
        words = PROC.joinpath(str(pid), "cmdline").read_bytes().decode().split("\0")
        if "sync.entrypoints.cli.demo_worker" in words:
            control = words[words.index("sync.entrypoints.cli.demo_worker") + 1]
            objects = httpx.get(f"{control}/objects", trust_env=False).json()["objects"]
            return {each["sha256"] for each in objects.values()}
    raise AssertionError("the demo's worker does not run")


@needs_proc
def test_new_technician_records_without_a_network_and_watches_it_go(
    browser: Browser, demo: dict[str, str]
) -> None:
    with window(browser, TABLET) as opened:
        page = opened.page
        page.goto(demo["technician"])
        page.get_by_role("button").first.click()
        switch = page.get_by_test_id("switch").get_by_role("switch")
        expect(switch).to_have_attribute("aria-checked", "false")
        # What the story left: some sent, one to fix, some that wait.
        assert page.get_by_test_id("list-sent").get_by_test_id("entry").count() >= 10
        expect(page.get_by_test_id("list-to_fix").get_by_test_id("entry")).to_have_count(1)
        waiting = page.get_by_test_id("list-to_send").get_by_test_id("entry")
        expect(waiting).to_have_count(3)
        opened.shot("demo-home")
        page.get_by_test_id("new").click()
        page.locator("#company_id").select_option(index=1)
        page.locator("#site_ids input[type=checkbox]").first.check()
        page.locator("#rule_ids input[type=checkbox]").first.check()
        page.locator("#first_name").fill("Nouvelle")
        draw(page, "touch")
        opened.shot("demo-form")
        save(page)
        id = saved_id(page)
        image = stored_image(demo["folder"], id)
        assert ink_is_wrong(image) is None
        expect(waiting).to_have_count(4)
        expect(page.locator(f"[data-testid=list-to_send] [data-id='{id}']")).to_be_visible()
        opened.shot("demo-saved")

        switch.click()

        expect(switch).to_have_attribute("aria-checked", "true")
        expect(page.locator(f"[data-testid=list-sent] [data-id='{id}']")).to_be_visible(timeout=60_000)
        expect(waiting).to_have_count(0)
        opened.shot("demo-sent")
        assert hashlib.sha256(image).hexdigest() in arrived(demo["mark"])
    with window(browser, DESKTOP_ENGLISH) as opened:
        opened.page.goto(demo["ops"])
        opened.page.get_by_role("button").first.click()
        opened.page.wait_for_url("**/ops")
        expect(opened.page.get_by_test_id("switch").get_by_role("switch")).to_be_visible()
        opened.shot("demo-ops")
