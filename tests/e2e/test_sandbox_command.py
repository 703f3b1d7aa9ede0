"""`fieldsync sandbox` as a newcomer uses it: copy what it prints, capture a first entry, end it by Ctrl-C."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from sync.demo.children import clean_environment
from tests.support.builders import signature_png, unplanned_body

COMMAND = (sys.executable, "-m", "sync")
WITHIN_S = 60


def fieldsync(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        env=clean_environment(os.environ) | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )


@contextmanager
def sandbox(folder: Path, *options: str) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """The command as a process, when it has told all it has to say on stdout."""
    told = folder / "told"
    with told.open("wb") as out:
        process = subprocess.Popen(
            [*COMMAND, "sandbox", *options],
            env=clean_environment(os.environ),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.DEVNULL,
        )
    try:
        deadline = time.monotonic() + WITHIN_S
        while not told.read_bytes().endswith(b"\n") and process.poll() is None:
            assert time.monotonic() < deadline, "it says nothing"
            time.sleep(0.05)
        yield process, told
    finally:
        process.kill()
        process.wait()


def exported(text: str) -> dict[str, str]:
    """What a shell would have after these lines."""
    words = [shlex.split(line) for line in text.splitlines() if line.startswith("export ")]
    return dict(word[1].split("=", 1) for word in words)


def test_newcomer_delivers_a_first_entry_with_the_lines_it_prints(tmp_path: Path) -> None:
    data, image = tmp_path / "visit.json", tmp_path / "signature.png"
    data.write_text(json.dumps(unplanned_body()), "utf-8")
    image.write_bytes(signature_png())
    with sandbox(tmp_path) as (_, told):
        environment = exported(told.read_text("utf-8")) | {"FIELDSYNC_STORAGE__DIR": str(tmp_path / "outbox")}
        captured = fieldsync(
            "capture", "unplanned-preventive", "--data", str(data), "--signature", str(image), **environment
        )
        synced = fieldsync("sync", "--json", **environment)
        control = next(
            line.removeprefix("control_url: ")
            for line in told.read_text("utf-8").splitlines()
            if line.startswith("control_url: ")
        )
        objects = httpx.get(f"{control}/objects", trust_env=False).json()["objects"]

    assert captured.returncode == 0, captured.stderr
    assert synced.returncode == 0, synced.stderr
    assert json.loads(synced.stdout.splitlines()[-1])["delivered"] == 1
    assert [each["size"] for each in objects.values()] == [len(signature_png())]


def test_one_document_tells_addresses_and_environment(tmp_path: Path) -> None:
    with sandbox(tmp_path, "--json", "--honour-keys") as (_, told):
        document: dict[str, Any] = json.loads(told.read_text("utf-8"))
        state = httpx.get(f"{document['control_url']}/state", trust_env=False).json()

    assert set(document) == {"schema", "api_url", "store_url", "control_url", "environment"}
    assert set(document["environment"]) == {
        "FIELDSYNC_API__BASE_URL",
        "FIELDSYNC_UPLOAD__ALLOW_INSECURE_LOOPBACK",
        "FIELDSYNC_API__TOKEN",
        "FIELDSYNC_API__SESSION_TOKEN",
    }
    assert document["environment"]["FIELDSYNC_API__BASE_URL"] == document["api_url"] == state["api_url"]
    assert state["options"]["honour_keys"] is True


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_signal_ends_it_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    with sandbox(tmp_path, "--json") as (process, _):
        process.send_signal(number)

        assert process.wait(WITHIN_S) == 0


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "example.org", "127.0.0.1.example.org"])
def test_host_beyond_this_machine_is_refused(host: str) -> None:
    ended = fieldsync("sandbox", "--host", host, "--json")

    assert ended.returncode == 2
    error = json.loads(ended.stdout)["error"]
    assert error["code"] == "host_not_loopback"
    assert host in error["message"]


def test_taken_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = fieldsync("sandbox", "--api-port", str(port))

    assert ended.returncode == 2
    assert str(port) in ended.stderr
    assert "Traceback" not in ended.stderr


def test_given_ports_are_used(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as first, socket.create_server(("127.0.0.1", 0)) as second:
        ports = first.getsockname()[1], second.getsockname()[1]
    with sandbox(tmp_path, "--api-port", str(ports[0]), "--store-port", str(ports[1]), "--json") as (_, told):
        document = json.loads(told.read_text("utf-8"))

    assert document["api_url"] == f"http://127.0.0.1:{ports[0]}/main"
    assert document["store_url"] == f"http://127.0.0.1:{ports[1]}"
