"""`fieldsync demo` as a process, what it leaves behind, and whether its comparison can be lied to."""

from __future__ import annotations

import hashlib
import io
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from sync.demo import guard
from sync.demo.backend import Backend
from sync.demo.children import Children, clean_environment
from sync.demo.comparison import Arrived, Compared, Kept, Taken, compare
from sync.demo.handwriting import signature
from sync.demo.story import Stage, compare_all, staged
from sync.demo.telling import PlainTeller
from sync.payload import to_body
from tests.support.left_behind import gone, marked, needs_proc

COMMAND = (sys.executable, "-m", "sync", "demo")
WITHIN_S = 90

# The whole story.


@needs_proc
def test_demo_proves_itself_in_a_hostile_environment(tmp_path: Path, scratch: Path) -> None:
    """Field story: run from a service with stdin closed, no home, a dead proxy, and a real device configured."""
    mark = uuid4().hex
    theirs = tmp_path / "theirs"
    hostile = {
        "HOME": "",
        "TMPDIR": str(scratch),
        "PYTHONDONTWRITEBYTECODE": "1",
        "FIELDSYNC_STORAGE__DIR": str(theirs),
        "FIELDSYNC_API__BASE_URL": "https://production.invalid/main",
        "FIELDSYNC_SYNC__IN_DOUBT": "hold",
        "FIELDSYNC_CONFIG": str(tmp_path / "missing.toml"),
        "FIELDSYNC_NOT_A_SETTING": "1",
        "http_proxy": "http://127.0.0.1:9",
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "MARK": mark,
    }
    ended = subprocess.run(
        ["/bin/sh", "-c", 'exec "$@" <&-', "sh", *COMMAND, "--script", "--json"],
        env=os.environ | hostile,
        cwd=tmp_path,
        capture_output=True,
        timeout=WITHIN_S,
        check=False,
    )

    told = ended.stderr.decode()
    assert ended.returncode == 0, told
    summary = json.loads(ended.stdout.splitlines()[-1])
    duration_s = summary.pop("duration_s")
    assert summary == {
        "captured": 11,
        "delivered": 10,
        "records_at_server": 10,
        "signatures_verified": 10,
        "duplicates": 0,
        "lost": 0,
        "needs_action": 1,
    }
    assert 0 < duration_s < WITHIN_S
    assert "got SIGKILL while it was sending" in told
    assert "companyId 4077 is not a customer" in told
    assert "durable while the network is off" in told
    assert "GET /v1/events told: pending, sending" in told
    assert "NOT OK" not in told
    assert "\x1b" not in told
    assert not theirs.exists()
    assert not marked(mark)
    assert not any(scratch.iterdir())


@needs_proc
def test_demo_on_a_terminal_leaves_the_page_open_until_ctrl_c(scratch: Path) -> None:
    """The story is skipped through with Enter; then the page is there, and Ctrl-C ends all of it well."""
    mark = uuid4().hex
    screen, terminal = pty.openpty()
    process = subprocess.Popen(
        COMMAND,
        env=os.environ | {"TERM": "xterm-256color", "TMPDIR": str(scratch), "COLUMNS": "90", "MARK": mark},
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    os.write(screen, b"\n" * 100)
    shown = b""
    try:
        while b"Ctrl-C ends the demo" not in shown:
            assert select.select([screen], [], [], WITHIN_S)[0], shown.decode()
            shown += os.read(screen, 65_536)
        text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())
        link = re.search(r"technician: (http://127\.0\.0\.1:\d+/open/[\w-]+)\r?\n", text)
        assert link, text
        assert httpx.get(link[1], trust_env=False).status_code == 200
        assert re.search(r"ops: http://127\.0\.0\.1:\d+/open/", text)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(WITHIN_S) == 0
    finally:
        process.kill()
        process.wait()
        os.close(screen)
    assert b"\x1b[" in shown
    assert "delivered with its signature" in text
    assert "Nothing lost, nothing doubled." in text
    assert gone(mark, scratch)


# What it leaves behind.


