"""A disk of its own that is soon full, where this machine lets the tests mount one."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


def mounted(disk: Path, size: str = "4m") -> Iterator[Path]:
    """An empty disk at `disk` for as long as the fixture lives; skips the test where none can be had."""
    mount = shutil.which("mount")
    if mount is None or os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    disk.mkdir()
    made = subprocess.run(
        [mount, "-t", "tmpfs", "-o", f"size={size}", "tmpfs", disk],
        capture_output=True,
        check=False,
        timeout=10,
    )
    if made.returncode != 0:
        pytest.skip(f"this machine lets nobody mount a small disk: {made.stderr.decode()}")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True, timeout=10)


def fill(disk: Path) -> Path:
    """Takes every byte that is left; remove the file to have it back."""
    filler = disk / "photos"
    with filler.open("wb", buffering=0) as stream:
        for size in (65536, 512):
            try:
                while stream.write(bytes(size)) == size:
                    pass
            except OSError:
                continue
    return filler
