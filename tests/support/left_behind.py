"""Whether a command left processes or files behind: its processes are known by a mark in their environment."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

PROC = Path("/proc")

needs_proc = pytest.mark.skipif(not PROC.joinpath("self/environ").exists(), reason="looks into /proc")


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """An empty folder for temporary files."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


def marked(mark: str) -> list[int]:
    """Processes that inherited this mark and still run."""
    found: list[int] = []
    for each in PROC.iterdir():
        try:
            if each.name.isdigit() and mark.encode() in each.joinpath("environ").read_bytes():
                found.append(int(each.name))
        except OSError:
            continue
    return found


def stands_still(pid: int) -> bool:
    """Whether this process is stopped (SIGSTOP)."""
    try:
        return "\nState:\tT" in PROC.joinpath(str(pid), "status").read_text()
    except OSError:
        return False


def gone(mark: str, folder: Path) -> bool:
    """Whether neither process nor scratch folder is left, within a few seconds."""
    deadline = time.monotonic() + 10
    while marked(mark) or any(folder.iterdir()):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