@contextmanager
def running(scratch: Path, mark: str, until: str) -> Iterator[subprocess.Popen[bytes]]:
    """The demo, when it has told `until`."""
    told = scratch.parent / "told"
    with told.open("wb") as out:
        process = subprocess.Popen(
            [*COMMAND, "--script", "--json"],
            env=os.environ | {"TMPDIR": str(scratch), "MARK": mark},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + WITHIN_S
        while until not in told.read_text("utf-8"):
            assert process.poll() is None, told.read_text("utf-8")
            assert time.monotonic() < deadline, told.read_text("utf-8")
            time.sleep(0.02)
        yield process
    finally:
        process.kill()
        process.wait()


@needs_proc
@pytest.mark.parametrize(
    ("send", "number", "exit_code"),
    [
        (os.killpg, signal.SIGINT, 130),
        (os.kill, signal.SIGTERM, 130),
        (os.kill, signal.SIGKILL, -signal.SIGKILL),
    ],
    ids=["ctrl_c_on_a_terminal", "SIGTERM", "SIGKILL"],
)
def test_ended_demo_leaves_no_process_and_no_folder(
    scratch: Path, send: Callable[[int, int], None], number: signal.Signals, exit_code: int
) -> None:
    """Field story: somebody closes the window in the middle of the demo."""
    mark = uuid4().hex
    with running(scratch, mark, "The network returns") as process:
        assert len(marked(mark)) >= 4, "demo, guard, sandbox and worker run"
        send(process.pid, number)

        assert process.wait(WITHIN_S) == exit_code
    assert gone(mark, scratch)


def test_every_process_is_ended_when_the_demo_fails() -> None:
    started: list[subprocess.Popen[bytes]] = []

    def fail(children: Children) -> None:
        started.extend(children.start("sandbox", log=f"sandbox-{number}") for number in range(3))
        raise OSError("something breaks")

    with pytest.raises(OSError, match="something breaks"), Children(keep=False) as children:
        fail(children)

    # As the demo itself left them: `poll` would also see what the guard did.
    assert [process.returncode for process in started] == [-signal.SIGKILL] * 3
    assert not children.folder.exists()


def test_guard_ends_only_what_was_not_reported_gone() -> None:
    lines = ["child 7\n", "child 8\n", "folder /a b\n", "gone 7\n"]

    assert guard.watch(lines) == ({8}, ["/a b"])


def test_guard_leaves_a_folder_that_is_to_be_kept() -> None:
    assert guard.watch(["folder /a\n", "folder /b\n", "kept /a\n", "kept /c\n"]) == (set(), ["/b"])


def test_environment_of_the_user_does_not_get_in() -> None:
    ambient = {"PATH": "/bin", "FIELDSYNC_CONFIG": "x", "fieldsync_log__level": "x", "AWS_PROFILE": "x"}
    ambient |= {"HTTPS_PROXY": "x", "all_proxy": "x", "STATE_DIRECTORY": "x", "HOME": ""}

    clean = clean_environment(ambient)

    assert (clean["PATH"], clean["HOME"], clean["NO_PROXY"]) == ("/bin", "", "*")
    assert not {name for name in clean if name.upper().startswith(("FIELDSYNC_", "AWS_", "STATE_"))}
    assert {name for name in clean if name.upper().endswith("_PROXY")} == {"NO_PROXY", "no_proxy"}


def test_other_commands_do_not_load_the_demo() -> None:
    look = (
        "import sys, sync.entrypoints.cli.main, sync.entrypoints.cli.seeing;"
        "print([m for m in sys.modules if m.startswith(('sync.demo', 'sync.sandbox')) or m.endswith('trying')])"
    )
    ended = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)

    assert ended.stdout.strip() == "[]"


# Lies.


@pytest.fixture(scope="module")
def delivered() -> Iterator[Stage]:
    """Three interventions, delivered to a real sandbox. What a test changes there it puts right again."""
    with staged(PlainTeller(io.StringIO()), keep=False, now=datetime.now(UTC)) as stage:
        for visit in stage.visits[:3]:
            stage.device.capture(visit)
        assert stage.device.ask("sync")["delivered"] == 3
        yield stage


def control(stage: Stage) -> str:
    facts: dict[str, Any] = stage.backend._facts
    return str(facts["control_url"])


def put_image(backend: Backend, key: str, data: bytes, mime_type: str) -> None:
    url = backend.image_url(key, "PUT")
    httpx.put(url, content=data, headers={"content-type": mime_type}, trust_env=False).raise_for_status()


def image_keys(stage: Stage) -> dict[str, str]:
    records = httpx.get(f"{control(stage)}/records", trust_env=False).json()["records"]
    return {record["idempotency_key"]: record["image_key"] for record in records}


def test_comparison_holds_for_the_truth(delivered: Stage) -> None:
    found = compare_all(delivered)

    assert found.good, found.differences
    assert found.to_json() == {
        "captured": 3,
        "delivered": 3,
        "records_at_server": 3,
        "signatures_verified": 3,
        "duplicates": 0,
        "lost": 0,
        "needs_action": 0,
    }


def test_flipped_byte_of_a_stored_signature_is_found(delivered: Stage) -> None:
    taken = delivered.device.taken[1]
    key = image_keys(delivered)[taken.key]
    flipped = taken.image[:-1] + bytes([taken.image[-1] ^ 1])
    put_image(delivered.backend, key, flipped, taken.mime_type)
    found = compare_all(delivered)
    put_image(delivered.backend, key, taken.image, taken.mime_type)

    assert not found.good
    assert found.signatures_verified == 2
    assert any("signature of record" in each for each in found.differences)
    assert compare_all(delivered).good


