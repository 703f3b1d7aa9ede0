"""T13: what fifty who listen to the event stream cost at rest: the CPU of the serving process, with them and without.

The local API serves in a process of its own, as in the worker but without one, so that nothing else is counted. The
heartbeat of 15 seconds falls into the measured time. The aim is a share of one core, not a ratio.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from tests.bench import workload
from tests.bench.rows import Ask, Figure, Row

LISTENERS, LONG_S = 50, 20.0
LIMIT = 0.05
_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
_SERVE = """
import sys, threading
from config.settings import load
from storage.folder import StorageFolder
from storage.schema import open_database
from sync.clock import Clock
from sync.entrypoints.server import LocalServer
settings = load()
clock = Clock()
database = open_database(StorageFolder(settings.storage.dir), new_id="", now=clock.now())
server = LocalServer(settings, database, clock)
server.start()
sys.stdin.read()
server.stop()
database.close()
"""


def measure(ask: Ask) -> Iterator[Figure]:
    place = ask.place / "outbox"
    workload.fill(place, ask.of(1000, 3))
    lasting_s = LONG_S if not ask.quick else 0.2
    listeners = ask.of(LISTENERS, 2)
    with served(place) as (process, url, token):
        alone = share_of_a_core(process.pid, lasting_s)
        for count in dict.fromkeys((1, listeners)):
            with ExitStack() as stack:
                for _ in range(count):
                    stack.enter_context(listening(url, token))
                time.sleep(lasting_s / 10)  # each has been told where everything stands
                share = share_of_a_core(process.pid, lasting_s)
            yield Figure(
                f"{count} listening, share of a core at rest",
                share * 100,
                alone * 100,
                "%",
                limit=None,
                met=share < LIMIT if count == listeners else None,
                note=f"aim: below {LIMIT:.0%} of a core; the baseline is nobody listening",
            )


@contextmanager
def served(place: Path) -> Iterator[tuple[subprocess.Popen[bytes], str, str]]:
    """The local API of this outbox in a process: that, its address and the token for everything."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FIELDSYNC_")}
    environment |= {"FIELDSYNC_STORAGE__DIR": str(place), "FIELDSYNC_WEB__PORT": "0"}
    process = subprocess.Popen([sys.executable, "-c", _SERVE], env=environment, stdin=subprocess.PIPE)
    try:
        web = place / "web"
        while not (web / "address").exists():
            if process.poll() is not None:
                raise RuntimeError(f"the server ended with {process.returncode}")
            time.sleep(0.05)
        url = json.loads((web / "address").read_text())["url"]
        yield process, url, (web / "token").read_text().strip()
    finally:
        process.communicate(timeout=30)


@contextmanager
def listening(url: str, token: str) -> Iterator[None]:
    """One who reads whatever comes."""
    where = urlsplit(url)
    assert where.hostname is not None
    line = socket.create_connection((where.hostname, where.port or 80))
    asked = f"GET /v1/events HTTP/1.1\r\nHost: {where.netloc}\r\nAuthorization: Bearer {token}\r\n\r\n"
    line.sendall(asked.encode())
    if not line.recv(64).startswith(b"HTTP/1.1 200"):
        raise RuntimeError("the event stream was refused")
    reader = threading.Thread(target=_read, args=(line,), daemon=True)
    reader.start()
    try:
        yield
    finally:
        line.shutdown(socket.SHUT_RDWR)
        reader.join()
        line.close()


def _read(line: socket.socket) -> None:
    while line.recv(65_536):
        pass


def share_of_a_core(pid: int, lasting_s: float) -> float:
    """How much of one core this process used, over so many seconds."""
    before_s, started_s = _cpu_s(pid), time.monotonic()
    time.sleep(lasting_s)
    return (_cpu_s(pid) - before_s) / (time.monotonic() - started_s)


def _cpu_s(pid: int) -> float:
    """User and system time of a process so far, of all its threads: fields 14 and 15 of its line."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


ROW = Row(
    "T13",
    "fifty who listen to the event stream, at rest",
    "< 5 % of a core",
    measure,
)