def test_second_record_under_the_same_key_is_found_and_so_is_a_lost_one(delivered: Stage) -> None:
    """Last of its kind: it ends with a server that has forgotten everything."""
    taken = delivered.device.taken[0]
    tokens = delivered.backend.environment
    httpx.patch(
        f"{control(delivered)}/options", json={"honour_keys": False}, trust_env=False
    ).raise_for_status()
    httpx.post(
        f"{delivered.backend.api_url}/interventions/v2/mb/preventive/unplanned",
        content=taken.body,
        headers={
            "authorization": f"Bearer {tokens['FIELDSYNC_API__TOKEN']}",
            "x-session-token": tokens["FIELDSYNC_API__SESSION_TOKEN"],
            "content-type": "application/json",
            "idempotency-key": taken.key,
        },
        trust_env=False,
    ).raise_for_status()
    doubled = compare_all(delivered)
    httpx.post(f"{control(delivered)}/reset", trust_env=False).raise_for_status()
    forgotten = compare_all(delivered)

    assert not doubled.good
    assert (doubled.duplicates, doubled.records_at_server, doubled.lost) == (1, 4, 0)
    assert not forgotten.good
    assert (forgotten.lost, forgotten.delivered, forgotten.records_at_server) == (3, 3, 0)


# The same, by the pure comparison: every way to be wrong on its own.

BODY = {"companyId": 1, "provider": {"firstName": "Zoé"}}


def one_delivered() -> tuple[Taken, Kept, Arrived]:
    body, image = to_body(BODY), signature(1, "image/png")
    taken = Taken("id", "key", "Hose reels", BODY, body, image, "image/png")
    kept = Kept("done", body, None)
    arrived = Arrived("key", 1001, body, hashlib.sha256(body).hexdigest(), image, "image/png")
    return taken, kept, arrived


def compared(taken: Taken, kept: Kept | None, *arrived: Arrived) -> Compared:
    return compare([taken], {} if kept is None else {taken.id: kept}, arrived)


LIES = {
    "record_gone": lambda taken, kept, arrived: compared(taken, kept),
    "entry_and_record_gone": lambda taken, kept, arrived: compared(taken, None),
    "entry_gone": lambda taken, kept, arrived: compared(taken, None, arrived),
    "record_doubled": lambda taken, kept, arrived: compared(taken, kept, arrived, replace(arrived, server_id=1002)),
    "stranger": lambda taken, kept, arrived: compared(taken, kept, arrived, replace(arrived, key="other")),
    "no_key": lambda taken, kept, arrived: compared(taken, kept, replace(arrived, key="")),
    "image_gone": lambda taken, kept, arrived: compared(taken, kept, replace(arrived, image=None)),
    "image_changed": lambda taken, kept, arrived: compared(taken, kept, replace(arrived, image=taken.image + b" ")),
    "image_type": lambda taken, kept, arrived: compared(taken, kept, replace(arrived, mime_type="image/jpeg")),
    "body_changed": lambda taken, kept, arrived: compared(taken, kept, replace(arrived, body=arrived.body + b" ")),
    "body_on_the_wire": lambda taken, kept, arrived: compared(taken, kept, replace(arrived, body_sha256="0" * 64)),
    "stored_otherwise": lambda taken, kept, arrived: compared(replace(taken, expected={}), kept, arrived),
    "payload_kept": lambda taken, kept, arrived: compared(taken, replace(kept, body=b"{}"), arrived),
    "still_waiting": lambda taken, kept, arrived: compared(taken, Kept("pending", kept.body, taken.image)),
    "held_without_image": lambda taken, kept, arrived: compared(taken, Kept("dead", kept.body, None)),
    "discarded": lambda taken, kept, arrived: compared(taken, Kept("discarded", kept.body, taken.image), arrived),
    "nothing_captured": lambda taken, kept, arrived: compare([], {}, []),
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_comparison_fails_for_a_lie(lie: Any) -> None:
    assert compared(*one_delivered()).good
    assert not lie(*one_delivered()).good


def test_entry_kept_for_a_person_is_not_lost() -> None:
    taken, kept, _ = one_delivered()
    found = compared(taken, Kept("dead", kept.body, taken.image))

    assert found.good
    assert (found.needs_action, found.lost, found.delivered) == (1, 0, 0)


def test_entry_is_lost_when_neither_side_has_its_image() -> None:
    taken, kept, arrived = one_delivered()

    assert compared(taken, kept, replace(arrived, image=None)).lost == 1
    assert compared(taken, Kept("accepted", kept.body, taken.image), replace(arrived, image=None)).lost == 0


def test_signature_is_drawn_the_same_for_the_same_seed_only() -> None:
    assert signature(3, "image/jpeg") == signature(3, "image/jpeg") != signature(4, "image/jpeg")
